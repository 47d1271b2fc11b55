/**
 * What a timestamped note signature holds and what it signs (C2SP tlog-cosignature; C2SP static-ct-api for logs of RFC
 * 6962). This version verifies Ed25519 cosignatures only. The other two are taken apart, to be shown and reported.
 */
import { verifyEd25519 } from '#platform';
import { parseUint, utf8Bytes } from '../platform/bytes.ts';
import { MalformedError } from '../errors.ts';

/** A note signature with its time. */
export interface TimestampedSignature {
  /** When it was made, by the signer's clock, in epoch ms. 0: the signer states no time. */
  readonly timeMs: number;
  readonly signature: Uint8Array;
}

const TIME_BYTES = 8;

/**
 * Parses an Ed25519 cosignature: seconds in 8 bytes, then 64 (C2SP tlog-cosignature, type 0x04).
 * @throws {@link MalformedError} `malformed_signature`.
 */
export function parseCosignature(bytes: Uint8Array): TimestampedSignature {
  return parseSeconds(bytes, 64);
}

/**
 * Parses an ML-DSA-44 cosignature of a tree: seconds in 8 bytes, then 2,420 (C2SP tlog-cosignature, type 0x06).
 * @throws {@link MalformedError} `malformed_signature`.
 */
export function parseSubtreeCosignature(bytes: Uint8Array): TimestampedSignature {
  return parseSeconds(bytes, 2420);
}

/**
 * Parses a tree head signature of RFC 6962 §3.5 as a note signature: milliseconds in 8 bytes, the algorithms (SHA-256
 * with RSA or ECDSA), then a DER signature behind its length (C2SP static-ct-api, Checkpoints, type 0x05).
 * @throws {@link MalformedError} `malformed_signature`.
 */
export function parseTreeHeadSignature(bytes: Uint8Array): TimestampedSignature {
  const [hashAlgorithm, algorithm] = bytes.subarray(TIME_BYTES);
  const signature = bytes.subarray(TIME_BYTES + 4);
  const length = parseUint(bytes.subarray(TIME_BYTES + 2, TIME_BYTES + 4));
  const known = hashAlgorithm === 4 && (algorithm === 1 || algorithm === 3);
  if (!known || signature.length === 0 || signature.length !== length) {
    throw new MalformedError('signature is no tree head signature', 'malformed_signature');
  }
  return { timeMs: parseUint(bytes.subarray(0, TIME_BYTES)), signature };
}

/**
 * The bytes that an Ed25519 cosignature signs. @param noteText - The whole text of a checkpoint, last line end included.
 * @param timeMs - Whole seconds.
 */
export function cosignedBytes(noteText: string, timeMs: number): Uint8Array {
  return utf8Bytes(`cosignature/v1\ntime ${timeMs / 1000}\n${noteText}`);
}

/** Checks an Ed25519 cosignature of a checkpoint's text by one key. Which sizes the key saw, it does not say. */
export function verifyCosignature(
  publicKey: Uint8Array,
  noteText: string,
  { timeMs, signature }: TimestampedSignature,
): boolean {
  return verifyEd25519(publicKey, cosignedBytes(noteText, timeMs), signature);
}

function parseSeconds(bytes: Uint8Array, signatureBytes: number): TimestampedSignature {
  if (bytes.length !== TIME_BYTES + signatureBytes) {
    const message = `timestamped signature is ${bytes.length} bytes, want ${TIME_BYTES + signatureBytes}`;
    throw new MalformedError(message, 'malformed_signature');
  }
  const timeMs = parseUint(bytes.subarray(0, TIME_BYTES)) * 1000;
  if (!Number.isSafeInteger(timeMs)) {
    throw new MalformedError('time of a signature is beyond 2^53 ms', 'malformed_signature');
  }
  return { timeMs, signature: bytes.subarray(TIME_BYTES) };
}
