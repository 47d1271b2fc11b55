/** What a verification of one entry takes, and what it gives. */
import type { Entry } from '../entry/entry.ts';
import type { PublicJwk } from '../json/jws.ts';
import type { OpenedRecord } from '../record/open-disclosures.ts';
import type { Report } from './report.ts';
import type { Statement } from '../ledger/statement.ts';

/** What is to be verified. Whoever made it may have made all of it. */
export interface ProofEvidence {
  /** Compact JWS, or SD-JWT with its disclosures; text or bytes. */
  readonly entry: string | Uint8Array;
  /** Disclosures that are not in `entry` already. */
  readonly disclosures?: readonly string[];
  /** Text of a C2SP tlog-proof. */
  readonly proof: string;
  /** The genesis object. */
  readonly genesis?: Uint8Array;
  /** Of the entry's key and of the checkpoint's. */
  readonly certificates?: readonly Statement[];
  /** Keys that the gateway publishes for its entries; believed only for want of certificates. */
  readonly keys?: readonly PublicJwk[];
  /** Checkpoint keys that came with the rest; believed only for want of anchors. */
  readonly vkeys?: readonly string[];
  /** The stored record's line, to open the entry in full. */
  readonly record?: string;
}

/** What the verifier got elsewhere, and trusts. */
export interface ProofAnchors {
  /** Checkpoint keys of the log. */
  readonly vkeys?: readonly string[];
  /** Hash of genesis, base64url. */
  readonly gen?: string;
  /** Keys of witnesses, and how many must have cosigned. */
  readonly witnesses?: { readonly vkeys: readonly string[]; readonly threshold: number };
}

/** What the verifier asked for, so that a good proof of something else does not do. */
export interface ProofExpectation {
  readonly origin?: string;
  readonly jti?: string;
  readonly index?: number;
}

/** A report on one entry, with what was understood of it. */
export interface ProofReport extends Report {
  readonly entry: Entry | null;
  /** What was disclosed. */
  readonly opened: OpenedRecord | null;
  readonly index: number | null;
  readonly size: number | null;
}
