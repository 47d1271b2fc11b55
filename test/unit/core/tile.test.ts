import { describe, expect, test } from '@jest/globals';
import { parseHex, toHex, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { hashLeaf, parseSha256Hash } from '../../../src/core/tree/hash.ts';
import type { Sha256Hash } from '../../../src/core/tree/hash.ts';
import * as tile from '../../../src/core/tree/tile.ts';
import { emptyEdge, extendEdge, parseTreeSize } from '../../../src/core/tree/tree.ts';
import { leavesOf, nodeOf, someEntries } from '../../support/trees.ts';
import { readVector } from '../../support/vectors.ts';

const size = parseTreeSize;
const hashes = (count: number): Sha256Hash[] =>
  Array.from({ length: count }, (_, i) => parseSha256Hash(new Uint8Array(32).fill(i % 256)));
const paths = (tiles: readonly tile.Tile[]): string[] => tiles.map(tile.tilePath);

describe('the test log of Tessera', () => {
  const log = readVector('tessera-testlog/testlog.json') as {
    leaves_utf8: string[];
    resources_hex: Record<string, string>;
  };
  const entries = log.leaves_utf8.map(utf8Bytes);
  const resources = Object.entries(log.resources_hex);

  test('has a tile and a bundle for each size, and we publish exactly these', () => {
    const published = Array.from({ length: 15 }, (_, before) =>
      tile.newTiles(size(before), size(before + 1)),
    ).flat();
    const bundles = published.map(({ index, width }) => tile.entryBundlePath(index, width));
    expect([...paths(published), ...bundles].sort()).toEqual(
      resources.map(([path]) => path).sort(),
    );
  });

  test.each(resources)('%s is byte for byte ours', (path, hex) => {
    const named = tile.parseTilePath(path);
    if (named.kind === 'entries') {
      const part = entries.slice(0, named.width);
      expect(toHex(tile.encodeEntryBundle(part))).toBe(hex);
      expect(tile.parseEntryBundle(parseHex(hex)).map(toHex)).toEqual(part.map(toHex));
    } else {
      const part = entries.slice(0, named.tile.width).map(hashLeaf);
      expect(toHex(tile.encodeTile(part))).toBe(hex);
      expect(tile.parseTile(parseHex(hex))).toEqual(part);
    }
  });
});

describe('a path', () => {
  // prettier-ignore
  test.each([
    { path: 'tile/0/000', named: { kind: 'tile', tile: { level: 0, index: 0, width: 256 } } },
    { path: 'tile/0/999.p/1', named: { kind: 'tile', tile: { level: 0, index: 999, width: 1 } } },
    { path: 'tile/63/x001/000', named: { kind: 'tile', tile: { level: 63, index: 1000, width: 256 } } },
    { path: 'tile/1/x001/x234/067.p/255', named: { kind: 'tile', tile: { level: 1, index: 1234067, width: 255 } } },
    { path: 'tile/0/x009/x007/x199/x254/x740/991', named: { kind: 'tile', tile: { level: 0, index: 2 ** 53 - 1, width: 256 } } },
    { path: 'tile/entries/x012/345.p/9', named: { kind: 'entries', index: 12345, width: 9 } },
    { path: 'tile/entries/000', named: { kind: 'entries', index: 0, width: 256 } },
  ] as const)('$path names its resource, and the resource its path', ({ path, named }) => {
    expect(tile.parseTilePath(path)).toEqual(named);
    const again = named.kind === 'tile' ? tile.tilePath(named.tile) : tile.entryBundlePath(named.index, named.width);
    expect(again).toBe(path);
  });

  // prettier-ignore
  test.each([
    '', 'tile', 'checkpoint', '/tile/0/000', 'tile/0/000/', 'tile/0/0', 'tile/0/00', 'tile/0/0000', 'tile/00/000', 'tile/64/000', 'tile/100/000', 'tile/-1/000', 'tile/0/x000/001',
    'tile/0/001/000', 'tile/0/x001', 'tile/0/x001/x000', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/257', 'tile/0/000.p/01', 'tile/0/000.p/', 'tile/0/000.p', 'tile/0/000.p/1/',
    'tile/0/000.p/1000', 'tile/entries', 'tile/entries/', 'tile/data/000', 'tile/0/../000', 'tile/0/٠٠٠', 'tile/0/000\n', 'TILE/0/000', 'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x018/x014/x398/x509/x481/984', 'tile/0/x999/x999/x999/x999/x999/x999/x999/999',
  ])('%j names nothing', (path) => {
    expect(() => tile.parseTilePath(path)).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'malformed_tile_path' }),
    );
  });
});

describe('the tiles of a tree', () => {
  test.each([
    { of: 0, want: [] },
    { of: 1, want: ['tile/0/000.p/1'] },
    { of: 255, want: ['tile/0/000.p/255'] },
    { of: 256, want: ['tile/0/000', 'tile/1/000.p/1'] },
    { of: 257, want: ['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1'] },
    { of: 512, want: ['tile/0/000', 'tile/0/001', 'tile/1/000.p/2'] },
  ])('of size $of are $want', ({ of, want }) => {
    expect(paths(tile.tilesOf(size(of)))).toEqual(want);
  });

  test('of size 70,000 end as in C2SP tlog-tiles', () => {
    const all = paths(tile.tilesOf(size(70_000)));
    expect(all.length).toBe(274 + 2 + 1);
    expect([all[272], ...all.slice(273)]).toEqual([
      'tile/0/272',
      'tile/0/273.p/112',
      'tile/1/000',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
  });

  test.each([
    { from: 0, to: 0, want: [] },
    { from: 5, to: 5, want: [] },
    { from: 256, to: 256, want: [] },
    { from: 5, to: 9, want: ['tile/0/000.p/9'] },
    { from: 5, to: 256, want: ['tile/0/000', 'tile/1/000.p/1'] },
    { from: 256, to: 257, want: ['tile/0/001.p/1'] },
    { from: 300, to: 511, want: ['tile/0/001.p/255'] },
    { from: 300, to: 512, want: ['tile/0/001', 'tile/1/000.p/2'] },
    {
      from: 65_535,
      to: 65_537,
      want: ['tile/0/255', 'tile/0/256.p/1', 'tile/1/000', 'tile/2/000.p/1'],
    },
    { from: 9, to: 5, want: [] },
  ])('new from $from to $to are $want', ({ from, to, want }) => {
    expect(paths(tile.newTiles(size(from), size(to)))).toEqual(want);
  });

  test('of a very large tree are counted without 32-bit arithmetic', () => {
    const top = size(2 ** 53 - 1);
    expect(paths(tile.newTiles(size(top - 1), top))).toEqual([
      'tile/0/x035/x184/x372/x088/831.p/255',
    ]);
  });
});

describe('a node', () => {
  test.each([
    { level: 0, index: 5, size: 9, path: 'tile/0/000.p/9', first: 5, count: 1 },
    { level: 3, index: 1, size: 70_000, path: 'tile/0/000', first: 8, count: 8 },
    { level: 7, index: 3, size: 70_000, path: 'tile/0/001', first: 128, count: 128 },
    { level: 8, index: 272, size: 70_000, path: 'tile/1/001.p/17', first: 16, count: 1 },
    { level: 16, index: 0, size: 70_000, path: 'tile/2/000.p/1', first: 0, count: 1 },
    { level: 52, index: 0, size: 2 ** 53 - 1, path: 'tile/6/000.p/31', first: 0, count: 16 },
  ])('$level/$index at size $size is in $path', ({ level, index, path, first, count, ...of }) => {
    const found = tile.tileOfNode({ level, index }, size(of.size));
    expect([tile.tilePath(found.tile), found.first, found.count]).toEqual([path, first, count]);
  });

  test.each([
    { level: 0, index: 9, size: 9 },
    { level: 1, index: 4, size: 9 },
    { level: 8, index: 0, size: 255 },
    { level: 0, index: 512, size: 256 },
    { level: 54, index: 0, size: 2 ** 53 - 1 },
  ])('$level/$index at size $size is not complete', ({ level, index, ...of }) => {
    expect(() => tile.tileOfNode({ level, index }, size(of.size))).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'beyond_tree' }),
    );
  });

  test('is folded from its tile, partial or full', () => {
    const entries = someEntries(256);
    const leaves = leavesOf(entries);
    for (const node of [
      { level: 0, index: 6 },
      { level: 1, index: 2 },
      { level: 2, index: 1 },
    ]) {
      const at = tile.tileOfNode(node, size(9));
      expect(tile.nodeInTile(at, leaves.slice(0, 9))).toEqual(nodeOf(entries, node));
      expect(tile.nodeInTile(at, leaves)).toEqual(nodeOf(entries, node));
    }
  });

  test('of a tile that is too narrow is a bug, and says so', () => {
    const at = tile.tileOfNode({ level: 2, index: 1 }, size(9));
    expect(() => tile.nodeInTile(at, hashes(7))).toThrow('invariant broken');
  });

  test('is told by a growing edge before the tile that holds it is new', () => {
    const told = new Set<string>();
    extendEdge(emptyEdge(), leavesOf(someEntries(600)), ({ level, index }) => {
      told.add(`${level}/${index}`);
    });
    const held = tile
      .tilesOf(size(600))
      .flatMap(({ level, index, width }) =>
        Array.from({ length: width }, (_, i) => `${8 * level}/${256 * index + i}`),
      );
    expect(held.filter((node) => !told.has(node))).toEqual([]);
    expect(held.length).toBe(602);
  });
});

describe('bytes of a tile', () => {
  test.each([0, 31, 33, 257 * 32])('are not %d', (length) => {
    expect(() => tile.parseTile(new Uint8Array(length))).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'malformed_tile' }),
    );
  });

  test('give 256 hashes, no more', () => {
    expect(tile.parseTile(tile.encodeTile(hashes(256)))).toEqual(hashes(256));
  });
});

describe('entries', () => {
  test('are framed in any number, empty ones and the longest too', () => {
    const entries = [new Uint8Array(0), new Uint8Array(65_535).fill(7), utf8Bytes('x')];
    const framed = tile.frameEntries(entries);
    expect(toHex(framed.subarray(0, 5))).toBe('0000ffff07');
    expect(tile.parseFramedEntries(framed)).toEqual(entries);
    expect(tile.parseFramedEntries(tile.frameEntries([]))).toEqual([]);
  });

  test('of 65,536 bytes are refused', () => {
    expect(() => tile.frameEntries([new Uint8Array(65_536)])).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'entry_too_large' }),
    );
  });

  test.each(['00', '0001', '000161ff', '0003aabb', '000000'])(
    'cut short are refused: %s',
    (hex) => {
      for (const parse of [tile.parseFramedEntries, tile.parseEntryBundle]) {
        expect(() => parse(parseHex(hex))).toThrow(
          expect.objectContaining({ name: 'MalformedError', code: 'malformed_entries' }),
        );
      }
    },
  );

  test.each([0, 257])('in a bundle are not %d', (count) => {
    const entries = someEntries(count);
    const refused = expect.objectContaining({ name: 'MalformedError', code: 'malformed_bundle' });
    expect(() => tile.encodeEntryBundle(entries)).toThrow(refused);
    expect(() => tile.parseEntryBundle(tile.frameEntries(entries))).toThrow(refused);
  });

  test('in a bundle are 256 at most', () => {
    const entries = someEntries(256);
    expect(tile.parseEntryBundle(tile.encodeEntryBundle(entries))).toEqual(entries);
  });
});
