/**
 * Tiles and entry bundles: how a tree is cut into files that any C2SP tlog-tiles reader understands. Entry bundle N
 * has the entries of the leaves in tile N of level 0, at the same widths.
 */
import { concatBytes, parseUint, uint16 } from '../platform/bytes.ts';
import { MalformedError, assert } from '../errors.ts';
import { HASH_BYTES, hashNode, parseSha256Hash } from './hash.ts';
import type { Sha256Hash } from './hash.ts';
import { parseTreeSize } from './tree.ts';
import type { NodeAddress, TreeSize } from './tree.ts';

/** Hashes of a full tile, and entries of a full bundle. A tile spans 8 levels of the tree. */
export const TILE_WIDTH = 256;
const TILE_LEVELS = 8;

/** Longest entry that a bundle can frame. */
export const ENTRY_BYTES_MAX = 65_535;

/**
 * `width` hashes of the tree's level 8 · `level`, from `index` · 256 on. Full at width 256, else partial. Levels are
 * 0..63 in a path; trees that we can count reach 6.
 */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** What a path of the static view names. */
export type TilePath =
  | { readonly kind: 'tile'; readonly tile: Tile }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number };

/** Where a node's hash comes from: `count` neighbouring hashes of a tile, from `first` on, folded. */
export interface TileNode {
  readonly tile: Tile;
  readonly first: number;
  readonly count: number;
}

/** `tile/<L>/<N>[.p/<W>]` (C2SP tlog-tiles, Merkle Tree). */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${numberPath(index)}${widthPath(width)}`;
}

/** `tile/entries/<N>[.p/<W>]` (C2SP tlog-tiles, Log Entries). */
export function entryBundlePath(index: number, width: number): string {
  return `tile/entries/${numberPath(index)}${widthPath(width)}`;
}

const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/**
 * Parses the path of a tile or entry bundle; each has one path. Whether the log has it is for the log to say.
 * @throws {@link MalformedError} `malformed_tile_path`.
 */
export function parseTilePath(path: string): TilePath {
  const [, level = '', digits = '', partial = '256'] = PATH.exec(path) ?? [];
  const index = Number(digits.replaceAll(/[x/]/g, ''));
  const width = Number(partial);
  const tile = { level: level === 'entries' ? 0 : Number(level), index, width };
  const parsed: TilePath =
    level === 'entries' ? { kind: 'entries', index, width } : { kind: 'tile', tile };
  const one = level === 'entries' ? entryBundlePath(index, width) : tilePath(tile);
  // Formatting it again refuses leading zeros and the partial path of a full tile.
  const counts = width >= 1 && width <= TILE_WIDTH && Number.isSafeInteger(index);
  if (one !== path || tile.level > 63 || !counts) {
    throw new MalformedError('path names no tile and no entry bundle', 'malformed_tile_path');
  }
  return parsed;
}

/** All tiles of a tree, full and partial, by level and index: what a log of that size has published. */
export function tilesOf(size: TreeSize): Tile[] {
  return tilesBetween(parseTreeSize(0), size);
}

/**
 * The tiles, full and partial, that publishing `newSize` adds where `oldSize` is published: those with a hash that is
 * not in an old one. Level 0 comes first, and its tiles name the entry bundles to write as well. None when equal.
 */
export function newTiles(oldSize: TreeSize, newSize: TreeSize): Tile[] {
  return tilesBetween(oldSize, newSize);
}

/**
 * Where to read a complete subtree of the tree of a size. The partial tile may be gone once the full one exists: a
 * reader then takes the full one and its first `width` hashes (C2SP tlog-tiles, Partial Tiles).
 *
 * @throws {@link MalformedError} `beyond_tree` when the subtree is not complete in that tree.
 */
export function tileOfNode({ level, index }: NodeAddress, size: TreeSize): TileNode {
  const rise = level % TILE_LEVELS;
  const tileLevel = (level - rise) / TILE_LEVELS;
  const count = 2 ** rise;
  const first = (index * count) % TILE_WIDTH;
  const tileIndex = Math.floor((index * count) / TILE_WIDTH);
  const width = Math.min(hashesAtLevel(size, tileLevel) - tileIndex * TILE_WIDTH, TILE_WIDTH);
  if (first + count > width) {
    throw new MalformedError(
      `node ${index} of level ${level} is not complete at size ${size}`,
      'beyond_tree',
    );
  }
  return { tile: { level: tileLevel, index: tileIndex, width }, first, count };
}

/**
 * The hash of a node, from the hashes of the tile that {@link tileOfNode} named, or of a wider form of that tile.
 * Narrower is a bug of the caller.
 */
export function nodeInTile(
  { first, count }: Pick<TileNode, 'first' | 'count'>,
  hashes: readonly Sha256Hash[],
): Sha256Hash {
  if (count === 1) {
    const hash = hashes[first];
    assert(hash !== undefined, 'a tile is as wide as its address says');
    return hash;
  }
  const half = count / 2;
  const left = nodeInTile({ first, count: half }, hashes);
  return hashNode(left, nodeInTile({ first: first + half, count: half }, hashes));
}

/** The bytes of a tile: its hashes, one after the other (C2SP tlog-tiles, Merkle Tree). */
export function encodeTile(hashes: readonly Sha256Hash[]): Uint8Array {
  return concatBytes(...hashes);
}

/**
 * Parses a tile's bytes into its hashes, which share its memory. Nothing is verified yet: prove them against a head.
 * @throws {@link MalformedError} `malformed_tile` unless 1..256 whole hashes.
 */
export function parseTile(bytes: Uint8Array): Sha256Hash[] {
  const width = bytes.length / HASH_BYTES;
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new MalformedError(
      `tile of ${bytes.length} bytes is not 1..256 hashes`,
      'malformed_tile',
    );
  }
  return Array.from({ length: width }, (_, i) =>
    parseSha256Hash(bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
  );
}

/**
 * Entries, each behind its length in two bytes, in order (C2SP tlog-tiles, Log Entries); any number of them.
 * @throws {@link MalformedError} `entry_too_large` above 65,535 bytes.
 */
export function frameEntries(entries: readonly Uint8Array[]): Uint8Array {
  const large = entries.find((entry) => entry.length > ENTRY_BYTES_MAX);
  if (large !== undefined) {
    const message = `entry is ${large.length} bytes, want at most ${ENTRY_BYTES_MAX}`;
    throw new MalformedError(message, 'entry_too_large');
  }
  return concatBytes(...entries.flatMap((entry) => [uint16(entry.length), entry]));
}

/**
 * Parses framed entries to the last byte; they share its memory.
 * @throws {@link MalformedError} `malformed_entries` when the bytes end within an entry.
 */
export function parseFramedEntries(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + 2;
    const end = start + parseUint(bytes.subarray(at, start));
    if (end > bytes.length) {
      throw new MalformedError(`entry ${entries.length} is cut short`, 'malformed_entries');
    }
    entries.push(bytes.subarray(start, end));
    at = end;
  }
  return entries;
}

/** The bytes of an entry bundle. @throws {@link MalformedError} `malformed_bundle` unless 1..256 entries. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  return frameEntries(bundled(entries));
}

/**
 * Parses an entry bundle into its entries, which share its memory.
 * @throws {@link MalformedError} `malformed_bundle` unless 1..256 entries, and as {@link parseFramedEntries} does.
 */
export function parseEntryBundle(bytes: Uint8Array): Uint8Array[] {
  const entries = parseFramedEntries(bytes);
  bundled(entries);
  return entries;
}

function bundled(entries: readonly Uint8Array[]): readonly Uint8Array[] {
  if (entries.length < 1 || entries.length > TILE_WIDTH) {
    throw new MalformedError(
      `bundle has ${entries.length} entries, want 1..256`,
      'malformed_bundle',
    );
  }
  return entries;
}

function tilesBetween(oldSize: TreeSize, newSize: TreeSize): Tile[] {
  const tiles: Tile[] = [];
  const gained = (level: number): boolean =>
    hashesAtLevel(newSize, level) > hashesAtLevel(oldSize, level);
  // Nothing new at a level is nothing new above it.
  for (let level = 0; gained(level); level += 1) {
    const after = hashesAtLevel(newSize, level);
    const first = Math.floor(hashesAtLevel(oldSize, level) / TILE_WIDTH);
    for (let index = first; index * TILE_WIDTH < after; index += 1) {
      tiles.push({ level, index, width: Math.min(after - index * TILE_WIDTH, TILE_WIDTH) });
    }
  }
  return tiles;
}

/** How many complete subtrees of a tile level's height a tree has. */
function hashesAtLevel(size: TreeSize, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** Groups of three digits, all but the last marked: 1234067 is `x001/x234/067`. */
function numberPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  return padded.replace(/[0-9]{3}(?=[0-9])/g, 'x$&/');
}

function widthPath(width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}
