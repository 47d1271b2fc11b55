import type { PreparedPolicy } from './prepare.ts';

/** A policy that passed every check of its staging. It may decide once it is activated, which is not said here. */
export interface StagedPolicy {
  readonly prepared: PreparedPolicy;
  /** SHA-256 of the bundle file, base64url: what approvals name. */
  readonly digest: string;
  /** What its author called it; null where he did not. */
  readonly revision: string | null;
  /** RFC 7638 thumbprint of the key that signed the bundle; null where none had to. */
  readonly signer: string | null;
  /** The bundle file, to be archived under lock. */
  readonly archive: Uint8Array;
}
