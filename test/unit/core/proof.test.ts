import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseBase64, toBase64, toHex } from '../../../src/core/platform/bytes.ts';
import { MalformedError } from '../../../src/core/errors.ts';
import {
  EMPTY_ROOT,
  hashLeaf,
  parseLeafHash,
  parseSha256Hash,
} from '../../../src/core/tree/hash.ts';
import type { Sha256Hash } from '../../../src/core/tree/hash.ts';
import * as proof from '../../../src/core/tree/proof.ts';
import type { Verification } from '../../../src/core/tree/proof.ts';
import { parseLeafIndex, parseTreeSize } from '../../../src/core/tree/tree.ts';
import type { NodeAddress, TreeHead } from '../../../src/core/tree/tree.ts';
import { headOf, leavesOf, merkleTreeHash, nodeOf, someEntries } from '../../support/trees.ts';
import { listVectors, readVector } from '../../support/vectors.ts';

const digest = (base64: string): Sha256Hash => parseSha256Hash(parseBase64(base64));
const holds: Verification = { ok: true };
const head = (size: number, root: Sha256Hash): TreeHead => ({ size: parseTreeSize(size), root });
const range = (start: number, end: number): proof.LeafRange => ({
  start: parseTreeSize(start),
  end: parseTreeSize(end),
});

/** A file of `rfc6962-merkle`; which members it has depends on its folder. */
interface MerkleCase {
  desc: string;
  proof: string[] | null;
  wantErr: boolean;
  leafIdx: number;
  treeSize: number;
  start: number;
  end: number;
  size: number;
  size1: number;
  size2: number;
  leafHash: string;
  root: string;
  root1: string;
  root2: string;
}

type Digest = (base64: string) => Sha256Hash;
const kinds: Record<string, (given: MerkleCase, hash: Digest) => Verification> = {
  inclusion: (given, hash) =>
    proof.verifyInclusion(
      { leafIndex: parseLeafIndex(given.leafIdx), path: pathOf(given, hash) },
      parseLeafHash(hash(given.leafHash)),
      head(given.treeSize, hash(given.root)),
    ),
  consistency: (given, hash) =>
    proof.verifyConsistency(
      { path: pathOf(given, hash) },
      head(given.size1, hash(given.root1)),
      head(given.size2, hash(given.root2)),
    ),
  // A leaf in a subtree is a leaf in the tree of the subtree's own leaves, provided that the range is a subtree.
  subtreeinclusion: (given, hash) => {
    if (!proof.isSubtree(range(given.start, given.end)))
      return { ok: false, reason: 'not_a_subtree' };
    return proof.verifyInclusion(
      { leafIndex: parseLeafIndex(given.leafIdx - given.start), path: pathOf(given, hash) },
      parseLeafHash(hash(given.leafHash)),
      head(given.end - given.start, hash(given.root)),
    );
  },
  subtreeconsistency: (given, hash) =>
    proof.verifySubtree(
      { ...range(given.start, given.end), path: pathOf(given, hash) },
      hash(given.root1),
      head(given.size, hash(given.root2)),
    ),
};

function pathOf({ proof: path }: MerkleCase, hash: Digest): Sha256Hash[] {
  return (path ?? []).map(hash);
}

function accepts(path: string, hash: Digest): boolean {
  try {
    return kinds[path.split('/')[1]!]!(readVector(path) as MerkleCase, hash).ok;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

describe('the 518 cases of transparency-dev/merkle', () => {
  // Where we differ, and mean to. Some cases have 12 bytes of text for a root that "does not matter": no digest here.
  // `standIn` is our verdict once such text is hashed to 32 bytes, which shows what the arithmetic says.
  const empty = 'subtreeconsistency/additional/subtree-is-empty-sizes-are-equal';
  // prettier-ignore
  const policy = [
    { path: 'consistency/additional/sizes-are-equal-one-and-proof-is-empty', theirs: true, ours: false, standIn: true, why: 'a root has 32 bytes' },
    { path: 'subtreeconsistency/additional/sizes-are-equal-one-and-proof-is-empty', theirs: true, ours: false, standIn: true, why: 'a root has 32 bytes' },
    { path: `${empty}-one-subtree-root-valid-tree-root-random-proof-is-empty`, theirs: true, ours: false, standIn: true, why: 'a root has 32 bytes' },
    { path: `${empty}-zero-subtree-root-valid-tree-root-random-proof-is-empty`, theirs: true, ours: false, standIn: false, why: 'the root of an empty tree is the hash of nothing' },
    { path: 'consistency/additional/size1-is-zero-and-size2-is-not-zero', theirs: false, ours: false, standIn: true, why: 'every tree extends the empty one (C2SP tlog-witness)' },
  ];
  const policyOf = new Map(policy.map((row) => [`rfc6962-merkle/${row.path}.json`, row]));
  const paths = Object.keys(kinds).flatMap((kind) => listVectors(`rfc6962-merkle/${kind}`));
  const standIn: Digest = (base64) => {
    const bytes = parseBase64(base64);
    const isText = bytes.length > 0 && bytes.length !== 32;
    return parseSha256Hash(isText ? createHash('sha256').update(bytes).digest() : bytes);
  };

  test('are all here', () => {
    expect(paths.length).toBe(518);
    expect([...policyOf.keys()].filter((path) => !paths.includes(path))).toEqual([]);
  });

  test.each(paths.filter((path) => !policyOf.has(path)))('%s', (path) => {
    const { wantErr } = readVector(path) as MerkleCase;
    expect([accepts(path, digest), accepts(path, standIn)]).toEqual([!wantErr, !wantErr]);
  });

  test.each(policy)('$path: $ours, for $why', ({ path, theirs, ...want }) => {
    const file = `rfc6962-merkle/${path}.json`;
    expect((readVector(file) as MerkleCase).wantErr).toBe(!theirs);
    expect([accepts(file, digest), accepts(file, standIn)]).toEqual([want.ours, want.standIn]);
  });
});

/** The path of a plan over entries, from the oracle's nodes. */
const pathFrom = (entries: readonly Uint8Array[], plan: proof.ProofPlan): Sha256Hash[] =>
  proof.completeProof(
    plan,
    proof.planNodes(plan).map((node) => nodeOf(entries, node)),
  );

describe('the proofs over the test log', () => {
  const vectors = readVector('derived/proofs.json') as {
    leaf_hash_b64: string[];
    root_b64: string[];
    inclusion: { index: number; size: number; proof: string[] }[];
    consistency: { old: number; size: number; proof: string[] }[];
  };
  const { leaves_utf8 } = readVector('tessera-testlog/testlog.json') as { leaves_utf8: string[] };
  const entries = leaves_utf8.map((text) => new Uint8Array(Buffer.from(text)));
  const headAt = (size: number): TreeHead => head(size, digest(vectors.root_b64[size]!));

  test.each(vectors.inclusion)('of leaf $index in $size are made and verified', (given) => {
    const leafIndex = parseLeafIndex(given.index);
    const plan = proof.planInclusion(leafIndex, parseTreeSize(given.size));
    const path = pathFrom(entries, plan);
    expect(path.map(toBase64)).toEqual(given.proof);
    const leaf = parseLeafHash(digest(vectors.leaf_hash_b64[given.index]!));
    expect(proof.verifyInclusion({ leafIndex, path }, leaf, headAt(given.size))).toEqual(holds);
  });

  test.each(vectors.consistency)('of size $old with $size are made and verified', (given) => {
    const plan = proof.planConsistency(parseTreeSize(given.old), parseTreeSize(given.size));
    const path = pathFrom(entries, plan);
    expect(path.map(toBase64)).toEqual(given.proof);
    const verdict = proof.verifyConsistency({ path }, headAt(given.old), headAt(given.size));
    expect(verdict).toEqual(holds);
  });
});

describe('a certificate log of 961,984,011 leaves', () => {
  const folder = 'rfc6962-real-log';
  const expected = readVector(`${folder}/expected.json`) as {
    old_size: number;
    old_root_b64: string;
    new_size: number;
    new_root_b64: string;
    inclusion_leaf_hash_b64: string;
  };
  const sth = readVector(`${folder}/get-sth.json`) as { sha256_root_hash: string };
  const newer = head(expected.new_size, digest(sth.sha256_root_hash));
  const older = head(expected.old_size, digest(expected.old_root_b64));

  test('includes the entry that it served', () => {
    const answer = readVector(`${folder}/get-proof-by-hash-961984011.json`) as {
      leaf_index: number;
      audit_path: string[];
    };
    const served = readVector(`${folder}/get-entries-10000.json`) as {
      entries: { leaf_input: string }[];
    };
    const leaf = hashLeaf(parseBase64(served.entries[0]!.leaf_input));
    expect(toBase64(leaf)).toBe(expected.inclusion_leaf_hash_b64);
    const leafIndex = parseLeafIndex(answer.leaf_index);
    const path = answer.audit_path.map(digest);
    expect(proof.verifyInclusion({ leafIndex, path }, leaf, newer)).toEqual(holds);
    expect(proof.planInclusion(leafIndex, newer.size).steps.length).toBe(path.length);
  });

  test('extends what it was at 3,654,490', () => {
    const file = `${folder}/get-sth-consistency-3654490-961984011.json`;
    const path = (readVector(file) as { consistency: string[] }).consistency.map(digest);
    expect(proof.verifyConsistency({ path }, older, newer)).toEqual(holds);
    expect(proof.planConsistency(older.size, newer.size).steps.length).toBe(path.length);
    const turned = proof.verifyConsistency({ path }, newer, older);
    expect(turned).toEqual({ ok: false, reason: 'beyond_tree' });
  });
});

describe('the accumulated digests of torchwood over 130 leaves', () => {
  const vectors = readVector('torchwood-subtree/accumulated.json') as {
    digests: Record<string, { sha256: string }>;
    valid_subtree_cases: [number, number, boolean][];
  };
  const entries = Array.from({ length: 130 }, (_, i) => Uint8Array.of(i));
  const memo = new Map<string, Sha256Hash>();
  const rootOf = (start: number, end: number): Sha256Hash => {
    const key = `${start},${end}`;
    const root = memo.get(key) ?? merkleTreeHash(entries.slice(start, end));
    memo.set(key, root);
    return root;
  };
  const nodeHash = ({ level, index }: NodeAddress): Sha256Hash =>
    rootOf(index * 2 ** level, (index + 1) * 2 ** level);
  const pathOfPlan = (plan: proof.ProofPlan): Sha256Hash[] =>
    proof.completeProof(plan, proof.planNodes(plan).map(nodeHash));
  const subtreesUpTo = (size: number): [number, number][] => {
    const ranges: [number, number][] = [];
    for (let end = 0; end <= size; end += 1) {
      for (let start = 0; start <= end; start += 1) {
        if (proof.isSubtree(range(start, end))) ranges.push([start, end]);
      }
    }
    return ranges;
  };
  const digestOf = (lines: readonly string[]): string =>
    createHash('sha256').update(lines.join('')).digest('hex');
  const words = (path: readonly Sha256Hash[]): string =>
    path.map((hash) => ` ${toHex(hash)}`).join('');

  test.each(vectors.valid_subtree_cases)('[%d, %d) is a subtree: %s', (start, end, want) => {
    expect(proof.isSubtree(range(start, end))).toBe(want);
  });

  test('of subtree hashes', () => {
    const lines = subtreesUpTo(130).map(([start, end]) => {
      return `[${start}, ${end})${words([rootOf(start, end)])}\n`;
    });
    expect(digestOf(lines)).toBe(vectors.digests['subtree_hash']!.sha256);
  });

  test('of subtree proofs, each of which verifies', () => {
    const lines: string[] = [];
    const refuted: proof.SubtreeProof[] = [];
    for (let size = 0; size <= 130; size += 1) {
      const whole = head(size, rootOf(0, size));
      for (const [start, end] of subtreesUpTo(size)) {
        const path = pathOfPlan(proof.planSubtree(range(start, end), whole.size));
        lines.push(`[${start}, ${end}) ${size}${words(path)}\n`);
        const given = { ...range(start, end), path };
        if (!proof.verifySubtree(given, rootOf(start, end), whole).ok) refuted.push(given);
      }
    }
    expect(digestOf(lines)).toBe(vectors.digests['subtree_proof']!.sha256);
    expect(refuted).toEqual([]);
  });

  test('of proofs that a record is in a subtree', () => {
    const lines = subtreesUpTo(130).flatMap(([start, end]) =>
      Array.from({ length: end - start }, (_, i) => {
        const plan = proof.planInclusion(parseLeafIndex(i), parseTreeSize(end - start));
        const nodes = proof
          .planNodes(plan)
          .map(({ level, index }) =>
            rootOf(start + index * 2 ** level, start + (index + 1) * 2 ** level),
          );
        return `${start + i} [${start}, ${end})${words(proof.completeProof(plan, nodes))}\n`;
      }),
    );
    expect(digestOf(lines)).toBe(vectors.digests['record_in_subtree_proof']!.sha256);
  });
});

describe('a refutation says why', () => {
  const entries = someEntries(7);
  const whole = headOf(entries);
  const older = headOf(entries.slice(0, 3));
  const leafIndex = parseLeafIndex(2);
  const leaf = leavesOf(entries)[2]!;
  const path = pathFrom(entries, proof.planInclusion(leafIndex, whole.size));
  const growth = pathFrom(entries, proof.planConsistency(older.size, whole.size));
  const includes = (given: Partial<proof.InclusionProof>): Verification =>
    proof.verifyInclusion({ leafIndex, path, ...given }, leaf, whole);
  const extend = (given: readonly Sha256Hash[]): Verification =>
    proof.verifyConsistency({ path: given }, older, whole);
  const nothing = head(0, EMPTY_ROOT);

  // prettier-ignore
  test.each([
    { about: 'a leaf past the end', verdict: includes({ leafIndex: parseLeafIndex(7) }), reason: 'beyond_tree' },
    { about: 'a path with one more', verdict: includes({ path: [...path, leaf] }), reason: 'path_too_long' },
    { about: 'a path with one fewer', verdict: includes({ path: path.slice(1) }), reason: 'path_too_short' },
    { about: 'another position', verdict: includes({ leafIndex: parseLeafIndex(3) }), reason: 'root_mismatch' },
    { about: 'growth by no path', verdict: extend([]), reason: 'path_too_short' },
    { about: 'growth with one fewer', verdict: extend(growth.slice(0, -1)), reason: 'path_too_short' },
    { about: 'growth with one more', verdict: extend([...growth, leaf]), reason: 'path_too_long' },
    { about: 'a shrunken log', verdict: proof.verifyConsistency({ path: growth }, whole, older), reason: 'beyond_tree' },
    { about: 'another past', verdict: proof.verifyConsistency({ path: growth }, { ...older, root: leaf }, whole), reason: 'subtree_mismatch' },
    { about: 'another present', verdict: proof.verifyConsistency({ path: growth }, older, { ...whole, root: leaf }), reason: 'root_mismatch' },
    { about: 'a path from nothing', verdict: proof.verifyConsistency({ path: [leaf] }, nothing, whole), reason: 'path_too_long' },
    { about: 'an old root of nothing that is none', verdict: proof.verifyConsistency({ path: [] }, head(0, leaf), whole), reason: 'subtree_mismatch' },
    { about: 'a new root of nothing that is none', verdict: proof.verifyConsistency({ path: [] }, nothing, head(0, leaf)), reason: 'root_mismatch' },
    { about: 'no subtree', verdict: proof.verifySubtree({ ...range(1, 3), path: [] }, leaf, whole), reason: 'not_a_subtree' },
  ])('$about: $reason', ({ verdict, reason }) => {
    expect(verdict).toMatchObject({ ok: false, reason });
  });

  test('and shows the root that a mismatched path leads to', () => {
    const { root } = whole;
    const verdict = proof.verifyInclusion({ leafIndex, path }, leaf, { ...whole, root: leaf });
    expect(verdict).toEqual({ ok: false, reason: 'root_mismatch', computedRoot: root });
  });
});

describe('a plan', () => {
  // prettier-ignore
  test.each([
    { about: 'a leaf past the end', code: 'beyond_tree', act: () => proof.planInclusion(parseLeafIndex(7), parseTreeSize(7)) },
    { about: 'a shrunken log', code: 'beyond_tree', act: () => proof.planConsistency(parseTreeSize(8), parseTreeSize(7)) },
    { about: 'no subtree', code: 'not_a_subtree', act: () => proof.planSubtree(range(1, 3), parseTreeSize(7)) },
  ])('is refused for $about: $code', ({ code, act }) => {
    expect(act).toThrow(expect.objectContaining({ name: 'MalformedError', code }));
  });

  test.each([
    [0, 7],
    [7, 7],
    [0, 0],
  ])('from %d to %d needs nothing', (from, to) => {
    const plan = proof.planConsistency(parseTreeSize(from), parseTreeSize(to));
    expect(proof.planNodes(plan)).toEqual([]);
    expect(proof.completeProof(plan, [])).toEqual([]);
  });

  test('names only complete subtrees, also past 32 bits', () => {
    const size = parseTreeSize(2 ** 52 + 2 ** 33 + 5);
    const plan = proof.planInclusion(parseLeafIndex(2 ** 52 + 2 ** 33), size);
    expect(plan.steps).toEqual([
      [{ level: 0, index: 2 ** 52 + 2 ** 33 + 1 }],
      [{ level: 1, index: 2 ** 51 + 2 ** 32 + 1 }],
      [{ level: 0, index: 2 ** 52 + 2 ** 33 + 4 }],
      [{ level: 33, index: 2 ** 19 }],
      [{ level: 52, index: 0 }],
    ]);
  });

  test('completed with other than its hashes is a bug, and says so', () => {
    const plan = proof.planConsistency(parseTreeSize(3), parseTreeSize(7));
    expect(() => proof.completeProof(plan, [])).toThrow('invariant broken');
  });
});
