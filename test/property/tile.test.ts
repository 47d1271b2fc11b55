import { describe, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { MalformedError } from '../../src/core/errors.ts';
import type { Sha256Hash } from '../../src/core/tree/hash.ts';
import {
  completeProof,
  planInclusion,
  planNodes,
  verifyInclusion,
} from '../../src/core/tree/proof.ts';
import * as tile from '../../src/core/tree/tile.ts';
import { emptyEdge, extendEdge, parseLeafIndex, parseTreeSize } from '../../src/core/tree/tree.ts';
import { headOf, leavesOf, someEntries } from '../support/trees.ts';

const sizes = fc.oneof(fc.nat(600), fc.nat(200_000)).map(parseTreeSize);
const width = fc.integer({ min: 1, max: 256 });
const entry = fc.uint8Array({ maxLength: 40 });

/** A value, or undefined where the parser refuses; anything but a `MalformedError` is a failure. */
function accepted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
    return undefined;
  }
}

describe('a path', () => {
  const level = fc.integer({ min: 0, max: 63 });
  test.prop([level, fc.maxSafeNat(), width])(
    'of a tile is parsed as it was made',
    (l, index, w) => {
      const given = { level: l, index, width: w };
      expect(tile.parseTilePath(tile.tilePath(given))).toEqual({ kind: 'tile', tile: given });
    },
  );

  test.prop([fc.maxSafeNat(), width])('of a bundle is parsed as it was made', (index, w) => {
    const named = tile.parseTilePath(tile.entryBundlePath(index, w));
    expect(named).toEqual({ kind: 'entries', index, width: w });
  });

  const pieces = fc.constantFrom(
    'tile',
    '/',
    'entries',
    'x',
    '0',
    '1',
    '00',
    '067',
    '999',
    '.p/',
    '256',
    '.',
    '\n',
    'é',
  );
  test.prop([
    fc.oneof(
      fc.string(),
      fc.array(pieces).map((all) => all.join('')),
    ),
  ])('of any text names one resource, by this very text, or nothing', (text) => {
    const named = accepted(() => tile.parseTilePath(text));
    if (named === undefined) return;
    expect(
      named.kind === 'tile'
        ? tile.tilePath(named.tile)
        : tile.entryBundlePath(named.index, named.width),
    ).toBe(text);
  });
});

describe('publishing', () => {
  test.prop([fc.uniqueArray(sizes, { minLength: 1, maxLength: 6 })])(
    'step by step leaves every tile of every size that was published',
    (steps) => {
      const published = new Set<string>();
      let before = parseTreeSize(0);
      for (const size of [...steps].sort((a, b) => a - b)) {
        tile.newTiles(before, size).forEach((each) => published.add(tile.tilePath(each)));
        const missing = tile.tilesOf(size).filter((each) => !published.has(tile.tilePath(each)));
        expect(missing).toEqual([]);
        before = size;
      }
    },
  );

  test.prop([sizes, sizes])('adds nothing that was there', (a, b) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)].map(parseTreeSize);
    const old = new Set(tile.tilesOf(from!).map(tile.tilePath));
    expect(tile.newTiles(from!, to!).filter((each) => old.has(tile.tilePath(each)))).toEqual([]);
  });
});

const LARGEST = 700;
const entries = someEntries(LARGEST);
const leaves = leavesOf(entries);
const stored = new Map<string, Sha256Hash>();
extendEdge(emptyEdge(), leaves, ({ level, index }, hash) => stored.set(`${level}/${index}`, hash));

/** The bytes of a tile, from the hashes that the growing edge told: how a publisher makes them. */
function tileBytes({ level, index, width: w }: tile.Tile): Uint8Array {
  return tile.encodeTile(
    Array.from({ length: w }, (_, i) => stored.get(`${8 * level}/${256 * index + i}`)!),
  );
}

describe('a reader of tiles', () => {
  test.prop([fc.integer({ min: 1, max: LARGEST }), fc.nat()])(
    'proves any leaf at any size',
    (n, i) => {
      const size = parseTreeSize(n);
      const leafIndex = parseLeafIndex(i % n);
      const published = new Set(tile.tilesOf(size).map(tile.tilePath));
      const plan = planInclusion(leafIndex, size);
      const hashes = planNodes(plan).map((node) => {
        const at = tile.tileOfNode(node, size);
        expect(published).toContain(tile.tilePath(at.tile));
        return tile.nodeInTile(at, tile.parseTile(tileBytes(at.tile)));
      });
      const given = { leafIndex, path: completeProof(plan, hashes) };
      const head = headOf(entries.slice(0, n));
      expect(verifyInclusion(given, leaves[leafIndex]!, head)).toEqual({ ok: true });
    },
  );
});

describe('bytes', () => {
  test.prop([fc.array(entry, { minLength: 1, maxLength: 256 })])(
    'of a bundle are parsed as they were made',
    (all) => {
      expect(tile.parseEntryBundle(tile.encodeEntryBundle(all))).toEqual(all);
    },
  );

  test.prop([fc.uint8Array({ maxLength: 60 })])(
    'of any kind are one bundle, these very bytes, or none',
    (bytes) => {
      const parsed = accepted(() => tile.parseEntryBundle(bytes));
      if (parsed !== undefined) expect(tile.encodeEntryBundle(parsed)).toEqual(bytes);
      const framed = accepted(() => tile.parseFramedEntries(bytes));
      if (framed !== undefined) expect(tile.frameEntries(framed)).toEqual(bytes);
    },
  );

  test.prop([fc.uint8Array({ maxLength: 100 })])(
    'of any kind are one tile, these very bytes, or none',
    (bytes) => {
      const parsed = accepted(() => tile.parseTile(bytes));
      if (parsed !== undefined) expect(tile.encodeTile(parsed)).toEqual(bytes);
    },
  );
});
