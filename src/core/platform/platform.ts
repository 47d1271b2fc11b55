/**
 * The few primitives that the core needs, for a browser: `@noble` and what every engine has. Node resolves
 * `#platform` to `platform.node.ts`, the same signatures over `node:crypto`; tests hold the two against each other.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256, sha512 } from '@noble/hashes/sha2.js';
import { shake256 as nobleShake256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { MalformedError } from '../errors.ts';
import { readPoint } from './point.ts';

export { utf8Text } from './text.ts';

declare const TextEncoder: new () => { encode(text: string): Uint8Array };

/** A text form of bytes: RFC 4648 §8 in lower case, §4 padded, §5 without padding. */
export type BytesEncoding = 'hex' | 'base64' | 'base64url';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ALPHABETS = { base64: `${ALPHABET}+/`, base64url: `${ALPHABET}-_` };
const VALUES = { base64: valuesOf('base64'), base64url: valuesOf('base64url') };
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

/** SHA-256 (FIPS 180-4). @returns 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

/**
 * SHA-256 of bytes, or of a text's UTF-8, as base64url without padding (43 characters).
 * @throws {@link MalformedError} `lone_surrogate`.
 */
export function sha256Base64Url(input: string | Uint8Array): string {
  return encodeBytes(sha256(typeof input === 'string' ? utf8Bytes(input) : input), 'base64url');
}

/** SHAKE256 (FIPS 202). @param length - Output bytes, at least 1. */
export function shake256(bytes: Uint8Array, length: number): Uint8Array {
  return nobleShake256(bytes, { dkLen: length });
}

/** HMAC-SHA-256 (RFC 2104). @returns 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, bytes);
}

/**
 * Verifies Ed25519 (RFC 8032 §5.1.7) without the cofactor: S < L, the key in its canonical encoding, and
 * encode([S]B - [k]A) equal to R byte for byte, so that every platform gives one verdict. Low-order keys are not
 * refused here: `isPrimeOrderEd25519` does that when a key is certified or read.
 *
 * @returns False for any bytes that are not a signature; never throws.
 */
export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = readPoint(publicKey);
  if (key === undefined || signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  const s = bytesToNumberLE(signature.subarray(32));
  const { Fn, BASE } = ed25519.Point;
  if (!Fn.isValid(s)) return false;
  const k = Fn.create(bytesToNumberLE(sha512(concatBytes(r, publicKey, message))));
  const expected = BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k)).toBytes();
  return expected.every((byte, i) => byte === r[i]);
}

/**
 * Verifies ECDSA over P-256 with SHA-256 (FIPS 186-5). @param publicKey - 65 bytes, uncompressed (SEC 1 §2.3.3).
 * @param signature - r then s, 64 bytes (RFC 7518 §3.4); s at most half the order, so that it has one form.
 * @returns False for any bytes that are not a signature; never throws.
 */
export function verifyP256(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false;
  return p256.verify(signature, message, publicKey, { lowS: true });
}

/** UTF-8 of a text. @throws {@link MalformedError} `lone_surrogate`: such a text has no UTF-8 form. */
export function utf8Bytes(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) {
    throw new MalformedError('text has a surrogate without its pair', 'lone_surrogate');
  }
  return encoder.encode(text);
}

/** Base64url without padding of a text's UTF-8. @throws {@link MalformedError} `lone_surrogate`. */
export function utf8Base64Url(text: string): string {
  return encodeBytes(utf8Bytes(text), 'base64url');
}

/** The text form of bytes. */
export function encodeBytes(bytes: Uint8Array, encoding: BytesEncoding): string {
  if (encoding === 'hex') return bytesToHex(bytes);
  const alphabet = ALPHABETS[encoding];
  const letter = (group: number, place: number): string =>
    alphabet.charAt(Math.floor(group / place) % 64);
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = at(bytes, i) * 65536 + at(bytes, i + 1) * 256 + at(bytes, i + 2);
    text += letter(group, 262144) + letter(group, 4096) + letter(group, 64) + letter(group, 1);
  }
  const unpadded = text.slice(0, Math.ceil((bytes.length * 4) / 3));
  return encoding === 'base64' ? unpadded.padEnd(text.length, '=') : unpadded;
}

/**
 * The bytes of a text form, without judging it: bytes of a bad text are unspecified. A caller encodes them again and
 * compares, which is the whole of strictness (`bytes.ts`).
 */
export function decodeBytes(text: string, encoding: BytesEncoding): Uint8Array {
  if (encoding === 'hex') return /^(?:[0-9a-f]{2})*$/.test(text) ? hexToBytes(text) : NO_BYTES;
  const values = VALUES[encoding];
  const value = (index: number): number => at(values, text.charCodeAt(index));
  const letters = text.replace(/={1,2}$/, '').length;
  const bytes = new Uint8Array(Math.floor((letters * 3) / 4));
  for (let i = 0, to = 0; to < bytes.length; i += 4, to += 3) {
    const group = ((value(i) * 64 + value(i + 1)) * 64 + value(i + 2)) * 64 + value(i + 3);
    // An element takes a number modulo 256, and one past the end takes none.
    bytes[to] = group / 65536;
    bytes[to + 1] = group / 256;
    bytes[to + 2] = group;
  }
  return bytes;
}

/** The value of each letter, by its code. */
function valuesOf(encoding: 'base64' | 'base64url'): Uint8Array {
  const values = new Uint8Array(128);
  for (let i = 0; i < 64; i += 1) values[ALPHABETS[encoding].charCodeAt(i)] = i;
  return values;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
