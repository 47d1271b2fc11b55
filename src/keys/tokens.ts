import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { MalformedError, SteleError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../core/json/strict-json.ts';
import { CallerError } from './caller.ts';
import type { Caller, VerifiedCaller } from './caller.ts';
import { FollowedFile } from './followed-file.ts';

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
const JWKS_TIMEOUT_MS = 3_000;
/** An unknown `kid` asks the URL again, at most this often: a stranger's tokens must not become our requests. */
const JWKS_COOLDOWN_MS = 30_000;
/** A JWKS older than this is fetched again before it is used, so that a withdrawn key stops counting. */
const JWKS_AGE_MAX_MS = 600_000;

/** Checks JWTs against one issuer's keys. */
export interface TokenVerifier {
  /**
   * @param digest - base64url SHA-256 of `token`, for the record.
   * @throws {@link CallerError} `token_invalid`, `token_expired`; {@link SteleError} `caller_keys_unavailable`.
   */
  verify(token: string, digest: string): Promise<VerifiedCaller>;
}

/** A verifier over keys that {@link loadJwks} gave. `clock` gives epoch milliseconds. */
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

/** Where the keys of an issuer come from: a file that is followed, or none, for a URL is fetched as it is needed. */
export interface TokenKeys {
  readonly keys: JWTVerifyGetKey;
  readonly file: FollowedFile<JWTVerifyGetKey> | null;
}

/**
 * The keys of a JWKS file, or of an `https:` URL that is fetched when first needed, and again for an unknown `kid` or
 * every ten minutes.
 * @throws {@link MalformedError} `jwks_malformed`: not a JWKS, a key that is secret or private, or plain `http:` to
 *   anything but loopback; {@link SteleError} `jwks_missing` for a file that is not there.
 */
export async function loadJwks(source: string): Promise<TokenKeys> {
  if (/^https?:/i.test(source)) return { keys: remoteKeys(source), file: null };
  const file = new FollowedFile('jwks', source, (text) => localKeys(text, source));
  await file.open();
  const missing = new SteleError('jwks_missing', `there is no JWKS at ${source}`, {
    disposition: 'fix-configuration',
  });
  if (file.value === null) throw missing;
  const keys: JWTVerifyGetKey = async (header, token) => {
    if (file.value === null) throw missing;
    return file.value(header, token);
  };
  return { keys, file };
}

/** The keys of a JWKS text. @throws {@link MalformedError} `jwks_malformed`. */
export function localKeys(text: string, where: string): JWTVerifyGetKey {
  let jwks: unknown;
  try {
    jwks = JSON.parse(text);
  } catch {
    throw new MalformedError(`${where} is not JSON`, 'jwks_malformed');
  }
  const keys = (jwks as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new MalformedError(`${where} has no "keys"`, 'jwks_malformed');
  for (const [index, key] of (keys as Record<string, unknown>[]).entries()) {
    // A symmetric key here would let everybody who reads the file make tokens; a private one is a leak.
    if (key['kty'] === 'oct' || 'd' in key || 'k' in key) {
      throw new MalformedError(
        `${where}: key ${index} is not a public key`,
        'jwks_malformed',
        `/keys/${index}`,
      );
    }
  }
  return createLocalJWKSet(jwks as JSONWebKeySet);
}

function remoteKeys(source: string): JWTVerifyGetKey {
  const url = new URL(source);
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !loopback) {
    throw new MalformedError(`${source} is fetched in clear: want https`, 'jwks_malformed');
  }
  return createRemoteJWKSet(url, {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_AGE_MAX_MS,
  });
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
  const unavailable =
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    !(error instanceof errors.JOSEError) ||
    // A JWKS URL that answers anything but 200 gives the base class.
    error.code === 'ERR_JOSE_GENERIC';
  if (unavailable) {
    return new SteleError('caller_keys_unavailable', 'the keys that check tokens cannot be had', {
      disposition: 'retry',
      cause: error,
    });
  }
  return new CallerError('token_invalid', 'the token is not valid here', error);
}
