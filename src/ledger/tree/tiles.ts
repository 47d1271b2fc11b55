/**
 * The growing tree as tiles: the partial ones at its right edge, and the full ones that are not yet in the static view.
 * Everything else is read from there. Memory does not grow with the log.
 */
import {
  encodeEntryBundle,
  entryBundlePath,
  nodeInTile,
  parseTile,
  TILE_WIDTH,
  tilePath,
} from '../../core/tree/tile.ts';
import type { Tile } from '../../core/tree/tile.ts';
import { concatBytes } from '../../core/platform/bytes.ts';
import type { LeafHash, Sha256Hash } from '../../core/tree/hash.ts';

const HASH_BYTES = 32;

/** A full tile or entry bundle that is to be published. */
export interface FullTile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The right edge of a tree, as tiles: what it needs to grow. */
export interface TileImage {
  readonly size: number;
  /** By level, the hashes of the partial tile and its index. */
  readonly rows: readonly (readonly Sha256Hash[])[];
  readonly indices: readonly number[];
  /** Entries of the partial bundle. */
  readonly bundle: readonly Uint8Array[];
}

/** Tiles and entry bundles of a tree that grows. */
export class TileTree {
  /** By level, the hashes of the partial tile. */
  #rows: Sha256Hash[][] = [];
  /** By level, the index of the partial tile. */
  #indices: number[] = [];
  #bundle: Uint8Array[] = [];
  #size = 0;
  #publishedSize = 0;
  readonly #full = new Map<string, FullTile>();
  #fullBytes = 0;

  /** Says, before anything is added, up to which size the static view has everything: tiles below are not kept. */
  skipTo(publishedSize: number): void {
    if (this.#size === 0) this.#publishedSize = publishedSize;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of full tiles and bundles that are not yet published. */
  get fullBytes(): number {
    return this.#fullBytes;
  }

  /** Full tiles and bundles that are not yet published, oldest first. */
  get full(): FullTile[] {
    return [...this.#full.values()];
  }

  /** Its right edge; null while full tiles wait in memory that nobody else has. */
  image(): TileImage | null {
    if (this.#full.size > 0) return null;
    return {
      size: this.#size,
      rows: this.#rows.map((row) => [...row]),
      indices: [...this.#indices],
      bundle: [...this.#bundle],
    };
  }

  /** Goes on from a right edge, before anything is added. Everything full below it is published. */
  restore({ size, rows, indices, bundle }: TileImage): void {
    this.#size = size;
    this.#rows = rows.map((row) => [...row]);
    this.#indices = [...indices];
    this.#bundle = [...bundle];
    this.#publishedSize = size;
  }

  /** Adds leaves at the right edge. */
  add(leaves: readonly Uint8Array[], hashes: readonly LeafHash[]): void {
    for (const [i, hash] of hashes.entries()) {
      this.#bundle.push(leaves[i] ?? new Uint8Array());
      this.#push(0, hash);
      this.#size += 1;
      if (this.#bundle.length === TILE_WIDTH) this.#endBundle();
    }
  }

  /** Forgets a full tile or bundle that was published. */
  published(path: string): void {
    const tile = this.#full.get(path);
    if (tile !== undefined && this.#full.delete(path)) this.#fullBytes -= tile.bytes.length;
  }

  /** Bytes of the first `width` hashes of a tile; null when they are not in memory. */
  tile(level: number, index: number, width: number): Uint8Array | null {
    const full = this.#full.get(tilePath({ level, index, width: TILE_WIDTH }));
    if (full !== undefined) return full.bytes.subarray(0, width * 32);
    const row = this.#indices[level] === index ? this.#rows[level] : undefined;
    return row === undefined || row.length < width ? null : concatBytes(...row.slice(0, width));
  }

  /** `count` hashes of a tile from `first` on; null when they are not in memory. */
  hashes({ level, index }: Tile, first: number, count: number): readonly Sha256Hash[] | null {
    const row = this.#indices[level] === index ? this.#rows[level] : undefined;
    if (row !== undefined && row.length >= first + count) return row.slice(first, first + count);
    const full = this.#full.get(tilePath({ level, index, width: TILE_WIDTH }));
    return full === undefined
      ? null
      : parseTile(full.bytes.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
  }

  /** The first `width` entries of a bundle; null when they are not in memory. */
  entries(index: number, width: number): Uint8Array | null {
    const full = this.#full.get(entryBundlePath(index, TILE_WIDTH));
    if (full !== undefined && width === TILE_WIDTH) return full.bytes;
    if (full !== undefined) return firstEntries(full.bytes, width);
    if (index !== Math.floor(this.#size / TILE_WIDTH) || width > this.#bundle.length) return null;
    return encodeEntryBundle(this.#bundle.slice(0, width));
  }

  #push(level: number, hash: Sha256Hash): void {
    const row = (this.#rows[level] ??= []);
    const index = (this.#indices[level] ??= 0);
    row.push(hash);
    if (row.length < TILE_WIDTH) return;
    const span = TILE_WIDTH ** (level + 1);
    const path = tilePath({ level, index, width: TILE_WIDTH });
    if ((index + 1) * span > this.#publishedSize) this.#keep(path, concatBytes(...row));
    this.#rows[level] = [];
    this.#indices[level] = index + 1;
    const whole = { tile: { level, index, width: TILE_WIDTH }, first: 0, count: TILE_WIDTH };
    this.#push(level + 1, nodeInTile(whole, row));
  }

  #endBundle(): void {
    const index = this.#size / TILE_WIDTH - 1;
    if (this.#size > this.#publishedSize) {
      this.#keep(entryBundlePath(index, TILE_WIDTH), encodeEntryBundle(this.#bundle));
    }
    this.#bundle = [];
  }

  #keep(path: string, bytes: Uint8Array): void {
    this.#full.set(path, { path, bytes });
    this.#fullBytes += bytes.length;
  }
}

/** The first entries of an encoded bundle, encoded. */
export function firstEntries(bundle: Uint8Array, width: number): Uint8Array {
  let at = 0;
  for (let entry = 0; entry < width; entry += 1) {
    at += 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
  }
  return bundle.subarray(0, at);
}
