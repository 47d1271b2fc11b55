// Load on loopback, the same generator for us and for peers.
import autocannon from 'autocannon';

/**
 * @param {{url: string, connections: number, seconds: number, requests: {path: string, headers: object, body: string}[]}} plan
 * @returns {Promise<{perSecond: number, p50: number, p99: number, non2xx: number, errors: number}>}
 */
export async function load({ url, connections, seconds, requests }) {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    workers: 0,
    requests: requests.map((request) => ({ method: 'POST', ...request })),
  });
  return {
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    non2xx: result.non2xx,
    errors: result.errors,
  };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
