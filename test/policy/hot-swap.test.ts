/** What twenty swaps under load are held against, by the program that measures them. */
import { expect, test } from '@jest/globals';
// @ts-expect-error Programs of the build have no types.
import { swapBars } from '../../infra/bench/swap-bars.mjs';

interface Bar {
  readonly met: boolean;
}

const samples = (ms: number): { readonly ms: number }[] =>
  Array.from({ length: 200 }, () => ({ ms }));
const good = { failed: 0, findings: [], calm: samples(10), swap: samples(19) };

test.each([
  ['nothing', {}, [true, true, true, true]],
  ['a request that failed', { failed: 1 }, [false, true, true, true]],
  ['a finding', { findings: [{ code: 'late_seal' }] }, [true, true, false, true]],
  [
    'an entry of a policy before its time',
    { findings: [{ code: 'not_adopted' }] },
    [true, false, false, true],
  ],
  ['a p99 that doubled in the swap second', { swap: samples(20) }, [true, true, true, false]],
  ['no append in a swap second', { swap: [] }, [true, true, true, false]],
  ['no append without swaps', { calm: [] }, [true, true, true, false]],
])('%s misses the bars that it should', (_what, change, met) => {
  const bars = swapBars({ ...good, ...change }) as readonly Bar[];
  expect(bars.map((bar) => bar.met)).toEqual(met);
});
