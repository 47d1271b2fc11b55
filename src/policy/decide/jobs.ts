/** What is asked of the policy and what comes back: plain data, so that it crosses a thread as it is. */
import type { EntryRetention } from '../../core/entry/entry.ts';
import type { Select } from '../../core/record/redact.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { Ack, DenialCode, Obligation } from '../contract/decision.ts';

/**
 * What the gateway vouches for in a decision (OpenID AuthZEN 1.0, sections 5.1 to 5.4, plus `ledger`). Callers'
 * claims are never in here: they stand in `event`. Pass the same object for the same caller where it can be done:
 * it then crosses to the worker once for a whole message.
 */
export interface KnownFacts {
  readonly subject: {
    readonly type: string;
    readonly id: string;
    readonly properties: JsonObject;
  };
  readonly action: { readonly name: string; readonly properties?: JsonObject };
  readonly resource: {
    readonly type: string;
    readonly id: string;
    readonly properties: JsonObject;
  };
  readonly context: JsonObject;
  readonly ledger: JsonObject;
}

/** How the caller was authenticated; becomes `source.auth` of the record. */
export interface SourceAuth {
  readonly method: string;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly key_id: string | null;
  readonly token_sha256: string | null;
}

/** Where the bytes came from; becomes `source` of the record, with the digest of the bytes added. */
export interface SourceFacts {
  readonly media_type: string;
  readonly auth: SourceAuth;
  /** The producer's own signature over the event, if it gave one. */
  readonly producer: JsonObject | null;
}

/** The caller's name for a write, by which a repetition is known (design 3.1, Identity). */
export interface WriteIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly scheme: string;
  readonly key: string;
}

/** One event to be decided by `stele/append`. */
export interface AppendJob {
  /** Epoch milliseconds; the time of `jti` and `input.time.ms`. */
  readonly at: number;
  /** UUIDv7 of the entry to be. */
  readonly jti: string;
  /** The raw JSON text of one event, as it arrived. Not to be changed until the answer is there. */
  readonly event: Uint8Array | string;
  readonly known: KnownFacts;
  readonly source: SourceFacts;
  readonly identity: WriteIdentity | null;
}

/**
 * Whether a read is made an entry: as the policy says; always, for a page with an entry in it whose read is to be one; or
 * never, for one of many whose page is the entry (docs/decisions/0012).
 */
export type ReadEntry = 'as_decided' | 'always' | 'never';

/** One access to be decided by `stele/read`. */
export interface ReadJob {
  readonly at: number;
  readonly jti: string;
  readonly known: KnownFacts;
  readonly source: SourceFacts;
  /** Default: as the policy says. */
  readonly entry?: ReadEntry;
}

/** The facts of an entry to be, shared by appends and reads. */
export interface EntryFacts {
  readonly jti: string;
  readonly at: number;
  /** Sealed by then (epoch ms), or the promise is broken and shows. */
  readonly sby: number;
  readonly class: string;
  readonly ret: EntryRetention;
  /** Identity of the policy whose decision this is, where the pool says so: see `swap-pool.ts`. */
  readonly policy?: string | null;
}

/** The event was bad input: no decision was taken and nothing is recorded. */
export interface Refused {
  readonly outcome: 'refused';
  readonly code: string;
  readonly pointer?: string;
  readonly message: string;
}

/** A decision about one event, with all of its entry but the writer's counter and signature. */
export interface DecidedAppend extends EntryFacts {
  readonly outcome: 'decided';
  readonly allow: boolean;
  readonly kind: 'event' | 'denial';
  readonly reasons: readonly string[];
  /** Set where the policy gave no usable answer; then `allow` is false. */
  readonly err?: DenialCode;
  /** What the policy wants waited for. */
  readonly ack?: Ack;
  readonly idk?: string;
  readonly idb?: string;
  /** The finished payload but for `wtr`: core's `completePayload` takes it. */
  readonly prefix: string;
  /** The record's line, with its newline. */
  readonly record: string;
}

/** What became of an {@link AppendJob}. */
export type AppendOutcome = DecidedAppend | Refused;

/** A decision about one access. `prefix` and `recordLine` are null where it is left out of the log. */
export interface DecidedRead extends EntryFacts {
  readonly outcome: 'decided';
  readonly allow: boolean;
  readonly kind: 'access' | 'denial';
  readonly reasons: readonly string[];
  readonly err?: DenialCode;
  readonly select: Select;
  /** Whether the policy wants this access in the log. */
  readonly record: boolean;
  /** What is owed with the answer; what the reader had to bring is met by then. */
  readonly obligations: readonly Obligation['id'][];
  readonly prefix: string | null;
  readonly recordLine: string | null;
}

/** What became of a {@link ReadJob}. */
export type ReadOutcome = DecidedRead | Refused;
