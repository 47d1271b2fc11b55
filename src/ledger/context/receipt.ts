import type { Activation } from '../../core/log/state.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import type { TreeHead } from '../../core/tree/tree.ts';

/** `ret` of an entry: its retention class, how the record is locked, until when (epoch ms; null: not yet known). */
export interface EntryRetention {
  readonly class: string;
  readonly mode: 'compliance' | 'governance' | 'none';
  readonly until: number | null;
}

/**
 * An entry that lacks only its place in the writer's chain and its signature. What a policy worker decides is one:
 * the ledger adds `wtr`, signs and journals.
 */
export interface EntryDraft {
  /** UUIDv7 of time `at`. */
  readonly jti: string;
  /** Admission, epoch ms. */
  readonly at: number;
  /** Sealed by then (epoch ms), or the promise is broken and shows. */
  readonly sby: number;
  readonly ret: EntryRetention;
  /** The finished payload but for `wtr`: what core's `entryPrefix` makes. Must be a valid payload: it is not parsed. */
  readonly prefix: string;
  /** One NDJSON line with its newline, or null for an entry without record. */
  readonly record: string | null;
  readonly idk?: string;
  readonly idb?: string;
  /** Identity of the policy that decided it, where that is to be held against the one adopted here. */
  readonly policy?: string | null;
}

/** Which policy is in charge of a ledger, and which decides here. */
export interface PolicyStatus {
  /** In charge as far as the log is learnt; null before the first activation of a ledger without one. */
  readonly active: Activation | null;
  /** What this process decides with; null for none, or where it is not told. */
  readonly deciding: string | null;
  /** Whether that may decide now: it is the one in charge, or within its grace. */
  readonly decides: boolean;
  /** Why it is not the one in charge: a code; null where it is, or is about to be. */
  readonly fault: string | null;
  /**
   * The policy before the one in charge that decides the next change of policy here, since that one cannot be run; null
   * where it can, and where a writer has adopted it.
   */
  readonly fallback: string | null;
}

/** Where an entry stands in the log. */
export interface SealedAt {
  /** Number of the batch. */
  readonly number: number;
  /** Leaf index. */
  readonly index: number;
}

/** A signed head that covers an entry. */
export interface PublishedAt extends SealedAt {
  /** Tree size of the checkpoint, above `index`. */
  readonly size: number;
  /** The checkpoint: a C2SP signed note. */
  readonly note: string;
}

/**
 * The answer to an append, given when the entry is durable: written and synced in this writer's journal.
 * The promises resolve in this order; they reject only when the process stops first, with durability `durable`.
 * Ignoring them is fine.
 */
export interface Receipt {
  readonly jti: string;
  /** Compact JWS of the entry: its leaf bytes and a signed promise to seal it by `sby`. */
  readonly jws: string;
  /** Resolves when the entry is in a committed batch. */
  readonly sealed: Promise<SealedAt>;
  /** Resolves when a checkpoint that covers it is signed. */
  readonly published: Promise<PublishedAt>;
}

/** An entry as the ledger holds it now. */
export interface FoundEntry {
  readonly jti: string;
  /** Null until it is sealed. */
  readonly index: number | null;
  readonly jws: string;
  /** The stored line without newline; null where the entry has none, or it is gone. */
  readonly record: string | null;
  readonly state: 'durable' | 'sealed';
}

/** The newest signed head that this process knows. */
export interface SignedHead extends TreeHead {
  /** The checkpoint as a signed note. Empty where a proof was asked for a size whose note is not at hand. */
  readonly note: string;
}

/** A path in the tree with the signed head that it leads to. */
export interface ProofAt {
  readonly index: number;
  readonly path: readonly Sha256Hash[];
  readonly head: SignedHead;
}

/** What a gateway shows about its ledger: readiness, backlog, progress. Sizes in bytes, times in ms. */
export interface LedgerStatus {
  /** Whether `append` takes entries now. */
  readonly ready: boolean;
  /**
   * Why not: a code, such as `starting`, `store_unreachable`, `slot_unreadable`, `clock_skew`, `backlog_full`, `ledger_halted`,
   * `ledger_final`, `closing`.
   */
  readonly reason: string | null;
  readonly backlogEntries: number;
  readonly backlogBytes: number;
  /** Age of the oldest entry that is durable and not sealed; 0 when there is none. */
  readonly oldestUnsealedMs: number;
  readonly treeSize: number;
  readonly batchNumber: number;
  /** Tree size of the newest checkpoint in the published static view. */
  readonly publishedSize: number;
  /** Code of what the last turn with the store failed with; null while it answers. */
  readonly storeFault: string | null;
  /** Codes of findings met since the start, with their counts. */
  readonly findings: Readonly<Record<string, number>>;
}
