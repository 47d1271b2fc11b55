import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_DEPTHS, discloseRecord } from '../../../src/core/record/disclosure.ts';
import { lookUp, openDisclosures } from '../../../src/core/record/open-disclosures.ts';
import { takeValues } from '../../../src/core/record/sealed-values.ts';
import {
  coverPointers,
  disclosuresFor,
  selectDisclosures,
} from '../../../src/core/record/redact.ts';
import type { Select } from '../../../src/core/record/redact.ts';
import { disclose, JTI, PARTS, payloadOf, RECORD_KEY } from '../../support/entries.ts';

const record = disclose();
const payload = payloadOf();
const PART_POINTERS = ['/input', '/result', '/source'];
const EVENT = '/input/event';

describe('a redaction rounds up to the node around it', () => {
  // prettier-ignore
  test.each<[string, string[], string[]]>([
    ['nothing',                              [],                                   []],
    ['a part',                               ['/result'],                          ['/result']],
    ['everything',                           [''],                                 PART_POINTERS],
    ['every part',                           ['/*'],                               PART_POINTERS],
    ['a member',                             [`${EVENT}/what`],                    [`${EVENT}/what`]],
    ['a member whose value is null',         [`${EVENT}/none`],                    [`${EVENT}/none`]],
    ['a member whose value is empty',        [`${EVENT}/empty`],                   [`${EVENT}/empty`]],
    ['an escaped name',                      [`${EVENT}/odd~1name~01`],            [`${EVENT}/odd~1name~01`]],
    ['an object',                            ['/input/context'],                   ['/input/context']],
    ['a member below the depth',             [`${EVENT}/actor/email`],             [`${EVENT}/actor`]],
    ['something far below the depth',        [`${EVENT}/details/nested/deep/deeper`], [`${EVENT}/details`]],
    ['an element',                           [`${EVENT}/changes/0`],               [`${EVENT}/changes`]],
    ['a member of an element',               [`${EVENT}/changes/0/to`],            [`${EVENT}/changes`]],
    ['a member of any element',              [`${EVENT}/changes/*/to`],            [`${EVENT}/changes`]],
    ['the end of an array',                  [`${EVENT}/changes/-`],               [`${EVENT}/changes`]],
    ['a name where an array stands',         [`${EVENT}/changes/to`],              [`${EVENT}/changes`]],
    ['a member of all members',              ['/input/*/request'],                 ['/input/context/request']],
    ['a member below all members',           [`${EVENT}/*/email`],                 [`${EVENT}/actor`, `${EVENT}/changes`]],
    ['any member inside something whole',    [`${EVENT}/details/*/deep`],          [`${EVENT}/details`]],
    ['what is inside something hidden',      ['/input', `${EVENT}/what`],          ['/input']],
    ['what is around something hidden',      [`${EVENT}/what`, '/input'],          ['/input']],
    ['no such part',                         ['/extra'],                           []],
    ['no such member',                       [`${EVENT}/nothing`],                 []],
    ['a name where a text stands',           [`${EVENT}/what/x`],                  [`${EVENT}/what`]],
    ['a name where a text stands in something whole', [`${EVENT}/actor/email/x`],  [`${EVENT}/actor`]],
    ['no text that any name leads to',       [`${EVENT}/*/x`, '/input/*/x'],       [`${EVENT}/changes`]],
    ['nothing below null',                   [`${EVENT}/none/x`],                  []],
    ['nothing below what is empty',          [`${EVENT}/empty/x`, `${EVENT}/empty/*`], []],
    ['no such member of something whole',    [`${EVENT}/actor/phone`],             []],
    ['a member of a prototype',              [`${EVENT}/actor/toString`],          []],
    ['no such element',                      [`${EVENT}/changes/2`],               []],
    ['no such member of an element',         [`${EVENT}/changes/0/from`],          []],
    ['no such member of any element',        [`${EVENT}/changes/*/from`],          []],
  ])('%s', (_name, redact, hidden) => {
    const selection = selectDisclosures(record, { redact });
    expect(selection.hidden).toEqual(hidden);
    const opened = openDisclosures(payload, selection.disclosures);
    expect(opened.parts).toEqual(selection.view);
    for (const pointer of hidden) expect(lookUp(opened, pointer).presence).toBe('hidden');
  });
});

describe('a disclosure rounds down to the nodes inside it', () => {
  // prettier-ignore
  test.each<[string, string[], unknown]>([
    ['nothing',                           [],                            {}],
    ['everything',                        [''],                          PARTS],
    ['a part',                            ['/result'],                   { result: PARTS.result }],
    ['a member with what is around it',   [`${EVENT}/what`],             { input: { event: { what: 'transfer' } } }],
    ['two members of two parts',          ['/result/allow', '/input/time/ms'],
      { input: { time: { ms: 1_763_856_000_123 } }, result: { allow: true } }],
    ['an object with what is inside it',  ['/input/time'],
      { input: { time: { ms: 1_763_856_000_123, rfc3339: '2025-11-23T00:00:00.123Z' } } }],
    ['the same member everywhere',        ['/*/*/subject'],              { source: { auth: { subject: 'alice' } } }],
    ['an empty object',                   [`${EVENT}/empty`],            { input: { event: { empty: {} } } }],
    ['a place inside something whole',    [`${EVENT}/actor/id`],         {}],
    ['an element',                        [`${EVENT}/changes/0`],        {}],
    ['any member of something whole',     [`${EVENT}/actor/*`],          {}],
    ['no such member',                    [`${EVENT}/nothing`, '/x'],    {}],
  ])('%s', (_name, pointers, view) => {
    const selection = selectDisclosures(record, { disclose: pointers });
    expect(selection.view).toEqual(view);
    expect(openDisclosures(payload, selection.disclosures).parts).toEqual(view);
  });

  test('and says what it left out, outermost only', () => {
    const { hidden } = selectDisclosures(record, { disclose: ['/input/action', '/input/time/ms'] });
    expect(hidden).toEqual(['/input/context', EVENT, '/input/time/rfc3339', '/result', '/source']);
  });
});

describe('a selection', () => {
  test('of all is the whole record', () => {
    expect(selectDisclosures(record, 'all')).toMatchObject({ view: PARTS, hidden: [] });
  });

  test('of the leaf is nothing', () => {
    expect(selectDisclosures(record, 'leaf')).toEqual({
      view: {},
      hidden: PART_POINTERS,
      disclosures: [],
    });
  });

  test('has every disclosure after the one of the object around it', () => {
    const seen = new Set(record.sd);
    for (const disclosure of disclosuresFor(record, { redact: [`${EVENT}/what`] })) {
      expect(seen).toContain(createHash('sha256').update(disclosure).digest('base64url'));
      const text = Buffer.from(disclosure, 'base64url').toString();
      const [, , value] = JSON.parse(text) as [string, string, { _sd?: string[] } | null];
      for (const digest of value?._sd ?? []) seen.add(digest);
    }
    expect(openDisclosures(payload, disclosuresFor(record, 'all')).hidden.size).toBe(0);
  });

  test.each<[string, Select]>([
    ['redact', { redact: ['input'] }],
    ['disclose', { disclose: ['/a~2'] }],
  ])('by text that is no pointer is refused: %s', (_name, select) => {
    expect(() => selectDisclosures(record, select)).toThrow(
      expect.objectContaining({ code: 'bad_pointer' }),
    );
  });
});

describe('what is sealed and not at hand', () => {
  const pointers = [`${EVENT}/actor`];
  const key = new Uint8Array(32).fill(1);
  const base = { jti: JTI, key: RECORD_KEY, depth: DEFAULT_DEPTHS };
  const made = discloseRecord({ ...base, parts: PARTS, sealed: [{ pointers, key }] });
  const { parts } = takeValues(PARTS, pointers);
  const gone = discloseRecord({ ...base, parts, sealed: [{ pointers, digests: made.sealed[0]! }] });

  test.each<[string, Select]>([
    ['all', 'all'],
    ['a redaction', { redact: [] }],
    ['a disclosure of it', { disclose: [EVENT] }],
  ])('is hidden from %s, and the rest still verifies', (_name, select) => {
    const { disclosures, hidden, view } = selectDisclosures(gone, select);
    expect(hidden).toContain(`${EVENT}/actor`);
    const opened = openDisclosures({ ...payload, _sd: made.sd }, disclosures);
    expect(opened.parts).toEqual(view);
    expect(lookUp(opened, `${EVENT}/actor`)).toEqual({ presence: 'hidden' });
  });

  test('is shown while it is at hand', () => {
    expect(selectDisclosures(made, { disclose: pointers }).view).toEqual({
      input: { event: { actor: { id: 'alice', email: 'alice@a.example' } } },
    });
  });

  test('is not led into by a redaction', () => {
    expect(selectDisclosures(gone, { redact: [`${EVENT}/actor/id`] }).hidden).toEqual(pointers);
  });
});

test('places to be sealed are rounded up, written out and never one below another', () => {
  expect(
    coverPointers(PARTS, DEFAULT_DEPTHS, [
      `${EVENT}/actor/email`,
      `${EVENT}/changes/*/to`,
      '/input/*/request',
      '/input/context/request/headers',
      '/input/nothing',
    ]),
  ).toEqual(['/input/context/request', `${EVENT}/actor`, `${EVENT}/changes`]);
});
