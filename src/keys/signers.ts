import { createHash, sign } from 'node:crypto';
import { jwkThumbprint } from '../core/json/jws.ts';
import type { JwsSigner } from '../core/json/jws.ts';
import { formatVkey } from '../core/tree/signed-note.ts';
import type { NoteSignature, NoteSigner } from '../core/tree/signed-note.ts';
import { MalformedError } from '../core/errors.ts';
import type { PrivateKey } from './key-files.ts';

/** C2SP signed-note, signature type of a plain Ed25519 signature over the text. */
const NOTE_ED25519 = 0x01;
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * Signs JWS signing inputs, on the calling thread: 33 us for Ed25519, where handing one to Node's thread pool costs the
 * caller as much and the pool another 30 (measured). A signer elsewhere may take its time: the type says `Promise`.
 */
export function jwsSigner(key: PrivateKey): JwsSigner {
  return {
    alg: key.alg,
    kid: jwkThumbprint(key.jwk),
    jwk: key.jwk,
    sign: async (bytes) => Promise.resolve(signBytes(key, bytes)),
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
    sign: async (text): Promise<NoteSignature> =>
      Promise.resolve({
        name,
        id,
        signature: signBytes(key, new Uint8Array(Buffer.from(text, 'utf8'))),
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

function signBytes(key: PrivateKey, bytes: Uint8Array): Uint8Array {
  const digest = key.alg === 'Ed25519' ? null : 'sha256';
  const signature = sign(digest, bytes, { key: key.key, dsaEncoding: 'ieee-p1363' });
  const plain = new Uint8Array(signature);
  return key.alg === 'Ed25519' ? plain : lowS(plain);
}

/** An ECDSA signature and its mirror image both verify; the formats take the one with the low s only. */
function lowS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  if (s <= P256_ORDER / 2n) return signature;
  const flipped = (P256_ORDER - s).toString(16).padStart(64, '0');
  return new Uint8Array([...signature.subarray(0, 32), ...Buffer.from(flipped, 'hex')]);
}
