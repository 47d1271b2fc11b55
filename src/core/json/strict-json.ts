/**
 * Strict JSON in: one pass that checks and builds. `JSON.parse` keeps the last of two equal names, rounds integers
 * and lets half a surrogate pair through, so two readers of one signed text could see two values; and SD-JWT
 * libraries silently drop members with names of their own. What comes out of here has exactly one reading.
 */
import { MalformedError } from '../errors.ts';
import { formatPointer } from './json-pointer.ts';
import type { JsonObject, JsonValue } from './json-value.ts';
import { exceedsUtf8Length, findLoneSurrogate } from '../platform/unicode.ts';

export type { JsonObject, JsonValue } from './json-value.ts';
export { findLoneSurrogate } from '../platform/unicode.ts';

/** Bounds of one document. Each is a limit of resources, so each is explicit. */
export interface JsonLimits {
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Containers around the innermost value; a document that is one flat object has depth 1. */
  readonly depth: number;
  /** Members and elements, counted over the whole document. */
  readonly members: number;
  /** UTF-16 code units of one string or name. */
  readonly stringLength: number;
}

/**
 * Which member names are refused beside `__proto__`: `nested` also `_sd` and `...` anywhere, `part` also `_sd_alg`
 * at the top (RFC 9901 §4.1), `signed` nothing more, for payloads in which those names have their meaning.
 */
export type ReservedNames = 'nested' | 'part' | 'signed';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Decimal digits that fit a double exactly, whatever they are. */
const EXACT_DIGITS = 15;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/**
 * Parses one JSON text.
 *
 * @param text - Well-formed or not; nothing is assumed of it.
 * @param reserved - Names to refuse; see {@link ReservedNames}.
 * @returns A value that shares nothing with the caller. Costs about 7 us a kilobyte (measured).
 * @throws {@link MalformedError} with the RFC 6901 pointer of the place and the code `not_json`, `duplicate_key`,
 *   `reserved_member`, `unsafe_number` (an integer beyond 2^53-1 in any notation, a value that overflows, a nonzero
 *   one that underflows to 0), `lone_surrogate`, `too_deep`, `too_many_members` or `too_large` (text or string).
 */
export function parseStrictJson(
  text: string,
  limits: JsonLimits,
  reserved: ReservedNames = 'nested',
): JsonValue {
  return readStrictJson(text, limits, reserved).value;
}

/** A value, and whether its text was the only one that RFC 8785 gives it. */
export interface ReadJson {
  readonly value: JsonValue;
  readonly isCanonical: boolean;
}

/** Parses as {@link parseStrictJson} does, and judges the form on the way: to write it again costs more than to read it. */
export function readStrictJson(
  text: string,
  limits: JsonLimits,
  reserved: ReservedNames = 'nested',
): ReadJson {
  if (exceedsUtf8Length(text, limits.bytes)) {
    throw new MalformedError(`text is larger than ${limits.bytes} bytes`, 'too_large', '');
  }
  return new StrictReader(text, limits, reserved).document();
}

class StrictReader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #reserved: ReservedNames;
  /** Names and indices of the open containers; only `#depth` of them are current. */
  readonly #path: (string | number)[] = [];
  #at = 0;
  #depth = 0;
  #members = 0;
  #isCanonical = true;

  constructor(text: string, limits: JsonLimits, reserved: ReservedNames) {
    this.#text = text;
    this.#limits = limits;
    this.#reserved = reserved;
  }

  document(): ReadJson {
    const value = this.#value(this.#skip());
    this.#skip();
    if (this.#at < this.#text.length) throw this.#notJson('text goes on after its value');
    return { value, isCanonical: this.#isCanonical };
  }

  /** Skips white space. @returns the code unit now at hand, NaN at the end. */
  #skip(): number {
    const text = this.#text;
    let unit = text.charCodeAt(this.#at);
    while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) {
      this.#isCanonical = false; // RFC 8785 §3.2.1
      unit = text.charCodeAt(++this.#at);
    }
    return unit;
  }

  #value(unit: number): JsonValue {
    if (unit === QUOTE) return this.#string();
    if (unit === 0x7b) return this.#object();
    if (unit === 0x5b) return this.#array();
    if (unit === MINUS || (unit >= ZERO && unit <= NINE)) return this.#number(unit);
    if (unit === 0x74) return this.#literal('true', true);
    if (unit === 0x66) return this.#literal('false', false);
    if (unit === 0x6e) return this.#literal('null', null);
    throw this.#notJson('no value begins here');
  }

  #literal<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#notJson('no value begins here');
    this.#at += word.length;
    return value;
  }

  #enter(): void {
    if (++this.#depth > this.#limits.depth) {
      this.#depth--;
      throw this.#malformed('too_deep', `nesting is deeper than ${this.#limits.depth}`);
    }
    this.#at++;
  }

  #count(): void {
    if (++this.#members > this.#limits.members) {
      throw this.#malformed('too_many_members', `more than ${this.#limits.members} members`);
    }
  }

  #array(): JsonValue[] {
    this.#enter();
    const elements: JsonValue[] = [];
    let unit = this.#skip();
    if (unit !== 0x5d) {
      for (;;) {
        this.#path[this.#depth - 1] = elements.length;
        this.#count();
        elements.push(this.#value(unit));
        unit = this.#skip();
        if (unit !== 0x2c) break;
        this.#at++;
        unit = this.#skip();
      }
      if (unit !== 0x5d) throw this.#notJson('array goes on with neither comma nor bracket');
    }
    this.#at++;
    this.#depth--;
    return elements;
  }

  #object(): JsonObject {
    this.#enter();
    const members: Record<string, JsonValue> = {};
    let previous = '';
    let unit = this.#skip();
    if (unit !== 0x7d) {
      for (;;) {
        const name = this.#name(unit, members);
        if (name < previous) this.#isCanonical = false; // §3.2.3
        previous = name;
        if (this.#skip() !== 0x3a) throw this.#notJson('a name is followed by a colon');
        this.#at++;
        members[name] = this.#value(this.#skip());
        unit = this.#skip();
        if (unit !== 0x2c) break;
        this.#at++;
        unit = this.#skip();
      }
      if (unit !== 0x7d) throw this.#notJson('object goes on with neither comma nor brace');
    }
    this.#at++;
    this.#depth--;
    return members;
  }

  #name(unit: number, members: Record<string, JsonValue>): string {
    // A member that has no name yet, or none that can be written, is in its object and nowhere else.
    this.#depth--;
    if (unit !== QUOTE) throw this.#notJson('a member begins with a string');
    const name = this.#string();
    this.#path[this.#depth++] = name;
    this.#count();
    // A plain lookup is several times cheaper than `hasOwn`; names of `Object.prototype` take the second look.
    if (members[name] !== undefined && Object.hasOwn(members, name)) {
      throw this.#malformed('duplicate_key', 'member occurs twice in its object');
    }
    if (this.#isReserved(name)) {
      throw this.#malformed('reserved_member', 'member name is reserved');
    }
    return name;
  }

  #isReserved(name: string): boolean {
    const first = name.charCodeAt(0);
    if (first !== 0x5f && first !== 0x2e) return false;
    if (name === '__proto__') return true;
    if (this.#reserved === 'signed') return false;
    if (name === '_sd' || name === '...') return true;
    return name === '_sd_alg' && this.#reserved === 'part' && this.#depth === 1;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start;
    let suspect = false;
    let escaped = false;
    for (;;) {
      const unit = text.charCodeAt(end);
      if (unit === QUOTE) break;
      if (unit === BACKSLASH) {
        escaped = true;
        end++;
      } else if (!(unit >= 0x20)) {
        // The end of the text is NaN, which compares false as well.
        throw this.#notJson('string holds a control character or has no end');
      } else if (unit >= 0xd800) {
        suspect = true;
      }
      end++;
    }
    this.#at = end + 1;
    const value = escaped ? this.#unescaped(start - 1, end + 1) : text.slice(start, end);
    if (value.length > this.#limits.stringLength) {
      throw this.#malformed('too_large', `string is longer than ${this.#limits.stringLength}`);
    }
    if ((suspect || escaped) && findLoneSurrogate(value) >= 0) {
      throw this.#malformed('lone_surrogate', 'string holds half of a surrogate pair');
    }
    return value;
  }

  #unescaped(start: number, end: number): string {
    const text = this.#text.slice(start, end);
    let value: string;
    try {
      value = JSON.parse(text) as string;
    } catch {
      throw this.#notJson('string holds an unknown escape');
    }
    if (JSON.stringify(value) !== text) this.#isCanonical = false; // §3.2.2.2
    return value;
  }

  #number(first: number): number {
    const text = this.#text;
    if (first > ZERO) {
      let end = this.#at;
      let value = 0;
      let unit = first;
      while (unit >= ZERO && unit <= NINE) {
        value = value * 10 + (unit - ZERO);
        unit = text.charCodeAt(++end);
      }
      const plain = unit !== 0x2e && unit !== 0x65 && unit !== 0x45;
      if (plain && end - this.#at <= EXACT_DIGITS) {
        this.#at = end;
        return value;
      }
    }
    return this.#anyNumber();
  }

  #anyNumber(): number {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) throw this.#notJson('no value begins here');
    const value = Number(digits);
    // Every double beyond 2^53-1 is an integer, so one comparison covers integers in any notation and overflow.
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER || (value === 0 && isNonzero(digits))) {
      throw this.#malformed('unsafe_number', 'number is not representable exactly');
    }
    this.#at += digits.length;
    if (String(value) !== digits) this.#isCanonical = false; // §3.2.2.3
    return value === 0 ? 0 : value; // RFC 8785 writes -0 as 0: one value, one text.
  }

  #notJson(message: string): MalformedError {
    return this.#malformed('not_json', `${message} (at character ${this.#at})`);
  }

  #malformed(code: string, message: string): MalformedError {
    return new MalformedError(message, code, formatPointer(this.#path.slice(0, this.#depth)));
  }
}

/** Whether a number's digits, before any exponent, hold one that is not 0. */
function isNonzero(digits: string): boolean {
  return /^[^eE]*[1-9]/.test(digits);
}
