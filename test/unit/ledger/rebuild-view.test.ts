import { beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { EMPTY_ROOT } from '../../../src/core/tree/hash.ts';
import { fsck } from '../../../src/ledger/fsck/fsck.ts';
import type { FsckReport } from '../../../src/ledger/fsck/fsck.ts';
import { rebuildView } from '../../../src/ledger/fsck/rebuild-view.ts';
import { openFileStore } from '../../../src/storage/file-store.ts';
import type { MemoryImage } from '../../../src/storage/memory-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { keys, LEDGER, TestWorld } from '../../support/test-ledger.ts';
import { keys as goldenKeys, LEDGER as GOLDEN, World } from '../../attack/support.ts';

/** A published ledger with full and partial tiles, and what anybody with its disk can do to derived objects. */
interface Ground {
  readonly world: TestWorld;
  readonly store: ObjectStore;
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
}

async function fill(world: TestWorld, store: ObjectStore): Promise<void> {
  const { ledger, append } = await world.open({ store, publishMs: 1e9 });
  for (const count of [3, 250, 2, 300, 7]) await (await append(count))[0]!.published;
  await ledger.close();
}

async function onMemory(): Promise<Ground> {
  const world = await TestWorld.create();
  await fill(world, world.store);
  return {
    world,
    store: world.store,
    put: async (key, bytes) => {
      const found = await world.store.get(key);
      const etag = found?.etag ?? null;
      await world.store.replace(key, bytes, { etag, contentType: 'text/plain' });
    },
    remove: async (key) => {
      for (const { versionId } of await world.store.listVersions(key)) {
        world.store.eraseVersion(key, versionId);
      }
    },
  };
}

async function onFiles(): Promise<Ground> {
  const world = await TestWorld.create();
  const folder = await tempFolder();
  const random = (count: number): Uint8Array => randomBytes(count);
  const store = await openFileStore({ folder, clock: world.clock, random });
  const retention = (await world.store.head(keys.genesis))!.retention;
  const contentType = 'application/json';
  await store.putNew(keys.genesis, world.genesis.bytes, { retention, contentType });
  await fill(world, store);
  return {
    world,
    store,
    put: async (key, bytes) => writeFile(join(folder, key), bytes),
    remove: async (key) => rm(join(folder, key)),
  };
}

const altered = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte));

async function read(store: ObjectStore, key: string): Promise<Uint8Array> {
  return (await store.get(key))!.bytes;
}

async function checked({ world, store }: Ground): Promise<FsckReport> {
  return fsck(store, LEDGER, { now: world.clock(), vkeys: [world.vkey] });
}

async function rebuilt({ world, store }: Ground): Promise<FsckReport> {
  return rebuildView(store, LEDGER, { now: world.clock(), vkeys: [world.vkey] });
}

function said({ steps }: FsckReport): string {
  return steps.find(({ name }) => name === 'rebuild')!.detail;
}

describe.each([
  ['in memory', onMemory],
  ['in files', onFiles],
])('a store %s', (_name, make) => {
  let ground: Ground;

  beforeAll(async () => {
    ground = await make();
  });

  test('whose view is whole is left as it is', async () => {
    const report = await rebuilt(ground);
    expect(report.verdict).toBe('valid');
    expect(said(report)).toMatch(
      /^0 made, 0 replaced, \d+ left; the checkpoint of size \d+ stands$/,
    );
  });

  test.each([
    ['all tiles lost', async (all: readonly string[]) => Promise.all(all.map(ground.remove))],
    [
      'all tiles altered',
      async (all: readonly string[]) => {
        for (const key of all) await ground.put(key, altered(await read(ground.store, key)));
      },
    ],
    [
      'a tile cut off and one grown',
      async ([one, two]: readonly string[]) => {
        await ground.put(one!, (await read(ground.store, one!)).subarray(0, 50));
        await ground.put(two!, new Uint8Array(100_000));
      },
    ],
  ])('%s: the static view is made again from the batches', async (_how, attack) => {
    const paths = await ground.store.list(`${keys.prefix}tile/`);
    const before = await Promise.all(paths.map(async (key) => read(ground.store, key)));
    await attack(paths);
    expect((await checked(ground)).verdict).toBe('invalid');
    const report = await rebuilt(ground);
    expect(report.findings).toEqual([]);
    expect(report.verdict).toBe('valid');
    for (const [i, key] of paths.entries()) {
      // Partial tiles of smaller sizes, which no checkpoint covers any more, are not made again.
      const now = await ground.store.get(key);
      if (now !== null && !key.includes('.p/'))
        expect(equalBytes(now.bytes, before[i]!)).toBe(true);
    }
    expect((await checked(ground)).verdict).toBe('valid');
  });

  test.each([
    ['lost', async () => ground.remove(keys.checkpoint)],
    ['overwritten', async () => ground.put(keys.checkpoint, utf8Bytes('garbage'))],
    [
      'overwritten by what is no text',
      async () => ground.put(keys.checkpoint, new Uint8Array([255])),
    ],
  ])('with its checkpoint %s gets the newest that a batch carries', async (_how, attack) => {
    await attack();
    const report = await rebuilt(ground);
    expect(report.verdict).toBe('valid');
    expect(said(report)).toMatch(/the checkpoint of size \d+ was put in its place/);
    expect(report.steps).toContainEqual(
      expect.objectContaining({ name: 'published_checkpoint', verdict: 'pass' }),
    );
  });

  test('with its checkpoint lost gets the one that somebody kept, where that is newer', async () => {
    const { world, store } = ground;
    const gateway = await world.open({ store });
    await (
      await gateway.append(1)
    )[0]!.published;
    await gateway.ledger.close();
    const kept = await read(store, keys.checkpoint);
    await ground.remove(keys.checkpoint);
    const options = { now: world.clock(), vkeys: [world.vkey], checkpoints: [utf8Text(kept)] };
    expect((await rebuildView(store, LEDGER, options)).verdict).toBe('valid');
    expect(await read(store, keys.checkpoint)).toEqual(kept);
  });
});

test('a gateway proves while a tile lies, and when the view was made again', async () => {
  const { world, store } = await onMemory();
  const path = keys.tile('tile/0/000');
  world.store.corrupt(path, altered);
  const { ledger, append } = await world.open();
  const receipt = (await append(1))[0]!;
  await receipt.sealed;
  const { path: made } = await ledger.inclusion(1);
  expect(made.length).toBeGreaterThan(0);
  await rebuildView(store, LEDGER, { now: world.clock() });
  expect((await ledger.inclusion(1)).path.length).toBeGreaterThan(0);
  await ledger.close();
  await world.check();
});

test('a tile that somebody put there first is put right by the gateway that publishes it', async () => {
  const world = await TestWorld.create();
  const key = keys.tile('tile/0/000');
  await world.store.replace(key, new Uint8Array(32), { etag: null, contentType: 'x/y' });
  await fill(world, world.store);
  await world.check();
  expect((await read(world.store, key)).length).toBe(8192);
});

describe('a view that is evidence', () => {
  let world: World;
  let image: MemoryImage;

  beforeAll(async () => {
    world = await World.build();
    image = world.store.image();
  });

  async function rebuild(vkeys: readonly string[] = [world.key.vkey]): Promise<FsckReport> {
    return rebuildView(world.store, GOLDEN, { now: world.time, vkeys });
  }

  test.each([
    [
      'of a longer log',
      async () => {
        world.derive(goldenKeys.checkpoint, utf8Bytes(await world.head(999, EMPTY_ROOT)));
      },
      'tail_cut',
    ],
    [
      'of another tree',
      async () => {
        world.derive(goldenKeys.checkpoint, utf8Bytes(await world.head(273, EMPTY_ROOT)));
      },
      'fork',
    ],
    [
      'of a log with a batch taken away',
      async () => world.erase(goldenKeys.batch(2)),
      'tail_cut|missing_object',
    ],
    ['of a log without its genesis', async () => world.erase(goldenKeys.genesis), 'genesis'],
  ])('%s, signed by its key, is not touched', async (_name, attack, code) => {
    world.store.restore(image);
    await attack();
    const before = await Promise.all(
      (await world.store.list('')).map(async (key) => (await world.store.get(key))!.etag),
    );
    for (const vkeys of [[world.key.vkey], []]) {
      const report = await rebuild(vkeys);
      expect(report.verdict).toBe('invalid');
      expect(said(report)).toMatch(new RegExp(`^nothing was touched: (${code}), `));
    }
    const after = await Promise.all(
      (await world.store.list('')).map(async (key) => (await world.store.get(key))!.etag),
    );
    expect(after).toEqual(before);
  });
});
