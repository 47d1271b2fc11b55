/**
 * Disclosures of a record (RFC 9901 §4.2): salts from one extendable hash for each stream, digests from the leaves
 * up. The same record and key give the same bytes whenever they are made again, so only the record is stored.
 */
import { sha256Base64Url, shake256, utf8Base64Url } from '#platform';
import { concatBytes, toBase64Url, utf8Bytes } from '../platform/bytes.ts';
import { canonicalJson, canonicalString } from '../json/canonical-json.ts';
import { assert } from '../errors.ts';
import { layOutRecord } from './nodes.ts';
import type { PartDepths, RecordNode, RecordParts, SealedPointers } from './nodes.ts';

export { DEFAULT_DEPTHS, formatDsc, parseDsc, PART_NAMES } from './nodes.ts';
export type { PartDepths, PartName, RecordNode, RecordParts, SealedPointers } from './nodes.ts';

/** Random bytes of a record key, and of the key of a sealed set. */
export const RECORD_KEY_BYTES = 32;
const SALT_BYTES = 16;
/** 16 bytes are 22 characters of base64url; a stride of 18 bytes gives each salt 24 characters of its own. */
const SALT_CHARACTERS = 22;
const STRIDE_BYTES = 18;
const STRIDE_CHARACTERS = 24;

/** A sealed set that is at hand: its key, with the values in place in the parts. */
export interface SealedSet extends SealedPointers {
  readonly key: Uint8Array;
  readonly digests?: never;
}

/** A sealed set that is not at hand: the digests stand for its nodes, whose values are absent from the parts. */
export interface HiddenSet extends SealedPointers {
  readonly digests: readonly string[];
  readonly key?: never;
}

/** What disclosures are made from. */
export interface DisclosureDraft {
  readonly jti: string;
  /** 32 random bytes, of this record alone. */
  readonly key: Uint8Array;
  readonly depth: PartDepths;
  /** Out of strict JSON, each part parsed with the rule `part`. */
  readonly parts: RecordParts;
  /** In the order of the stored record: the position of a set is part of its salts. */
  readonly sealed?: readonly (SealedSet | HiddenSet)[];
}

/** A record with every disclosure and digest that could be made. */
export interface DisclosedRecord {
  /** The digests of the three parts, ascending: the entry's `_sd`. */
  readonly sd: readonly string[];
  /** One node for each part. */
  readonly parts: readonly RecordNode[];
  /** For each sealed set the digests at its pointers, in their order. */
  readonly sealed: readonly (readonly string[])[];
}

/**
 * Makes the disclosures and digests of a record. About 50 us for 44 nodes in Node, half of it hashing (measured).
 *
 * @throws {@link MalformedError} code `not_a_node`, `reserved_member`; see `layOutRecord`.
 */
export function discloseRecord(draft: DisclosureDraft): DisclosedRecord {
  const sets = draft.sealed ?? [];
  const tree = layOutRecord(draft.parts, draft.depth, sets);
  const salts = tree.streamCounts.map((count, stream) => {
    const key = stream === 0 ? draft.key : sets[stream - 1]?.key;
    return key === undefined || count === 0 ? '' : makeSalts(draft.jti, stream, key, count);
  });
  // From the back, children come before their parents.
  for (const node of tree.preOrder.toReversed()) {
    if (node.digest !== '') continue;
    const stream = salts[node.stream];
    assert(stream !== undefined, 'every node is of a stream');
    discloseNode(node, stream);
  }
  return {
    sd: digestsOf(tree.parts),
    parts: tree.parts,
    sealed: tree.sealed.map((nodes) => nodes.map((node) => node.digest)),
  };
}

function discloseNode(node: RecordNode, salts: string): void {
  const salt = saltAt(salts, node.saltIndex);
  const { children, value } = node;
  let text = '';
  if (children.length > 0) {
    text = `{"_sd":["${digestsOf(children).join('","')}"]}`;
  } else {
    assert(value !== undefined, 'a node without a value has a digest');
    text = canonicalJson(value);
  }
  node.disclosure = utf8Base64Url(`["${salt}",${canonicalString(node.name)},${text}]`);
  node.digest = sha256Base64Url(node.disclosure);
}

function digestsOf(nodes: readonly RecordNode[]): string[] {
  return nodes.map((node) => node.digest).sort();
}

/** The salts of one stream as one text, for {@link saltAt}. More of a stream begins with what less of it is. */
export function makeSalts(jti: string, stream: number, key: Uint8Array, count: number): string {
  assert(key.length === RECORD_KEY_BYTES, 'a record key is 32 bytes');
  const seed = concatBytes(utf8Bytes(`stele/salt/1\n${jti}\n${stream}\n`), key);
  const bytes = shake256(seed, SALT_BYTES * count);
  const strided = new Uint8Array(STRIDE_BYTES * count);
  // By hand: for 16 bytes a native copy costs more to call.
  for (let from = 0, to = 0; from < bytes.length; to += STRIDE_BYTES - SALT_BYTES) {
    for (const end = from + SALT_BYTES; from < end;) strided[to++] = Number(bytes[from++]);
  }
  return toBase64Url(strided);
}

/** The salt of one node as text. @param salts - Of {@link makeSalts}. */
export function saltAt(salts: string, index: number): string {
  const from = index * STRIDE_CHARACTERS;
  return salts.slice(from, from + SALT_CHARACTERS);
}
