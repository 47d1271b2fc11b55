/** Byte arrays: join, compare, and the strict text forms. A text form is accepted only if encoding gives it back. */
import { decodeBytes, encodeBytes } from '#platform';
import type { BytesEncoding } from '#platform';
import { MalformedError } from '../errors.ts';

export { utf8Bytes, utf8Text } from '#platform';

/** One new array with all the bytes in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether two arrays hold the same bytes. Not in constant time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return encodeBytes(bytes, 'hex');
}

/** Bytes of lower-case hexadecimal. @throws {@link MalformedError} `malformed_hex`. */
export function parseHex(text: string): Uint8Array {
  return parseStrictly(text, 'hex');
}

/** Base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  return encodeBytes(bytes, 'base64');
}

/** Bytes of canonical, padded base64 (RFC 4648 §4 and §3.5). @throws {@link MalformedError} `malformed_base64`. */
export function parseBase64(text: string): Uint8Array {
  return parseStrictly(text, 'base64');
}

/** Base64url without padding (RFC 7515 §2). */
export function toBase64Url(bytes: Uint8Array): string {
  return encodeBytes(bytes, 'base64url');
}

/**
 * Bytes of base64url without padding, white space or stray bits (RFC 7515 §2, RFC 4648 §3.5).
 * @throws {@link MalformedError} `malformed_base64url`.
 */
export function parseBase64Url(text: string): Uint8Array {
  return parseStrictly(text, 'base64url');
}

/** Two bytes, big-endian. @throws `RangeError` outside 0..65535: a bug of the caller. */
export function uint16(value: number): Uint8Array {
  return bigEndian(value, 2);
}

/** Eight bytes, big-endian. @throws `RangeError` for what is not a safe integer from 0: a bug of the caller. */
export function uint64(value: number): Uint8Array {
  return bigEndian(value, 8);
}

/** The big-endian number in bytes. @throws {@link MalformedError} `unsafe_number` above 2⁵³-1. */
export function parseUint(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) {
    throw new MalformedError(`number of ${bytes.length} bytes is above 2^53-1`, 'unsafe_number');
  }
  return value;
}

function bigEndian(value: number, width: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
    throw new RangeError(`${value} does not fit ${width} bytes`);
  }
  const bytes = new Uint8Array(width);
  for (let i = width - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 256)) {
    bytes[i] = rest % 256;
  }
  return bytes;
}

function parseStrictly(text: string, encoding: BytesEncoding): Uint8Array {
  const bytes = decodeBytes(text, encoding);
  if (encodeBytes(bytes, encoding) !== text) {
    throw new MalformedError(`text is not canonical ${encoding}`, `malformed_${encoding}`);
  }
  return bytes;
}
