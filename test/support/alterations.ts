/** Ways to falsify a published log that every judge of whole logs has to refuse. */
import { altered, flipped, makeLog, someEntries } from './static-log.ts';
import type { MadeLog, StaticLog } from './static-log.ts';

const ORIGIN = 'judged.example/log';

/** A log whose tree has a full tile, a second level and a partial tile at both. */
export const FULL_SIZE = 517;

/** The log that is shown to the judges. */
export const honest: MadeLog = makeLog(ORIGIN, someEntries(FULL_SIZE + 100));

const stranger = makeLog(ORIGIN, someEntries(FULL_SIZE), 8);
const otherHistory = makeLog(ORIGIN, [Buffer.from('another'), ...someEntries(FULL_SIZE - 1)]);

const swapHashes = (bytes: Uint8Array): Uint8Array => {
  const first = bytes.slice(0, 32);
  bytes.copyWithin(0, 32, 64);
  bytes.set(first, 32);
  return bytes;
};
const text = (change: (text: string) => string) => (bytes: Uint8Array) =>
  new Uint8Array(Buffer.from(change(Buffer.from(bytes).toString())));

/** One falsification each: what was done, and the log after it. */
export const alterations: readonly { readonly name: string; readonly make: () => StaticLog }[] = [
  ['a bit of a hash in a full tile', 'tile/0/000', flipped(40)],
  ['a bit of a hash in a partial tile', 'tile/0/002.p/5', flipped(0)],
  ['a bit of a hash in a tile of the second level', 'tile/1/000.p/2', flipped(-1)],
  ['two hashes of a tile swapped', 'tile/0/001', swapHashes],
  ['a tile cut by one hash', 'tile/0/001', (bytes: Uint8Array) => bytes.slice(0, -32)],
  ['a tile taken away', 'tile/0/000', () => null],
  ['a partial tile taken away', 'tile/0/002.p/5', () => null],
  ['a bit of an entry', 'tile/entries/001', flipped(700)],
  ['a bit of the last entry', 'tile/entries/002.p/5', flipped(-1)],
  ['the length of an entry', 'tile/entries/000', flipped(1)],
  ['a bundle cut inside an entry', 'tile/entries/001', (bytes: Uint8Array) => bytes.slice(0, -1)],
  ['a bundle taken away', 'tile/entries/000', () => null],
  ['a size in the checkpoint', 'checkpoint', text((note) => note.replace('\n517\n', '\n516\n'))],
  ['the origin in the checkpoint', 'checkpoint', text((note) => note.replace('judged', 'jugded'))],
  ['a bit of the signature', 'checkpoint', text((note) => note.replace(/(.{8})..\n$/, 'AA$1\n'))],
  ['a checkpoint taken away', 'checkpoint', () => null],
  ['a checkpoint of another key', 'checkpoint', text(() => stranger.checkpoint(FULL_SIZE))],
  ['a checkpoint of another history', 'checkpoint', text(() => otherHistory.checkpoint(FULL_SIZE))],
  [
    'a size that the root is not of, signed',
    'checkpoint',
    text(() => honest.signed(FULL_SIZE - 1, honest.root(FULL_SIZE))),
  ],
].map(([name, path, change]) => ({
  name: name as string,
  make: () =>
    altered(
      honest.at(FULL_SIZE),
      path as string,
      change as (bytes: Uint8Array) => Uint8Array | null,
    ),
}));
