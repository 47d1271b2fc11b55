import type { Genesis } from '../../core/ledger/genesis.ts';
import type { JwsSigner, PublicJwk } from '../../core/json/jws.ts';
import type { NoteSigner } from '../../core/tree/signed-note.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { JournalFiles } from './files.ts';

/** Where the ledger says what it does. `fields` hold no secret and no input. */
export interface LedgerLog {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Waits, so that a test can hold time in its hands. Resolves early, without error, when `signal` aborts. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** Who signed a bundle, as its activation says. */
export interface NamedSigner {
  /** Thumbprint of the key; null for nobody. */
  readonly signer: string | null;
  /** That key, as the root certified it. */
  readonly author: PublicJwk | null;
}

/** A policy that the log put in charge. */
export interface ChargedPolicy extends NamedSigner {
  readonly id: string;
  /** Leaf index of its activation; null for the policy of genesis. */
  readonly index: number | null;
  /** SHA-256 of its bundle by its activation, which `archive` has; null for the policy of genesis. */
  readonly digest: string | null;
  /** Its bundle as archived; null where the store has none. */
  readonly archive: Uint8Array | null;
}

/** Evaluates an entrypoint over RFC 8785 text, in a thread that can be ended. @throws SteleError where there is no answer. */
export type Evaluate = (entrypoint: string, input: string) => Promise<JsonValue>;

/** What decides in this process, as the ledger switches it. */
export interface PolicySwitch {
  /**
   * Makes a policy ready to decide. Resolves to the step that makes it decide from the next job on: synchronous, for the
   * ledger places the adoption in the same turn. The step may be called again, and then does nothing.
   *
   * @throws when the policy cannot decide; the one before goes on.
   */
  ready(policy: ChargedPolicy): Promise<() => void>;
  /**
   * Opens a policy that was in charge, so that what it decided can be executed again.
   * @throws when it cannot be run here.
   */
  open(policy: ChargedPolicy): Promise<Evaluate>;
}

/** A genesis, and how it is known. */
export interface KnownGenesis {
  readonly genesis: Genesis;
  /** The store has shown it just now; else it was away, and will be asked before anything is learnt from it. */
  readonly confirmed: boolean;
  /** The folder has it. */
  readonly pinned: boolean;
}

/** The objects with behaviour that an open ledger is made of. */
export interface LedgerComponents {
  readonly store: ObjectStore;
  /** Epoch ms. May jump: nothing safe depends on it. */
  readonly clock: () => number;
  /** Unpredictable bytes, that many. */
  readonly random: (bytes: number) => Uint8Array;
  /** Signs entries and batches; certified for the writer id of the folder. */
  readonly writerSigner: JwsSigner;
  readonly writerCert: Statement;
  /** Signs checkpoints. Only ever through the guard that keeps it from signing two histories. */
  readonly checkpointSigner: NoteSigner;
  readonly checkpointCert: Statement;
  readonly log: LedgerLog;
  /** Default: none; then the setting `policy` is taken at its word. */
  readonly policies?: PolicySwitch;
  /** Default: it is read here. */
  readonly known?: KnownGenesis;
  /**
   * What has to be done with the store before the log is learnt, done again until it succeeds. What it throws and waiting
   * does not cure halts the ledger. Default: nothing.
   */
  readonly prepare?: () => Promise<void>;
  /** Default: timers of Node. */
  readonly sleep?: Sleep;
  /** Default: the real file system. */
  readonly files?: JournalFiles;
}

/** Plain data that says how one gateway runs its ledger. */
export interface LedgerSettings {
  /** Name of the ledger: the first part of its object keys. */
  readonly ledger: string;
  /** This writer's own folder: its id, journal and signer guard. Losing it makes a new writer. */
  readonly folder: string;
  /** Milliseconds between two batches while nobody waits for a seal. Short: more store requests. */
  readonly sealIntervalMs: number;
  /** Least milliseconds between two batches while somebody waits for a seal. */
  readonly sealHurryMs: number;
  /** Milliseconds between two publications of the static view. */
  readonly publishMs: number;
  /** Milliseconds between two looks for batches of other writers while idle. */
  readonly followMs: number;
  /** Bytes of unsealed entries with their records, past which writes are refused with `backlog_full`. */
  readonly backlogBytes: number;
  /** Age of the oldest unsealed entry past which writes are refused with `backlog_full`. */
  readonly backlogMs: number;
  /** Milliseconds that `close` waits for the store before it leaves the rest to the journal. */
  readonly closeMs: number;
  /** Without a switch: identity of the policy that decides in this process; goes into its `boot` entries. */
  readonly policy: string | null;
}

/** What holds where a setting is not given. */
export const ledgerDefaults = {
  sealIntervalMs: 200,
  sealHurryMs: 15,
  publishMs: 10_000,
  followMs: 1000,
  backlogBytes: 268_435_456,
  backlogMs: 900_000,
  closeMs: 10_000,
  policy: null,
} as const satisfies Partial<LedgerSettings>;

/** The settings without a default, and any of the others. */
export type LedgerOptions = Pick<LedgerSettings, 'ledger' | 'folder'> & Partial<LedgerSettings>;
