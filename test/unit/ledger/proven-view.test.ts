/** A log of more than 65,536 entries, so that a tile of level 1 is full and no longer in memory. */
import { beforeAll, expect, test } from '@jest/globals';
import { equalBytes, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { hashLeaf } from '../../../src/core/tree/hash.ts';
import { tilePath } from '../../../src/core/tree/tile.ts';
import { edgeHead, emptyEdge, extendEdge, parseTreeSize } from '../../../src/core/tree/tree.ts';
import type { TreeHead } from '../../../src/core/tree/tree.ts';
import { TileReader } from '../../../src/ledger/tree/tile-reader.ts';
import { TileTree } from '../../../src/ledger/tree/tiles.ts';
import { StoreDeniedError } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { keys } from '../../support/test-ledger.ts';

const SIZE = 65_536 + 300;
const leaves = Array.from({ length: SIZE }, (_, i) => utf8Bytes(`leaf ${i}`));
const tree = new TileTree();
const right = new Map<string, Uint8Array>();
let head: TreeHead;
beforeAll(() => {
  const hashes = leaves.map(hashLeaf);
  tree.add(leaves, hashes);
  for (const { path, bytes } of tree.full) {
    right.set(keys.tile(path), bytes);
    tree.published(path);
  }
  head = edgeHead(extendEdge(emptyEdge(), hashes));
});

const top = tilePath({ level: 1, index: 0, width: 256 });
const low = tilePath({ level: 0, index: 5, width: 256 });

function readerOf(spoilt: Record<string, Uint8Array | Error>, batches = true) {
  const asked: string[] = [];
  const found: string[] = [];
  const store = {
    get: async (key: string) => {
      await Promise.resolve();
      const bytes = Object.entries(spoilt).find(([path]) => keys.tile(path) === key)?.[1];
      if (bytes instanceof Error) throw bytes;
      return { bytes: bytes ?? right.get(key) };
    },
  } as unknown as ObjectStore;
  const reader = new TileReader(
    {
      ...{ store, keys, finding: (code, { key }) => found.push(`${code} ${String(key)}`) },
      leaves: (first, end) => {
        asked.push(`${first} ${end}`);
        return batches ? [leaves.slice(first, end)] : [];
      },
    },
    tree,
  );
  return { reader, asked, found };
}

const lie = new Uint8Array(8192);
test.each<[string, Record<string, Uint8Array | Error>, string[]]>([
  ['nothing was spoilt', {}, []],
  ['the upper tile is garbage', { [top]: utf8Bytes('x'.repeat(1000)) }, []],
  ['the upper tile lies', { [top]: lie }, []],
  ['the upper tile cannot be read', { [top]: new StoreDeniedError('no') }, []],
  ['both tiles lie', { [top]: lie, [low]: lie }, [`0 65536`]],
])(
  'where %s, tiles and proofs are right, and batches are read only if they must',
  async (...row) => {
    const [, spoilt, wanted] = row;
    const { reader, asked, found } = readerOf(spoilt);
    const both = await Promise.all([reader.read(top), reader.read(top)]);
    for (const bytes of both) expect(equalBytes(bytes!, right.get(keys.tile(top))!)).toBe(true);
    expect(equalBytes((await reader.read(low))!, right.get(keys.tile(low))!)).toBe(true);
    for (const index of [0, 1300, 65_535, 65_900 - 100]) await reader.inclusion(index, head);
    expect(asked).toEqual(wanted);
    const lying = Object.entries(spoilt).filter(([, bytes]) => bytes instanceof Uint8Array);
    expect(found.sort()).toEqual(lying.map(([path]) => `view_mismatch ${keys.tile(path)}`).sort());
  },
);

test('where tiles lie and no batch is given, nothing is told of them, and all of it once they are right', async () => {
  const spoilt: Record<string, Uint8Array> = { [top]: lie, [low]: lie };
  const { reader } = readerOf(spoilt, false);
  await expect(reader.inclusion(1300, head)).rejects.toMatchObject({ code: 'view_incomplete' });
  await expect(reader.read(low)).rejects.toMatchObject({ code: 'view_incomplete' });
  // The upper one is made from those under it now.
  spoilt[low] = right.get(keys.tile(low))!;
  await reader.inclusion(1300, head);
  expect(await reader.root(65_536)).toEqual(await readerOf({}).reader.root(65_536));
  await expect(reader.path(parseTreeSize(7), SIZE)).resolves.not.toHaveLength(0);
});
