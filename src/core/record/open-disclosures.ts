/**
 * What a holder of an entry and some of its disclosures can know: RFC 9901 §7.1, with the narrower forms that Stele
 * writes. What is absent is told apart from what may be hidden.
 */
import { sha256Base64Url } from '#platform';
import { parseBase64Url, utf8Text } from '../platform/bytes.ts';
import { parseCanonicalJson } from '../json/canonical-json.ts';
import type { EntryPayload } from '../entry/payload.ts';
import { PATTERNS } from '../entry/payload.ts';
import { MalformedError } from '../errors.ts';
import { escapeToken, isJsonObject, parsePointer, valueAt } from '../json/json-pointer.ts';
import { parseDsc, PART_NAMES } from './nodes.ts';
import type { PartName } from './nodes.ts';
import type { JsonValue } from '../json/strict-json.ts';

/** A partial view of a record. That each name has one value only is unproven until the record is fully opened. */
export interface OpenedRecord {
  /** What was disclosed. */
  readonly parts: Readonly<Partial<Record<PartName, JsonValue>>>;
  /** By the pointer of an object ('' for the record itself): how many of its digests were not disclosed. */
  readonly hidden: ReadonlyMap<string, number>;
}

/** What a partial view says of a place. */
export type Presence =
  | { readonly presence: 'present'; readonly value: JsonValue }
  | { readonly presence: 'absent' }
  /** A digest that was not disclosed may be it. */
  | { readonly presence: 'hidden' };

interface Disclosure {
  readonly name: string;
  readonly value: JsonValue;
}

const RESERVED: readonly string[] = ['_sd', '...', '__proto__'];
const SALT = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/**
 * Matches disclosures with an entry's digests.
 *
 * @param payload - Of an entry whose signature the caller verifies.
 * @throws {@link MalformedError} code `bad_disclosure` (its form, a reserved name, the wrong depth),
 *   `duplicate_disclosure`, `duplicate_digest`, `duplicate_key` (two values of one name), `unused_disclosure`.
 */
export function openDisclosures(
  payload: Pick<EntryPayload, '_sd' | 'dsc'>,
  disclosures: readonly string[],
): OpenedRecord {
  const unused = new Map<string, Disclosure>();
  for (const text of disclosures) {
    const digest = sha256Base64Url(text);
    if (unused.has(digest)) throw malformed('duplicate_disclosure', 'disclosure occurs twice');
    unused.set(digest, parseDisclosure(text));
  }
  const opener = new Opener(unused);
  const depths = payload.dsc === undefined ? undefined : parseDsc(payload.dsc);
  const parts = opener.open(payload._sd ?? [], '', (name) => {
    const part = PART_NAMES.find((known) => known === name);
    if (part === undefined || depths === undefined) {
      throw malformed('bad_disclosure', 'record has no part of this name');
    }
    return depths[part] - 1;
  });
  if (unused.size > 0) {
    throw malformed('unused_disclosure', `${unused.size} disclosures belong to no digest`);
  }
  return { parts, hidden: opener.hidden };
}

/** What a partial view says of a place. @throws {@link MalformedError} code `bad_pointer`. */
export function lookUp(opened: OpenedRecord, pointer: string): Presence {
  let value: JsonValue = opened.parts;
  let place = '';
  for (const token of parsePointer(pointer)) {
    const member: JsonValue | undefined = valueAt(value, [token]);
    if (member === undefined) {
      return { presence: (opened.hidden.get(place) ?? 0) > 0 ? 'hidden' : 'absent' };
    }
    value = member;
    place += `/${escapeToken(token)}`;
  }
  return { presence: 'present', value };
}

/** An SD-JWT without key binding: the JWS and its disclosures. RFC 9901 §4. */
export function formatSdJwt(jws: string, disclosures: readonly string[]): string {
  return [jws, ...disclosures, ''].join('~');
}

/** Takes an SD-JWT without key binding apart. @throws {@link MalformedError} code `bad_sd_jwt`. */
export function parseSdJwt(text: string): { jws: string; disclosures: string[] } {
  const [jws = '', ...disclosures] = text.split('~');
  if (disclosures.pop() !== '' || jws === '' || disclosures.includes('')) {
    throw malformed('bad_sd_jwt', 'text is not a JWS and disclosures, each ended by a tilde');
  }
  return { jws, disclosures };
}

class Opener {
  readonly hidden = new Map<string, number>();
  readonly #unused: Map<string, Disclosure>;
  readonly #seen = new Set<string>();

  constructor(unused: Map<string, Disclosure>) {
    this.#unused = unused;
  }

  /** @param levels - How many levels of nodes may follow below a member. */
  open(
    digests: readonly string[],
    pointer: string,
    levels: (name: string) => number,
  ): Record<string, JsonValue> {
    const members: Record<string, JsonValue> = {};
    let hidden = 0;
    for (const digest of digests) {
      if (this.#seen.has(digest)) throw malformed('duplicate_digest', 'digest occurs twice');
      this.#seen.add(digest);
      const disclosure = this.#unused.get(digest);
      if (disclosure === undefined) {
        hidden++;
        continue;
      }
      this.#unused.delete(digest);
      const { name, value } = disclosure;
      if (Object.hasOwn(members, name)) {
        throw malformed('duplicate_key', 'entry commits to two values of one name');
      }
      members[name] = this.#value(value, `${pointer}/${escapeToken(name)}`, levels(name));
    }
    if (hidden > 0) this.hidden.set(pointer, hidden);
    return members;
  }

  #value(value: JsonValue, pointer: string, levels: number): JsonValue {
    if (!isJsonObject(value) || !Object.hasOwn(value, '_sd')) {
      const mustOpen = levels > 0 && isJsonObject(value) && Object.keys(value).length > 0;
      if (mustOpen || holdsReserved(value)) {
        throw malformed('bad_disclosure', 'value is whole where it has to be apart, or reserved');
      }
      return value;
    }
    if (levels === 0 || Object.keys(value).length !== 1) {
      throw malformed('bad_disclosure', 'digests stand where there can be none');
    }
    return this.open(parseDigests(value['_sd']), pointer, () => levels - 1);
  }
}

function parseDisclosure(text: string): Disclosure {
  const value = parseCanonicalJson(utf8Text(parseBase64Url(text)));
  const members = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  const [salt, name, content] = members;
  if (members.length !== 3 || content === undefined) {
    throw malformed('bad_disclosure', 'disclosure is not salt, name and value');
  }
  if (typeof salt !== 'string' || !SALT.test(salt)) {
    throw malformed('bad_disclosure', 'salt is not 16 bytes');
  }
  if (typeof name !== 'string' || RESERVED.includes(name)) {
    throw malformed('bad_disclosure', 'name is none, or reserved');
  }
  return { name, value: content };
}

function parseDigests(value: JsonValue | undefined): readonly string[] {
  const digests = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  let previous = '';
  for (const digest of digests) {
    if (typeof digest !== 'string' || digest < previous || !PATTERNS.hash.test(digest)) {
      throw malformed('bad_disclosure', 'digests are not ascending');
    }
    previous = digest;
  }
  if (digests.length === 0) throw malformed('bad_disclosure', 'object has no digests');
  return digests as readonly string[];
}

function holdsReserved(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isJsonObject(value) && (Object.hasOwn(value, '_sd') || Object.hasOwn(value, '...'))) {
    return true;
  }
  return Object.values(value).some(holdsReserved);
}

function malformed(code: string, message: string): MalformedError {
  return new MalformedError(message, code);
}
