/**
 * Sizes, indices and heads of a Merkle tree (RFC 6962 §2.1), and its right edge: the few hashes from which it grows.
 * Leaves are counted in safe integers, so arithmetic here divides: JavaScript's bit operators cut to 32 bits.
 */
import type { Branded } from '../platform/brand.ts';
import { MalformedError, assert } from '../errors.ts';
import { EMPTY_ROOT, hashNode } from './hash.ts';
import type { LeafHash, Sha256Hash } from './hash.ts';

/** Number of leaves, 0..2⁵³-1. */
export type TreeSize = Branded<number, 'TreeSize'>;

/** 0-based position of a leaf, 0..2⁵³-2: a size can be one above it. */
export type LeafIndex = Branded<number, 'LeafIndex'>;

/** What a tree is, unsigned: its size and root. A size of 0 goes with {@link EMPTY_ROOT}. */
export interface TreeHead {
  readonly size: TreeSize;
  readonly root: Sha256Hash;
}

/** A complete subtree: the 2^level leaves from index · 2^level on. Level 0 is the leaves. */
export interface NodeAddress {
  readonly level: number;
  readonly index: number;
}

/**
 * The roots of the complete subtrees that a tree falls into, largest and leftmost first: one for each 1 in the binary
 * form of its size. Enough to grow the tree and to know its root (the compact range of all leaves).
 */
export interface RightEdge {
  readonly size: TreeSize;
  readonly hashes: readonly Sha256Hash[];
}

/** Parses a number of leaves. @throws {@link MalformedError} `malformed_size` unless 0..2⁵³-1. */
export function parseTreeSize(value: number): TreeSize {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MalformedError(`tree size is ${value}, want 0..2^53-1`, 'malformed_size');
  }
  return value as TreeSize;
}

/** Parses a position of a leaf. @throws {@link MalformedError} `malformed_index` unless 0..2⁵³-2. */
export function parseLeafIndex(value: number): LeafIndex {
  if (!Number.isSafeInteger(value + 1) || !Number.isSafeInteger(value) || value < 0) {
    throw new MalformedError(`leaf index is ${value}, want 0..2^53-2`, 'malformed_index');
  }
  return value as LeafIndex;
}

/**
 * Parses a decimal of a text format: ASCII digits, no sign, no leading zero (C2SP tlog-checkpoint).
 * @throws {@link MalformedError} `malformed_number`, also above 2⁵³-1.
 */
export function parseDecimal(text: string): number {
  const value = Number(text);
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text) || !Number.isSafeInteger(value)) {
    throw new MalformedError('number is not a decimal in 0..2^53-1', 'malformed_number');
  }
  return value;
}

/** The edge of the tree without leaves. */
export function emptyEdge(): RightEdge {
  return { size: 0 as TreeSize, hashes: [] };
}

/**
 * Parses a stored edge. That it belongs to some root is not yet verified: compare {@link edgeRoot}.
 * @throws {@link MalformedError} `malformed_edge` unless there is one hash for each 1 in the size's binary form.
 */
export function parseRightEdge(size: TreeSize, hashes: readonly Sha256Hash[]): RightEdge {
  const wanted = size.toString(2).replaceAll('0', '').length;
  if (hashes.length !== wanted) {
    throw new MalformedError(
      `edge of size ${size} has ${hashes.length} hashes, want ${wanted}`,
      'malformed_edge',
    );
  }
  return { size, hashes: [...hashes] };
}

/**
 * The edge after more leaves. Pure; costs one to two hashes a leaf whatever the size.
 *
 * @param onComplete - Told every subtree that becomes complete, leaves included, each before the one above it. These
 *   are exactly the hashes that new tiles hold.
 * @throws {@link MalformedError} `malformed_size` past 2⁵³-1 leaves.
 */
export function extendEdge(
  edge: RightEdge,
  leaves: readonly LeafHash[],
  onComplete?: (node: NodeAddress, hash: Sha256Hash) => void,
): RightEdge {
  const size = parseTreeSize(edge.size + leaves.length);
  const hashes = [...edge.hashes];
  for (const [offset, leaf] of leaves.entries()) {
    let hash: Sha256Hash = leaf;
    let level = 0;
    let index = edge.size + offset;
    onComplete?.({ level, index }, hash);
    // A right child closes its parent, which may be a right child itself: a carry in binary addition.
    while (index % 2 === 1) {
      const left = hashes.pop();
      assert(left !== undefined, 'an edge has the hashes of its size');
      hash = hashNode(left, hash);
      level += 1;
      index = (index - 1) / 2;
      onComplete?.({ level, index }, hash);
    }
    hashes.push(hash);
  }
  return { size, hashes };
}

/** The root of the tree that an edge belongs to (RFC 6962 §2.1). Costs at most 52 hashes. */
export function edgeRoot(edge: RightEdge): Sha256Hash {
  const [smallest, ...larger] = [...edge.hashes].reverse();
  if (smallest === undefined) return EMPTY_ROOT;
  return larger.reduce((right, left) => hashNode(left, right), smallest);
}

/** The unsigned head of the tree that an edge belongs to. */
export function edgeHead(edge: RightEdge): TreeHead {
  return { size: edge.size, root: edgeRoot(edge) };
}
