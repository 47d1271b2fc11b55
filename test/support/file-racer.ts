/**
 * A process of its own that races others for keys of a file store, and for replacements of one object. Prints one JSON
 * line: which keys it won, and how many replacements.
 *
 * Arguments: folder, name, keys, racers for each key, replacements.
 */
import { randomBytes } from 'node:crypto';
import { ObjectExistsError, PreconditionError } from '../../src/storage/errors.ts';
import { openFileStore } from '../../src/storage/file-store.ts';

const [folder = '', name = '', keys = '0', racers = '0', swaps = '0'] = process.argv.slice(2);
const store = await openFileStore({
  folder,
  clock: () => Date.now(),
  random: (count) => randomBytes(count),
});
const until = Math.ceil(Date.now() / 1000) * 1000 + 86_400_000;
const options = { retention: { mode: 'compliance', until }, contentType: 'text/plain' } as const;

const won: { key: string; versionId: string; text: string }[] = [];
for (let number = 0; number < Number(keys); number += 1) {
  const key = `race/${number}`;
  await Promise.all(
    Array.from({ length: Number(racers) }, async (_, racer) => {
      const text = `${name} ${racer}`;
      try {
        const { versionId } = await store.putNew(key, Buffer.from(text), options);
        won.push({ key, versionId, text });
      } catch (error) {
        if (!(error instanceof ObjectExistsError)) throw error;
      }
    }),
  );
}

/** A counter that each process increments: any lost or doubled replacement shows in its sum. */
let swapped = 0;
while (swapped < Number(swaps)) {
  const read = await store.get('counter');
  if (read === null) throw new Error('no counter');
  const next = String(Number(Buffer.from(read.bytes).toString()) + 1);
  try {
    await store.replace('counter', Buffer.from(next), {
      etag: read.etag,
      contentType: 'text/plain',
    });
    swapped += 1;
  } catch (error) {
    if (!(error instanceof PreconditionError)) throw error;
  }
}
process.stdout.write(`${JSON.stringify({ won, swapped })}\n`);
