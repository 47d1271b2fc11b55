/**
 * A process of its own that writes to a file store as fast as it can, and prints a line for each write that was
 * acknowledged, until it is killed or the disk is gone. Arguments: folder, writers.
 */
import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { PreconditionError } from '../../src/storage/errors.ts';
import { openFileStore } from '../../src/storage/file-store.ts';

const [folder = '', writers = '1'] = process.argv.slice(2);
const store = await openFileStore({
  folder,
  clock: () => Date.now(),
  random: (count) => randomBytes(count),
});
const until = Math.ceil(Date.now() / 1000) * 1000 + 86_400_000;
const options = { retention: { mode: 'compliance', until }, contentType: 'text/plain' } as const;
const boot = randomBytes(4).toString('hex');

async function writeObjects(writer: number): Promise<never> {
  for (let number = 0; ; number += 1) {
    const size = number % 5 === 0 ? 64_000 : 3000;
    const bytes = randomBytes(size);
    // A new folder now and then: its own name has to survive too.
    const key = `w${writer}-${boot}/d${Math.floor(number / 10)}/${number}`;
    const { versionId } = await store.putNew(key, bytes, options);
    const hash = createHash('sha256').update(bytes).digest('hex');
    writeSync(1, `${JSON.stringify({ key, versionId, hash })}\n`);
  }
}

async function replaceCheckpoint(): Promise<never> {
  for (;;) {
    const read = await store.get('checkpoint');
    const size = read === null ? 0 : Number(Buffer.from(read.bytes).toString()) + 1;
    const etag = read?.etag ?? null;
    const options = { etag, contentType: 'text/plain' };
    try {
      await store.replace('checkpoint', Buffer.from(String(size)), options);
      writeSync(1, `${JSON.stringify({ checkpoint: size })}\n`);
    } catch (error) {
      // A replacement that was decided just before a power cut and is shown only now: read again.
      if (!(error instanceof PreconditionError)) throw error;
    }
  }
}

await Promise.all([
  replaceCheckpoint(),
  ...Array.from({ length: Number(writers) }, async (_, writer) => writeObjects(writer)),
]);
