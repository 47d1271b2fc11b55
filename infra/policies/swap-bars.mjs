/** What twenty swaps under load are held against. */

/** The 99th percentile of appends in the seconds of a swap over that without swaps: less than this. */
const P99_TIMES = 2;

/** Milliseconds below which this share of samples lies; NaN where there are none, which no bar lets through. */
export function percentile(samples, share) {
  const ms = samples.map((sample) => sample.ms).sort((a, b) => a - b);
  return ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? NaN;
}

/** Each bar with what was measured, and whether it is met. */
export function swapBars({ failed, findings, calm, swap }) {
  const times = percentile(swap, 0.99) / percentile(calm, 0.99);
  return [
    { what: 'requests that failed', value: String(failed), met: failed === 0 },
    { what: 'findings of fsck', value: String(findings), met: findings === 0 },
    {
      what: `p99 in the swap seconds, times that without (less than ${P99_TIMES})`,
      value: times.toFixed(2),
      met: times < P99_TIMES,
    },
  ];
}
