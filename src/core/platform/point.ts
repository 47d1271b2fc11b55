/**
 * Points of Ed25519: what no engine has natively. In a file of its own, for the curve is 2 MB in every thread that loads
 * it, and only who reads keys needs it.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** A key's order costs about 2 ms, and a ledger meets its few keys again in every batch. */
const PRIME_ORDER_KEYS_MAX = 256;
const primeOrderKeys = new Set<string>();

/**
 * Whether 32 bytes are a key that Stele certifies: canonical, on the curve, not the identity, and in the subgroup of
 * prime order, so that a signature binds its message and cofactored verifiers agree with ours.
 */
export function isPrimeOrderEd25519(publicKey: Uint8Array): boolean {
  const name = bytesToHex(publicKey);
  if (primeOrderKeys.has(name)) return true;
  const key = readPoint(publicKey);
  if (key === undefined || key.is0() || !key.isTorsionFree()) return false;
  if (primeOrderKeys.size >= PRIME_ORDER_KEYS_MAX) primeOrderKeys.clear();
  primeOrderKeys.add(name);
  return true;
}

/** The point of a public key (RFC 8032 §5.1.3); undefined where the bytes are not the one encoding of any. */
export function readPoint(publicKey: Uint8Array): InstanceType<typeof ed25519.Point> | undefined {
  try {
    return ed25519.Point.fromBytes(publicKey, false);
  } catch {
    return undefined;
  }
}
