/**
 * The `_sd` of an entry from the canonical texts of its record's parts, for whoever writes: disclosures are made and hashed
 * one after the other, and nothing else is kept. `disclosure.ts` has the same rules over values, for whoever discloses.
 * Canonical text (RFC 8785) has no white space and its members in order, so a node's name and value are slices of it.
 */
import { sha256Base64Url, utf8Base64Url } from '#platform';
import { endOfString, endOfValue } from '../json/canonical-text.ts';
import { makeSalts, saltAt } from './disclosure.ts';
import { PART_NAMES, reservedName } from './nodes.ts';
import type { PartDepths, PartName } from './nodes.ts';

/** What the digests are made from; without sealed sets. */
export interface DigestDraft {
  readonly jti: string;
  /** 32 random bytes, of this record alone. */
  readonly key: Uint8Array;
  readonly depth: PartDepths;
  /** RFC 8785 text of each part, whose value came out of strict JSON. That it is one is not checked. */
  readonly texts: Readonly<Record<PartName, string>>;
}

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Salts for the record of an ordinary event; where they do not do, more are made. */
const SALTS = 64;

/**
 * Makes the digests of the three parts, ascending: the `sd` of `discloseRecord`, for three quarters of its cost (measured).
 *
 * @throws {@link MalformedError} code `reserved_member`.
 */
export function discloseTexts({ jti, key, depth, texts }: DigestDraft): string[] {
  const salts = new Salts(jti, key);
  return PART_NAMES.map((name) =>
    new PartReader(texts[name], depth[name], salts).digest(name),
  ).sort();
}

/** The salts of stream 0, in turn. */
class Salts {
  readonly #jti: string;
  readonly #key: Uint8Array;
  #text: string;
  #made = SALTS;
  #taken = 0;

  constructor(jti: string, key: Uint8Array) {
    this.#jti = jti;
    this.#key = key;
    this.#text = makeSalts(jti, 0, key, SALTS);
  }

  next(): string {
    if (this.#taken === this.#made) {
      // The hash is extendable: more of it begins with what there was.
      this.#made *= 2;
      this.#text = makeSalts(this.#jti, 0, this.#key, this.#made);
    }
    return saltAt(this.#text, this.#taken++);
  }
}

/** Reads one part from its beginning to its end. */
class PartReader {
  readonly #text: string;
  readonly #depth: number;
  readonly #salts: Salts;
  #at = 0;

  constructor(text: string, depth: number, salts: Salts) {
    this.#text = text;
    this.#depth = depth;
    this.#salts = salts;
  }

  digest(part: PartName): string {
    return this.#node(`"${part}"`, this.#depth - 1);
  }

  /** The digest of the node whose value is at hand. @param name - As JSON. @param levels - How many may be below. */
  #node(name: string, levels: number): string {
    const salt = this.#salts.next(); // Before those of its members: salts are counted in pre-order.
    const value = this.#isParent(levels) ? this.#members(levels) : this.#whole();
    return sha256Base64Url(utf8Base64Url(`["${salt}",${name},${value}]`));
  }

  #isParent(levels: number): boolean {
    if (levels === 0 || this.#text.charCodeAt(this.#at) !== OPEN_BRACE) return false;
    return this.#text.charCodeAt(this.#at + 1) !== CLOSE_BRACE;
  }

  #whole(): string {
    const start = this.#at;
    this.#at = endOfValue(this.#text, start);
    return this.#text.slice(start, this.#at);
  }

  /** What stands for the object at hand, whose members are nodes. */
  #members(levels: number): string {
    const text = this.#text;
    const digests: string[] = [];
    do {
      const start = this.#at + 1;
      const end = endOfString(text, start);
      const name = text.slice(start, end);
      this.#refuseReserved(name, levels);
      this.#at = end + 1;
      digests.push(this.#node(name, levels - 1));
    } while (text.charCodeAt(this.#at) === COMMA);
    this.#at++;
    return `{"_sd":["${digests.sort().join('","')}"]}`;
  }

  #refuseReserved(name: string, levels: number): void {
    const first = name.charCodeAt(1);
    if (first !== 0x5f && first !== 0x2e) return;
    const isTop = levels === this.#depth - 1;
    if (name === '"_sd"' || name === '"..."' || name === '"__proto__"') throw reservedName(name);
    if (isTop && name === '"_sd_alg"') throw reservedName(name);
  }
}
