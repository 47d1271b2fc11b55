/**
 * The few cryptographic primitives that the core needs, for a browser: `@noble` only. Node resolves `#platform` to
 * `platform.node.ts`, the same signatures over `node:crypto`; a test holds the two against each other.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** SHA-256 (FIPS 180-4). @returns 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}
