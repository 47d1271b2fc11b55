import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  formatSdJwt,
  lookUp,
  openDisclosures,
  parseSdJwt,
} from '../../../src/core/record/open-disclosures.ts';
import { selectDisclosures } from '../../../src/core/record/redact.ts';
import { disclose, hashOf, idOf, PARTS, payloadOf } from '../../support/entries.ts';

const payload = payloadOf();
const record = disclose();
const all = selectDisclosures(record, 'all').disclosures;
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
const SALT = idOf(0);
/** A payload that commits to given disclosures only. */
const committing = (...disclosures: string[]): { _sd: string[]; dsc: string } => ({
  _sd: disclosures.map(digest).sort(),
  dsc: '1:2.2.1',
});

describe('an opened record', () => {
  test('is the whole record when all is disclosed, in any order', () => {
    for (const disclosures of [all, [...all].reverse()]) {
      const opened = openDisclosures(payload, disclosures);
      expect(opened.parts).toEqual(PARTS);
      expect(opened.hidden.size).toBe(0);
    }
  });

  test('says how much of each object is hidden', () => {
    const { disclosures } = selectDisclosures(record, {
      disclose: ['/input/time/ms', '/input/event/what', '/input/event/odd~1name~01', '/result'],
    });
    expect(openDisclosures(payload, disclosures).hidden).toEqual(
      new Map([
        ['/input/event', 5],
        ['/input/time', 1],
        ['/input', 2],
        ['', 1],
      ]),
    );
  });

  // prettier-ignore
  test.each([
    ['/input/time/ms',            { presence: 'present', value: 1_763_856_000_123 }],
    ['/input/event/changes/1',    { presence: 'present', value: { field: 'note' } }],
    ['/input/event/changes/9',    { presence: 'absent' }],
    ['/input/event/changes/x',    { presence: 'absent' }],
    ['/input/event/what/x',       { presence: 'absent' }],
    ['/input/event/actor',        { presence: 'hidden' }],
    ['/input/event/actor/id',     { presence: 'hidden' }],
    ['/input/event/nothing',      { presence: 'hidden' }],
    ['/result/nothing',           { presence: 'absent' }],
    ['/result/toString',          { presence: 'absent' }],
    ['/source',                   { presence: 'hidden' }],
  ])('tells absent from hidden: %s', (pointer, found) => {
    const { disclosures } = selectDisclosures(record, { redact: ['/input/event/actor', '/source'] });
    expect(lookUp(openDisclosures(payload, disclosures), pointer)).toEqual(found);
  });

  test('of an entry of the system is empty', () => {
    expect(openDisclosures({}, [])).toEqual({ parts: {}, hidden: new Map() });
  });
});

describe('disclosures are refused', () => {
  test('when one belongs to no digest', () => {
    const stranger = encode([SALT, 'input', 1]);
    for (const given of [payload, {}]) {
      expect(() => openDisclosures(given, [stranger])).toThrow(
        expect.objectContaining({ code: 'unused_disclosure' }),
      );
    }
  });

  test('when the one around it is missing', () => {
    expect(() => openDisclosures(payload, all.slice(1))).toThrow(
      expect.objectContaining({ code: 'unused_disclosure' }),
    );
  });

  test('when one occurs twice', () => {
    expect(() => openDisclosures(payload, [...all, all[3]!])).toThrow(
      expect.objectContaining({ code: 'duplicate_disclosure' }),
    );
  });

  test('when a digest occurs twice, disclosed or not', () => {
    const child = encode([SALT, 'a', 1]);
    for (const inner of [digest(child), hashOf(1)]) {
      const one = encode([idOf(1), 'input', { _sd: [inner] }]);
      const two = encode([idOf(2), 'result', { _sd: [inner] }]);
      const used = inner === digest(child) ? [one, two, child] : [one, two];
      expect(() => openDisclosures(committing(one, two), used)).toThrow(
        expect.objectContaining({ code: 'duplicate_digest' }),
      );
    }
  });

  test('when an entry commits to two values of one name', () => {
    const [one, two] = [encode([idOf(1), 'a', 1]), encode([idOf(2), 'a', 2])];
    const part = encode([SALT, 'input', { _sd: [digest(one), digest(two)].sort() }]);
    expect(() => openDisclosures(committing(part), [part, one, two])).toThrow(
      expect.objectContaining({ code: 'duplicate_key' }),
    );
    expect(openDisclosures(committing(part), [part, two]).parts).toEqual({ input: { a: 2 } });
  });

  // prettier-ignore
  test.each<[string, string, string]>([
    ['no base64url',              `${encode([SALT, 'input', 1])}=`,               'malformed_base64url'],
    ['no UTF-8',                  '_w',                                           'invalid_utf8'],
    ['no JSON',                   encode('x'),                                    'not_json'],
    ['not canonical',             encode(`["${SALT}", "input",1]`),               'not_canonical'],
    ['no array',                  encode({}),                                     'bad_disclosure'],
    ['an element of an array',    encode([SALT, 1]),                              'bad_disclosure'],
    ['too long',                  encode([SALT, 'input', 1, 1]),                  'bad_disclosure'],
    ['a salt no text',            encode([1, 'input', 1]),                        'bad_disclosure'],
    ['a salt too short',          encode(['AAAA', 'input', 1]),                   'bad_disclosure'],
    ['a salt with stray bits',    encode([`${'A'.repeat(21)}B`, 'input', 1]),     'bad_disclosure'],
    ['a name no text',            encode([SALT, 1, 1]),                           'bad_disclosure'],
    ['the name _sd',              encode([SALT, '_sd', []]),                      'bad_disclosure'],
    ['the name ...',              encode([SALT, '...', 'x']),                     'bad_disclosure'],
    ['the name __proto__',        encode([SALT, '__proto__', {}]),                'bad_disclosure'],
    ['an unknown part',           encode([SALT, 'extra', 1]),                     'bad_disclosure'],
    ['an object left whole',      encode([SALT, 'input', { a: 1 }]),              'bad_disclosure'],
    ['digests with a member',     encode([SALT, 'input', { _sd: [hashOf(1)], a: 1 }]), 'bad_disclosure'],
    ['no digests',                encode([SALT, 'input', { _sd: [] }]),           'bad_disclosure'],
    ['digests in no array',       encode([SALT, 'input', { _sd: hashOf(1) }]),    'bad_disclosure'],
    ['digests out of order',      encode([SALT, 'input', { _sd: [hashOf(2), hashOf(1)] }]), 'bad_disclosure'],
    ['a digest no hash',          encode([SALT, 'input', { _sd: ['a'] }]),        'bad_disclosure'],
    ['a digest no text',          encode([SALT, 'input', { _sd: [1] }]),          'bad_disclosure'],
    ['digests below the depth',   encode([SALT, 'source', { _sd: [hashOf(1)] }]), 'bad_disclosure'],
    ['digests in an array',       encode([SALT, 'input', [{ '...': hashOf(1) }]]), 'bad_disclosure'],
    ['digests far inside',        encode([SALT, 'source', { a: [{ b: { _sd: [] } }] }]), 'bad_disclosure'],
    ['a prototype far inside',    encode(`["${SALT}","source",{"a":{"__proto__":1}}]`), 'reserved_member'],
  ])('when one is %s', (_name, text, code) => {
    expect(() => openDisclosures(committing(text), [text])).toThrow(expect.objectContaining({ code }));
  });

  test('when the entry names no depths for them', () => {
    const text = encode([SALT, 'input', 1]);
    expect(() => openDisclosures({ _sd: [digest(text)] }, [text])).toThrow(
      expect.objectContaining({ code: 'bad_disclosure' }),
    );
  });
});

describe('an SD-JWT', () => {
  test.each([[[]], [['a']], [['a', 'b']]])(
    'with disclosures %j comes back',
    (disclosures: string[]) => {
      expect(parseSdJwt(formatSdJwt('x.y.z', disclosures))).toEqual({ jws: 'x.y.z', disclosures });
    },
  );

  test.each(['', '~', 'x.y.z', 'x.y.z~a', '~a~', 'x.y.z~~', 'x.y.z~a~~b~'])('is not %j', (text) => {
    expect(() => parseSdJwt(text)).toThrow(expect.objectContaining({ code: 'bad_sd_jwt' }));
  });
});
