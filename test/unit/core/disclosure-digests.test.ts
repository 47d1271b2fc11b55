import { describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import { discloseTexts } from '../../../src/core/record/disclosure-digests.ts';
import { DEFAULT_DEPTHS } from '../../../src/core/record/disclosure.ts';
import type { PartDepths } from '../../../src/core/record/disclosure.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { JTI, PARTS, RECORD_KEY } from '../../support/entries.ts';
import { referenceDisclosures } from '../../support/reference-disclosures.ts';

const draft = { jti: JTI, key: RECORD_KEY, depth: DEFAULT_DEPTHS };
const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`m${i}`, i]));
const textsOf = (input: JsonValue, source: JsonValue = {}): Record<keyof PartDepths, string> => ({
  input: canonicalJson(input),
  result: 'null',
  source: canonicalJson(source),
});

describe('digests from canonical texts', () => {
  // prettier-ignore
  test.each<[string, JsonValue]>([
    ['members in members',                PARTS.input],
    ['no object',                         [1, { a: [] }]],
    ['an empty object',                   {}],
    ['empty objects and arrays',          { a: {}, b: [], c: [{}], d: { e: {} } }],
    ['quotes and backslashes',            { 'a"\\': '\\"', 'b\\\\': '\\\\', c: ['"]', '\\"}', { '"': ',' }] }],
    ['brackets and commas in strings',    { 'a,{': '},]', b: { c: '[{' } }],
    ['texts beyond ASCII',                { é: 'é', '€': { '😀': ['😀'] } }],
    ['more members than are salted at once', { wide, wider: wide }],
    ['names that are not reserved there', { _: 1, '.': 2, _sdx: 3, a: { _sd_alg: 'x' } }],
    ['scalars',                           { a: -1.5e-7, b: true, c: null, d: false }],
  ])('are those of the plain implementation: %s', (_name, input) => {
    const parts = { input, result: null, source: {} };
    expect(discloseTexts({ ...draft, texts: textsOf(input) })).toEqual(
      referenceDisclosures({ ...draft, parts }).sd,
    );
  });

  test.each([
    [1, 1, 1],
    [5, 2, 1],
    [9, 9, 9],
  ])('follow the depth of each part: %i, %i, %i', (input, result, source) => {
    const depth = { input, result, source };
    const texts = {
      input: canonicalJson(PARTS.input),
      result: canonicalJson(PARTS.result),
      source: canonicalJson(PARTS.source),
    };
    expect(discloseTexts({ ...draft, depth, texts })).toEqual(
      referenceDisclosures({ ...draft, depth, parts: PARTS }).sd,
    );
  });

  test.each([
    ['_sd', textsOf({ event: { _sd: 1 } })],
    ['...', textsOf({ '...': 1 })],
    ['__proto__', { ...textsOf({}), result: '{"__proto__":1}' }],
    ['_sd_alg at the top of a part', textsOf({}, { _sd_alg: 'md5' })],
  ])('are not made for a member named %s', (_name, texts) => {
    expect(() => discloseTexts({ ...draft, texts })).toThrow(
      expect.objectContaining({ code: 'reserved_member' }),
    );
  });

  test('need a key of 32 bytes', () => {
    const short = { ...draft, key: new Uint8Array(31), texts: textsOf({}) };
    expect(() => discloseTexts(short)).toThrow(/32 bytes/);
  });
});
