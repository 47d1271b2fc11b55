/**
 * Strict and canonical JSON against second implementations: `JSON.parse` for what is JSON and what it means, the
 * visitor of `jsonc-parser` for what makes a text ambiguous, `canonicalize` for RFC 8785.
 */
import { describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { visit } from 'jsonc-parser';
import {
  canonicalJson,
  isCanonical,
  parseCanonicalJson,
} from '../../src/core/json/canonical-json.ts';
import { MalformedError } from '../../src/core/errors.ts';
import { formatPointer, parsePointer, valueAt } from '../../src/core/json/json-pointer.ts';
import { parseStrictJson } from '../../src/core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../../src/core/json/strict-json.ts';
import { jsonArbitrary, nearlyJsonArbitrary, textArbitrary } from '../support/json-arbitraries.ts';

const WIDE: JsonLimits = { bytes: 1e6, depth: 32, members: 10_000, stringLength: 10_000 };
const isWellFormed = (text: string): boolean => Buffer.from(text).toString() === text;

/** The codes for which a text that `JSON.parse` takes has to be refused. */
function faultsOf(text: string, limits: JsonLimits): Set<string> {
  const faults = new Set<string>();
  const names: Set<string>[] = [];
  let [members, depth] = [0, 0];
  const enter = (): void => {
    if (++depth > limits.depth) faults.add('too_deep');
  };
  const element = (path: readonly (string | number)[]): void => {
    if (typeof path.at(-1) === 'number') members++;
  };
  const judge = (value: string): void => {
    if (!isWellFormed(value)) faults.add('lone_surrogate');
    if (value.length > limits.stringLength) faults.add('too_large');
  };
  visit(text, {
    onObjectBegin: (_o, _l, _ll, _c, path) => {
      element(path());
      names.push(new Set());
      enter();
    },
    onObjectEnd: () => {
      names.pop();
      depth--;
    },
    onArrayBegin: (_o, _l, _ll, _c, path) => {
      element(path());
      enter();
    },
    onArrayEnd: () => {
      depth--;
    },
    onObjectProperty: (name) => {
      members++;
      judge(name);
      if (['_sd', '...', '__proto__'].includes(name)) faults.add('reserved_member');
      if (names.at(-1)!.has(name)) faults.add('duplicate_key');
      names.at(-1)!.add(name);
    },
    onLiteralValue: (value: unknown, offset, length, _l, _c, path) => {
      element(path());
      if (typeof value === 'string') judge(value);
      if (typeof value !== 'number') return;
      const written = text.slice(offset, offset + length);
      const isZero = /^-?[0.]+(?:[eE].*)?$/.test(written);
      if (Math.abs(value) >= 2 ** 53 || (value === 0) !== isZero) faults.add('unsafe_number');
    },
  });
  if (members > limits.members) faults.add('too_many_members');
  if (Buffer.byteLength(text) > limits.bytes) faults.add('too_large');
  return faults;
}

/** What strict JSON makes of a text: a value, or a code. */
function outcomeOf(text: string, limits: JsonLimits): { value: JsonValue } | { code: string } {
  try {
    return { value: parseStrictJson(text, limits) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { code: error.code };
  }
}

describe('strict JSON', () => {
  test('takes every value that it made, however it is written', () => {
    fc.assert(
      fc.property(jsonArbitrary, fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrictJson(text, WIDE)).toEqual(value);
        const escaped = text.replace(
          /[^\x20-\x7e\s]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        expect(parseStrictJson(escaped, WIDE)).toEqual(value);
      }),
    );
  });

  test('judges every text as the second implementations do', () => {
    const limits = fc.record({
      bytes: fc.constantFrom(8, 1e6),
      depth: fc.constantFrom(2, 32),
      members: fc.constantFrom(3, 10_000),
      stringLength: fc.constantFrom(3, 10_000),
    });
    fc.assert(
      fc.property(nearlyJsonArbitrary, fc.oneof(fc.constant(WIDE), limits), (text, bounds) => {
        let expected: unknown;
        let isJson = true;
        try {
          expected = JSON.parse(text);
        } catch {
          isJson = false;
        }
        const outcome = outcomeOf(text, bounds);
        if (!isJson) {
          // A text with two faults is refused for the one that is met first.
          expect(outcome).toHaveProperty('code');
          return;
        }
        const faults = faultsOf(text, bounds);
        if (faults.size > 0) {
          expect(outcome).toHaveProperty('code');
          expect(faults).toContain((outcome as { code: string }).code);
        } else {
          // Written again, since minus zero is zero here.
          expect(JSON.stringify((outcome as { value: unknown }).value)).toBe(
            JSON.stringify(expected),
          );
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('names a place that is there', () => {
    fc.assert(
      fc.property(
        jsonArbitrary,
        fc.constantFrom('1e400', '{"_sd":1}', '"\\ud800"', '{"a":1,"a":2}'),
        (value, bad) => {
          const text = JSON.stringify({ ok: value, bad: [0, '@'] }).replace(/"@"\]\}$/, `${bad}]}`);
          let pointer: string | undefined;
          try {
            parseStrictJson(text, WIDE);
          } catch (error) {
            pointer = (error as MalformedError).pointer;
          }
          expect(pointer).toMatch(/^\/bad\/1/);
        },
      ),
    );
  });

  test('throws nothing but its own error, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom('\ud800', '\udfff', '"', '\\', 'u', '{') }),
        ),
        (text) => {
          expect(() => outcomeOf(text, WIDE)).not.toThrow();
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('canonical JSON', () => {
  test('is that of the second implementation', () => {
    fc.assert(
      fc.property(jsonArbitrary, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  test('writes every finite number as the second implementation does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(canonicalJson(number)).toBe(canonicalize(number));
      }),
    );
  });

  test('is its own canonical form, and one value has one', () => {
    fc.assert(
      fc.property(jsonArbitrary, (value) => {
        const text = canonicalJson(value);
        expect(parseCanonicalJson(text)).toEqual(value);
        expect(canonicalJson(parseStrictJson(JSON.stringify(value, null, 1), WIDE))).toBe(text);
      }),
    );
  });

  test('is not what any change of one character makes of it, but for another value', () => {
    fc.assert(
      fc.property(
        jsonArbitrary,
        fc.nat(),
        fc.constantFrom(' ', '0', '"', ',', '}'),
        (value, at, letter) => {
          const text = canonicalJson(value);
          const place = at % (text.length + 1);
          const other = text.slice(0, place) + letter + text.slice(place);
          if (isCanonical(other)) expect(JSON.parse(other)).not.toEqual(value);
        },
      ),
    );
  });
});

test('a text is canonical exactly where writing its value again gives it', () => {
  const spaced = fc.constantFrom('', ' ', '\n', '\t');
  const forms = fc.tuple(jsonArbitrary, spaced, fc.nat(5), fc.infiniteStream(fc.boolean()));
  const written = forms.map(([value, space, indent, coins]) => {
    const coin = (): boolean => coins.next().value as boolean;
    const render = (part: JsonValue): string => {
      if (typeof part === 'string' && coin()) {
        return `"${Array.from(part)
          .map((c) => (c < '\u0080' && coin() ? escapeUnit(c) : JSON.stringify(c).slice(1, -1)))
          .join('')}"`;
      }
      if (typeof part === 'number' && coin()) return coin() ? part.toExponential() : `${part}`;
      if (Array.isArray(part)) return `[${part.map(render).join(`,${space}`)}]`;
      if (typeof part !== 'object' || part === null) return JSON.stringify(part);
      const members = Object.entries(part as Record<string, JsonValue>);
      if (coin()) members.sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${render(member)}`).join(',')}}`;
    };
    return indent === 0 ? JSON.stringify(value, null, 1) : render(value);
  });
  const escapeUnit = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  fc.assert(
    fc.property(fc.oneof(written, nearlyJsonArbitrary), (text) => {
      let value: JsonValue;
      try {
        value = parseStrictJson(text, WIDE, 'signed');
      } catch {
        return;
      }
      expect(isCanonical(text)).toBe(canonicalJson(value) === text);
    }),
    { numRuns: 2000 },
  );
});

test('every pointer is its tokens, and leads to the value that they lead to', () => {
  fc.assert(
    fc.property(fc.array(textArbitrary, { maxLength: 5 }), jsonArbitrary, (tokens, value) => {
      expect(parsePointer(formatPointer(tokens))).toEqual(tokens);
      const whole = tokens.reduceRight<JsonValue>(
        (inner, token) => ({ ['']: 0, [token]: inner }),
        value,
      );
      fc.pre(!tokens.includes('__proto__'));
      expect(valueAt(whole, tokens)).toEqual(value);
    }),
  );
});
