// What is put under a power cut. Each subject writes from several writers at once and calls `ack` only for what it was
// told is durable; `check` then looks for all of it, in a fresh process, through the subject's own ports.
// An item's bytes follow from its name, so that whatever is found can be judged, acknowledged or not.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const WRITERS = 8;
const built = resolve(process.env.STELE_DIST ?? join(import.meta.dirname, '../../dist'));
const load = (path) => import(join(built, path));

/** Bytes of an item: 1 to 24,000 of them, none of which an empty or half-written file would have. */
export function bytesOf(name) {
  const seed = createHash('sha256').update(name).digest();
  const bytes = Buffer.alloc(1 + (seed.readUInt32BE(0) % 24_000));
  for (let at = 0; at < bytes.length; at += seed.length) seed.copy(bytes, at);
  return bytes;
}

/** Runs the writers until the disk is gone: the first error of each ends it. */
async function inParallel(write) {
  const loops = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; ; count += 1) await write(writer, count);
  });
  await Promise.allSettled(loops);
}

/** The control: acknowledges without a sync. A harness in which this loses nothing shows nothing. */
const unsynced = {
  async write(folder, round, ack) {
    mkdirSync(join(folder, 'plain'), { recursive: true });
    await inParallel(async (writer, count) => {
      const name = `${round}-${writer}-${count}`;
      await writeFile(join(folder, 'plain', name), bytesOf(name), { flag: 'wx' });
      ack(name);
    });
  },
  async check(folder, acknowledged) {
    const root = join(folder, 'plain');
    const present = new Set(existsSync(root) ? readdirSync(root) : []);
    return {
      lost: acknowledged.filter((name) => !present.has(name)),
      torn: [...present].filter((name) => !bytesOf(name).equals(readFileSync(join(root, name)))),
    };
  },
};

export const subjects = { unsynced };
