import { expect, test } from '@jest/globals';
import type { Retention } from '../../../src/storage/object-store.ts';
import {
  assertRetention,
  coversRetention,
  mayFollow,
  wholeSecond,
} from '../../../src/storage/retention.ts';

const compliance = (until: number): Retention => ({ mode: 'compliance', until });
const governance = (until: number): Retention => ({ mode: 'governance', until });

// prettier-ignore
test.each<[string, Retention | null, Retention, boolean, boolean]>([
  // Held                        wanted              covers  may follow
  ['nothing, then a lock',       null,             compliance(1000), false, true],
  ['the same',                   compliance(1000), compliance(1000), true,  true],
  ['longer',                     compliance(1000), compliance(2000), false, true],
  ['shorter',                    compliance(2000), compliance(1000), true,  false],
  ['weaker',                     compliance(1000), governance(1000), true,  false],
  ['weaker and longer',          compliance(1000), governance(2000), false, false],
  ['stricter',                   governance(1000), compliance(1000), false, true],
  ['stricter and shorter',       governance(2000), compliance(1000), false, false],
  ['governance, longer',         governance(1000), governance(2000), false, true],
])('%s', (_, held, wanted, covers, follows) => {
  expect(coversRetention(held, wanted)).toBe(covers);
  expect(mayFollow(held, wanted)).toBe(follows);
});

test('a lock date is rounded up to whole seconds, never down', () => {
  expect([1, 999, 1000, 1001].map(wholeSecond)).toEqual([1000, 1000, 1000, 2000]);
});

test.each([1.5, 1001, NaN, Infinity])('a lock date of %d ms is refused', (until) => {
  expect(() => {
    assertRetention(compliance(until));
  }).toThrow(expect.objectContaining({ code: 'retention' }));
});
