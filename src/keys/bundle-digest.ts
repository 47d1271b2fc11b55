/**
 * Digests of a bundle's files, as OPA takes them for bundle signatures: of the bytes, but of JSON documents by a walk over
 * what they say, so that white space and the order of members do not count. OPA, "Bundles", section "Signing".
 */
import { createHash } from 'node:crypto';
import { utf8Text } from '../core/platform/bytes.ts';
import { parseStrictJson } from '../core/json/strict-json.ts';

/** OPA's names of the digests that are accepted, and Node's. What is weaker or cut shorter is not. */
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);
/** What OPA and we write. */
export const BUNDLE_DIGEST = 'SHA-256';
/** Files that OPA parses before it hashes them; every other one is bytes. */
const STRUCTURED = new Set(['data.json', 'data.yaml', 'data.yml', '.manifest']);
const DEPTH = 64;
/**
 * Of one document. They are walked on the thread that serves, before anything is known of who sent them, at about 10 us a
 * member (measured): this many hold it up for half a second, and a policy's tables rarely have a tenth of it.
 */
const MEMBERS = 50_000;
const DOCUMENT_BYTES = 8_388_608;

/**
 * The digest of one file, in hexadecimal.
 *
 * @param name - In the bundle, without a leading slash; decides whether the file is a document.
 * @param algorithm - By OPA's name.
 * @returns null for an algorithm that is not accepted.
 * @throws {@link MalformedError} of strict JSON for a document that is not: YAML, or a text with two readings. OPA takes
 *   some of those; nothing here does.
 */
export function bundleFileDigest(
  name: string,
  bytes: Uint8Array,
  algorithm: string,
): string | null {
  const digest = DIGESTS.get(algorithm);
  if (digest === undefined) return null;
  const base = name.slice(name.lastIndexOf('/') + 1);
  const content = STRUCTURED.has(base) ? canonicalDocument(utf8Text(bytes)) : bytes;
  return createHash(digest).update(content).digest('hex');
}

/** The text that OPA hashes: no white space, members by the bytes of their names, numbers as they were written. */
function canonicalDocument(text: string): string {
  parseStrictJson(
    text,
    { bytes: DOCUMENT_BYTES, depth: DEPTH, members: MEMBERS, stringLength: text.length },
    'signed',
  );
  return new DocumentWalk(text).value();
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** Walks over a text that is known to be strict JSON. A parsed value would not do: it has lost how numbers were written. */
class DocumentWalk {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): string {
    const first = this.#peek();
    if (first === 0x7b) return this.#object();
    if (first === 0x5b) return this.#array();
    return first === QUOTE ? goString(this.#string()) : this.#word();
  }

  #object(): string {
    const members: { name: string; bytes: Buffer; value: string }[] = [];
    this.#at++;
    while (this.#peek() !== 0x7d) {
      if (this.#peek() === COMMA) this.#at++;
      this.#peek();
      const name = this.#string();
      this.#peek();
      this.#at++; // The colon.
      members.push({ name, bytes: Buffer.from(name), value: this.value() });
    }
    this.#at++;
    members.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    return `{${members.map(({ name, value }) => `${goString(name)}:${value}`).join(',')}}`;
  }

  #array(): string {
    const elements: string[] = [];
    this.#at++;
    while (this.#peek() !== 0x5d) {
      if (this.#peek() === COMMA) this.#at++;
      elements.push(this.value());
    }
    this.#at++;
    return `[${elements.join(',')}]`;
  }

  /** Skips white space. @returns the code unit now at hand. */
  #peek(): number {
    while (this.#text.charCodeAt(this.#at) <= SPACE) this.#at++;
    return this.#text.charCodeAt(this.#at);
  }

  #string(): string {
    const start = this.#at++;
    for (let unit = this.#unit(); unit !== QUOTE; unit = this.#unit()) {
      this.#at += unit === BACKSLASH ? 2 : 1;
    }
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #unit(): number {
    return this.#text.charCodeAt(this.#at);
  }

  /** A number or a literal: up to a space, a comma or a bracket, all of which are the only ones of theirs. */
  #word(): string {
    const start = this.#at;
    for (let unit = this.#unit(); unit > SPACE && unit !== COMMA; unit = this.#unit()) {
      if (unit === 0x5d || unit === 0x7d) break;
      this.#at++;
    }
    return this.#text.slice(start, this.#at);
  }
}

/** A string as Go's encoder prints it without HTML escapes: as JavaScript's, but for two separators. */
function goString(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (separator) =>
    separator === '\u2028' ? '\\u2028' : '\\u2029',
  );
}
