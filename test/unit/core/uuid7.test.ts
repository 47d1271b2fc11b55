import { describe, expect, test } from '@jest/globals';
import { v7, validate, version } from 'uuid';
import { makeUuid7, parseUuid7Time, uuid7Time } from '../../../src/core/entry/uuid7.ts';

const RANDOM = Uint8Array.from([0xfc, 0xc3, 0xd8, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);

test('the example of RFC 9562, Appendix A.6, is made and read', () => {
  expect(makeUuid7(1_645_557_742_000, RANDOM)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  expect(parseUuid7Time('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(1_645_557_742_000);
});

test.each([0, 1, 1_763_856_000_123, 2 ** 48 - 1])('the time %i comes back', (ms) => {
  for (const byte of [0, 0x55, 0xff]) {
    const text = makeUuid7(ms, new Uint8Array(10).fill(byte));
    expect(parseUuid7Time(text)).toBe(ms);
    expect(validate(text) && version(text) === 7).toBe(true);
  }
});

test('what the uuid package makes is read', () => {
  expect(parseUuid7Time(v7({ msecs: 1_763_856_000_123 }))).toBe(1_763_856_000_123);
});

describe('no UUIDv7', () => {
  test.each([
    ['empty', ''],
    ['upper case', '017F22E2-79B0-7CC3-98C4-DC0C0C07398F'],
    ['version 4', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f'],
    ['another variant', '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f'],
    ['no hyphens', '017f22e279b07cc398c4dc0c0c07398f'],
    ['braces', '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}'],
    ['a line feed after', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n'],
  ])('%s', (_name, text) => {
    expect(uuid7Time(text)).toBe(-1);
    expect(() => parseUuid7Time(text)).toThrow(expect.objectContaining({ code: 'bad_uuid' }));
  });
});

test.each([-1, 0.5, Number.NaN, 2 ** 48])('no identifier is made of the time %d', (ms) => {
  expect(() => makeUuid7(ms, RANDOM)).toThrow(/48 bits/);
});

test('no identifier is made of too little randomness', () => {
  expect(() => makeUuid7(0, new Uint8Array(9))).toThrow(/10 random bytes/);
});
