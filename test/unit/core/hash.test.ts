import { expect, test } from '@jest/globals';
import { toHex, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import {
  EMPTY_ROOT,
  hashLeaf,
  hashNode,
  parseLeafHash,
  parseSha256Hash,
} from '../../../src/core/tree/hash.ts';

// RFC 6962 has no vectors of its own; these are of transparency-dev/merkle and of the test log, and are known to all.
test.each([
  {
    about: 'the empty tree',
    hash: EMPTY_ROOT,
    want: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
  {
    about: 'the empty leaf',
    hash: hashLeaf(utf8Bytes('')),
    want: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  },
  {
    about: 'the leaf "one"',
    hash: hashLeaf(utf8Bytes('one')),
    want: 'd0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9',
  },
  {
    about: 'a node',
    hash: hashNode(
      parseSha256Hash(new Uint8Array(32)),
      parseSha256Hash(new Uint8Array(32).fill(255)),
    ),
    want: 'bc6b943b820c449acf880d293c216a24a8066b153f87f2361fae2beda3a72641',
  },
])('the hash of $about is $want', ({ hash, want }) => {
  expect(toHex(hash)).toBe(want);
});

test('a node hash is of its own: the next one does not change it', () => {
  const [left, right] = [hashLeaf(utf8Bytes('left')), hashLeaf(utf8Bytes('right'))];
  const first = hashNode(left, right);
  const before = toHex(first);
  expect(toHex(hashNode(right, left))).not.toBe(before);
  expect(toHex(first)).toBe(before);
});

test.each([0, 31, 33])('%d bytes are no digest', (length) => {
  for (const parse of [parseSha256Hash, parseLeafHash]) {
    expect(() => parse(new Uint8Array(length))).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'malformed_hash' }),
    );
  }
});
