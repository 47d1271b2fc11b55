import { describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import { DEFAULT_DEPTHS, discloseRecord } from '../../../src/core/record/disclosure.ts';
import {
  checkFullOpening,
  discloseStored,
  formatRecord,
  findRecord,
  inputText,
  parseRecord,
} from '../../../src/core/record/record.ts';
import { placeValues, takeValues } from '../../../src/core/record/sealed-values.ts';
import type { OpenedSet, StoredRecord } from '../../../src/core/record/record.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import {
  disclose,
  hashOf,
  JTI,
  PARTS,
  payloadOf,
  RECORD_KEY,
  storedOf,
} from '../../support/entries.ts';

const jweOf = (header: string, iv = 12, tag = 16): string => {
  const [head, ...rest] = [
    Buffer.from(header),
    Buffer.alloc(iv),
    Buffer.alloc(9),
    Buffer.alloc(tag),
  ];
  return [head.toString('base64url'), '', ...rest.map((part) => part.toString('base64url'))].join(
    '.',
  );
};
const KID = 'A'.repeat(22);
const JWE = jweOf(`{"alg":"dir","enc":"A256GCM","kid":"${KID}"}`);
const POINTERS = ['/input/event/actor', '/source/auth'];
const SEALED_KEY = new Uint8Array(32).fill(0xee);
const record = storedOf();
const payload = payloadOf();

/** The ordinary record with two places sealed to one subject. */
function sealedRecord(): { stored: StoredRecord; sd: readonly string[]; opened: OpenedSet } {
  const sealed = [{ pointers: POINTERS, key: SEALED_KEY }];
  const made = discloseRecord({
    jti: JTI,
    key: RECORD_KEY,
    depth: DEFAULT_DEPTHS,
    parts: PARTS,
    sealed,
  });
  const { parts, values } = takeValues(PARTS, POINTERS);
  const set = { pointers: POINTERS, digests: made.sealed[0]!, jwe: JWE };
  return {
    stored: { ...storedOf(parts), sealed: [set] },
    sd: made.sd,
    opened: { set: 0, key: SEALED_KEY, values },
  };
}
const { stored, sd, opened } = sealedRecord();
const sealedPayload = { ...payload, _sd: sd };

describe('a stored record', () => {
  test.each<[string, JsonValue]>([
    ['objects in objects', { a: { b: [1, { c: '}' }] }, event: { e: [] } }],
    ['quotes and backslashes', { text: '"}\\","jti":"\\"', '"': 1 }],
    ['a text', '"}'],
    ['a number', -1.5],
    ['nothing', null],
    ['an empty object', {}],
  ])('gives the text of an input that holds %s', (_, input) => {
    const line = formatRecord(storedOf({ ...PARTS, input }));
    expect(inputText(line)).toBe(canonicalJson(input));
  });

  test.each([
    ['without sealed values', record],
    ['with sealed values', stored],
    ['of scalars', storedOf({ input: 1, result: null, source: 'x' })],
  ])('comes back from its line %s', (_name, given) => {
    const line = formatRecord(given);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(parseRecord(line)).toEqual(given);
    expect(parseRecord(line.slice(0, -1))).toEqual(given);
    expect(formatRecord(parseRecord(line))).toBe(line);
  });

  test('is found by its id, not by an event before it that quotes the id, nor in what is no record', () => {
    const other = '01a205b3-d000-7000-8000-00000000ffff';
    const input = { quoted: [{ jti: JTI }] };
    const quoting = formatRecord({ ...storedOf({ ...PARTS, input }), jti: other });
    expect(quoting).toContain(`"jti":"${JTI}"`);
    const broken = `{"jti":"${JTI}"}\n`;
    const lines = `${quoting}${broken}${formatRecord(record)}`;
    expect(findRecord(lines, JTI)).toEqual(record);
    expect(findRecord(`${quoting}${broken}`, JTI)).toBeNull();
  });

  const set = stored.sealed[0]!;
  /** The line of a record with members changed, or left out where the change is undefined. */
  const lineOf = (changes: object): string =>
    canonicalJson(JSON.parse(JSON.stringify({ ...record, ...changes })) as JsonValue);
  // prettier-ignore
  test.each([
    ['nothing',                      '',                                            'not_json'],
    ['two line feeds',               `${formatRecord(record)}\n`,                   'not_canonical'],
    ['white space',                  formatRecord(record).replace(':', ': '),       'not_canonical'],
    ['an array',                     '[]',                                          'bad_record'],
    ['null',                         'null',                                        'bad_record'],
    ['a member more',                lineOf({ extra: 1 }),                          'bad_record'],
    ['a part less',                  lineOf({ result: undefined }),                 'bad_record'],
    ['no version',                   lineOf({ v: undefined }),                      'bad_record'],
    ['a version no number',          lineOf({ v: '1' }),                            'bad_record'],
    ['an earlier version',           lineOf({ v: 0 }),                              'bad_record'],
    ['a version no whole number',    lineOf({ v: 1.5 }),                            'bad_record'],
    ['a later version',              lineOf({ v: 2, more: 1 }),                     'unsupported_version'],
    ['an identifier in capitals',    lineOf({ jti: JTI.toUpperCase() }),            'bad_record'],
    ['an identifier no text',        lineOf({ jti: 1 }),                            'bad_record'],
    ['a short key',                  lineOf({ key: 'AAAA' }),                       'bad_record'],
    ['a key no text',                lineOf({ key: null }),                         'bad_record'],
    ['a reserved name',              lineOf({ input: { a: { _sd: [] } } }),         'reserved_member'],
    ['_sd_alg at the top of a part', lineOf({ result: { _sd_alg: 'x' } }),          'reserved_member'],
    ['an equal name',                formatRecord(record).replace('"input":', '"input":1,"input":'), 'duplicate_key'],
    ['sealed no array',              lineOf({ sealed: {} }),                        'bad_record'],
    ['a sealed set no object',       lineOf({ sealed: [1] }),                       'bad_record'],
    ['a sealed set with one more',   lineOf({ sealed: [{ ...set, x: 1 }] }),        'bad_record'],
    ['no pointers',                  lineOf({ sealed: [{ ...set, pointers: 1 }] }), 'bad_record'],
    ['digests no array',             lineOf({ sealed: [{ ...set, digests: 1 }] }),  'bad_record'],
    ['an empty sealed set',          lineOf({ sealed: [{ ...set, pointers: [], digests: [] }] }), 'bad_record'],
    ['a digest less',                lineOf({ sealed: [{ ...set, digests: set.digests.slice(1) }] }), 'bad_record'],
    ['a digest no hash',             lineOf({ sealed: [{ ...set, digests: ['', hashOf(1)] }] }), 'bad_record'],
    ['a pointer no text',            lineOf({ sealed: [{ ...set, pointers: [1, '/a'] }] }), 'bad_record'],
    ['a pointer no pointer',         lineOf({ sealed: [{ ...set, pointers: ['a', '/a'] }] }), 'bad_record'],
    ['a JWE no text',                lineOf({ sealed: [{ ...set, jwe: 1 }] }),      'bad_record'],
    ['a JWE whose header says more', lineOf({ sealed: [{ ...set, jwe: jweOf(`{"alg":"dir","enc":"A256GCM","kid":"${KID}","zip":"DEF"}`) }] }), 'bad_record'],
    ['a JWE in another order',       lineOf({ sealed: [{ ...set, jwe: jweOf(`{"enc":"A256GCM","alg":"dir","kid":"${KID}"}`) }] }), 'bad_record'],
    ['a JWE whose key has no id',    lineOf({ sealed: [{ ...set, jwe: jweOf('{"alg":"dir","enc":"A256GCM","kid":"x"}') }] }), 'bad_record'],
    ['a JWE with a header of no text', lineOf({ sealed: [{ ...set, jwe: JWE.replace(/^[^.]*/, '_w') }] }), 'bad_record'],
    ['a JWE with a short IV',        lineOf({ sealed: [{ ...set, jwe: jweOf(`{"alg":"dir","enc":"A256GCM","kid":"${KID}"}`, 9) }] }), 'bad_record'],
    ['a JWE with a short tag',       lineOf({ sealed: [{ ...set, jwe: jweOf(`{"alg":"dir","enc":"A256GCM","kid":"${KID}"}`, 12, 12) }] }), 'bad_record'],
    ['a JWE with a wrapped key',     lineOf({ sealed: [{ ...set, jwe: 'a.b.c.d.e' }] }), 'bad_record'],
  ])('is refused with %s', (_name, line, code) => {
    expect(() => parseRecord(line)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a full opening', () => {
  test('shows a record to be the one of its entry', () => {
    expect(checkFullOpening(payload, record)).toEqual({ ok: true });
    expect(checkFullOpening(sealedPayload, stored)).toEqual({ ok: true });
    expect(checkFullOpening(sealedPayload, stored, [opened])).toEqual({ ok: true });
  });

  test('makes the disclosures that were made first', () => {
    expect(discloseStored(record, DEFAULT_DEPTHS)).toEqual(disclose());
    const whole = discloseStored(stored, DEFAULT_DEPTHS, [opened]);
    expect(whole.sealed).toEqual(discloseStored(stored, DEFAULT_DEPTHS).sealed);
  });

  const first = stored.sealed[0]!;
  const withSet = (changes: object): StoredRecord => ({
    ...stored,
    sealed: [{ ...first, ...changes }],
  });
  // prettier-ignore
  test.each<[string, object, StoredRecord, OpenedSet[], string]>([
    ['an entry without digests',   { jti: JTI }, record, [],                                    'not_committed'],
    ['an entry without depths',    { jti: JTI, _sd: sd }, record, [],                           'not_committed'],
    ['another entry',              { ...payload, jti: JTI.replace('a', 'b') }, record, [],      'other_entry'],
    ['another value',              payload, { ...record, result: { allow: false } }, [],        'digest_mismatch'],
    ['another key',                payload, { ...record, key: hashOf(1) }, [],                  'digest_mismatch'],
    ['a member more',              payload, storedOf({ ...PARTS, input: { ...PARTS.input as object, x: 1 } }), [], 'digest_mismatch'],
    ['other depths',               { ...payload, dsc: '1:3.3.2' }, record, [],                  'digest_mismatch'],
    ['another sealed digest',      sealedPayload, withSet({ digests: [first.digests[1], first.digests[0]] }), [], 'digest_mismatch'],
    ['another sealed value',       sealedPayload, stored, [{ ...opened, values: ['x', 'y'] }],  'digest_mismatch'],
    ['another sealed key',         sealedPayload, stored, [{ ...opened, key: RECORD_KEY }],     'digest_mismatch'],
    ['digests other than opened',  sealedPayload, withSet({ digests: [hashOf(1), hashOf(2)] }), [opened], 'sealed_mismatch'],
    ['a pointer to no node',       sealedPayload, withSet({ pointers: ['/input', '/source/auth'] }), [], 'not_a_node'],
    ['a value also in clear',      sealedPayload, { ...stored, source: PARTS.source }, [],      'not_a_node'],
    ['an opened set of no record', payload, record, [opened],                                   'not_a_node'],
    ['a value too few opened',     sealedPayload, stored, [{ ...opened, values: ['x'] }],       'not_a_node'],
    ['a short key opened',         sealedPayload, stored, [{ ...opened, key: new Uint8Array(16) }], 'not_a_node'],
  ])('refutes %s', (_name, entry, given, sets, reason) => {
    expect(checkFullOpening(entry as typeof payload, given, sets)).toEqual({ ok: false, reason });
  });

  test('does not swallow a fault that is none of the record', () => {
    const broken = {
      ...record,
      get input(): JsonValue {
        throw new Error('disk');
      },
    };
    expect(() => checkFullOpening(payload, broken)).toThrow('disk');
  });
});

describe('values to be sealed', () => {
  test('are taken out and put back', () => {
    const before = JSON.stringify(PARTS);
    const { parts, values } = takeValues(PARTS, POINTERS);
    expect(values).toEqual([
      { id: 'alice', email: 'alice@a.example' },
      { method: 'jwt', subject: 'alice' },
    ]);
    expect(parts.input).not.toHaveProperty('event.actor');
    expect(parts.source).toEqual({ media_type: 'application/json' });
    expect(placeValues(parts, POINTERS, values)).toEqual(PARTS);
    expect(JSON.stringify(PARTS)).toBe(before);
  });

  test.each([
    [['/input']],
    [['/input/nothing']],
    [['/input/event/what/x']],
    [['/input/time', '/input/time']],
  ])('are not taken from %j', (pointers) => {
    expect(() => takeValues(PARTS, pointers)).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });

  test.each([
    ['/input/time'],
    ['/input/nothing/x'],
    ['/input/time/ms/x'],
    ['/input/event/changes/0/x'],
    [''],
  ])('are not put at %j', (pointer) => {
    expect(() => placeValues(PARTS, [pointer], [1])).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });

  test('are not taken out of arrays, whose other elements would move', () => {
    expect(() => takeValues(PARTS, ['/input/event/changes/0'])).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });
});
