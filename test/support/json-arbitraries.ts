/** JSON that strict JSON takes, and texts that it may not take. */
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';

/** Texts without half surrogates; of any other character. */
export const textArbitrary = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom(
    '',
    'a',
    '"',
    '\\',
    '/',
    '~',
    '*',
    '\u0000',
    '\u2028',
    'é',
    '😀',
    '\ufb33',
    '10',
    '9',
  ),
);

/** Numbers that a double holds exactly enough: no integer beyond 2^53-1. Minus zero is not among them. */
export const numberArbitrary = fc
  .oneof(
    fc.maxSafeInteger(),
    fc.double({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, noNaN: true }),
  )
  .map((number) => (number === 0 ? 0 : number));

/** Member names that nobody reserved. */
export const nameArbitrary = fc
  .oneof(textArbitrary, fc.constantFrom('toString', 'constructor', '_sd_alg', '_sd_', '....'))
  .filter((name) => !['_sd', '...', '__proto__'].includes(name));

/** Values of strict JSON. */
export const jsonArbitrary: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), numberArbitrary, textArbitrary),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(nameArbitrary, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** Objects of strict JSON, as the parts of a record are. */
export const objectArbitrary: fc.Arbitrary<JsonObject> = fc
  .dictionary(nameArbitrary, jsonArbitrary, { maxKeys: 6, noNullPrototype: true })
  .filter((object) => !Object.hasOwn(object, '_sd_alg'));

/** Texts that are nearly JSON: tokens in a row, and JSON with a piece cut out, doubled or put elsewhere. */
export const nearlyJsonArbitrary: fc.Arbitrary<string> = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        ...[
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          ' ',
          '\n',
          '"',
          '""',
          '"a"',
          '"_sd"',
          '"..."',
          '"__proto__"',
        ],
        ...[
          '"\\u0061"',
          '"\\ud800"',
          '"\\ud83d\\ude00"',
          '\ud83d',
          '\ude00',
          '\\',
          '\\u',
          '\\n',
          '\t',
        ],
        ...[
          '0',
          '-',
          '-0',
          '1',
          '12',
          '.5',
          'e5',
          'E+400',
          'e-400',
          '9007199254740992',
          '1.0',
          '00',
        ],
        ...['true', 'false', 'null', 'nul', '\ufeff', '/', '//'],
      ),
      { maxLength: 14 },
    )
    .map((tokens) => tokens.join('')),
  fc
    .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.nat(8), fc.nat(), fc.boolean())
    .map(([text, from, length, to, keep]) => {
      const start = from % (text.length + 1);
      const piece = text.slice(start, start + length);
      const rest = keep ? text : text.slice(0, start) + text.slice(start + length);
      const target = to % (rest.length + 1);
      return rest.slice(0, target) + piece + rest.slice(target);
    }),
);
