import { expect, test } from '@jest/globals';
import { differences, inOrderOf } from '../../../src/cli/policy/differences.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';

test.each<[string, JsonValue, JsonValue, string[]]>([
  ['nothing of what is the same', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
  ['a value', { allow: true }, { allow: false }, ['/allow  - true + false']],
  ['a member that came', {}, { a: { b: 1 } }, ['/a  + {"b":1}']],
  ['a member that went', { a: null }, {}, ['/a  - null']],
  ['what a list gained and lost', { m: ['x', 'y'] }, { m: ['y', 'z'] }, ['/m  - "x"', '/m  + "z"']],
  ['a list in another order', ['x', 'y'], ['y', 'x'], ['  - ["x","y"] + ["y","x"]']],
  ['the place as a pointer', { 'a/b': { c: 1 } }, { 'a/b': { c: 2 } }, ['/a~1b/c  - 1 + 2']],
  ['another type', { a: [1] }, { a: { b: 1 } }, ['/a  - [1] + {"b":1}']],
])('tells %s', (_about, want, got, lines) => {
  expect(differences(want, got)).toEqual(lines);
});

test('a long value is cut', () => {
  expect(differences('', 'x'.repeat(1000))[0]?.length).toBeLessThan(200);
});

test('an answer has its members in the order of the one before', () => {
  const got = { a: 1, c: { x: 1, y: 2 }, b: [2, 1] };
  const ordered = inOrderOf({ c: { y: 0, x: 0 }, b: [], gone: 1 }, got);
  expect(JSON.stringify(ordered)).toBe('{"c":{"y":2,"x":1},"b":[2,1],"a":1}');
});
