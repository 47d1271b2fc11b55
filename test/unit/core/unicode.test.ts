import { describe, expect, test } from '@jest/globals';
import { exceedsUtf8Length, findLoneSurrogate } from '../../../src/core/platform/unicode.ts';

describe('lengths and halves', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['é', 2],
    ['\u07ff\u0800', 5],
    ['€', 3],
    ['😀', 4],
    ['퟿\ue000', 6],
  ])('the UTF-8 of %j is %i bytes', (text, bytes) => {
    expect(Buffer.byteLength(text)).toBe(bytes);
    expect(exceedsUtf8Length(text, bytes)).toBe(false);
    if (bytes > 0) expect(exceedsUtf8Length(text, bytes - 1)).toBe(true);
  });

  test.each([
    ['', -1],
    ['a😀b', -1],
    ['퟿\ue000', -1],
    ['a\ud83d', 1],
    ['\ud83dx', 0],
    ['😀\ude00', 2],
    ['\ud83d\ud83d\ude00', 0],
  ])('the first half alone in %j is at %i', (text, index) => {
    expect(findLoneSurrogate(text)).toBe(index);
  });
});
