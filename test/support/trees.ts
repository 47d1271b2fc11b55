/**
 * The oracle of all tree tests: RFC 6962 §2.1 word for word, recursive and slow, over `node:crypto`, sharing nothing with
 * the code under test but the brands.
 */
import { createHash } from 'node:crypto';
import { hashLeaf, parseSha256Hash } from '../../src/core/tree/hash.ts';
import type { LeafHash, Sha256Hash } from '../../src/core/tree/hash.ts';
import { parseTreeSize } from '../../src/core/tree/tree.ts';
import type { NodeAddress, TreeHead } from '../../src/core/tree/tree.ts';

const sha256 = (...parts: readonly Uint8Array[]): Sha256Hash =>
  parseSha256Hash(new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest()));

/** MTH(D[n]). */
export function merkleTreeHash(entries: readonly Uint8Array[]): Sha256Hash {
  const [first] = entries;
  if (first === undefined) return sha256();
  if (entries.length === 1) return sha256(Buffer.from([0]), first);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  const left = merkleTreeHash(entries.slice(0, k));
  return sha256(Buffer.from([1]), left, merkleTreeHash(entries.slice(k)));
}

/** `count` different entries. */
export function someEntries(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new Uint8Array(Buffer.from(`entry ${i}`)));
}

/** The head of the tree over entries. */
export function headOf(entries: readonly Uint8Array[]): TreeHead {
  return { size: parseTreeSize(entries.length), root: merkleTreeHash(entries) };
}

/** The leaf hashes of entries. */
export function leavesOf(entries: readonly Uint8Array[]): LeafHash[] {
  return entries.map(hashLeaf);
}

/** The hash of a complete subtree over some of the entries. */
export function nodeOf(entries: readonly Uint8Array[], { level, index }: NodeAddress): Sha256Hash {
  const width = 2 ** level;
  return merkleTreeHash(entries.slice(index * width, (index + 1) * width));
}
