import { describe, expect, test } from '@jest/globals';
import {
  escapeToken,
  formatPointer,
  isJsonObject,
  parsePointer,
  valueAt,
} from '../../../src/core/json/json-pointer.ts';

/** The document of RFC 6901 §5. */
const DOCUMENT = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};

describe('JSON pointers of RFC 6901 §5', () => {
  // prettier-ignore
  test.each([
    ['',       [],           DOCUMENT       ],
    ['/foo',   ['foo'],      ['bar', 'baz'] ],
    ['/foo/0', ['foo', '0'], 'bar'          ],
    ['/',      [''],         0              ],
    ['/a~1b',  ['a/b'],      1              ],
    ['/c%d',   ['c%d'],      2              ],
    ['/e^f',   ['e^f'],      3              ],
    ['/g|h',   ['g|h'],      4              ],
    ['/i\\j',  ['i\\j'],     5              ],
    ['/k"l',   ['k"l'],      6              ],
    ['/ ',     [' '],        7              ],
    ['/m~0n',  ['m~n'],      8              ],
  ])('%j leads to its value and back', (pointer, tokens, value) => {
    expect(parsePointer(pointer)).toEqual(tokens);
    expect(formatPointer(tokens)).toBe(pointer);
    expect(valueAt(DOCUMENT, tokens)).toEqual(value);
  });

  test('~01 is a tilde and a one, not a slash', () => {
    expect(parsePointer('/~01')).toEqual(['~1']);
    expect(escapeToken('~1')).toBe('~01');
    expect(escapeToken('plain')).toBe('plain');
  });

  test.each(['a', 'a/b', '/~', '/~2', '/a~', '#/a'])('%j is no pointer', (text) => {
    expect(() => parsePointer(text)).toThrow(expect.objectContaining({ code: 'bad_pointer' }));
  });
});

test.each([
  ['a missing member', ['nothing']],
  ['a member of a prototype', ['toString']],
  ['an element beyond the end', ['foo', '2']],
  ['the end of an array', ['foo', '-']],
  ['an index with a leading zero', ['foo', '01']],
  ['a name in an array', ['foo', 'length']],
  ['a member of a number', ['', '0']],
  ['a member of a string', ['foo', '0', '0']],
  ['what is below nothing', ['nothing', 'more']],
])('there is no value at %s', (_name, tokens) => {
  expect(valueAt(DOCUMENT, tokens)).toBeUndefined();
});

test('an object is neither null nor an array', () => {
  expect([{}, [], null, 'a', undefined].map((value) => isJsonObject(value))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
