// The real events that every benchmark sends.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** @returns {string[]} the 2,000 CloudTrail events, one JSON text each */
export function realEvents() {
  const text = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz')).toString('utf8');
  return text.trim().split('\n');
}
