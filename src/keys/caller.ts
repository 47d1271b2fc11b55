import { SteleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json/strict-json.ts';

/** How a caller is known: what stands in the record's `source.auth`. No secret is in it. */
export interface CallerAuth {
  readonly method: 'jwt' | 'api_key' | 'anonymous';
  /** JWT: `iss`. API key: null, for this gateway itself knows it. */
  readonly issuer: string | null;
  readonly subject: string | null;
  /** JWT: `kid`. API key: the key's id. */
  readonly key_id: string | null;
  /** base64url SHA-256 of the token as it was sent: links an entry to a token without holding it. */
  readonly token_sha256: string | null;
}

/** Who calls, as OpenID AuthZEN's `subject` and as the record keeps it. */
export interface Caller {
  readonly subject: {
    readonly type: string;
    readonly id: string;
    /** `issuer` (null: this gateway), `roles` and whatever else the issuer vouches for. */
    readonly properties: JsonObject;
  };
  readonly auth: CallerAuth;
}

/** A verified caller and until when (epoch milliseconds) that may be believed without looking again. */
export interface VerifiedCaller {
  readonly caller: Caller;
  readonly until: number;
}

/** Credentials that do not hold. The gateway answers 401, and counts it: it is not a decision. */
export class CallerError extends SteleError {
  constructor(code: CallerErrorCode, message: string, cause?: unknown) {
    super(code, message, { disposition: 'fix-input', cause });
  }
}

/** Why a caller is not known. */
export type CallerErrorCode =
  | 'credentials_missing'
  | 'credentials_malformed'
  | 'token_invalid'
  | 'token_expired'
  | 'api_key_unknown';

/** The one without credentials, where the settings let it in. */
export const ANONYMOUS: Caller = Object.freeze({
  subject: Object.freeze({ type: 'anonymous', id: 'anonymous', properties: Object.freeze({}) }),
  auth: Object.freeze({
    method: 'anonymous',
    issuer: null,
    subject: null,
    key_id: null,
    token_sha256: null,
  }),
});
