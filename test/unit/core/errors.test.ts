import { expect, test } from '@jest/globals';
import { assert, MalformedError, SteleError, unreachable } from '../../../src/core/errors.ts';

test('a malformed input says where, and what to do', () => {
  const error = new MalformedError('member is twice', 'duplicate_key', '/a');
  expect(error).toBeInstanceOf(SteleError);
  expect(error).toMatchObject({
    name: 'MalformedError',
    code: 'duplicate_key',
    pointer: '/a',
    disposition: 'fix-input',
    durability: undefined,
  });
  expect(new MalformedError('no')).toMatchObject({ code: 'malformed_input', pointer: undefined });
});

test('an error of a lower layer stays its cause', () => {
  const cause = new Error('socket');
  const facts = { disposition: 'retry', durability: 'unknown', cause } as const;
  expect(new SteleError('store_unavailable', 'no answer', facts)).toMatchObject({
    cause,
    durability: 'unknown',
  });
});

test('our own bugs are plain errors, by which the process stops', () => {
  expect(() => {
    assert(false, 'sizes agree');
  }).toThrow('invariant broken: sizes agree');
  expect(() => {
    assert(true, 'sizes agree');
  }).not.toThrow();
  expect(() => unreachable('kind' as never)).toThrow('unreachable: kind');
});
