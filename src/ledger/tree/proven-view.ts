/**
 * Full tiles and entry bundles of the static view, proven. Whoever has the bucket may write there what he likes, so it
 * is a cache and no more: what does not fold to the hash that the tile above it has, up to the right edge that this
 * process computed itself, is taken for lost and made from what lies under it, in the end from the batches. Only proven
 * bytes are kept: a file that is put right is right at once.
 */
import { LRUCache } from 'lru-cache';
import { concatBytes, equalBytes } from '../../core/platform/bytes.ts';
import { MalformedError } from '../../core/errors.ts';
import { hashLeaf } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import {
  encodeEntryBundle,
  entryBundlePath,
  nodeInTile,
  parseEntryBundle,
  parseTile,
  TILE_WIDTH,
  tilePath,
} from '../../core/tree/tile.ts';
import { StoreDeniedError } from '../../storage/errors.ts';
import type { LedgerContext } from '../context/context.ts';
import { TILE_BYTES_MAX, TILE_CACHE_BYTES } from '../context/limits.ts';
import type { TileTree } from './tiles.ts';

/** Leaves of batches, in order, one batch after the other; it ends early where the store does not give one. */
export type ReadLeaves = (
  first: number,
  end: number,
) => AsyncIterable<readonly Uint8Array[]> | Iterable<readonly Uint8Array[]>;

/** What a view is read with. */
export interface ViewParts extends Pick<LedgerContext, 'store' | 'keys' | 'finding'> {
  readonly leaves: ReadLeaves;
}

/** Levels that are made from batches: above them it would be 16 million leaves for one tile. */
const LEVELS_FROM_BATCHES = 2;

/** Reads full tiles and bundles of the part of a log that a tree in memory has grown past. */
export class ProvenView {
  readonly #parts: ViewParts;
  readonly #tree: TileTree;
  /** They never change. */
  readonly #cache = new LRUCache<string, Uint8Array>({
    maxSize: TILE_CACHE_BYTES,
    sizeCalculation: (bytes) => bytes.length + 1,
  });
  /** What is being proven, so that many who ask for it make it once. */
  readonly #proving = new Map<string, Promise<Uint8Array | null>>();

  constructor(parts: ViewParts, tree: TileTree) {
    this.#parts = parts;
    this.#tree = tree;
  }

  /** Keeps a full tile or bundle that this process computed. */
  remember(path: string, bytes: Uint8Array): void {
    this.#cache.set(path, bytes);
  }

  /** A full tile; null where the tree has none, or nothing proves to be it. */
  async tile(level: number, index: number): Promise<Uint8Array | null> {
    const path = tilePath({ level, index, width: TILE_WIDTH });
    return this.#once(path, async () => this.#proveTile(path, level, index));
  }

  /** A full entry bundle, from the view or else made from the batches; null as with {@link tile}. */
  async bundle(index: number): Promise<Uint8Array | null> {
    const path = entryBundlePath(index, TILE_WIDTH);
    return this.#once(path, async () => {
      const { hashes, leaves } = await this.#compared(path, index);
      if (hashes === null) return null;
      if (!leaves.every((leaf) => leaf !== null)) {
        const made = await this.#batched(index * TILE_WIDTH, TILE_WIDTH, (leaf) => leaf);
        if (made?.every((leaf, i) => isLeaf(leaf, hashes[i])) !== true) return null;
        return encodeEntryBundle(made);
      }
      return encodeEntryBundle(leaves);
    });
  }

  /**
   * The entries of a full bundle as the view has them, null for those that it has lost or changed. Nothing is made:
   * who wants one leaf reads one batch.
   */
  async leaves(index: number): Promise<readonly (Uint8Array | null)[]> {
    const path = entryBundlePath(index, TILE_WIDTH);
    const cached = this.#cache.get(path);
    if (cached !== undefined) return parseEntryBundle(cached);
    const { bytes, leaves } = await this.#compared(path, index);
    if (bytes !== null && leaves.every((leaf) => leaf !== null)) this.#cache.set(path, bytes);
    return leaves;
  }

  /** What stands in the place of a bundle, each entry held against the hashes of its tile. */
  async #compared(path: string, index: number) {
    const [tile, bytes] = await Promise.all([this.tile(0, index), this.#stored(path)]);
    const hashes = tile && parseTile(tile);
    const parsed = (bytes && orNull(() => parseEntryBundle(bytes))) ?? [];
    const leaves = Array.from({ length: TILE_WIDTH }, (_, i) => {
      const leaf = parsed[i];
      return leaf !== undefined && isLeaf(leaf, hashes?.[i]) ? leaf : null;
    });
    if (bytes !== null && hashes !== null && leaves.includes(null)) this.#mismatch(path);
    return { bytes, hashes, leaves };
  }

  async #proveTile(path: string, level: number, index: number): Promise<Uint8Array | null> {
    const root = await this.#rootOf(level, index);
    if (root === null) return null;
    const proves = (hashes: readonly Sha256Hash[] | null): hashes is readonly Sha256Hash[] => {
      return hashes?.length === TILE_WIDTH && equalBytes(fold(hashes), root);
    };
    const stored = await this.#stored(path);
    const hashes = stored && orNull(() => parseTile(stored));
    if (proves(hashes)) return stored;
    if (stored !== null) this.#mismatch(path);
    const sources = [
      async () => this.#fromBelow(level, index),
      async () => this.#fromBatches(level, index),
    ];
    for (const source of sources) {
      const made = await source();
      if (proves(made)) return concatBytes(...made);
    }
    return null;
  }

  /** What the hashes of a tile fold to, as the tile above it has it: from memory, or proven in its turn. */
  async #rootOf(level: number, index: number): Promise<Sha256Hash | null> {
    if ((index + 1) * TILE_WIDTH ** (level + 1) > this.#tree.size) return null;
    const above = { level: level + 1, index: Math.floor(index / TILE_WIDTH), width: TILE_WIDTH };
    const place = index % TILE_WIDTH;
    const [held] = this.#tree.hashes(above, place, 1) ?? [];
    if (held !== undefined) return held;
    const tile = await this.tile(above.level, above.index);
    return (tile && parseTile(tile)[place]) ?? null;
  }

  /** The hashes of a tile as the view has what lies under it, not proven: 256 tiles, or a bundle. */
  async #fromBelow(level: number, index: number): Promise<readonly Sha256Hash[] | null> {
    if (level === 0) {
      const bundle = await this.#stored(entryBundlePath(index, TILE_WIDTH));
      return bundle && orNull(() => parseEntryBundle(bundle).map(hashLeaf));
    }
    const hashes: Sha256Hash[] = [];
    for (let child = index * TILE_WIDTH; hashes.length < TILE_WIDTH; child += 1) {
      const path = tilePath({ level: level - 1, index: child, width: TILE_WIDTH });
      const bytes = await this.#stored(path);
      const row = bytes && orNull(() => parseTile(bytes));
      if (row?.length !== TILE_WIDTH) return null;
      hashes.push(fold(row));
    }
    return hashes;
  }

  async #fromBatches(level: number, index: number): Promise<readonly Sha256Hash[] | null> {
    if (level >= LEVELS_FROM_BATCHES) return null;
    const count = TILE_WIDTH ** (level + 1);
    let hashes: readonly Sha256Hash[] | null = await this.#batched(index * count, count, hashLeaf);
    for (; hashes !== null && hashes.length > TILE_WIDTH;) {
      const row: readonly Sha256Hash[] = hashes;
      hashes = Array.from({ length: row.length / TILE_WIDTH }, (_, i) => {
        return fold(row.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH));
      });
    }
    return hashes;
  }

  /** What is made of each of some leaves as their batches have them; null where one is lost. */
  async #batched<T>(first: number, count: number, make: (leaf: Uint8Array) => T) {
    const made: T[] = [];
    for await (const leaves of this.#parts.leaves(first, first + count)) {
      for (const leaf of leaves) made.push(make(leaf));
    }
    return made.length === count ? made : null;
  }

  /** What stands at a path, whatever it is; null also where it can be listed and not read. */
  async #stored(path: string): Promise<Uint8Array | null> {
    const { store, keys } = this.#parts;
    const range = { start: 0, end: TILE_BYTES_MAX };
    try {
      return (await store.get(keys.tile(path), { range }))?.bytes ?? null;
    } catch (error) {
      // Somebody may have put it there under a key of his own. Where all is denied, batches say so.
      if (error instanceof StoreDeniedError) return null;
      throw error;
    }
  }

  async #once(path: string, prove: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    const cached = this.#cache.get(path);
    if (cached !== undefined) return cached;
    const underWay = this.#proving.get(path);
    if (underWay !== undefined) return underWay;
    const proving = prove().finally(() => this.#proving.delete(path));
    this.#proving.set(path, proving);
    const bytes = await proving;
    if (bytes !== null) this.#cache.set(path, bytes);
    return bytes;
  }

  #mismatch(path: string): void {
    this.#parts.finding('view_mismatch', { key: this.#parts.keys.tile(path) });
  }
}

function isLeaf(leaf: Uint8Array, hash: Sha256Hash | undefined): boolean {
  return hash !== undefined && equalBytes(hashLeaf(leaf), hash);
}

/** The root of the subtree over a full row. */
function fold(row: readonly Sha256Hash[]): Sha256Hash {
  return nodeInTile({ first: 0, count: TILE_WIDTH }, row);
}

function orNull<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}
