/** What must not compile. `tsc` is the runner: an error that stops being one fails the type check. */
import type { LeafHash, Sha256Hash } from '../../src/core/tree/hash.ts';
import { hashLeaf, hashNode } from '../../src/core/tree/hash.ts';
import { verifyInclusion } from '../../src/core/tree/proof.ts';
import type { InclusionProof, Verification } from '../../src/core/tree/proof.ts';
import { emptyEdge, extendEdge } from '../../src/core/tree/tree.ts';
import type { LeafIndex, RightEdge, TreeHead, TreeSize } from '../../src/core/tree/tree.ts';

declare const leaf: LeafHash;
declare const digest: Sha256Hash;
declare const head: TreeHead;
declare const proof: InclusionProof;
declare const edge: RightEdge;
declare const index: LeafIndex;
declare const verdict: Verification;

// @ts-expect-error Raw bytes are no digest until they were parsed.
hashNode(new Uint8Array(32), digest);

// A leaf hash is a digest, so it can be the child of a node.
hashNode(leaf, digest);

// @ts-expect-error The root of a subtree is no leaf: it would prove an entry that nobody wrote.
verifyInclusion(proof, digest, head);

// @ts-expect-error Nor does a tree grow by anything but leaves.
extendEdge(emptyEdge(), [digest]);

// @ts-expect-error A plain number counts nothing.
export const unparsed: TreeSize = 5;

// @ts-expect-error A position is not a size.
export const confused: TreeSize = index;

// @ts-expect-error An edge is grown, not edited.
edge.hashes.push(hashLeaf(new Uint8Array(0)));

// @ts-expect-error The reason is there only when the proof is refuted: look first.
export const reason: string = verdict.reason;
