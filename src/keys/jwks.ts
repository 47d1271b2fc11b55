/** The public keys of an issuer of tokens: a JWKS (RFC 7517 §5), in a file or at a URL. */
import { createLocalJWKSet } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { MalformedError, SteleError } from '../core/errors.ts';
import { isJsonObject } from '../core/json/json-pointer.ts';
import { parseStrictJson } from '../core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../core/json/strict-json.ts';
import { FollowedFile } from './followed-file.ts';
import { RemoteJwks } from './remote-jwks.ts';

/** Bytes of a JWKS: large issuers publish some 30 KB. More is not read, whoever sends it. */
const JWKS_BYTES_MAX = 262_144;
/** Certificates (`x5c`) are the longest values, and the deepest; all of it is parsed on the thread that serves. */
const JWKS_LIMITS: JsonLimits = {
  bytes: JWKS_BYTES_MAX,
  depth: 8,
  members: 8_192,
  stringLength: 65_536,
};

/** Where the keys of an issuer come from: a file that is followed, or none, for a URL is fetched as it is needed. */
export interface TokenKeys {
  readonly keys: JWTVerifyGetKey;
  readonly file: FollowedFile<JWTVerifyGetKey> | null;
}

/**
 * The keys of a JWKS file, or of an `https:` URL that is fetched when first needed; see {@link RemoteJwks}.
 * @param clock - Epoch milliseconds.
 * @throws {@link MalformedError} `jwks_malformed`: not a JWKS, a key that is secret or private, or plain `http:` to
 *   anything but loopback; {@link SteleError} `jwks_missing` for a file that is not there.
 */
export async function loadJwks(source: string, clock: () => number): Promise<TokenKeys> {
  if (/^https?:/i.test(source)) {
    const remote = new RemoteJwks(urlOf(source), {
      clock,
      bytesMax: JWKS_BYTES_MAX,
      parse: (text) => localKeys(text, source),
    });
    return { keys: async (header, token) => remote.find(header, token), file: null };
  }
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
  const jwks = jsonOf(text, where);
  const keys = isJsonObject(jwks) ? jwks['keys'] : undefined;
  if (!Array.isArray(keys)) throw new MalformedError(`${where} has no "keys"`, 'jwks_malformed');
  for (const [index, key] of (keys as readonly JsonValue[]).entries()) {
    // A symmetric key here would let everybody who reads it make tokens; a private one is a leak.
    if (!isPublicKey(key)) {
      throw new MalformedError(
        `${where}: key ${index} is not a public key`,
        'jwks_malformed',
        `/keys/${index}`,
      );
    }
  }
  return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
}

function isPublicKey(key: JsonValue): boolean {
  return isJsonObject(key) && key['kty'] !== 'oct' && !('d' in key) && !('k' in key);
}

function jsonOf(text: string, where: string): JsonValue {
  try {
    return parseStrictJson(text, JWKS_LIMITS, 'signed');
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new MalformedError(`${where} is not JSON of a JWKS: ${error.message}`, 'jwks_malformed');
  }
}

function urlOf(source: string): URL {
  const url = new URL(source);
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !loopback) {
    throw new MalformedError(`${source} is fetched in clear: want https`, 'jwks_malformed');
  }
  return url;
}
