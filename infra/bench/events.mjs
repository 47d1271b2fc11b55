// The real events that every benchmark sends.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** @returns {string[]} the 2,000 CloudTrail events, one JSON text each */
export function realEvents() {
  const text = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz')).toString('utf8');
  return text.trim().split('\n');
}

/**
 * Every nth of them, `count` in all, of all sizes: the load generator writes each request out for every connection before
 * it begins, and with 2,000 of them that took as much of the processor as the gateway did (measured).
 */
export function spreadEvents(count = 200) {
  const events = realEvents();
  const step = Math.floor(events.length / count);
  return events.filter((_, index) => index % step === 0).slice(0, count);
}
