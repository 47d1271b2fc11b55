/**
 * The header of a batch that does not exist yet: a pure plan that the committer signs, journals and writes. What it
 * makes is what `applyBatch` accepts on the same state.
 */
import { sectionHash } from './batch.ts';
import { controlOf, runsOf } from './batch-checks.ts';
import type { LeafFacts } from './batch-checks.ts';
import { voidsDigest } from './batch-header.ts';
import type { BatchHeader, Orphan, PayloadReference, VoidSlot } from './batch-header.ts';
import { toBase64Url } from '../platform/bytes.ts';
import { assert } from '../errors.ts';
import { hashLeaf } from '../tree/hash.ts';
import type { LeafHash } from '../tree/hash.ts';
import { isRetired } from './key-status.ts';
import type { LogState } from '../ledger/log-position.ts';
import type { Statement } from '../ledger/statement.ts';
import { edgeRoot, extendEdge } from '../tree/tree.ts';
import type { RightEdge } from '../tree/tree.ts';

export { leafFacts } from './batch-checks.ts';
export type { LeafFacts } from './batch-checks.ts';

/** A leaf to be sealed: its bytes, and what of it the header repeats. */
export interface DraftLeaf extends LeafFacts {
  readonly bytes: Uint8Array;
}

/** All that a batch is made from. */
export interface BatchDraft {
  /** Base64url of 16 random bytes: by it a writer knows its own batch again. */
  readonly id: string;
  readonly writer: { readonly id: string; readonly boot: string };
  /** Certificates of every key in the header, the leaves and the checkpoints. */
  readonly certs: readonly Statement[];
  readonly leaves: readonly DraftLeaf[];
  /** Slots after the last valid batch that hold something else, in order, all of them. */
  readonly voids?: readonly VoidSlot[];
  readonly payloads?: readonly PayloadReference[];
  readonly orphans?: readonly Orphan[];
  /** Signed notes of earlier sizes. */
  readonly checkpoints?: readonly string[];
  /** Epoch ms. */
  readonly time: number;
  readonly mode: BatchHeader['mode'];
  /** Epoch ms of a whole second. */
  readonly retainUntil: number | null;
  readonly final?: boolean;
}

/** A header ready to be signed, and the tree after it. */
export interface BatchPlan {
  readonly header: BatchHeader;
  readonly edge: RightEdge;
  readonly leafHashes: readonly LeafHash[];
}

/** Plans the batch that follows `state`. Costs two hashes a leaf. */
export function planBatch(state: LogState, draft: BatchDraft): BatchPlan {
  const { leaves, voids = [] } = draft;
  const first = state.number + 1;
  assert(
    voids.every((slot, i) => slot.number === first + i),
    'voids are the slots after the last valid batch, in order',
  );
  const bytes = leaves.map((leaf) => leaf.bytes);
  const leafHashes = bytes.map(hashLeaf);
  const edge = extendEdge(state.edge, leafHashes);
  const header: BatchHeader = {
    v: 1,
    crit: [],
    origin: state.genesis.origin,
    gen: state.genesis.gen,
    number: first + voids.length,
    id: draft.id,
    writer: { id: draft.writer.id, boot: draft.writer.boot },
    certs: draft.certs.map((statement) => [...statement]),
    previous: {
      number: state.number,
      sha256: toBase64Url(state.sha256),
      versionId: state.versionId ?? '',
    },
    voids: voids.length === 0 ? null : { first, count: voids.length, digest: voidsDigest(voids) },
    first: state.size,
    count: leaves.length,
    size: edge.size,
    root: toBase64Url(edgeRoot(edge)),
    edge: edge.hashes.map(toBase64Url),
    runs: runsOf(leaves),
    control: controlOf(leaves),
    sections:
      leaves.length === 0
        ? []
        : [{ kind: 'inline', count: leaves.length, sha256: sectionHash(bytes) }],
    payloads: [...(draft.payloads ?? [])],
    orphans: [...(draft.orphans ?? [])],
    late: leaves.flatMap((leaf, offset) => (isRetired(state, leaf.kid) ? [offset] : [])),
    checkpoints: [...(draft.checkpoints ?? [])],
    time: draft.time,
    mode: draft.mode,
    retainUntil: draft.retainUntil,
    final: draft.final ?? false,
  };
  return { header, edge, leafHashes };
}
