import { describe, expect, test } from '@jest/globals';
import * as bytes from '../../../src/core/platform/bytes.ts';

const of = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('joining gives the bytes in order, in memory of their own', () => {
  const part = of(1, 2);
  const joined = bytes.concatBytes(part, of(), of(3));
  part[0] = 9;
  expect(joined).toEqual(of(1, 2, 3));
  expect(bytes.concatBytes()).toEqual(of());
});

test.each([
  { a: of(), b: of(), want: true },
  { a: of(1, 2), b: of(1, 2), want: true },
  { a: of(1, 2), b: of(1, 3), want: false },
  { a: of(1), b: of(1, 0), want: false },
])('$a equals $b: $want', ({ a, b, want }) => {
  expect(bytes.equalBytes(a, b)).toBe(want);
});

describe('a text form', () => {
  test.each([
    { given: of(), hex: '', base64: '', url: '' },
    { given: of(0), hex: '00', base64: 'AA==', url: 'AA' },
    { given: of(0xfb, 0xff), hex: 'fbff', base64: '+/8=', url: '-_8' },
    { given: of(0, 0x10, 0x83), hex: '001083', base64: 'ABCD', url: 'ABCD' },
  ])('of $given is $hex, $base64, $url, and back', ({ given, hex, base64, url }) => {
    expect([bytes.toHex(given), bytes.toBase64(given), bytes.toBase64Url(given)]).toEqual([
      hex,
      base64,
      url,
    ]);
    const parsed = [bytes.parseHex(hex), bytes.parseBase64(base64), bytes.parseBase64Url(url)];
    expect(parsed).toEqual([given, given, given]);
  });

  test.each([
    { about: 'capitals', parse: bytes.parseHex, text: 'FF', code: 'malformed_hex' },
    { about: 'half a byte', parse: bytes.parseHex, text: '0', code: 'malformed_hex' },
    { about: 'another letter', parse: bytes.parseHex, text: '0g', code: 'malformed_hex' },
    { about: 'a prefix', parse: bytes.parseHex, text: '0x00', code: 'malformed_hex' },
    { about: 'no padding', parse: bytes.parseBase64, text: 'AA', code: 'malformed_base64' },
    { about: 'half the padding', parse: bytes.parseBase64, text: 'AA=', code: 'malformed_base64' },
    {
      about: 'too much padding',
      parse: bytes.parseBase64,
      text: 'AAA==',
      code: 'malformed_base64',
    },
    { about: 'stray bits', parse: bytes.parseBase64, text: 'AB==', code: 'malformed_base64' },
    { about: 'a line end', parse: bytes.parseBase64, text: 'AAAA\n', code: 'malformed_base64' },
    {
      about: 'the other letters',
      parse: bytes.parseBase64,
      text: '-_8=',
      code: 'malformed_base64',
    },
    {
      about: 'padding inside',
      parse: bytes.parseBase64,
      text: 'AA==AAAA',
      code: 'malformed_base64',
    },
    { about: 'padding', parse: bytes.parseBase64Url, text: 'AA==', code: 'malformed_base64url' },
    { about: 'stray bits', parse: bytes.parseBase64Url, text: 'AB', code: 'malformed_base64url' },
    { about: 'one letter', parse: bytes.parseBase64Url, text: 'A', code: 'malformed_base64url' },
    { about: 'a space', parse: bytes.parseBase64Url, text: 'AA AA', code: 'malformed_base64url' },
    {
      about: 'the other letters',
      parse: bytes.parseBase64Url,
      text: '+/8',
      code: 'malformed_base64url',
    },
    {
      about: 'a letter beyond ASCII',
      parse: bytes.parseBase64Url,
      text: 'AAAé',
      code: 'malformed_base64url',
    },
  ])('with $about is refused as $code: $text', ({ parse, text, code }) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'MalformedError', code }));
  });
});

describe('a big-endian number', () => {
  test.each([
    { make: bytes.uint16, value: 0, hex: '0000' },
    { make: bytes.uint16, value: 65_535, hex: 'ffff' },
    { make: bytes.uint64, value: 1, hex: '0000000000000001' },
    { make: bytes.uint64, value: 2 ** 32 + 258, hex: '0000000100000102' },
    { make: bytes.uint64, value: Number.MAX_SAFE_INTEGER, hex: '001fffffffffffff' },
  ])('of $value is $hex, and back', ({ make, value, hex }) => {
    expect(bytes.toHex(make(value))).toBe(hex);
    expect(bytes.parseUint(bytes.parseHex(hex))).toBe(value);
  });

  test.each([
    { make: bytes.uint16, value: 65_536 },
    { make: bytes.uint16, value: -1 },
    { make: bytes.uint16, value: 1.5 },
    { make: bytes.uint64, value: 2 ** 53 },
    { make: bytes.uint64, value: Number.NaN },
  ])('of $value does not exist', ({ make, value }) => {
    expect(() => make(value)).toThrow(RangeError);
  });

  test('above 2^53-1 is refused', () => {
    expect(() => bytes.parseUint(bytes.parseHex('0020000000000000'))).toThrow(
      expect.objectContaining({ code: 'unsafe_number' }),
    );
  });
});
