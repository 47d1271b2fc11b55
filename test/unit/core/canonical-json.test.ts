import { describe, expect, test } from '@jest/globals';
import {
  canonicalJson,
  canonicalNames,
  canonicalString,
  isCanonical,
  parseCanonicalJson,
} from '../../../src/core/json/canonical-json.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';

const ofBits = (hex: string): number => Buffer.from(hex, 'hex').readDoubleBE();

describe('numbers of RFC 8785, Appendix B', () => {
  // prettier-ignore
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('%s is written %s', (bits, text) => {
    expect(canonicalJson(ofBits(bits))).toBe(text);
  });
});

describe('texts of RFC 8785', () => {
  // prettier-ignore
  test.each<[string, JsonValue, string]>([
    ['section 3.2.2', {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '€$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    }, '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
      + String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`],
    ['section 3.2.3', {
      '€': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One', '😀': 'Emoji: Grinning Face', '\u0080': 'Control',
      'ö': 'Latin Small Letter O With Diaeresis',
    }, String.raw`{"\r":"Carriage Return","1":"One","` + '\u0080":"Control","ö":"Latin Small Letter O'
      + ' With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'],
    ['nested',   { b: [{ d: 1, c: [] }], a: {} },     '{"a":{},"b":[{"c":[],"d":1}]}'],
    ['scalars',  ['', 'a', 0, -1, true, false, null], '["","a",0,-1,true,false,null]'],
    ['what need not be escaped', '\u007f\u2028</',    '"\u007f\u2028</"'],
  ])('%s', (_name, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test('names come in the order of their code units, also where integers are among them', () => {
    expect(canonicalNames({ b: 1, '10': 1, '9': 1, a: 1 })).toEqual(['10', '9', 'a', 'b']);
    expect(canonicalNames({ '': 1, a: 1 })).toEqual(['', 'a']);
  });
});

describe('what JSON cannot hold is a bug of ours', () => {
  test.each([
    ['NaN', Number.NaN],
    ['infinity', [Number.POSITIVE_INFINITY]],
    ['undefined', { a: undefined }],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair in a name', { 'a\udc00': 1 }],
  ])('%s', (_name, value) => {
    expect(() => canonicalJson(value as JsonValue)).toThrow(/invariant broken/);
  });

  test('half a pair beside what is escaped anyway', () => {
    expect(() => canonicalString('"\ud800')).toThrow(/invariant broken/);
    expect(canonicalString('"😀')).toBe(String.raw`"\"😀"`);
  });
});

describe('a signed text is its own canonical form', () => {
  test.each(['{"_sd":[],"a":1}', '0', '"é"', '{"...":{}}'])('%s is', (text) => {
    expect(isCanonical(text)).toBe(true);
    expect(parseCanonicalJson(text)).toEqual(JSON.parse(text));
  });

  // prettier-ignore
  test.each([
    ['names out of order', '{"b":1,"a":1}',    'not_canonical'  ],
    ['white space',        '{"a": 1}',         'not_canonical'  ],
    ['a line feed after',  '1\n',              'not_canonical'  ],
    ['minus zero',         '-0',               'not_canonical'  ],
    ['a fraction of zero', '1.0',              'not_canonical'  ],
    ['an idle escape',     String.raw`"\u0041"`, 'not_canonical'],
    ['an equal name',      '{"a":1,"a":1}',    'duplicate_key'  ],
    ['a prototype',        '{"__proto__":1}',  'reserved_member'],
    ['a large number',     '1e+30',            'unsafe_number'  ],
    ['no JSON',            '{',                'not_json'       ],
  ])('%s is not', (_name, text, code) => {
    expect(isCanonical(text)).toBe(false);
    expect(() => parseCanonicalJson(text)).toThrow(expect.objectContaining({ code }));
  });
});
