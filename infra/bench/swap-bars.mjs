import { row } from './row.mjs';

// What swaps of policies under load are held against.

/** The 99th percentile of appends in the seconds of a swap over that without swaps: less than this. */
const P99_TIMES = 2;

/** Milliseconds below which this share of samples lies; NaN where there are none, which no bar lets through. */
export function percentile(samples, share) {
  const ms = samples.map((sample) => sample.ms).sort((a, b) => a - b);
  return ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? NaN;
}

/** Rows with a bar. @param findings - Of the ledger's verification afterwards. */
export function swapBars({ failed, findings, calm, swap }) {
  const strangers = findings.filter(({ code }) => /adopted|activated|stale|approval/.test(code));
  const times = percentile(swap, 0.99) / percentile(calm, 0.99);
  const none = (what, count) => row(what, String(count), '0', count === 0);
  return [
    none('  requests that failed', failed),
    none('  entries of a policy that was not active there', strangers.length),
    none('  findings of fsck', findings.length),
    row('  p99 in the swap seconds, ratio', times.toFixed(2), `< ${P99_TIMES}`, times < P99_TIMES),
  ];
}
