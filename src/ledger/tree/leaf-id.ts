import { toBase64Url, utf8Bytes } from '../../core/platform/bytes.ts';
import { parseEntry } from '../../core/entry/entry.ts';
import { MalformedError } from '../../core/errors.ts';

/**
 * A test whether a leaf is the entry with an id, cheap for all that are not: payloads are canonical, so the member has
 * one spelling, and base64url shows it in one of three. Only a leaf that shows it is parsed.
 *
 * @param jti - A UUIDv7.
 */
export function idMatcher(jti: string): (leaf: Uint8Array) => boolean {
  const member = `"jti":"${jti}"`;
  const spellings = [0, 1, 2].map((before) => spellingOf(member, before));
  return (leaf) => {
    const bytes = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength);
    return spellings.some((spelling) => bytes.includes(spelling)) && isEntry(leaf, jti);
  };
}

/** The characters of base64url that a text alone decides, `before` bytes (modulo 3) behind the beginning. */
function spellingOf(text: string, before: number): Buffer {
  const bytes = utf8Bytes('\0'.repeat(before) + text);
  const start = before === 0 ? 0 : before + 1;
  return Buffer.from(toBase64Url(bytes).slice(start, Math.floor((bytes.length * 8) / 6)), 'latin1');
}

function isEntry(leaf: Uint8Array, jti: string): boolean {
  try {
    return parseEntry(leaf).payload.jti === jti;
  } catch (error) {
    // What a store that lies put there: it is in no tree.
    if (error instanceof MalformedError) return false;
    throw error;
  }
}
