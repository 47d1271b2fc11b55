/** The shapes of answers: the hand-written check and the schema say the same, and say no to what is nearly right. */
import { describe, expect, test } from '@jest/globals';
import { fc, test as property } from '@fast-check/jest';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import {
  adminResultSchema,
  appendResultSchema,
  readResultSchema,
} from '../../../src/policy/contract/decision-schema.ts';
import {
  parseAdminResult,
  parseAppendResult,
  parseReadResult,
  selectOf,
} from '../../../src/policy/contract/decision.ts';

const yes = { allow: true, reasons: [], class: 'standard' };
const seen = { allow: true, reasons: [] };

describe('an answer to an append', () => {
  test.each<[string, JsonValue]>([
    ['is complete with a class', yes],
    ['denies without one', { allow: false, reasons: ['no'] }],
    [
      'may say everything',
      { ...yes, ack: 'sealed', labels: { a: 'b' }, mask: ['/input/event/a'], hold: false },
    ],
    ['may mask the whole event', { ...yes, mask: ['/input/event'] }],
    ['may mask by wildcard', { ...yes, mask: ['/input/event/*/a~1b', '/input/context/ip'] }],
    [
      'may name what is to be erased',
      { ...yes, erasure: [{ subject: 'a', pointers: ['/input/event/a'] }] },
    ],
    ['may have as many reasons as fit', { ...yes, reasons: Array.from({ length: 64 }, () => 'r') }],
  ])('%s', (_, value) => {
    expect(parseAppendResult(value)).toBe(value);
    expect(appendResultSchema.safeParse(value).success).toBe(true);
  });

  test.each<[string, JsonValue]>([
    ['null', null],
    ['true', true],
    ['a list', [yes]],
    ['nothing', {}],
    ['without reasons', { allow: true, class: 'standard' }],
    ['without allow', { reasons: [], class: 'standard' }],
    ['allow as a text', { ...yes, allow: 'true' }],
    ['allow as a number', { ...yes, allow: 1 }],
    ['allow without class', seen],
    ['an empty class', { ...yes, class: '' }],
    ['a class as a number', { ...yes, class: 1 }],
    ['an unknown member', { ...yes, masks: [] }],
    ['a member of the prototype', { ...yes, toString: 'x' }],
    ['an unknown ack', { ...yes, ack: 'printed' }],
    ['an ack that nobody can give', { ...yes, ack: 'witnessed' }],
    ['a label that is no text', { ...yes, labels: { a: 1 } }],
    ['a label without a name', { ...yes, labels: { '': 'b' } }],
    ['labels as a list', { ...yes, labels: ['a'] }],
    ['one reason that is no text', { ...yes, reasons: ['a', 1] }],
    ['a reason that is too long', { ...yes, reasons: ['a'.repeat(1025)] }],
    ['too many reasons', { ...yes, reasons: Array.from({ length: 65 }, () => 'r') }],
    ['a mask of the time', { ...yes, mask: ['/input/time'] }],
    ['a mask of the whole input', { ...yes, mask: ['/input'] }],
    ['a mask of the result', { ...yes, mask: ['/result/labels'] }],
    ['a mask of a neighbour by name', { ...yes, mask: ['/input/events'] }],
    ['a mask that is no pointer', { ...yes, mask: ['input/event'] }],
    ['a mask with a wrong escape', { ...yes, mask: ['/input/event/~2'] }],
    ['a mask as a text', { ...yes, mask: '/input/event/a' }],
    ['a mask with a line end', { ...yes, mask: ['/input/event\n'] }],
    ['an erasure of nothing', { ...yes, erasure: [{ subject: 'a', pointers: [] }] }],
    ['an erasure of nobody', { ...yes, erasure: [{ subject: '', pointers: ['/input/event/a'] }] }],
    [
      'an erasure with a member more',
      { ...yes, erasure: [{ subject: 'a', pointers: ['/input'], key: 'k' }] },
    ],
    ['a hold that is no yes or no', { ...yes, hold: 'case-7' }],
  ])('is not %s', (_, value) => {
    expect(parseAppendResult(value)).toBeUndefined();
    expect(appendResultSchema.safeParse(value).success).toBe(false);
  });
});

describe('an answer to a read', () => {
  test.each<[JsonValue, unknown]>([
    [seen, 'leaf'],
    [{ ...seen, redact: [] }, { redact: [] }],
    [{ ...seen, redact: ['/input/event/*/email'] }, { redact: ['/input/event/*/email'] }],
    [{ ...seen, disclose: ['/result'] }, { disclose: ['/result'] }],
    [{ ...seen, record: false }, 'leaf'],
    [{ ...seen, obligations: [] }, 'leaf'],
    [{ ...seen, obligations: [{ id: 'purpose' }, { id: 'sealed' }, { id: 'view_only' }] }, 'leaf'],
    [{ ...seen, obligations: [{ id: 'purpose', of: ['audit'] }] }, 'leaf'],
    [{ ...seen, record: false, obligations: [{ id: 'view_only' }] }, 'leaf'],
  ])('%j selects %j', (value, select) => {
    const result = parseReadResult(value);
    expect(readResultSchema.safeParse(value).success).toBe(true);
    expect(selectOf(result!)).toEqual(select);
  });

  test.each<[string, JsonValue]>([
    ['redacted and disclosed', { ...seen, redact: [], disclose: [] }],
    ['with a class', { ...seen, class: 'standard' }],
    ['with a pointer outside of the record', { ...seen, redact: ['/event'] }],
    ['with a record that is no yes or no', { ...seen, record: null }],
    ['with too many pointers', { ...seen, redact: Array.from({ length: 257 }, () => '/input') }],
    ['with a pointer that is too long', { ...seen, redact: [`/input/${'a'.repeat(1024)}`] }],
    ['owing what nobody here can give', { ...seen, obligations: [{ id: 'watermark' }] }],
    ['owing by a name of the prototype', { ...seen, obligations: [{ id: 'toString' }] }],
    ['owing nothing by name', { ...seen, obligations: ['sealed'] }],
    ['owing as an object', { ...seen, obligations: { id: 'sealed' } }],
    ['owing with a misspelt member', { ...seen, obligations: [{ id: 'purpose', on: ['a'] }] }],
    [
      'owing a purpose that there is none of',
      { ...seen, obligations: [{ id: 'purpose', of: [] }] },
    ],
    ['owing twice', { ...seen, obligations: [{ id: 'sealed' }, { id: 'sealed' }] }],
    ['sealed and left out of the log', { ...seen, record: false, obligations: [{ id: 'sealed' }] }],
  ])('is not %s', (_, value) => {
    expect(parseReadResult(value)).toBeUndefined();
    expect(readResultSchema.safeParse(value).success).toBe(false);
  });
});

describe('an answer to an administrator', () => {
  const answer = { ...seen, approvals_needed: 2 };
  test.each<[string, JsonValue]>([
    ['asks for people', answer],
    ['may ask for nobody', { ...answer, approvals_needed: 0 }],
    ['denies all the same', { ...answer, allow: false, reasons: ['no'] }],
  ])('%s', (_, value) => {
    expect(parseAdminResult(value)).toBe(value);
    expect(adminResultSchema.safeParse(value).success).toBe(true);
  });

  test.each<[string, JsonValue]>([
    ['silent on how many', seen],
    ['half a person', { ...answer, approvals_needed: 1.5 }],
    ['fewer than nobody', { ...answer, approvals_needed: -1 }],
    ['a crowd', { ...answer, approvals_needed: 33 }],
    ['a text', { ...answer, approvals_needed: '2' }],
    ['with a class', { ...answer, class: 'standard' }],
  ])('is not %s', (_, value) => {
    expect(parseAdminResult(value)).toBeUndefined();
    expect(adminResultSchema.safeParse(value).success).toBe(false);
  });
});

const scraps = fc.oneof(
  fc.boolean(),
  fc.constantFrom(null, 1, '', 'standard', 'sealed', '/input/event/a', '/input', '/source/auth/x'),
  fc.array(fc.constantFrom('/input/event/a', '/input/context', 'reason', 7), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', '', 'source'), fc.constantFrom('b', 1), { maxKeys: 2 }),
  fc.array(
    fc.record({ subject: fc.constantFrom('a', ''), pointers: fc.constant(['/input/event']) }),
  ),
  fc.array(
    fc.record(
      {
        id: fc.constantFrom('purpose', 'sealed', 'view_only', 'watermark'),
        of: fc.constantFrom<JsonValue>(['audit'], [], [1]),
      },
      { requiredKeys: ['id'] },
    ),
    { maxLength: 3 },
  ),
);
const members = (names: readonly string[]) =>
  fc.tuple(
    fc.dictionary(fc.constantFrom(...names, 'other'), scraps, { maxKeys: 5 }),
    fc.constantFrom({}, seen, yes),
  );

property.prop([members(['allow', 'reasons', 'class', 'ack', 'labels', 'mask', 'erasure', 'hold'])])(
  'the check of an append and its schema never disagree',
  ([scrap, base]) => {
    const value = { ...base, ...scrap } as JsonValue;
    const checked = parseAppendResult(value) !== undefined;
    expect(appendResultSchema.safeParse(value).success).toBe(checked);
  },
);

property.prop([members(['allow', 'reasons', 'redact', 'disclose', 'record', 'obligations'])])(
  'the check of a read and its schema never disagree',
  ([scrap, base]) => {
    const value = { ...base, ...scrap } as JsonValue;
    const checked = parseReadResult(value) !== undefined;
    expect(readResultSchema.safeParse(value).success).toBe(checked);
  },
);
