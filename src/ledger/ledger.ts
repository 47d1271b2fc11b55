import type { Activation } from '../core/ledger/log-position.ts';
import type { ApprovalContext } from '../core/ledger/approval.ts';
import type { Genesis } from '../core/ledger/genesis.ts';
import type { Sha256Hash } from '../core/tree/hash.ts';
import type { Statement } from '../core/ledger/statement.ts';
import type { LeafStretch } from './tree/batch-reader.ts';
import type { Reading, Turn } from './tree/stretch-reader.ts';
import type { LogKeys } from './log/keys.ts';
import type { Reservation } from './write/idempotency.ts';
import type {
  EntryDraft,
  FoundEntry,
  LedgerStatus,
  PolicyStatus,
  ProofAt,
  Receipt,
  SignedHead,
} from './context/receipt.ts';

/**
 * One ledger as one writer sees it: append, prove, read. Several processes may have the same ledger open, each with a
 * folder of its own; the store orders their batches.
 *
 * Errors of every write: `starting` until the boot entry of this process is sealed, `store_unreachable` where the store
 * has failed before that, `clock_skew` while this machine's clock and the store's are more than a minute apart,
 * `backlog_full` when the journal carries all it may, `closing`; all with disposition `retry` and durability
 * `not-durable`. `ledger_halted` (`halt`) once something is wrong that waiting does not cure: a failed fsync, a corrupt
 * journal, a forked store.
 */
export interface Ledger {
  readonly genesis: Genesis;
  /** This writer: `id` is born with its folder, `boot` with this process. */
  readonly writer: { readonly id: string; readonly boot: string };

  /** Resolves when `append` takes entries: everything left by earlier boots is sealed, and so is the boot entry. */
  ready(): Promise<void>;

  /**
   * Takes entries, in order, all or none. Resolves when all of them are written and synced in the journal.
   *
   * @param drafts - Not to be changed until then.
   * @throws `decision_stale` (`retry`) when an `at` trails the highest of this boot by more than genesis'
   *   `maxDecisionMs`; `policy_superseded` (`retry`) when one is not {@link isCurrent}; `entry_too_large` (`fix-input`);
   *   and the errors above. None of the entries is then in the log.
   *   With durability `unknown` (a failed sync) they may or may not be.
   */
  append(drafts: readonly EntryDraft[]): Promise<readonly Receipt[]>;

  /**
   * Appends an entry of the system itself, without policy and record: a summary, a finding, a configuration.
   * @param ctl - Its facts, of the closed schema of `kind`.
   */
  appendSystem(kind: string, ctl: Readonly<Record<string, unknown>>): Promise<Receipt>;

  /**
   * Appends what the root keys say about a key: that it is retired or revoked. Holds from the next batch on.
   * @throws SteleError `statement_refused`, `key_settled`, `key_in_use`, and those of every write.
   */
  appendKeyStatement(statement: Statement): Promise<Receipt>;

  /**
   * Whether a draft may still be appended: the policy that decided it is the one adopted here, and may decide. If not,
   * it is to be decided again.
   */
  isCurrent(draft: Pick<EntryDraft, 'policy' | 'at'>): boolean;

  /** The policy in charge, and the one that decides here. */
  policy(): PolicyStatus;

  /** Every policy that was ever in charge as far as the log is learnt, in the order of their last activation. */
  policies(): readonly Activation[];

  /** Resolves when the activation at a leaf index is adopted here, or another one after it. */
  adopted(index: number): Promise<void>;

  /** What the approvals of an activation are held against where the log ends now. */
  approvalContext(): ApprovalContext;

  /** Keeps a policy's bundle in the store, under lock. @throws `policy_archive_altered`, and the store's errors. */
  archivePolicy(id: string, archive: Uint8Array): Promise<void>;

  /** The archived bundle of a policy that was ever in charge; null where there is none. */
  archivedPolicy(id: string): Promise<Uint8Array | null>;

  /**
   * SHA-256, base64url, of the bundle that the archive has of a policy, in charge or not; null where it has none.
   * @throws `policy_archive_altered` where the log says otherwise, and the store's errors.
   */
  archivedDigest(id: string): Promise<string | null>;

  /**
   * Asks whether a write with this identity is known, before it is decided, and reserves it if not.
   * The window is bounded: what it forgot is found in the log by `verify`, and marked there.
   * @param owner - Whose part of the window it takes.
   */
  reserve(idk: string, idb: string, owner: string): Reservation;

  /**
   * Certificates of the keys that have signed in this log, as far as it is learnt, and of this writer's own: what a
   * verifier needs beside genesis.
   */
  certificates(): readonly Statement[];

  /** Public keys of all writers that the log has named, and of this one; none that is revoked. */
  keys(): LogKeys;

  /** The newest signed head; null before the first. */
  head(): SignedHead | null;

  /**
   * Finds an entry by id or leaf index, sealed or still in the journal. Sealed bytes are proven against the tree.
   * @param turn - Asked before its record is opened.
   */
  entry(idOrIndex: string | number, turn?: Turn): Promise<FoundEntry | null>;

  /**
   * Sealed entries from leaf `first` on, at most `count`, each proven as with {@link entry}; null where a leaf is lost or
   * changed. There is no index: what is wanted of many is found by reading them (docs/decisions/0003).
   */
  stretch(first: number, count: number, reading?: Reading): Promise<readonly (FoundEntry | null)[]>;

  /** Leaf indices, in order, outside of which no sealed entry was admitted in [`from`, `to`] (epoch ms). */
  admitted(from: number, to: number): Promise<readonly LeafStretch[]>;

  /** A proof that leaf `index` is in the tree of the newest signed head, or in the one of `size`. Verified. */
  inclusion(index: number, size?: number): Promise<ProofAt>;

  /** A proof that the tree of size `to` extends that of `from`. Verified. */
  consistency(from: number, to: number): Promise<readonly Sha256Hash[]>;

  /** A file of the static view by its C2SP path (`checkpoint`, `tile/…`): newest from memory, else from the store. */
  readView(path: string): Promise<Uint8Array | null>;

  /** Looks for batches of other writers now: reads after it see every entry that was sealed before it. */
  refresh(): Promise<void>;

  /** Somebody waits: what is pending is sealed without waiting for more. Asking a receipt for its seal says so too. */
  hurry(): void;

  status(): LedgerStatus;

  /**
   * Stops taking entries, seals what is pending and a `close` entry, publishes the static view. What the store did not
   * take in time stays in the journal for the next start. May be called twice.
   */
  close(): Promise<void>;
}
