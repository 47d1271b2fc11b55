import { describe, expect, jest, test } from '@jest/globals';
import { equalBytes, utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { parseCheckpoint } from '../../../src/core/tree/checkpoint.ts';
import { hashLeaf } from '../../../src/core/tree/hash.ts';
import { verifyConsistency, verifyInclusion } from '../../../src/core/tree/proof.ts';
import { parseSignedNote } from '../../../src/core/tree/signed-note.ts';
import { entryBundlePath, parseEntryBundle, tilePath } from '../../../src/core/tree/tile.ts';
import { parseLeafIndex, parseTreeSize } from '../../../src/core/tree/tree.ts';
import { uuid7Time } from '../../../src/core/entry/uuid7.ts';
import { EntryReader } from '../../../src/ledger/tree/reader.ts';
import { SignerGuard } from '../../../src/ledger/tree/signer-guard.ts';
import { FaultyFiles } from '../../support/faulty-files.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

/** Longer than a byte an entry: what is shorter was taken for lost before. */
const GARBAGE = utf8Bytes('x'.repeat(1000));

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A ledger of some 600 entries in many batches, all sealed. */
async function grown(options = {}) {
  const world = await TestWorld.create();
  const gateway = await world.open(options);
  const jtis: string[] = [];
  for (const count of [1, 3, 250, 2, 1, 300, 40, 5]) {
    const receipts = await gateway.append(count);
    await Promise.all(receipts.map(async ({ sealed }) => sealed));
    jtis.push(...receipts.map(({ jti }) => jti));
  }
  await until(() => (gateway.ledger.head()?.size ?? 0) === gateway.ledger.status().treeSize);
  return { world, gateway, ledger: gateway.ledger, jtis };
}

describe('proofs', () => {
  test('lead every leaf to the signed head, and to earlier sizes', async () => {
    const { ledger } = await grown();
    const size = ledger.status().treeSize;
    for (let index = 0; index < size; index += 7) {
      const found = await ledger.entry(index);
      for (const at of [undefined, index + 1, Math.min(index + 200, size)]) {
        const { path, head } = await ledger.inclusion(index, at);
        expect(head.size).toBe(at ?? size);
        const leafIndex = parseLeafIndex(index);
        const leaf = hashLeaf(utf8Bytes(found!.jws));
        expect(verifyInclusion({ leafIndex, path }, leaf, head)).toEqual({ ok: true });
      }
    }
    await expect(ledger.inclusion(size)).rejects.toMatchObject({ code: 'beyond_tree' });
    await ledger.close();
  });

  test('show that every size extends every earlier one', async () => {
    const { ledger } = await grown();
    const size = ledger.status().treeSize;
    const sizes = [0, 1, 2, 5, 255, 256, 257, 511, 512, 513, size];
    for (const from of sizes) {
      for (const to of sizes.filter((each) => each >= from && each > 0)) {
        const [older, newer] = [from, to].map(
          async (at) => (await ledger.inclusion(0, Math.max(at, 1))).head,
        );
        if (from === 0) continue;
        const path = await ledger.consistency(from, to);
        expect(verifyConsistency({ path }, await older!, await newer!)).toEqual({ ok: true });
      }
    }
    await ledger.close();
  });

  test('are refused rather than wrong when tiles are lost or changed, and bundle and batch with them', async () => {
    const { world, ledger, gateway } = await grown();
    await ledger.close();
    const path = keys.tile(tilePath({ level: 0, index: 0, width: 256 }));
    world.store.corrupt(path, (bytes) => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)));
    world.store.overwrite(keys.tile(entryBundlePath(0, 256)), GARBAGE);
    const again = await world.open({ folder: gateway.folder });
    await until(() => again.ledger.head() !== null);
    world.store.corrupt(keys.batch(1), (bytes) => bytes.fill(0));
    await expect(again.ledger.inclusion(1)).rejects.toMatchObject({ code: 'view_incomplete' });
    const [version] = await world.store.listVersions(path);
    world.store.eraseVersion(path, version!.versionId);
    await expect(again.ledger.inclusion(1)).rejects.toMatchObject({ code: 'view_incomplete' });
    await again.ledger.close();
  });
});

describe('an entry', () => {
  test('is found by id and by index with its record, by the process that sealed it and by another', async () => {
    const { world, ledger, jtis } = await grown();
    await ledger.close();
    const other = await world.open();
    // Past what is remembered of recent batches: only the store has it.
    for (const reader of [other.ledger]) {
      for (const jti of [jtis[0]!, jtis[300]!, jtis.at(-1)!]) {
        const byId = await reader.entry(jti);
        expect(byId).toMatchObject({ jti, state: 'sealed' });
        expect(JSON.parse(byId!.record!)).toMatchObject({ jti });
        expect(await reader.entry(byId!.index!)).toEqual(byId);
      }
    }
    await other.ledger.close();
  });

  test('that is not sealed yet is found in the journal', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store });
    store.plan = () => ({ effect: 'before', answer: 'timeout' });
    const [receipt] = await append(1);
    const found = await ledger.entry(receipt!.jti);
    expect(found).toMatchObject({ jws: receipt!.jws, index: null, state: 'durable' });
    expect(JSON.parse(found!.record!)).toMatchObject({ jti: receipt!.jti });
    store.plan = () => null;
    await ledger.close();
  });

  test.each([['no id'], ['01a20621-f66f-78e2-ad84-ea0e82eabbdc'], [-1], [1e15], [0.5]])(
    'that is not there is not found: %p',
    async (id) => {
      const world = await TestWorld.create();
      const { ledger } = await world.open();
      expect(await ledger.entry(id)).toBeNull();
      await ledger.close();
    },
  );

  test('is found past what memory keeps of ids, behind void slots', async () => {
    const { world, ledger, gateway, jtis } = await grown();
    world.store.overwrite(keys.batch(ledger.status().batchNumber + 1), utf8Bytes('garbage'));
    await gateway.append(2);
    await ledger.close();
    const forgetful = jest.spyOn(EntryReader.prototype, 'remember').mockReturnValue();
    const other = await world.open();
    for (const jti of [jtis[3]!, jtis[299]!, jtis.at(-1)!]) {
      expect(await other.ledger.entry(jti)).toMatchObject({ jti, state: 'sealed' });
    }
    await other.ledger.close();
    forgetful.mockRestore();
    await world.check(['void_batch']);
  });

  test('whose bundle is lost is read from its batch', async () => {
    const { world, ledger, gateway, jtis } = await grown();
    await ledger.close();
    const path = keys.tile(entryBundlePath(0, 256));
    const [version] = await world.store.listVersions(path);
    world.store.eraseVersion(path, version!.versionId);
    const again = await world.open({ folder: gateway.folder });
    expect(await again.ledger.entry(jtis[5]!)).toMatchObject({ jti: jtis[5] });
    await again.ledger.close();
  });

  test.each([
    ['gone', null],
    ['cut off', (bytes: Uint8Array) => bytes.subarray(0, 40)],
    [
      'of another entry',
      (bytes: Uint8Array) => bytes.map((byte, i) => (i > 60 && i < 80 ? byte ^ 255 : byte)),
    ],
  ])('whose record is %s is given without it', async (_name, spoil) => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const [receipt] = await append(1);
    await receipt!.sealed;
    const [key] = await world.store.list(keys.payloadPrefix);
    const [version] = await world.store.listVersions(key!);
    if (spoil === null) world.store.eraseVersion(key!, version!.versionId);
    else world.store.corrupt(key!, spoil);
    expect(await ledger.entry(receipt!.jti)).toMatchObject({ jws: receipt!.jws, record: null });
    await ledger.close();
  });
});

describe('entries in a row', () => {
  test('are the same as those read one by one, over bundles and batches, past the end none', async () => {
    const { world, ledger } = await grown();
    await ledger.close();
    const store = new FaultyStore(world.store);
    const other = await world.open({ store });
    const { treeSize } = other.ledger.status();
    const one = await Promise.all(
      Array.from({ length: treeSize }, async (_, index) => other.ledger.entry(index)),
    );
    for (const [first, count] of [
      [0, treeSize],
      [3, 64],
      [250, 12],
      [treeSize - 2, 64],
    ] as const) {
      expect(await other.ledger.stretch(first, count)).toEqual(one.slice(first, first + count));
    }
    for (const first of [treeSize, -1, 0.5, 1e15]) {
      expect(await other.ledger.stretch(first, 5)).toEqual([]);
    }
    const from = store.calls.length;
    await other.ledger.stretch(260, 64);
    const read = store.calls.slice(from).filter(({ method }) => method === 'get');
    // Two batches: a header each, and the few members in which their records stand.
    expect(read.length).toBeLessThan(12);
    await other.ledger.close();
  });

  test('are read from their batches where the bundle is lost, and a batch that is lost too leaves holes', async () => {
    const { world, ledger, gateway } = await grown();
    await ledger.close();
    const path = keys.tile(entryBundlePath(0, 256));
    const [version] = await world.store.listVersions(path);
    world.store.eraseVersion(path, version!.versionId);
    const again = await world.open({ folder: gateway.folder });
    const found = await again.ledger.stretch(0, 40);
    expect(found.every((entry) => entry?.record !== undefined)).toBe(true);
    const hole = found.findIndex((entry) => entry!.record !== null);
    world.store.corrupt(keys.batch(hole), (bytes) => bytes.fill(0));
    const damaged = await again.ledger.stretch(0, 40);
    expect(damaged[hole]).toBeNull();
    expect(again.ledger.status().findings).toMatchObject({ leaf_unreadable: 1 });
    await again.ledger.close();
  });
});

describe('what somebody put over the static view', () => {
  const bundle = entryBundlePath(0, 256);
  const tile = tilePath({ level: 0, index: 0, width: 256 });
  const flip = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte));

  test.each([
    ['garbage for an entry bundle', [bundle], () => GARBAGE],
    ['garbage for a tile', [tile], () => GARBAGE],
    ['garbage for both', [tile, bundle], () => GARBAGE],
    ['a tile of other hashes', [tile], () => new Uint8Array(8192)],
    ['a bit of each', [tile, bundle], flip],
    ['nothing', [tile, bundle], () => new Uint8Array()],
  ])(
    'as %s hides nothing: batches answer, and what is served proves',
    async (_name, paths, spoil) => {
      const { world, ledger, gateway, jtis } = await grown();
      const [right, leaf] = [await ledger.readView(bundle), await ledger.readView(tile)];
      const before = await ledger.stretch(0, 300);
      await ledger.close();
      for (const path of paths) world.store.corrupt(keys.tile(path), spoil);
      const again = await world.open({ folder: gateway.folder });
      await until(() => again.ledger.head() !== null);
      expect(await again.ledger.stretch(0, 300)).toEqual(before);
      expect(await again.ledger.entry(jtis[5]!)).toMatchObject({ jti: jtis[5] });
      const { path, head } = await again.ledger.inclusion(7);
      const hash = hashLeaf(utf8Bytes(before[7]!.jws));
      expect(verifyInclusion({ leafIndex: parseLeafIndex(7), path }, hash, head).ok).toBe(true);
      expect(equalBytes((await again.ledger.readView(bundle))!, right!)).toBe(true);
      expect(equalBytes((await again.ledger.readView(tile))!, leaf!)).toBe(true);
      expect(again.ledger.status().findings).toEqual({ view_mismatch: paths.length });
      await again.ledger.close();
    },
  );

  test('is not kept: a file that is put right is right at once, in the process that read the other', async () => {
    const { world, ledger, gateway } = await grown();
    await ledger.close();
    const right = new Map<string, Uint8Array>();
    for (const path of [bundle, tile].map((each) => keys.tile(each))) {
      right.set(path, (await world.store.get(path))!.bytes.slice());
      world.store.overwrite(path, GARBAGE);
    }
    const again = await world.open({ folder: gateway.folder });
    await until(() => again.ledger.head() !== null);
    world.store.corrupt(keys.batch(1), (bytes) => bytes.map((byte) => byte ^ 1));
    expect((await again.ledger.stretch(0, 40)).every((entry) => entry === null)).toBe(true);
    for (const read of [
      again.ledger.entry(20),
      again.ledger.inclusion(20),
      again.ledger.readView(bundle),
      again.ledger.readView(tile),
    ]) {
      await expect(read).rejects.toMatchObject({ code: 'view_incomplete' });
    }
    for (const [path, bytes] of right) world.store.overwrite(path, bytes);
    expect((await again.ledger.stretch(0, 40)).every((entry) => entry !== null)).toBe(true);
    await again.ledger.inclusion(20);
    expect(equalBytes((await again.ledger.readView(bundle))!, right.get(keys.tile(bundle))!)).toBe(
      true,
    );
    await again.ledger.close();
  });
});

describe('where the entries of a time stand', () => {
  test('is told in stretches that leave out none, in order, after outages and clocks that were set', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const minutes = 60_000;
    // The second and the last are behind the one before: their batches are runs of their own.
    for (const offset of [0, 90, 20, 300, 310, 320, 5, 330]) {
      world.offsetMs = offset * minutes;
      await ledger.refresh();
      await ledger.ready();
      const receipts = await append(3);
      await Promise.all(receipts.map(async ({ sealed }) => sealed));
    }
    const { treeSize } = ledger.status();
    const entries = await ledger.stretch(0, treeSize);
    const times = entries.map((entry) => uuid7Time(entry!.jti));
    const low = Math.min(...times);
    for (const [from, to] of [
      [0, 1],
      [4, 6],
      [19, 21],
      [89, 91],
      [299, 312],
      [-100, 1000],
      [1000, 2000],
      [-10, -5],
    ] as const) {
      const [start, end] = [low + from * minutes, low + to * minutes];
      const stretches = await ledger.admitted(start, end);
      const inside = (index: number): boolean =>
        stretches.some((stretch) => stretch.first <= index && index < stretch.end);
      const missed = times.filter((at, index) => start <= at && at <= end && !inside(index));
      expect({ from, to, missed }).toEqual({ from, to, missed: [] });
      const bounds = stretches.flatMap(({ first, end: last }) => [first, last]);
      expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    }
    expect(await ledger.admitted(low - 9e9, low - 8e9)).toEqual([]);
    const early = await ledger.admitted(low + 4 * minutes, low + 6 * minutes);
    expect(early.reduce((sum, { first, end }) => sum + end - first, 0)).toBeLessThan(treeSize);
    await ledger.close();
  });
});

describe('the static view', () => {
  test('is read as new as the process knows it, full and partial', async () => {
    const { ledger } = await grown();
    const size = ledger.status().treeSize;
    const note = utf8Text((await ledger.readView('checkpoint'))!);
    expect(parseCheckpoint(parseSignedNote(note).text).size).toBe(size);
    for (const [path, bytes] of [
      [tilePath({ level: 0, index: 0, width: 256 }), 8192],
      [tilePath({ level: 0, index: 0, width: 7 }), 224],
      [tilePath({ level: 0, index: 2, width: size - 512 }), (size - 512) * 32],
      [tilePath({ level: 1, index: 0, width: 2 }), 64],
    ] as const) {
      expect((await ledger.readView(path))?.length).toBe(bytes);
    }
    for (const [index, width] of [
      [0, 256],
      [1, 9],
      [2, 3],
    ] as const) {
      const bundle = await ledger.readView(entryBundlePath(index, width));
      const entries = parseEntryBundle(bundle!);
      expect(entries).toHaveLength(width);
      const last = await ledger.entry(index * 256 + width - 1);
      expect(equalBytes(entries.at(-1)!, utf8Bytes(last!.jws))).toBe(true);
    }
    for (const path of [
      tilePath({ level: 0, index: 2, width: 256 }),
      tilePath({ level: 1, index: 0, width: 3 }),
      tilePath({ level: 2, index: 0, width: 1 }),
      entryBundlePath(3, 1),
    ]) {
      expect(await ledger.readView(path)).toBeNull();
    }
    await expect(ledger.readView('tile/nonsense')).rejects.toMatchObject({
      code: 'malformed_tile_path',
    });
    await ledger.close();
  });

  test('is published at its cadence, and at the end', async () => {
    const { world, ledger } = await grown({ publishMs: 100 });
    await until(() => ledger.status().publishedSize > 0);
    await ledger.close();
    const note = await world.store.get(keys.checkpoint);
    const { size } = parseCheckpoint(parseSignedNote(utf8Text(note!.bytes)).text);
    expect(size).toBe((await world.log()).state.size);
    await world.check();
  });

  test('is published in spite of garbage in the place of its checkpoint', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    world.store.overwrite(keys.checkpoint, utf8Bytes('stele.test/log/demo\n999\nAAAA\n'));
    await append(1);
    await ledger.close();
    expect(ledger.status().findings).toMatchObject({ bad_checkpoint: 1 });
    await world.check();
  });

  test('never goes back: a gateway that is behind leaves the newer checkpoint', async () => {
    const world = await TestWorld.create();
    const behind = await world.open({ followMs: 1e9, publishMs: 1e9 });
    const ahead = await world.open({ publishMs: 1e9 });
    await ahead.append(5);
    await ahead.ledger.close();
    const before = await world.store.get(keys.checkpoint);
    await behind.ledger.close();
    const after = await world.store.get(keys.checkpoint);
    const sizes = [before, after].map((note) => {
      return parseCheckpoint(parseSignedNote(utf8Text(note!.bytes)).text).size;
    });
    expect(sizes[1]).toBeGreaterThanOrEqual(sizes[0]!);
    await world.check();
  });
});

describe('the guard of the checkpoint key', () => {
  test('keeps its heads in files that do not grow for ever, and knows the last one again', async () => {
    const world = await TestWorld.create();
    const { ledger, append, folder } = await world.open();
    for (let i = 0; i < 5; i += 1) await (await append(1))[0]!.published;
    await ledger.close();
    const { checkpointSigner: signer } = await world.components(folder);
    const { files } = world.disk;
    const parts = { files, folder: `${folder}/heads`, signer, origin: world.genesis.origin };
    const guard = new SignerGuard({ ...parts, prove: async () => Promise.resolve([]) });
    await guard.load();
    expect(guard.last?.size).toBe((await world.log()).state.size);
    const other = { size: parseTreeSize(2), root: guard.last!.root };
    await expect(guard.sign(other)).rejects.toMatchObject({ code: 'head_conflict' });
    const longer = { size: parseTreeSize(99), root: guard.last!.root };
    await expect(guard.sign(longer)).rejects.toMatchObject({ code: 'head_conflict' });
    const { size, note } = await guard.sign(guard.last!);
    expect(note).toContain(`\n${size}\n`);
    expect(await files.list(`${folder}/heads`)).toHaveLength(1);
    await guard.close();
  });

  test('signs nothing when what it signs cannot be kept', async () => {
    const world = await TestWorld.create();
    const faulty = new FaultyFiles(world.disk.files);
    const { checkpointSigner: signer } = await world.components(world.newFolder());
    const guard = new SignerGuard({
      files: faulty.files,
      folder: '/heads',
      signer,
      origin: world.genesis.origin,
      prove: async () => Promise.resolve([]),
    });
    await guard.load();
    faulty.fail('sync', 'EIO');
    const { state } = await world.log();
    const head = { size: parseTreeSize(1), root: state.sha256 };
    await expect(guard.sign(head)).rejects.toMatchObject({ code: 'journal_failed' });
    expect(guard.last).toBeNull();
  });
});
