import { describe, expect, test } from '@jest/globals';
import { parseStrictJson } from '../../../src/core/json/strict-json.ts';
import type { JsonLimits, ReservedNames } from '../../../src/core/json/strict-json.ts';

const LIMITS: JsonLimits = { bytes: 4096, depth: 5, members: 40, stringLength: 64 };
const SAFE = Number.MAX_SAFE_INTEGER;

describe('strict JSON takes what has one reading', () => {
  // prettier-ignore
  test.each([
    ['null',                    'null',                        null],
    ['true',                    'true',                        true],
    ['false',                   'false',                       false],
    ['white space around',      ' \t\r\n 7 \n',                7],
    ['zero',                    '0',                           0],
    ['minus zero as zero',      '-0',                          0],
    ['zero with an exponent',   '0.00e-999',                   0],
    ['a negative',              '-12.5',                       -12.5],
    ['an exponent',             '25E-1',                       2.5],
    ['fifteen digits',          '999999999999999',             999_999_999_999_999],
    ['the largest integer',     '9007199254740991',            SAFE],
    ['the smallest integer',    '-9007199254740991',           -SAFE],
    ['the smallest number',     '5e-324',                      5e-324],
    ['an empty string',         '""',                          ''],
    ['every short escape',      String.raw`"\"\\\/\b\f\n\r\t"`, '"\\/\b\f\n\r\t'],
    ['an escaped letter',       String.raw`"\u0041\u00e9"`,    'Aé'],
    ['an escaped pair',         String.raw`"\ud83d\ude00"`,    '😀'],
    ['a pair in clear',         '"😀 ퟿ "',                     '😀 \ud7ff '],
    ['a backslash at the end',  String.raw`"a\\"`,             'a\\'],
    ['empty containers',        '[{},[]]',                     [{}, []]],
    ['members in their order',  '{"b":1,"a":[2,{"c":3}]}',     { b: 1, a: [2, { c: 3 }] }],
    ['an empty name',           '{"":1}',                      { '': 1 }],
    ['equal names apart',       '{"a":{"a":1},"b":{"a":2}}',   { a: { a: 1 }, b: { a: 2 } }],
    ['names like methods',      '{"toString":1,"constructor":2,"hasOwnProperty":null}',
      { toString: 1, constructor: 2, hasOwnProperty: null }],
    ['names nearly reserved',   '{"_sd_":1,"....":2,"_sd_algo":3,"..":4,"__proto":5,"_":6}',
      { _sd_: 1, '....': 2, _sd_algo: 3, '..': 4, __proto: 5, _: 6 }],
    ['_sd_alg below the top',   '{"a":{"_sd_alg":1}}',         { a: { _sd_alg: 1 } }],
    ['the deepest nesting',     '[[[[[1]]]]]',                 [[[[[1]]]]]],
    ['the longest string',      `"${'é'.repeat(64)}"`,         'é'.repeat(64)],
    ['the most members',        `[${'0,'.repeat(39)}0]`,       new Array<number>(40).fill(0)],
  ] as const)('%s', (_name, text, value) => {
    expect(parseStrictJson(text, LIMITS, 'part')).toEqual(value);
  });

  test('an object of it is a plain object with own members', () => {
    const value = parseStrictJson('{"constructor":{"a":1}}', LIMITS) as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(value, 'constructor')).toEqual({
      value: { a: 1 },
      writable: true,
      enumerable: true,
      configurable: true,
    });
  });
});

describe('strict JSON refuses, with code and pointer', () => {
  // prettier-ignore
  test.each([
    ['nothing',                     '',                           'not_json',         ''],
    ['white space alone',           ' \n',                        'not_json',         ''],
    ['a byte order mark',           '\ufeff1',                    'not_json',         ''],
    ['a no-break space',            '\u00a01',                    'not_json',         ''],
    ['a second value',              '1 2',                        'not_json',         ''],
    ['a comma after the value',     '{},',                        'not_json',         ''],
    ['a bare word',                 'nul',                        'not_json',         ''],
    ['a word that goes on',         'nullx',                      'not_json',         ''],
    ['False',                       'False',                      'not_json',         ''],
    ['tru',                         '[tru]',                      'not_json',         '/0'],
    ['falze',                       '[falze]',                    'not_json',         '/0'],
    ['NaN',                         'NaN',                        'not_json',         ''],
    ['Infinity',                    '{"a":Infinity}',             'not_json',         '/a'],
    ['a plus sign',                 '+1',                         'not_json',         ''],
    ['a leading zero',              '01',                         'not_json',         ''],
    ['a leading point',             '.5',                         'not_json',         ''],
    ['a trailing point',            '1.',                         'not_json',         ''],
    ['an empty exponent',           '1e',                         'not_json',         ''],
    ['a lone minus',                '[1,-]',                      'not_json',         '/1'],
    ['hexadecimal',                 '0x10',                       'not_json',         ''],
    ['single quotes',               "'a'",                        'not_json',         ''],
    ['a comment',                   '[1,/**/2]',                  'not_json',         '/1'],
    ['an open string',              '"a',                         'not_json',         ''],
    ['an escape at the end',        '"a\\',                       'not_json',         ''],
    ['an unknown escape',           String.raw`["\x41"]`,         'not_json',         '/0'],
    ['half an escape',              String.raw`"\u12"`,           'not_json',         ''],
    ['a line feed in a string',     '"a\nb"',                     'not_json',         ''],
    ['a zero character',            '"\u0000"',                   'not_json',         ''],
    ['an open array',               '[1,2',                       'not_json',         '/1'],
    ['an open array after a comma', '[1,',                        'not_json',         '/1'],
    ['a comma at the end',          '[1,]',                       'not_json',         '/1'],
    ['a comma at the start',        '[,1]',                       'not_json',         '/0'],
    ['elements without comma',      '[1 2]',                      'not_json',         '/0'],
    ['the wrong bracket',           '[1}',                        'not_json',         '/0'],
    ['an open object',              '{"a":1',                     'not_json',         '/a'],
    ['an object after a comma',     '{"a":1,}',                   'not_json',         ''],
    ['a name without quotes',       '{a:1}',                      'not_json',         ''],
    ['a number as name',            '{1:1}',                      'not_json',         ''],
    ['no colon',                    '{"a" 1}',                    'not_json',         '/a'],
    ['no value',                    '{"a":}',                     'not_json',         '/a'],
    ['members without comma',       '{"a":1 "b":2}',              'not_json',         '/a'],
    ['an equal name',               '{"a":1,"b":2,"a":1}',        'duplicate_key',    '/a'],
    ['an equal name, escaped',      String.raw`{"a":1,"\u0061":2}`, 'duplicate_key',  '/a'],
    ['an equal name of a method',   '{"toString":1,"toString":2}', 'duplicate_key',   '/toString'],
    ['an equal name of null',       '{"a":null,"a":null}',        'duplicate_key',    '/a'],
    ['an equal name far inside',    '[{"x":[0,{"a/b":1,"a/b":2}]}]', 'duplicate_key', '/0/x/1/a~1b'],
    ['_sd',                         '{"a":{"_sd":[]}}',           'reserved_member',  '/a/_sd'],
    ['...',                         '[{"...":1}]',                'reserved_member',  '/0/...'],
    ['__proto__',                   '{"__proto__":{"a":1}}',      'reserved_member',  '/__proto__'],
    ['__proto__, escaped',          String.raw`{"\u005f_proto__":1}`, 'reserved_member', '/__proto__'],
    ['_sd_alg at the top',          '{"_sd_alg":"x"}',            'reserved_member',  '/_sd_alg'],
    ['2^53',                        '9007199254740992',           'unsafe_number',    ''],
    ['-2^53',                       '{"a":-9007199254740992}',    'unsafe_number',    '/a'],
    ['an odd integer beyond',       '9007199254740993',           'unsafe_number',    ''],
    ['2^53 as a fraction',          '9007199254740992.0',         'unsafe_number',    ''],
    ['what rounds up to 2^53',      '9007199254740991.6',         'unsafe_number',    ''],
    ['2^53 as an exponent',         '9.007199254740992e15',       'unsafe_number',    ''],
    ['a large integer',             '1e300',                      'unsafe_number',    ''],
    ['twenty digits',               '12345678901234567890',       'unsafe_number',    ''],
    ['overflow',                    '[[1e400]]',                  'unsafe_number',    '/0/0'],
    ['negative overflow',           '-1e400',                     'unsafe_number',    ''],
    ['underflow',                   '1e-400',                     'unsafe_number',    ''],
    ['underflow of a fraction',     '{"a":-0.00001e-320}',        'unsafe_number',    '/a'],
    ['a high half alone',           String.raw`["\ud83d"]`,       'lone_surrogate',   '/0'],
    ['a low half alone',            String.raw`"\ude00"`,         'lone_surrogate',   ''],
    ['halves in the wrong order',   String.raw`"\ude00\ud83d"`,   'lone_surrogate',   ''],
    ['two high halves',             String.raw`"\ud83d\ud83d"`,   'lone_surrogate',   ''],
    ['half in clear',               '"\ud83d"',                   'lone_surrogate',   ''],
    ['half in a name',              String.raw`{"\ud83d":1}`,     'lone_surrogate',   ''],
    ['nesting too deep',            '[[[[[[1]]]]]]',              'too_deep',         '/0/0/0/0/0'],
    ['objects too deep',            '{"a":{"a":{"a":{"a":{"a":{}}}}}}', 'too_deep',   '/a/a/a/a/a'],
    ['too many elements',           `[${'0,'.repeat(40)}0]`,      'too_many_members', '/40'],
    ['too many over all',           `[${'{"a":0},'.repeat(20)}{"b":0}]`, 'too_many_members', '/20'],
    ['a string too long',           `{"a":"${'x'.repeat(65)}"}`,  'too_large',        '/a'],
    ['a name too long',             `{"${'x'.repeat(65)}":1}`,    'too_large',        ''],
    ['a text too large',            ' '.repeat(4097),             'too_large',        ''],
    ['a text too large in bytes',   `"${'€'.repeat(1366)}"`,      'too_large',        ''],
  ] as const)('%s', (_name, text, code, pointer) => {
    expect(() => parseStrictJson(text, LIMITS, 'part')).toThrow(
      expect.objectContaining({ name: 'MalformedError', code, pointer, disposition: 'fix-input' }),
    );
  });

  test('no nesting however deep overflows the stack', () => {
    const text = '['.repeat(200_000);
    expect(() => parseStrictJson(text, { ...LIMITS, bytes: 1e6 })).toThrow(
      expect.objectContaining({ code: 'too_deep' }),
    );
  });

  test('no message repeats the document', () => {
    for (const text of ['{"secret":1,"secret":2}', '{"secret":1e999}', '["secret\n"]']) {
      expect(() => parseStrictJson(text, LIMITS)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('secret') }),
      );
    }
  });
});

describe('the rule of reserved names', () => {
  // prettier-ignore
  test.each([
    ['signed', '{"_sd":["x"],"_sd_alg":"sha-256","...":1}', true ],
    ['signed', '{"__proto__":1}',                           false],
    ['nested', '{"_sd_alg":"sha-256"}',                     true ],
    ['nested', '{"_sd":[]}',                                false],
    ['nested', '{"a":{"...":1}}',                           false],
    ['part',   '[{"_sd_alg":"sha-256"}]',                   true ],
    ['part',   '{"a":1,"_sd_alg":"sha-256"}',               false],
  ] as const)('%s: %s is taken: %s', (rule: ReservedNames, text, taken) => {
    const parse = (): unknown => parseStrictJson(text, LIMITS, rule);
    if (taken) expect(parse()).toEqual(JSON.parse(text));
    else expect(parse).toThrow(expect.objectContaining({ code: 'reserved_member' }));
  });
});
