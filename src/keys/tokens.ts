import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { MalformedError, SteleError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../core/json/strict-json.ts';
import { CallerError } from './caller.ts';
import type { Caller, VerifiedCaller } from './caller.ts';

/** Algorithms that a JWKS of public keys can serve. A shared secret (`HS*`) and `none` are not among them and never are. */
export const TOKEN_ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256'] as const;

/** One of {@link TOKEN_ALGORITHMS}. */
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** Which tokens are believed. Places and names have no default: whoever writes them is trusted to name callers. */
export interface TokenSettings {
  /** `iss` that a token must have, exactly. */
  readonly issuer: string;
  /** `aud` that a token must have among its own, exactly. */
  readonly audience: string;
  /** Algorithms that are accepted; a token's header never widens it. @defaultValue {@link TOKEN_ALGORITHMS} */
  readonly algorithms: readonly TokenAlgorithm[];
  /**
   * Seconds by which the issuer's clock may differ from ours, 0 to 300. Less: fresh tokens of a fast issuer are refused.
   * More: expired tokens live longer.
   *
   * @defaultValue 30
   */
  readonly clockToleranceSeconds: number;
  /** AuthZEN type of subjects that a token names. @defaultValue 'user' */
  readonly subjectType: string;
  /** Claims that reach the policy as `subject.properties`, beside `issuer`; others are not looked at, nor recorded. */
  readonly claims: readonly string[];
}

/** Defaults of {@link TokenSettings} that have one. */
export const tokenDefaults = Object.freeze({
  algorithms: TOKEN_ALGORITHMS,
  clockToleranceSeconds: 30,
  subjectType: 'user',
  claims: Object.freeze(['roles', 'scope', 'tenant']),
});

/** Characters of a `sub`: what OpenID Connect allows is 255. */
const SUBJECT_CHARACTERS_MAX = 1_024;
/** Of the claims that reach the policy: within what it takes of a subject. */
const CLAIMS_LIMITS: JsonLimits = {
  bytes: 32_768,
  depth: 14,
  members: 2_048,
  stringLength: 16_384,
};

/** Checks JWTs against one issuer's keys. */
export interface TokenVerifier {
  /**
   * @param digest - base64url SHA-256 of `token`, for the record.
   * @throws {@link CallerError} `token_invalid`, `token_expired`; {@link SteleError} `caller_keys_unavailable`.
   */
  verify(token: string, digest: string): Promise<VerifiedCaller>;
}

/** A verifier over keys that `loadJwks` gave. `clock` gives epoch milliseconds. */
export function tokenVerifier(
  keys: JWTVerifyGetKey,
  settings: TokenSettings,
  clock: () => number,
): TokenVerifier {
  const { issuer, audience, clockToleranceSeconds } = settings;
  const fixed = {
    issuer,
    audience,
    algorithms: [...settings.algorithms],
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['exp', 'sub'],
  };
  return {
    verify: async (token, digest) => {
      try {
        const options = { ...fixed, currentDate: new Date(clock()) };
        const { payload, protectedHeader } = await jwtVerify(token, keys, options);
        const caller = callerOf(payload, protectedHeader.kid ?? null, digest, settings);
        return { caller, until: ((payload.exp ?? 0) + clockToleranceSeconds) * 1000 };
      } catch (error) {
        throw translate(error);
      }
    },
  };
}

function callerOf(
  payload: JWTPayload,
  kid: string | null,
  digest: string,
  settings: TokenSettings,
): Caller {
  // The library's type says string; what it checks is that the claim is there.
  const id: unknown = payload.sub;
  if (typeof id !== 'string' || id === '' || id.length > SUBJECT_CHARACTERS_MAX) {
    throw new CallerError('token_invalid', 'sub is not a name');
  }
  const properties: Record<string, JsonValue> = {};
  for (const claim of settings.claims) {
    // Out of a verified JSON text, so it is JSON.
    if (Object.hasOwn(payload, claim)) properties[claim] = payload[claim] as JsonValue;
  }
  // Last: no claim may name another issuer.
  properties['issuer'] = settings.issuer;
  assertRecordable([id, properties]);
  return {
    subject: { type: settings.subjectType, id, properties },
    auth: {
      method: 'jwt',
      issuer: settings.issuer,
      subject: id,
      key_id: kid,
      token_sha256: digest,
    },
  };
}

/** What cannot be kept exactly cannot be decided about: such a token is no good here, whoever signed it. */
function assertRecordable(claims: JsonValue): void {
  try {
    parseStrictJson(JSON.stringify(claims), CLAIMS_LIMITS);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new CallerError('token_invalid', 'a claim is not JSON that can be kept exactly', error);
  }
}

/** jose's errors, in our words: a stranger learns that a token is expired or not good, and no more. */
function translate(error: unknown): SteleError {
  if (error instanceof SteleError) return error;
  if (error instanceof errors.JWTExpired) {
    return new CallerError('token_expired', 'the token has expired', error);
  }
  // A key that cannot be imported is the issuer's fault.
  if (!(error instanceof errors.JOSEError)) {
    return new SteleError('caller_keys_unavailable', 'the keys that check tokens cannot be had', {
      disposition: 'retry',
      cause: error,
    });
  }
  return new CallerError('token_invalid', 'the token is not valid here', error);
}
