import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import type { JWK } from 'jose';
import { MalformedError, SteleError } from '../core/errors.ts';

/** Algorithms of bundle signatures. A shared secret (`HS*`) and `none` are not among them and never are. */
export type BundleAlgorithm = 'EdDSA' | 'ES256' | 'RS256';

/** A public key that bundles may be signed with. */
export interface VerificationKey {
  /** Follows from the key, never from what is to be verified. */
  readonly alg: BundleAlgorithm;
  readonly key: KeyObject;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
}

/** Keys that one file may hold; more is another kind of file. */
const KEYS_MAX = 16;
const FILE_BYTES_MAX = 65_536;
/** RFC 7518 section 3.3. */
const RSA_BITS_MIN = 2048;
const PEM = /-----BEGIN (?<label>[A-Z ]+)-----[\s\S]+?-----END \k<label>-----/g;

/**
 * Reads public keys: PEM (`PUBLIC KEY`, `CERTIFICATE`; several in one file), a JWK or a JWK Set; Ed25519, P-256 or RSA.
 *
 * @throws {@link SteleError} `key_file_missing`; {@link MalformedError} `key_file_malformed`, also for a private key: it
 *   has no business where bundles are only verified.
 */
export async function loadVerificationKeys(path: string): Promise<VerificationKey[]> {
  const text = await readPublicFile(path);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw privateKey(path);
  const keys = text.trimStart().startsWith('{')
    ? jwksOf(text, path).map((jwk) => publicKey({ key: jwk as Record<string, string> }, path))
    : [...text.matchAll(PEM)].map(([pem]) => publicKey(pem, path));
  if (keys.length === 0 || keys.length > KEYS_MAX) {
    throw malformed(path, `holds ${keys.length} public keys, want 1 to ${KEYS_MAX}`);
  }
  return Promise.all(keys.map(async (key) => verificationKey(key, path)));
}

/** Names a public key and says what it signs with. @throws {@link MalformedError} `key_file_malformed`. */
export async function verificationKey(key: KeyObject, where: string): Promise<VerificationKey> {
  const kid = await calculateJwkThumbprint(await exportJWK(key));
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return { alg: 'EdDSA', key, kid };
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return { alg: 'ES256', key, kid };
  const isLong = (details?.modulusLength ?? 0) >= RSA_BITS_MIN;
  if (type === 'rsa' && isLong) return { alg: 'RS256', key, kid };
  throw malformed(where, `holds a ${type ?? 'strange'} key, want Ed25519, P-256 or RSA of 2048`);
}

async function readPublicFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw malformed(path, `is ${size} bytes, at most ${FILE_BYTES_MAX}`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new SteleError('key_file_missing', `${path} does not exist`, {
      disposition: 'fix-configuration',
      cause,
    });
  }
}

function jwksOf(text: string, path: string): readonly JWK[] {
  let parsed: JWK & { readonly keys?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    throw malformed(path, 'is no JSON');
  }
  const keys = Array.isArray(parsed.keys) ? (parsed.keys as JWK[]) : [parsed];
  if (keys.some((jwk) => 'd' in jwk || 'k' in jwk)) throw privateKey(path);
  return keys;
}

function publicKey(source: string | { key: Record<string, string> }, path: string): KeyObject {
  try {
    return createPublicKey(
      typeof source === 'string' ? source : { key: source.key, format: 'jwk' },
    );
  } catch {
    throw malformed(path, 'holds something else than public keys in PEM or JWK form');
  }
}

function privateKey(path: string): MalformedError {
  return malformed(path, 'holds a secret; give the public key only');
}

function malformed(path: string, what: string): MalformedError {
  return new MalformedError(`${path} ${what}`, 'key_file_malformed');
}
