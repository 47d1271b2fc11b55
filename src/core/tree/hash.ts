/** Digests, and the two hashes of a Merkle tree (RFC 6962 §2.1). Both brands are minted here only. */
import { sha256 } from '#platform';
import type { Branded } from '../platform/brand.ts';
import { concatBytes } from '../platform/bytes.ts';
import { MalformedError } from '../errors.ts';

/** Length of every digest in Stele. */
export const HASH_BYTES = 32;

/** A SHA-256 digest: 32 bytes, not to be changed. */
export type Sha256Hash = Branded<Uint8Array, 'Sha256Hash'>;

/** The hash of an entry as a leaf of the tree, as opposed to that of two subtrees. */
export type LeafHash = Branded<Sha256Hash, 'LeafHash'>;

/** Parses raw bytes as a digest. @throws {@link MalformedError} `malformed_hash` unless 32 bytes long. */
export function parseSha256Hash(bytes: Uint8Array): Sha256Hash {
  if (bytes.length !== HASH_BYTES) {
    throw new MalformedError(
      `digest is ${bytes.length} bytes, want ${HASH_BYTES}`,
      'malformed_hash',
    );
  }
  return bytes as Sha256Hash;
}

/**
 * Parses raw bytes that a tile or a proof names as a leaf's hash; whether a leaf has it is for a proof to show.
 * @throws {@link MalformedError} `malformed_hash` unless 32 bytes long.
 */
export function parseLeafHash(bytes: Uint8Array): LeafHash {
  return parseSha256Hash(bytes) as LeafHash;
}

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Sha256Hash = parseSha256Hash(sha256(new Uint8Array(0)));

const LEAF_PREFIX = new Uint8Array([0]);
const node = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1);

/** SHA-256(0x00 ‖ entry): RFC 6962 §2.1. The entry's length prefix in a bundle is no part of it. */
export function hashLeaf(entry: Uint8Array): LeafHash {
  return parseLeafHash(sha256(concatBytes(LEAF_PREFIX, entry)));
}

/** SHA-256(0x01 ‖ left ‖ right): RFC 6962 §2.1. */
export function hashNode(left: Sha256Hash, right: Sha256Hash): Sha256Hash {
  // One buffer for all calls: nothing here yields, and a tree is mostly this function.
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return parseSha256Hash(sha256(node));
}
