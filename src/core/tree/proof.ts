/**
 * Inclusion and consistency proofs: planned, completed and verified (RFC 9162 §2.1.3 and §2.1.4), with their common
 * form, the subtree proof (C2SP tlog-cosignature, Subtrees). A plan is pure arithmetic: it names the stored nodes that
 * a proof needs, and whoever reads tiles brings their hashes.
 */
import { equalBytes } from '../platform/bytes.ts';
import { MalformedError, assert } from '../errors.ts';
import { EMPTY_ROOT, hashNode } from './hash.ts';
import type { LeafHash, Sha256Hash } from './hash.ts';
import { parseTreeSize } from './tree.ts';
import type { LeafIndex, NodeAddress, TreeHead, TreeSize } from './tree.ts';

/** More hashes than a path through any tree of 2⁶³ leaves has: a bound for parsers. */
export const PATH_HASHES_MAX = 63;

/** That a leaf is in a tree: its sibling hashes, the leaf's own side first. */
export interface InclusionProof {
  readonly leafIndex: LeafIndex;
  readonly path: readonly Sha256Hash[];
}

/** That a newer tree has an older one as its beginning. */
export interface ConsistencyProof {
  readonly path: readonly Sha256Hash[];
}

/** The leaves from `start` to before `end`. */
export interface LeafRange {
  readonly start: TreeSize;
  readonly end: TreeSize;
}

/** That a tree has the subtree over a range as a part. */
export interface SubtreeProof extends LeafRange, ConsistencyProof {}

/** What a proof shows. A refuted proof is an answer, not an error; its reason is for people and tests. */
export type Verification =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: 'beyond_tree' | 'not_a_subtree' | 'path_too_long' | 'path_too_short';
    }
  | {
      readonly ok: false;
      readonly reason: 'root_mismatch' | 'subtree_mismatch';
      readonly computedRoot: Sha256Hash;
    };

/**
 * What a proof is made of: for each hash of its path, the complete subtrees that fold into it, left to right. All but
 * the rightmost hash of a path are complete subtrees themselves; those at the tree's right edge fall into several.
 */
export interface ProofPlan {
  readonly steps: readonly (readonly NodeAddress[])[];
}

const ok: Verification = { ok: true };

/**
 * Plans the proof that a leaf is in the tree of a size (RFC 9162 §2.1.3.1).
 * @throws {@link MalformedError} `beyond_tree` unless index < size.
 */
export function planInclusion(index: LeafIndex, size: TreeSize): ProofPlan {
  if (index >= size) {
    throw new MalformedError(`leaf ${index} is beyond tree size ${size}`, 'beyond_tree');
  }
  return planRange(index, index + 1, size);
}

/**
 * Plans the proof that the tree of size `to` extends that of size `from` (RFC 9162 §2.1.4.1). From size 0 and to the
 * same size the plan is empty. @throws {@link MalformedError} `beyond_tree` when `from` is above `to`.
 */
export function planConsistency(from: TreeSize, to: TreeSize): ProofPlan {
  return planSubtree({ start: parseTreeSize(0), end: from }, to);
}

/**
 * Plans the proof that a subtree is part of the tree of a size (C2SP tlog-cosignature, Subtrees).
 * @throws {@link MalformedError} `not_a_subtree` or `beyond_tree`.
 */
export function planSubtree(range: LeafRange, size: TreeSize): ProofPlan {
  if (!isSubtree(range)) {
    throw new MalformedError(
      `leaves ${range.start} to ${range.end} are no subtree`,
      'not_a_subtree',
    );
  }
  if (range.end > size) {
    throw new MalformedError(`leaf range ends at ${range.end}, beyond size ${size}`, 'beyond_tree');
  }
  return range.start === range.end ? { steps: [] } : planRange(range.start, range.end, size);
}

/** The stored nodes that a plan needs, in the order in which {@link completeProof} takes their hashes. */
export function planNodes(plan: ProofPlan): readonly NodeAddress[] {
  return plan.steps.flat();
}

/** The path of a plan. @param hashes - Of {@link planNodes}, in that order; as many, or it is a bug of the caller. */
export function completeProof(plan: ProofPlan, hashes: readonly Sha256Hash[]): Sha256Hash[] {
  assert(
    hashes.length === planNodes(plan).length,
    'a proof is completed with the hashes it planned',
  );
  let taken = 0;
  return plan.steps.map((nodes) => {
    const folded = hashes.slice(taken, (taken += nodes.length));
    return folded.reduceRight((right, left) => hashNode(left, right));
  });
}

/**
 * Checks that `leaf` is in the tree that `head` commits to. RFC 9162 §2.1.3.2, step by step.
 *
 * @param head - Already authenticated. A path does not bind the size: one made for leaf 0 of 3 also verifies for leaf
 *   0 of 4 under the same root.
 * @returns Never throws: every argument has been parsed. Costs at most ⌈log₂ size⌉ hashes.
 */
export function verifyInclusion(
  proof: InclusionProof,
  leaf: LeafHash,
  head: TreeHead,
): Verification {
  if (proof.leafIndex >= head.size) return { ok: false, reason: 'beyond_tree' };
  let fn: number = proof.leafIndex;
  let sn: number = head.size - 1;
  let r: Sha256Hash = leaf;
  for (const p of proof.path) {
    if (sn === 0) return { ok: false, reason: 'path_too_long' };
    if (isOdd(fn) || fn === sn) {
      r = hashNode(p, r);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = hashNode(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) return { ok: false, reason: 'path_too_short' };
  return equalBytes(r, head.root) ? ok : { ok: false, reason: 'root_mismatch', computedRoot: r };
}

/**
 * Checks that `newer` extends `older`: its first `older.size` leaves are the same (RFC 9162 §2.1.4.2). Every tree
 * extends the empty one, by an empty path and provided that the older root is {@link EMPTY_ROOT}.
 *
 * @param older - A head that the caller knows: seen, signed or cosigned before.
 * @param newer - Already authenticated.
 */
export function verifyConsistency(
  proof: ConsistencyProof,
  older: TreeHead,
  newer: TreeHead,
): Verification {
  const subtree = { start: parseTreeSize(0), end: older.size, path: proof.path };
  return verifySubtree(subtree, older.root, newer);
}

/**
 * Checks that the tree of `head` has, over the proof's range, the subtree with root `subtree`: RFC 9162 §2.1.4.2,
 * generalised to a start (C2SP tlog-cosignature, Subtrees). An empty range is always part of a tree, by an empty path.
 */
export function verifySubtree(
  proof: SubtreeProof,
  subtree: Sha256Hash,
  head: TreeHead,
): Verification {
  if (!isSubtree(proof)) return { ok: false, reason: 'not_a_subtree' };
  if (proof.end > head.size) return { ok: false, reason: 'beyond_tree' };
  if (proof.start === proof.end) return verifyEmptySubtree(proof, subtree, head);
  const roots = rootsOfPath(proof, subtree, head.size);
  if ('reason' in roots) return { ok: false, reason: roots.reason };
  const { fr, sr } = roots;
  if (!equalBytes(fr, subtree)) return { ok: false, reason: 'subtree_mismatch', computedRoot: fr };
  return equalBytes(sr, head.root) ? ok : { ok: false, reason: 'root_mismatch', computedRoot: sr };
}

/**
 * Whether a range can be a subtree: it starts at a multiple of the smallest power of two that is at least its length
 * (C2SP tlog-cosignature, Subtrees). An empty range always can.
 */
export function isSubtree({ start, end }: LeafRange): boolean {
  let width = 1;
  while (width < end - start) width *= 2;
  return start === end || (start < end && start % width === 0);
}

function planRange(start: number, end: number, size: number): ProofPlan {
  const ranges = pathRanges([start, end], [0, size], 'known');
  return { steps: ranges.map(([from, to]) => completeSubtrees(from, to)) };
}

/**
 * The leaf ranges whose roots make the path of a subtree within a tree's part: RFC 9162 §2.1.4.1 SUBPROOF, with a
 * start. `open` says that the verifier does not know the hash of this very part, and so has to be told.
 */
function pathRanges(
  [start, end]: readonly [number, number],
  [from, to]: readonly [number, number],
  self: 'known' | 'open',
): [number, number][] {
  if (start === from && end === to) return self === 'known' ? [] : [[from, to]];
  let width = 1;
  while (width * 2 < to - from) width *= 2;
  const k = from + width;
  if (end <= k) return [...pathRanges([start, end], [from, k], self), [k, to]];
  if (start >= k) return [...pathRanges([start, end], [k, to], self), [from, k]];
  return [...pathRanges([k, end], [k, to], 'open'), [from, k]];
}

/** The complete subtrees that an aligned range falls into, left to right. Folded from the right they give its root. */
function completeSubtrees(start: number, end: number): NodeAddress[] {
  const nodes: NodeAddress[] = [];
  for (let at = start; at < end;) {
    let [level, width] = [0, 1];
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      [level, width] = [level + 1, width * 2];
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** The roots of the subtree (`fr`) and of the tree (`sr`) that a path leads to: RFC 9162 §2.1.4.2, from step 4 on. */
function rootsOfPath(
  { start, end, path }: SubtreeProof,
  subtree: Sha256Hash,
  size: TreeSize,
): { fr: Sha256Hash; sr: Sha256Hash } | { reason: 'path_too_long' | 'path_too_short' } {
  let [fn, sn, tn]: [number, number, number] = [start, end - 1, size - 1];
  const shift = (): void => {
    [fn, sn, tn] = [half(fn), half(sn), half(tn)];
  };
  // Up to the node where the path begins: the subtree's own root or, once the tree outgrew that, its last part.
  while (fn !== sn && (sn === tn || isOdd(sn))) shift();
  const [first, ...rest] = fn === sn ? [subtree, ...path] : path;
  if (first === undefined) return { reason: 'path_too_short' };
  let [fr, sr] = [first, first];
  for (const c of rest) {
    if (tn === 0) return { reason: 'path_too_long' };
    if (isOdd(sn) || sn === tn) {
      if (fn < sn) fr = hashNode(c, fr);
      sr = hashNode(c, sr);
      while (!isOdd(sn)) shift();
    } else {
      sr = hashNode(sr, c);
    }
    shift();
  }
  return tn === 0 ? { fr, sr } : { reason: 'path_too_short' };
}

function verifyEmptySubtree(
  { path }: ConsistencyProof,
  subtree: Sha256Hash,
  head: TreeHead,
): Verification {
  if (path.length > 0) return { ok: false, reason: 'path_too_long' };
  if (!equalBytes(subtree, EMPTY_ROOT)) {
    return { ok: false, reason: 'subtree_mismatch', computedRoot: EMPTY_ROOT };
  }
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) {
    return { ok: false, reason: 'root_mismatch', computedRoot: EMPTY_ROOT };
  }
  return ok;
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
