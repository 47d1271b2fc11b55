import { createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { jwkThumbprint } from '../core/jws.ts';
import type { JwsSigner } from '../core/jws.ts';
import { formatVkey } from '../core/signed-note.ts';
import type { NoteSignature, NoteSigner } from '../core/signed-note.ts';
import { MalformedError } from '../core/errors.ts';
import type { PrivateKey } from './key-files.ts';

/** C2SP signed-note, signature type of a plain Ed25519 signature over the text. */
const NOTE_ED25519 = 0x01;
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * Signs JWS signing inputs. Each signature is made in Node's thread pool, so several at once use the other cores and
 * none blocks the event loop (37 microseconds each for Ed25519).
 */
export function jwsSigner(key: PrivateKey): JwsSigner {
  return {
    alg: key.alg,
    kid: jwkThumbprint(key.jwk),
    jwk: key.jwk,
    sign: async (bytes) => signBytes(key, bytes),
  };
}

/**
 * Signs checkpoints as C2SP signed notes with an Ed25519 key.
 * @param name - Key name; for a log its origin.
 * @throws {@link MalformedError} `key_not_ed25519`.
 */
export function noteSigner(name: string, key: PrivateKey): NoteSigner {
  if (key.alg !== 'Ed25519') {
    throw new MalformedError(
      `notes are signed with Ed25519, the key is ${key.alg}`,
      'key_not_ed25519',
    );
  }
  const publicKey = new Uint8Array(Buffer.from(key.jwk.x, 'base64url'));
  const id = noteKeyId(name, publicKey);
  return {
    name,
    id,
    vkey: formatVkey(name, NOTE_ED25519, publicKey),
    sign: async (text): Promise<NoteSignature> => ({
      name,
      id,
      signature: await signBytes(key, new Uint8Array(Buffer.from(text, 'utf8'))),
    }),
  };
}

/** C2SP signed-note: SHA-256 of name, line feed, type and key, its first four bytes, as eight hexadecimal digits. */
function noteKeyId(name: string, publicKey: Uint8Array): string {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Uint8Array.of(NOTE_ED25519))
    .update(publicKey)
    .digest('hex')
    .slice(0, 8);
}

async function signBytes(key: PrivateKey, bytes: Uint8Array): Promise<Uint8Array> {
  if (key.alg === 'Ed25519') return signInPool(null, bytes, key.key);
  return lowS(await signInPool('sha256', bytes, key.key));
}

async function signInPool(
  digest: string | null,
  bytes: Uint8Array,
  key: KeyObject,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(digest, bytes, { key, dsaEncoding: 'ieee-p1363' }, (error, signature) => {
      if (error === null) resolve(new Uint8Array(signature));
      else reject(error);
    });
  });
}

/** An ECDSA signature and its mirror image both verify; the formats take the one with the low s only. */
function lowS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  if (s <= P256_ORDER / 2n) return signature;
  const flipped = (P256_ORDER - s).toString(16).padStart(64, '0');
  return new Uint8Array([...signature.subarray(0, 32), ...Buffer.from(flipped, 'hex')]);
}
