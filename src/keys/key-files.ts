import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { MalformedError, SteleError } from '../core/errors.ts';
import type { JwsAlgorithm, PublicJwk } from '../core/json/jws.ts';

/** Only the owner may read a private key: group and others have no bits. */
const EXPOSED_BITS = 0o077;
const OWNER_ONLY = 0o600;
/** A JWK or PKCS #8 file of one key is below 2 KiB; whatever is larger is some other file. */
const KEY_FILE_BYTES_MAX = 16_384;

/** An Ed25519 or P-256 private key as loaded, ready to sign. */
export interface PrivateKey {
  readonly alg: JwsAlgorithm;
  readonly key: KeyObject;
  /** The public half: `crv`, `kty`, `x` and, for P-256, `y`; no other member. */
  readonly jwk: PublicJwk;
}

/** Makes a new Ed25519 key in memory. */
export function generateKey(): PrivateKey {
  return privateKeyOf(generateKeyPairSync('ed25519').privateKey, 'the new key');
}

/**
 * Writes a private key into a new file, mode 0600 and synced: a JWK (RFC 8037) for names that end in `.json` or
 * `.jwk`, PKCS #8 PEM for any other.
 * @throws {@link SteleError} `file_exists`: a key is never overwritten.
 */
export async function saveKey(path: string, key: PrivateKey): Promise<void> {
  const asJwk = path.endsWith('.json') || path.endsWith('.jwk');
  const text = asJwk
    ? `${JSON.stringify(key.key.export({ format: 'jwk' }))}\n`
    : key.key.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeSecretFile(path, text);
}

/**
 * Reads a private key: JWK or PKCS #8 PEM, Ed25519 or P-256.
 * @throws {@link SteleError} `key_file_missing`, `key_file_exposed` when group or others may read it;
 *   {@link MalformedError} `key_file_malformed`.
 */
export async function loadKey(path: string): Promise<PrivateKey> {
  const text = await readSecretFile(path);
  let key: KeyObject;
  try {
    key = text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text) as Record<string, string>, format: 'jwk' })
      : createPrivateKey({ key: text, format: 'pem' });
  } catch {
    // The cause may quote the file: it stays out.
    throw new MalformedError(
      `${path} is neither a private JWK nor a PKCS #8 PEM`,
      'key_file_malformed',
    );
  }
  return privateKeyOf(key, path);
}

/** Creates a file that only its owner may read. Synced when resolved. @throws {@link SteleError} `file_exists`. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  let file;
  try {
    file = await open(path, 'wx', OWNER_ONLY);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new SteleError('file_exists', `${path} exists and is not overwritten`, {
      disposition: 'fix-configuration',
      cause,
    });
  }
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Reads a file that holds a secret.
 * @throws {@link SteleError} `key_file_missing`; `key_file_exposed` when its mode lets group or others in.
 */
export async function readSecretFile(path: string): Promise<string> {
  let status;
  try {
    status = await stat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new SteleError('key_file_missing', `${path} does not exist`, {
      disposition: 'fix-configuration',
      cause,
    });
  }
  // Windows has no such bits: every file says 0o666 there.
  if (process.platform !== 'win32' && (status.mode & EXPOSED_BITS) !== 0) {
    const mode = (status.mode & 0o777).toString(8);
    throw new SteleError('key_file_exposed', `${path} has mode ${mode}, want 600`, {
      disposition: 'fix-configuration',
    });
  }
  if (status.size > KEY_FILE_BYTES_MAX) {
    throw new MalformedError(
      `${path} is ${status.size} bytes, want at most ${KEY_FILE_BYTES_MAX}`,
      'key_file_malformed',
    );
  }
  return readFile(path, 'utf8');
}

function privateKeyOf(key: KeyObject, where: string): PrivateKey {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
  if (crv === 'Ed25519' && kty === 'OKP' && x !== undefined) {
    return { alg: 'Ed25519', key, jwk: { crv, kty, x } };
  }
  if (crv === 'P-256' && kty === 'EC' && x !== undefined && y !== undefined) {
    return { alg: 'ES256', key, jwk: { crv, kty, x, y } };
  }
  throw new MalformedError(
    `${where} is a ${crv ?? key.asymmetricKeyType ?? 'symmetric'} key, want Ed25519 or P-256`,
    'key_file_malformed',
  );
}
