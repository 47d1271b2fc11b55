import { describe, expect, test } from '@jest/globals';
import * as node from '../../../src/core/platform/platform.node.ts';
import * as portable from '../../../src/core/platform/platform.ts';

describe.each([
  ['Node', node],
  ['portable', portable],
])('the %s base64url of a text', (_name, platform) => {
  test.each([
    ['empty', '', ''],
    ['ASCII', 'f', 'Zg'],
    ['both letters of the URL alphabet', '>>>???', 'Pj4-Pz8_'],
    ['two, three and four bytes', 'é€😀', 'w6nigqzwn5iA'],
  ])('is that of its UTF-8: %s', (_case, text, encoded) => {
    expect(platform.utf8Base64Url(text)).toBe(encoded);
  });

  test.each([1, 5_461, 5_462, 16_385, 200_000])('has no limit of length: %i', (length) => {
    const text = '€'.repeat(length);
    expect(platform.utf8Base64Url(text)).toBe(Buffer.from(text).toString('base64url'));
  });

  test.each(['\ud800', 'a\udc00b', `${'x'.repeat(20_000)}\ud83d`])(
    'does not exist for half a surrogate pair',
    (text) => {
      expect(() => platform.utf8Base64Url(text)).toThrow(
        expect.objectContaining({ code: 'lone_surrogate' }),
      );
    },
  );
});
