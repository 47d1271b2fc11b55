/**
 * Proofs from tiles. Tiles are read from memory, then proven from the static view, which nobody trusts; and a proof is
 * verified against a head that this process computed itself before anybody gets it.
 */
import { LRUCache } from 'lru-cache';
import { SteleError } from '../../core/errors.ts';
import { EMPTY_ROOT, hashNode, parseLeafHash } from '../../core/tree/hash.ts';
import type { LeafHash, Sha256Hash } from '../../core/tree/hash.ts';
import {
  completeProof,
  planConsistency,
  planInclusion,
  planNodes,
  verifyConsistency,
  verifyInclusion,
} from '../../core/tree/proof.ts';
import type { ProofPlan } from '../../core/tree/proof.ts';
import {
  nodeInTile,
  parseEntryBundle,
  parseTile,
  parseTilePath,
  TILE_WIDTH,
  tileOfNode,
} from '../../core/tree/tile.ts';
import type { Tile, TileNode } from '../../core/tree/tile.ts';
import { parseLeafIndex, parseTreeSize } from '../../core/tree/tree.ts';
import type { NodeAddress, TreeHead } from '../../core/tree/tree.ts';
import { TREE_NODES_KEPT } from '../context/limits.ts';
import { ProvenView } from './proven-view.ts';
import type { ViewParts } from './proven-view.ts';
import { firstEntries } from './tiles.ts';
import type { TileTree } from './tiles.ts';

const HASH_BYTES = 32;

/** A leaf hash with the path that proves it: of one read, for the store may answer otherwise the next time. */
export interface ProvenLeaf {
  readonly path: readonly Sha256Hash[];
  readonly leaf: LeafHash;
}

/** Reads tiles and entry bundles, and makes proofs. */
export class TileReader {
  readonly #tree: TileTree;
  readonly #view: ProvenView;
  /** Complete subtrees, by level and index, which never change either: proofs of neighbours share most of theirs. */
  readonly #nodes = new LRUCache<string, Sha256Hash>({ max: TREE_NODES_KEPT });

  constructor(parts: ViewParts, tree: TileTree) {
    this.#tree = tree;
    this.#view = new ProvenView(parts, tree);
  }

  /** Keeps a full tile or bundle that was just published: who proves, mostly proves what is new. */
  remember(path: string, bytes: Uint8Array): void {
    this.#view.remember(path, bytes);
  }

  /**
   * A tile or entry bundle by its C2SP path, proven: memory, then the store, then cut from a fuller form.
   * @returns null when the tree does not reach that far.
   * @throws SteleError `view_incomplete` when the static view has lost it, and the batches do not give it back.
   */
  async read(path: string): Promise<Uint8Array | null> {
    const parsed = parseTilePath(path);
    if (parsed.kind === 'entries') {
      const { index, width } = parsed;
      if (index * TILE_WIDTH + width > this.#tree.size) return null;
      const held = this.#tree.entries(index, width);
      if (held !== null) return held;
      const full = await this.#view.bundle(index);
      if (full === null) throw incomplete(index * TILE_WIDTH);
      return width === TILE_WIDTH ? full : firstEntries(full, width);
    }
    const { level, index, width } = parsed.tile;
    const hashes = Math.floor(this.#tree.size / TILE_WIDTH ** level);
    return index * TILE_WIDTH + width > hashes ? null : this.#tile({ level, index, width });
  }

  /** The first entries of a bundle, null for those that the static view has lost or changed. */
  async leaves(index: number, width: number): Promise<readonly (Uint8Array | null)[]> {
    const held = this.#tree.entries(index, width);
    return held === null ? this.#view.leaves(index) : parseEntryBundle(held);
  }

  /**
   * The inclusion path of a leaf, and the leaf hash that it proves.
   * @throws SteleError `view_incomplete` when the static view has lost or changed tiles.
   */
  async inclusion(index: number, head: TreeHead): Promise<ProvenLeaf> {
    const leafIndex = parseLeafIndex(index);
    const plan = planInclusion(leafIndex, head.size);
    const [path, leaf] = await Promise.all([
      this.#complete(plan, head.size),
      this.#leafHash(index),
    ]);
    if (!verifyInclusion({ leafIndex, path }, leaf, head).ok) throw incomplete(index);
    return { path, leaf };
  }

  /**
   * The leaf hashes of a tile as far as a head reaches, by one proof: every one of them is on the path of the first.
   * @throws as {@link inclusion}.
   */
  async leafHashes(index: number, head: TreeHead): Promise<readonly Sha256Hash[]> {
    const first = parseLeafIndex(index * TILE_WIDTH);
    const width = Math.min(head.size - first, TILE_WIDTH);
    const bytes = await this.#tile({ level: 0, index, width });
    const hashes = parseTile(bytes);
    const leaf = hashes[0] ?? new Uint8Array();
    const plan = planInclusion(first, head.size);
    const nodes = planNodes(plan).map(async (node) => {
      const place = tileOfNode(node, head.size);
      const isOwn = place.tile.level === 0 && place.tile.index === index;
      // From the very bytes that are given out: the store may answer otherwise the next time.
      return isOwn ? nodeInTile(place, hashes) : this.#node(node, head.size);
    });
    const path = completeProof(plan, await Promise.all(nodes));
    const isProven = verifyInclusion({ leafIndex: first, path }, parseLeafHash(leaf), head).ok;
    if (!isProven) throw incomplete(first);
    return hashes;
  }

  /** The consistency path between two heads. @throws as {@link inclusion}. */
  async consistency(older: TreeHead, newer: TreeHead): Promise<readonly Sha256Hash[]> {
    const path = await this.path(older.size, newer.size);
    if (!verifyConsistency({ path }, older, newer).ok) throw incomplete(older.size);
    return path;
  }

  /** A consistency path that nobody has verified yet. */
  async path(from: number, to: number): Promise<readonly Sha256Hash[]> {
    const size = parseTreeSize(to);
    return this.#complete(planConsistency(parseTreeSize(from), size), size);
  }

  /** The root that the tree had at a size. Not verified: prove it to be part of a head that is known. */
  async root(size: number): Promise<Sha256Hash> {
    const treeSize = parseTreeSize(size);
    if (size === 0) return EMPTY_ROOT;
    const nodes: NodeAddress[] = [];
    // The complete subtrees that the leaves fall into, smallest first: one for each 1 in the size's binary form.
    for (
      let [level, rest] = [0, size];
      rest > 0;
      [level, rest] = [level + 1, Math.floor(rest / 2)]
    ) {
      if (rest % 2 === 1) nodes.push({ level, index: rest - 1 });
    }
    const hashes = await Promise.all(nodes.map(async (node) => this.#node(node, treeSize)));
    return hashes.reduce((right, left) => hashNode(left, right));
  }

  /** The hash of a leaf as its tile has it: not verified. */
  async #leafHash(index: number): Promise<LeafHash> {
    const first = index % TILE_WIDTH;
    const tile = { level: 0, index: Math.floor(index / TILE_WIDTH), width: first + 1 };
    const [hash] = await this.#hashes({ tile, first, count: 1 });
    return parseLeafHash(hash ?? new Uint8Array());
  }

  async #complete(plan: ProofPlan, size: TreeHead['size']): Promise<Sha256Hash[]> {
    const nodes = planNodes(plan);
    const hashes = await Promise.all(nodes.map(async (node) => this.#node(node, size)));
    return completeProof(plan, hashes);
  }

  async #node(node: NodeAddress, size: TreeHead['size']): Promise<Sha256Hash> {
    const place = tileOfNode(node, size);
    const name = `${node.level}/${node.index}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const hash = nodeInTile({ first: 0, count: place.count }, await this.#hashes(place));
    // One that was not computed is a part of its tile, and would keep all of it in memory.
    if (place.count > 1) this.#nodes.set(name, hash);
    return hash;
  }

  /** Some hashes of a tile. @throws SteleError `view_incomplete` */
  async #hashes({ tile, first, count }: TileNode): Promise<readonly Sha256Hash[]> {
    const held = this.#tree.hashes(tile, first, count);
    if (held !== null) return held;
    const bytes = await this.#tile(tile);
    return parseTile(bytes.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
  }

  /** @throws SteleError `view_incomplete` */
  async #tile({ level, index, width }: Tile): Promise<Uint8Array> {
    const held = this.#tree.tile(level, index, width);
    if (held !== null) return held;
    const full = await this.#view.tile(level, index);
    if (full === null) throw incomplete(index * TILE_WIDTH ** (level + 1));
    return full.subarray(0, width * HASH_BYTES);
  }
}

/** What nobody can read around a leaf. */
export function incomplete(at: number): SteleError {
  return new SteleError(
    'view_incomplete',
    `the static view around leaf ${at} is lost or changed, and its batches do not give it back`,
    {
      disposition: 'halt',
    },
  );
}
