import { describe, expect, test } from '@jest/globals';
import { EMPTY_ROOT, hashNode, parseSha256Hash } from '../../../src/core/tree/hash.ts';
import type { Sha256Hash } from '../../../src/core/tree/hash.ts';
import * as tree from '../../../src/core/tree/tree.ts';
import type { NodeAddress } from '../../../src/core/tree/tree.ts';
import { headOf, leavesOf, nodeOf, someEntries } from '../../support/trees.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const hashes = (count: number): Sha256Hash[] =>
  Array.from({ length: count }, (_, i) => parseSha256Hash(new Uint8Array(32).fill(i)));

describe('a number of leaves', () => {
  test.each([
    { value: 0, size: true, index: true },
    { value: MAX - 1, size: true, index: true },
    { value: MAX, size: true, index: false },
    { value: MAX + 1, size: false, index: false },
    { value: -1, size: false, index: false },
    { value: 0.5, size: false, index: false },
    { value: Number.NaN, size: false, index: false },
    { value: Infinity, size: false, index: false },
  ])('$value is a size: $size, an index: $index', ({ value, size, index }) => {
    const accepts = (parse: (value: number) => number): boolean => {
      try {
        return parse(value) === value;
      } catch (error) {
        expect(error).toMatchObject({ name: 'MalformedError', code: /^malformed_(size|index)$/ });
        return false;
      }
    };
    expect([accepts(tree.parseTreeSize), accepts(tree.parseLeafIndex)]).toEqual([size, index]);
  });

  test.each(['0', '1', '10', '9007199254740991'])('%s is a decimal', (text) => {
    expect(String(tree.parseDecimal(text))).toBe(text);
  });

  test.each([
    '',
    '00',
    '01',
    '+1',
    '-0',
    '1.0',
    '1e3',
    ' 1',
    '1\n',
    '0x1',
    '٣',
    '9007199254740992',
    '18446744073709551615',
  ])('%j is no decimal of ours', (text) => {
    expect(() => tree.parseDecimal(text)).toThrow(
      expect.objectContaining({ name: 'MalformedError', code: 'malformed_number' }),
    );
  });
});

describe('an edge', () => {
  test('of nothing has the root of nothing', () => {
    expect(tree.edgeHead(tree.emptyEdge())).toEqual({ size: 0, root: EMPTY_ROOT });
  });

  test('grows by any batch to the head of RFC 6962, and leaves the one before as it was', () => {
    const entries = someEntries(40);
    let edge = tree.emptyEdge();
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 7],
      [7, 7],
      [7, 32],
      [32, 40],
    ] as const) {
      const before = edge;
      const frozen = [...before.hashes];
      edge = tree.extendEdge(before, leavesOf(entries.slice(from, to)));
      expect(tree.edgeHead(edge)).toEqual(headOf(entries.slice(0, to)));
      expect(before.hashes).toEqual(frozen);
    }
  });

  test('tells every subtree that becomes complete, once, lower ones first', () => {
    const entries = someEntries(11);
    const told = new Map<string, Sha256Hash>();
    const order: NodeAddress[] = [];
    const base = tree.extendEdge(tree.emptyEdge(), leavesOf(entries.slice(0, 5)));
    tree.extendEdge(base, leavesOf(entries.slice(5)), (node, hash) => {
      order.push(node);
      told.set(`${node.level}/${node.index}`, hash);
      expect(hash).toEqual(nodeOf(entries, node));
    });
    // Of 11 leaves 5..10; pairs 2..4; fours 1; eight 0.
    expect(order.map(({ level, index }) => `${level}/${index}`)).toEqual([
      '0/5',
      '1/2',
      '0/6',
      '0/7',
      '1/3',
      '2/1',
      '3/0',
      '0/8',
      '0/9',
      '1/4',
      '0/10',
    ]);
    expect(told.size).toBe(order.length);
  });

  test('counts past 32 bits', () => {
    const [four, one] = [parseSha256Hash(new Uint8Array(32).fill(4)), leavesOf(someEntries(2))];
    const edge = tree.parseRightEdge(tree.parseTreeSize(2 ** 40), [four]);
    const nodes: NodeAddress[] = [];
    const grown = tree.extendEdge(edge, one, (node) => nodes.push(node));
    expect(nodes).toEqual([
      { level: 0, index: 2 ** 40 },
      { level: 0, index: 2 ** 40 + 1 },
      { level: 1, index: 2 ** 39 },
    ]);
    expect(tree.edgeRoot(grown)).toEqual(hashNode(four, hashNode(one[0]!, one[1]!)));
  });

  test.each([
    { size: 0, count: 0 },
    { size: 5, count: 2 },
    { size: 2 ** 40, count: 1 },
    { size: MAX, count: 53 },
  ])('of size $size has $count hashes, no more and no fewer', ({ size, count }) => {
    const parsed = tree.parseTreeSize(size);
    expect(tree.parseRightEdge(parsed, hashes(count))).toEqual({ size, hashes: hashes(count) });
    for (const wrong of [count + 1, ...(count > 0 ? [count - 1] : [])]) {
      expect(() => tree.parseRightEdge(parsed, hashes(wrong))).toThrow(
        expect.objectContaining({ name: 'MalformedError', code: 'malformed_edge' }),
      );
    }
  });

  test('does not grow past 2^53-1', () => {
    const edge = tree.parseRightEdge(tree.parseTreeSize(MAX), hashes(53));
    expect(() => tree.extendEdge(edge, leavesOf(someEntries(1)))).toThrow(
      expect.objectContaining({ code: 'malformed_size' }),
    );
  });

  test('without the hashes of its size is a bug, and says so', () => {
    const torn = { size: tree.parseTreeSize(1), hashes: [] };
    expect(() => tree.extendEdge(torn, leavesOf(someEntries(1)))).toThrow('invariant broken');
  });
});
