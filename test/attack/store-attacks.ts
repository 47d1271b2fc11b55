/** Attacks of somebody who has the store or its disks, and no key. Not a test. */
import { concatBytes, utf8Bytes, utf8Text } from '../../src/core/platform/bytes.ts';
import { wholeSecond } from '../../src/storage/retention.ts';
import { bootFacts } from '../golden/support.ts';
import { DAY, flip, keys, LEDGER, World } from './support.ts';
import type { Attack } from './support.ts';

const HOUR = 3_600_000;
/** Before the genesis of the ledger that is attacked. */
const YESTERDAY = 1_767_139_200_000;

/** Changes bytes below the store. */
async function corrupt(
  world: World,
  key: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<undefined> {
  world.store.corrupt(key, change, await world.versionOf(key));
  return undefined;
}

/** Puts the same or other bytes in the place of an object, as a new version. */
async function replace(world: World, key: string, bytes?: Uint8Array): Promise<undefined> {
  const { retention } = (await world.store.head(key))!;
  const old = (await world.store.get(key))!.bytes;
  await world.erase(key);
  world.store.overwrite(key, bytes ?? old, retention);
  return undefined;
}

/** Does something of which the auditor knows nothing. */
function marking(act: (world: World) => unknown): Attack['act'] {
  return async (world) => {
    await act(world);
    return undefined;
  };
}

async function lock(
  world: World,
  key: string,
  retention: { mode: 'compliance' | 'governance'; until: number } | null,
): Promise<undefined> {
  world.store.setRetention(key, await world.versionOf(key), retention);
  return undefined;
}

const text = (change: (text: string) => string) => (bytes: Uint8Array) =>
  utf8Bytes(change(utf8Text(bytes)));

/** The place right behind the header line of a batch. */
const behindHeader = (bytes: Uint8Array): number => bytes.indexOf(0x0a) + 1;

const payloadKey = async (world: World): Promise<string> => (await world.payloadKeys())[0]!;

/** One bit or a few bytes of what is stored. */
const damage: readonly Attack[] = [
  {
    name: 'a bit of the header of a batch in the middle',
    act: async (w) => corrupt(w, keys.batch(2), flip(400)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_header',
  },
  {
    name: 'a bit of the signature of a header',
    act: async (w) => corrupt(w, keys.batch(5), (bytes) => flip(behindHeader(bytes) - 40)(bytes)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_header',
  },
  {
    name: 'a bit of the payload of a leaf',
    act: async (w) => corrupt(w, keys.batch(1), (bytes) => flip(behindHeader(bytes) + 300)(bytes)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_',
  },
  {
    name: 'a bit of the signature of the last leaf',
    act: async (w) => corrupt(w, keys.batch(5), flip(-40)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_sections',
  },
  {
    name: 'the length of a leaf',
    act: async (w) => corrupt(w, keys.batch(2), (bytes) => flip(behindHeader(bytes) + 1)(bytes)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_',
  },
  {
    name: 'a batch cut off inside a leaf',
    act: async (w) => corrupt(w, keys.batch(2), (bytes) => bytes.slice(0, -7)),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_framing',
  },
  {
    name: 'a leaf cut off from the end of a batch',
    act: async (w) => corrupt(w, keys.batch(5), (bytes) => bytes.slice(0, behindHeader(bytes))),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_sections',
  },
  {
    name: 'a batch emptied',
    act: async (w) => corrupt(w, keys.batch(3), () => new Uint8Array()),
    found: ['void_batch', 'tail_cut'],
    says: 'invalid_framing',
  },
  {
    name: 'a batch grown past the limit',
    act: async (w) => corrupt(w, keys.batch(5), () => new Uint8Array(4_194_305)),
    found: ['void_batch', 'tail_cut'],
    says: 'too large',
  },
  {
    name: 'a bit of a payload object',
    act: async (w) => corrupt(w, await payloadKey(w), flip(100)),
    found: ['payload_mismatch'],
  },
  {
    name: 'a payload object cut off',
    act: async (w) => corrupt(w, await payloadKey(w), (bytes) => bytes.slice(0, -1)),
    found: ['payload_mismatch'],
  },
  {
    name: 'a bit of genesis',
    act: async (w) => corrupt(w, keys.genesis, flip(300)),
    found: [],
    says: 'does not verify',
  },
];

/** Objects taken away, put elsewhere or put over others. */
const objects: readonly Attack[] = [
  {
    name: 'the last batch taken away',
    act: marking(async (w) => w.erase(keys.batch(5))),
    found: ['tail_cut'],
  },
  {
    name: 'a batch in the middle taken away',
    act: marking(async (w) => w.erase(keys.batch(3))),
    found: ['missing_object', 'tail_cut'],
    says: 'batch 4 is there',
  },
  {
    name: 'the first batch taken away',
    act: marking(async (w) => w.erase(keys.batch(0))),
    found: ['missing_object', 'tail_cut'],
  },
  {
    name: 'a batch taken away, and all behind it hidden from listings',
    async act(w) {
      await w.erase(keys.batch(2));
      for (const number of [3, 4, 5]) w.store.markDeleted(keys.batch(number));
      return undefined;
    },
    found: ['delete_marker', 'missing_object', 'tail_cut'],
  },
  {
    name: 'two batches swapped',
    async act(w) {
      const [a, b] = [keys.batch(3), keys.batch(4)];
      const [three, four] = [await w.store.get(a), await w.store.get(b)];
      await corrupt(w, a, () => four!.bytes);
      return corrupt(w, b, () => three!.bytes);
    },
    found: ['void_batch', 'tail_cut'],
    says: 'number is 4, want 3',
  },
  {
    name: 'a delete marker over a batch',
    act: marking((w) => w.store.markDeleted(keys.batch(1))),
    found: ['delete_marker'],
  },
  {
    name: 'delete markers over the whole tail',
    act: marking((w) => {
      for (const number of [2, 3, 4, 5]) w.store.markDeleted(keys.batch(number));
    }),
    found: ['delete_marker'],
  },
  {
    name: 'a delete marker over genesis',
    act: marking((w) => w.store.markDeleted(keys.genesis)),
    found: ['delete_marker'],
  },
  {
    name: 'a delete marker over a payload object',
    act: marking(async (w) => w.store.markDeleted(await payloadKey(w))),
    found: ['delete_marker'],
  },
  {
    name: 'a newer version over a batch',
    act: marking((w) => w.store.overwrite(keys.batch(1), utf8Bytes('newer'))),
    found: ['extra_version'],
  },
  {
    name: 'a newer version over genesis',
    async act(w) {
      const other = await World.found({ time: YESTERDAY });
      w.store.overwrite(keys.genesis, other.log.genesis.bytes);
      return undefined;
    },
    found: ['extra_version'],
  },
  {
    name: 'a newer version over a payload object',
    act: marking(async (w) => w.store.overwrite(await payloadKey(w), utf8Bytes('newer'))),
    found: ['extra_version'],
  },
  {
    name: 'a marker over a batch, and another object behind it',
    act: marking((w) => {
      w.store.markDeleted(keys.batch(4));
      w.store.overwrite(keys.batch(4), utf8Bytes('reopened'));
    }),
    found: ['delete_marker', 'extra_version'],
  },
  {
    name: 'an older version listed before a batch',
    async act(w) {
      const { bytes } = (await w.store.get(keys.batch(5)))!;
      await replace(w, keys.batch(5), utf8Bytes('older'));
      w.store.overwrite(keys.batch(5), bytes);
      return undefined;
    },
    found: ['extra_version', 'void_batch', 'tail_cut'],
  },
  {
    name: 'a batch stored anew, with the same bytes',
    act: async (w) => replace(w, keys.batch(3)),
    found: ['version_mismatch'],
  },
  {
    name: 'a payload object stored anew, with the same bytes',
    act: async (w) => replace(w, await payloadKey(w)),
    found: ['version_mismatch'],
  },
  {
    name: 'a payload object gone before its time',
    act: marking(async (w) => w.erase(await payloadKey(w))),
    found: ['missing_object'],
    says: 'before its time',
  },
  {
    name: 'the payload object of another batch in the place of one',
    async act(w) {
      const [first, , third] = await w.payloadKeys();
      const { bytes } = (await w.store.get(third!))!;
      return corrupt(w, first!, () => bytes);
    },
    found: ['payload_mismatch'],
  },
  {
    name: 'genesis taken away',
    act: marking(async (w) => w.erase(keys.genesis)),
    found: ['missing_object'],
  },
  {
    name: 'genesis exchanged for one of other roots',
    async act(w) {
      const other = await World.found({ time: YESTERDAY });
      return replace(w, keys.genesis, other.log.genesis.bytes);
    },
    found: ['silent_period', 'tail_cut', 'void_batch'],
    says: 'genesis is',
  },
  {
    name: 'genesis exchanged, shown to somebody who knows its hash',
    async act(w) {
      const other = await World.found({ time: YESTERDAY });
      await replace(w, keys.genesis, other.log.genesis.bytes);
      return { gen: w.log.genesis.gen };
    },
    found: [],
    says: 'want ',
  },
  {
    name: 'garbage on the key of the next batch',
    act: marking(async (w) => w.squat(utf8Bytes('garbage'))),
    found: ['void_batch'],
    says: 'invalid_framing',
  },
  {
    name: 'garbage far behind the end',
    act: marking(async (w) => w.squat(utf8Bytes('garbage'), 1_000_000)),
    found: ['void_batch'],
    says: 'the log ends at 6',
    verdict: 'valid',
  },
  {
    name: 'more garbage on the key of the next batch than a batch may have',
    act: marking(async (w) => w.squat(new Uint8Array(4_194_305))),
    found: ['void_batch'],
  },
];

/** Locks that went, or never were as declared. */
const locks: readonly Attack[] = [
  {
    name: 'the lock of a batch lifted',
    act: async (w) => lock(w, keys.batch(2), null),
    found: ['missing_lock'],
  },
  {
    name: 'the lock of genesis lifted',
    act: async (w) => lock(w, keys.genesis, null),
    found: ['missing_lock'],
  },
  {
    name: 'the lock of a payload object lifted',
    act: async (w) => lock(w, await payloadKey(w), null),
    found: ['missing_lock'],
  },
  {
    name: 'the lock of a batch shortened',
    act: async (w) => lock(w, keys.batch(2), { mode: 'compliance', until: w.time + DAY }),
    found: ['short_lock'],
  },
  {
    name: 'the lock of a batch made one that an administrator can lift',
    act: async (w) => lock(w, keys.batch(2), { mode: 'governance', until: 1_900_000_000_000 }),
    found: ['short_lock'],
  },
  {
    name: 'the lock of genesis shortened',
    act: async (w) => lock(w, keys.genesis, { mode: 'compliance', until: w.time + DAY }),
    found: ['short_lock'],
  },
  {
    name: 'the lock of a payload object shortened',
    act: async (w) => lock(w, await payloadKey(w), { mode: 'governance', until: w.time + DAY }),
    found: ['short_lock'],
  },
  {
    name: 'the lock of a payload object made a hundred years long',
    act: async (w) => {
      const { mode } = (await w.store.head(await payloadKey(w)))!.retention!;
      return lock(w, await payloadKey(w), { mode, until: wholeSecond(w.time + 36_500 * DAY) });
    },
    found: ['long_lock'],
    says: 'until 2125',
    verdict: 'valid',
  },
];

/** A whole store put back to an earlier time, or another in its place. */
const histories: readonly Attack[] = [
  {
    name: 'the store of an hour ago, shown to somebody who kept a checkpoint',
    async act(w) {
      const kept = await w.head();
      w.restore(3);
      await w.publish();
      return { checkpoints: [kept] };
    },
    found: ['tail_cut'],
  },
  {
    name: 'the store of an hour ago, shown to somebody who kept none: silence',
    async act(w) {
      w.restore(3);
      await w.publish();
      return { now: w.time + HOUR };
    },
    found: ['silent_period'],
    says: 'boots not closed: 1',
    verdict: 'valid',
  },
  {
    name: 'nothing left but genesis and the published checkpoint',
    async act(w) {
      for (let number = 0; number < 6; number += 1) await w.erase(keys.batch(number));
      return undefined;
    },
    found: ['tail_cut'],
  },
  {
    name: 'the ledger of somebody else in its place',
    async act(w) {
      const other = await World.found({ time: YESTERDAY });
      await other.seal(other.one, [await other.entry(other.one, 'heartbeat', { ctl: {} })]);
      await other.publish();
      w.store.restore(other.store.image());
      return { gen: w.log.genesis.gen };
    },
    found: [],
    says: 'want ',
  },
  {
    name: 'the ledger of somebody else in its place, seen by somebody who knows the key of the log',
    async act(w) {
      const other = await World.found({ time: YESTERDAY }, 'thief');
      await other.seal(other.one, [await other.entry(other.one, 'boot', bootFacts(other.log))]);
      await other.publish();
      w.store.restore(other.store.image());
      return undefined;
    },
    found: ['bad_checkpoint'],
    says: 'note_unverified',
  },
];

/** What is derived, and can be made again; still somebody may have been shown it. */
const derived: readonly Attack[] = [
  {
    name: 'a bit of a full tile',
    act: async (w) => corrupt(w, keys.tile('tile/0/000'), flip(40)),
    found: ['view_mismatch'],
  },
  {
    name: 'a bit of a partial tile',
    act: async (w) => corrupt(w, keys.tile('tile/0/001.p/17'), flip(-1)),
    found: ['view_mismatch'],
  },
  {
    name: 'a bit of a tile of the second level',
    act: async (w) => corrupt(w, keys.tile('tile/1/000.p/1'), flip(0)),
    found: ['view_mismatch'],
  },
  {
    name: 'a bit of an entry bundle',
    act: async (w) => corrupt(w, keys.tile('tile/entries/000'), flip(500)),
    found: ['view_mismatch'],
  },
  {
    name: 'an entry bundle cut off',
    act: async (w) => corrupt(w, keys.tile('tile/entries/001.p/17'), (bytes) => bytes.slice(0, -9)),
    found: ['view_mismatch'],
  },
  {
    name: 'a tile grown',
    act: async (w) =>
      corrupt(w, keys.tile('tile/0/000'), (bytes) => concatBytes(bytes, new Uint8Array(1))),
    found: ['view_mismatch'],
  },
  {
    name: 'a published checkpoint of more bytes than a note has',
    act: async (w) => corrupt(w, keys.checkpoint, () => new Uint8Array(5_000_000)),
    found: ['bad_checkpoint'],
    says: 'malformed_note',
  },
  {
    name: 'a tile taken away',
    act: marking(async (w) => w.erase(keys.tile('tile/0/000'))),
    found: ['view_mismatch'],
    says: 'differ',
  },
  {
    name: 'a bit of the signature of the published checkpoint',
    act: async (w) =>
      corrupt(
        w,
        keys.checkpoint,
        text((note) => note.replace(/.{6}(..)\n$/, 'AAAAAA$1\n')),
      ),
    found: ['bad_checkpoint'],
    says: 'note_bad_signature',
  },
  {
    name: 'the size in the published checkpoint',
    act: async (w) =>
      corrupt(
        w,
        keys.checkpoint,
        text((note) => note.replace('\n273\n', '\n272\n')),
      ),
    found: ['bad_checkpoint'],
    says: 'note_bad_signature',
  },
  {
    name: 'the published checkpoint exchanged for something else',
    act: async (w) => corrupt(w, keys.checkpoint, () => utf8Bytes('nonsense')),
    found: ['bad_checkpoint'],
    says: 'malformed_note',
  },
  {
    name: 'the published checkpoint altered, seen by somebody without its key',
    async act(w) {
      await corrupt(
        w,
        keys.checkpoint,
        text((note) => note.replace('\n273\n', '\n272\n')),
      );
      return { vkeys: [], gen: w.log.genesis.gen };
    },
    found: ['bad_checkpoint', 'view_mismatch'],
  },
];

/** Puts an object that was there long before the check. */
async function stray(w: World, key: string): Promise<undefined> {
  w.time -= DAY;
  const retention = { mode: 'compliance' as const, until: wholeSecond(w.time + 400 * DAY) };
  await w.store.putNew(key, utf8Bytes('of nobody'), { retention, contentType: 'text/plain' });
  w.time += DAY;
  return undefined;
}

/** Objects of nobody: what the log proves is untouched, and yet something lies there. */
const unnamed: readonly Attack[] = [
  ['records that no batch names', keys.payload('standard', '2026-01-01', 'nobody')],
  ['an object beside all others', `${LEDGER}/elsewhere/object`],
  ['an object among the batches', `${keys.batchPrefix}notes`],
  ['an object among the tiles', `${LEDGER}/tile/notes`],
  ['a tile of a larger tree', keys.tile('tile/0/007')],
  ['a policy that no entry names', keys.policy('nobody', 'bundle.tar.gz')],
  ['something where the probe writes', `${LEDGER}/probe/nobody/object`],
].map(([name = '', key = '']) => ({
  name,
  act: async (w) => stray(w, key),
  found: ['unnamed_object'],
  verdict: 'valid',
}));

/** All of them. */
export const storeAttacks: readonly Attack[] = [
  ...damage,
  ...objects,
  ...locks,
  ...histories,
  ...derived,
  ...unnamed,
];
