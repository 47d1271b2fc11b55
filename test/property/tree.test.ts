import { describe, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import type { Sha256Hash } from '../../src/core/tree/hash.ts';
import * as proof from '../../src/core/tree/proof.ts';
import type { Verification } from '../../src/core/tree/proof.ts';
import * as tree from '../../src/core/tree/tree.ts';
import type { LeafIndex } from '../../src/core/tree/tree.ts';
import { headOf, leavesOf, merkleTreeHash, nodeOf } from '../support/trees.ts';

const holds: Verification = { ok: true };
const entries = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 120 });
/** Numbers that reach past 32 bits as often as not. */
const sizes = fc.oneof(fc.nat(2000), fc.maxSafeNat()).map(tree.parseTreeSize);

function pathOf(all: readonly Uint8Array[], plan: proof.ProofPlan): Sha256Hash[] {
  return proof.completeProof(
    plan,
    proof.planNodes(plan).map((node) => nodeOf(all, node)),
  );
}

function includes(all: readonly Uint8Array[], index: number): proof.InclusionProof {
  const leafIndex = tree.parseLeafIndex(index);
  const plan = proof.planInclusion(leafIndex, tree.parseTreeSize(all.length));
  return { leafIndex, path: pathOf(all, plan) };
}

/** The same hashes with one bit of one of them turned. */
function flipBit(path: readonly Sha256Hash[], bit: number): Sha256Hash[] {
  const at = Math.floor(bit / 256) % path.length;
  return path.map((hash, i) => {
    if (i !== at) return hash;
    const flipped = hash.slice();
    const place = Math.floor(bit / 8) % 32;
    flipped[place] = flipped[place]! ^ (1 << (bit % 8));
    return flipped as Sha256Hash;
  });
}

describe('a tree', () => {
  test.prop([entries, fc.array(fc.nat(20))])('grows to one root by any batches', (all, batches) => {
    const leaves = leavesOf(all);
    let edge = tree.emptyEdge();
    for (const count of [...batches, all.length]) {
      edge = tree.extendEdge(edge, leaves.slice(edge.size, edge.size + count));
    }
    expect(tree.edgeHead(edge)).toEqual(headOf(all));
    expect(tree.parseRightEdge(edge.size, edge.hashes)).toEqual(edge);
  });

  test.prop([entries])('proves every leaf into itself', (all) => {
    const head = headOf(all);
    const verdicts = leavesOf(all).map((leaf, i) =>
      proof.verifyInclusion(includes(all, i), leaf, head),
    );
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
  });

  test.prop([entries, fc.nat(), fc.nat()])('proves no leaf at another place', (all, a, b) => {
    const [from, to] = [a % all.length, b % all.length];
    const leaves = leavesOf(all);
    fc.pre(from !== to && Buffer.compare(leaves[from]!, leaves[to]!) !== 0);
    const moved = { ...includes(all, from), leafIndex: to as LeafIndex };
    expect(proof.verifyInclusion(moved, leaves[from]!, headOf(all)).ok).toBe(false);
    expect(proof.verifyInclusion(includes(all, from), leaves[to]!, headOf(all)).ok).toBe(false);
  });

  test.prop([entries, fc.nat(), fc.nat()])(
    'refutes any flipped bit of an inclusion path',
    (all, i, bit) => {
      const index = i % all.length;
      const whole = includes(all, index);
      fc.pre(whole.path.length > 0);
      const given = { ...whole, path: flipBit(whole.path, bit) };
      expect(proof.verifyInclusion(given, leavesOf(all)[index]!, headOf(all))).toMatchObject({
        reason: 'root_mismatch',
      });
    },
  );

  test.prop([entries, fc.nat(), fc.nat()])('refutes a path of another length', (all, i, at) => {
    const index = i % all.length;
    const { leafIndex, path } = includes(all, index);
    const leaf = leavesOf(all)[index]!;
    const shorter = path.filter((_, k) => k !== at % Math.max(path.length, 1));
    const longer = [
      ...path.slice(0, at % (path.length + 1)),
      leaf,
      ...path.slice(at % (path.length + 1)),
    ];
    for (const wrong of [longer, ...(path.length > 0 ? [shorter] : [])]) {
      expect(proof.verifyInclusion({ leafIndex, path: wrong }, leaf, headOf(all)).ok).toBe(false);
    }
  });

  test.prop([
    fc
      .integer({ min: 1, max: 40 })
      .chain((n) => fc.array(fc.uint8Array({ maxLength: 4 }), { minLength: n, maxLength: n })),
  ])('extends all that it was, between all pairs of sizes', (all) => {
    const heads = [headOf([]), ...all.map((_, i) => headOf(all.slice(0, i + 1)))];
    for (const older of heads) {
      for (const newer of heads.slice(older.size)) {
        const path = pathOf(all, proof.planConsistency(older.size, newer.size));
        expect(proof.verifyConsistency({ path }, older, newer)).toEqual(holds);
      }
    }
  });

  test.prop([entries, fc.nat(), fc.nat()])('refutes any flipped bit of growth', (all, n, bit) => {
    const older = headOf(all.slice(0, n % all.length));
    const newer = headOf(all);
    const path = pathOf(all, proof.planConsistency(older.size, newer.size));
    fc.pre(path.length > 0);
    const given = { path: flipBit(path, bit) };
    expect(proof.verifyConsistency(given, older, newer).ok).toBe(false);
  });

  test.prop([entries, fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 8 })])(
    'does not extend one with another leaf',
    (all, n, i, other) => {
      const older = all.slice(0, 1 + (n % all.length));
      const at = i % older.length;
      fc.pre(Buffer.compare(older[at]!, other) !== 0);
      const forked = headOf(older.map((entry, k) => (k === at ? other : entry)));
      const newer = headOf(all);
      const path = pathOf(all, proof.planConsistency(forked.size, newer.size));
      expect(proof.verifyConsistency({ path }, forked, newer).ok).toBe(false);
    },
  );

  test.prop([entries, fc.nat(), fc.nat()])('has each subtree as a part', (all, a, b) => {
    const [start, end] = [a % (all.length + 1), b % (all.length + 1)].map(tree.parseTreeSize);
    const range = { start: start!, end: end! };
    fc.pre(proof.isSubtree(range));
    const path = pathOf(all, proof.planSubtree(range, tree.parseTreeSize(all.length)));
    const root = merkleTreeHash(all.slice(start, end));
    expect(proof.verifySubtree({ ...range, path }, root, headOf(all))).toEqual(holds);
  });
});

describe('the arithmetic of a plan, at any size', () => {
  test.prop([sizes, fc.maxSafeNat()])(
    'a path is as long as the tree is high, at most',
    (size, i) => {
      fc.pre(size > 0);
      const plan = proof.planInclusion(tree.parseLeafIndex(i % size), size);
      expect(plan.steps.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
    },
  );

  test.prop([sizes, sizes])('its nodes are complete in the newer tree', (a, b) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)].map(tree.parseTreeSize);
    for (const { level, index } of proof.planNodes(proof.planConsistency(from!, to!))) {
      expect(Number.isSafeInteger(index)).toBe(true);
      expect(BigInt(index + 1) * 2n ** BigInt(level)).toBeLessThanOrEqual(BigInt(to!));
    }
  });

  test.prop([sizes, fc.maxSafeNat()])(
    'the path and the leaf cover the tree, each leaf once',
    (size, i) => {
      fc.pre(size > 0);
      const index = tree.parseLeafIndex(i % size);
      const nodes = [{ level: 0, index }, ...proof.planNodes(proof.planInclusion(index, size))];
      const covered = nodes
        .map(
          (node) =>
            [
              BigInt(node.index) << BigInt(node.level),
              BigInt(node.index + 1) << BigInt(node.level),
            ] as const,
        )
        .sort(([a], [b]) => (a < b ? -1 : 1));
      expect(covered[0]![0]).toBe(0n);
      expect(covered.at(-1)![1]).toBe(BigInt(size));
      for (const [k, [start]] of covered.entries()) {
        if (k > 0) expect(start).toBe(covered[k - 1]![1]);
      }
    },
  );
});
