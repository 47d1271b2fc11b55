/** Changes in words: two that differ are never the same text, however long they are. */
import { describe, expect, test } from '@jest/globals';
import {
  changedMembers,
  changedText,
  cutText,
  textOf,
} from '../../../src/policy/replay/change-text.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';

const many = Array.from({ length: 46 }, (_, i) => `/input/event/personal/${i}`);
const pan = '/input/event/payment/card/pan';

describe('of two lists', () => {
  test.each<[string, JsonValue | undefined, JsonValue | undefined, string]>([
    ['a lost member of a long list', [...many, pan], many, `- ${pan}`],
    ['a gained member of a long list', many, [...many, pan], `+ ${pan}`],
    ['both, the lost first', ['/b', '/c'], ['/a', '/c'], '- /b, + /a'],
    ['nothing, where they are the same', many, many, ''],
    ['nothing, where there is none', undefined, undefined, ''],
    ['another order', ['/a', '/b'], ['/b', '/a'], 'the same in another order'],
    ['that there was no list', undefined, [], '(none) -> []'],
    ['members that are no text', [{ id: 'x' }], [{ id: 'y' }], '- {"id":"x"}, + {"id":"y"}'],
  ])('is said %s', (_, before, after, words) => {
    expect(changedMembers(before, after)).toBe(words);
  });

  test('a long difference is cut, and two of them are kept apart', () => {
    const [one, other] = [
      changedMembers(many, []),
      changedMembers([...many, '/input/event/z'], []),
    ];
    expect(one).toMatch(/^- \/input.*…#[\w-]{8}$/);
    expect(one.slice(0, 400)).toBe(other.slice(0, 400));
    expect(one).not.toBe(other);
  });
});

describe('of two long texts', () => {
  const same = 'x'.repeat(300);

  test('the place is shown where they begin to differ', () => {
    expect(changedText(`${same}old`, `${same}new`)).toMatch(/^…x{40}old -> …x{40}new #[\w-]{8}$/);
  });

  test('others that look the same when cut are told apart', () => {
    const tail = 'y'.repeat(300);
    const one = changedText(`a${tail}1`, `b${tail}1`);
    const other = changedText(`a${tail}1`, `b${tail}2`);
    expect(one.split(' #')[0]).toBe(other.split(' #')[0]);
    expect(one).not.toBe(other);
  });

  test('no character is cut in two', () => {
    const [lead, pair] = ['x'.repeat(159), '\u{1f512}'];
    expect(cutText(`${lead}${pair}${lead}`)).not.toMatch(/\p{Surrogate}/u);
    const cut = changedText(`${pair.repeat(100)}z${lead}`, pair.repeat(100));
    expect(cut).not.toMatch(/\p{Surrogate}/u);
  });
});

test('short texts stand as they are', () => {
  expect(changedText('standard', 'short')).toBe('standard -> short');
  expect([cutText('no'), textOf(undefined), textOf(['a'])]).toEqual(['no', '(none)', '["a"]']);
});
