/** Canonical JSON out (RFC 8785): one value has one text, and so one hash. */
import { assert, MalformedError } from '../errors.ts';
import { readStrictJson } from './strict-json.ts';
import type { JsonLimits, JsonObject, JsonValue } from './strict-json.ts';
import { findLoneSurrogate } from '../platform/unicode.ts';

/** Bounds of what is signed: an entry is at most 65,535 bytes, a header or a genesis somewhat larger. */
const SIGNED_LIMITS: JsonLimits = {
  bytes: 16 * 1024 * 1024,
  depth: 64,
  members: 1_000_000,
  stringLength: 4 * 1024 * 1024,
};

/** What JSON escapes, and what may be half of a pair. RFC 8785 §3.2.2.2. */
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * The RFC 8785 text of a value that came out of strict JSON: no white space, names ascending by UTF-16 code units
 * (§3.2.3), numbers and strings as ECMAScript writes them (§3.2.2).
 *
 * A value that JSON cannot hold (NaN, a half surrogate, `undefined`) is our bug and stops the process.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'object' && value !== null) {
    return isArray(value) ? canonicalArray(value) : canonicalObject(value);
  }
  if (typeof value === 'number') assert(Number.isFinite(value), 'a JSON number is finite');
  else assert(value === null || typeof value === 'boolean', 'a JSON value is of a JSON type');
  return JSON.stringify(value);
}

/** The RFC 8785 form of a string. Exported for texts that are put together piece by piece. */
export function canonicalString(value: string): string {
  // A look is a third of the cost of `JSON.stringify`, and most strings need no escape (measured).
  if (!ESCAPED.test(value)) return `"${value}"`;
  assert(findLoneSurrogate(value) < 0, 'a JSON string is well-formed');
  return JSON.stringify(value);
}

/** The names of an object in canonical order. */
export function canonicalNames(value: JsonObject): string[] {
  const names = Object.keys(value);
  let previous = '';
  for (const name of names) {
    if (previous > name) return names.sort();
    previous = name;
  }
  return names;
}

/**
 * Parses a text that must be its own canonical form, as everything signed is. Names that SD-JWT reserves pass here;
 * the schema of the payload says where they may stand.
 *
 * @throws {@link MalformedError} code `not_canonical`, or any of {@link parseStrictJson}'s.
 */
export function parseCanonicalJson(text: string): JsonValue {
  const { value, isCanonical } = readStrictJson(text, SIGNED_LIMITS, 'signed');
  if (!isCanonical) {
    throw new MalformedError('JSON is not in its canonical form (RFC 8785)', 'not_canonical');
  }
  return value;
}

/** Whether `text` is JSON in its own canonical form. Never throws. */
export function isCanonical(text: string): boolean {
  try {
    parseCanonicalJson(text);
    return true;
  } catch {
    return false;
  }
}

function canonicalArray(elements: readonly JsonValue[]): string {
  let text = '';
  for (const element of elements) text += (text === '' ? '' : ',') + canonicalJson(element);
  return `[${text}]`;
}

function canonicalObject(members: JsonObject): string {
  let text = '';
  for (const name of canonicalNames(members)) {
    const member = `${canonicalString(name)}:${canonicalJson(members[name] as JsonValue)}`;
    text += text === '' ? member : `,${member}`;
  }
  return `{${text}}`;
}

function isArray(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}
