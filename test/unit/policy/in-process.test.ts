import { beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { PolicyPool } from '../../../src/policy/pool/pool.ts';
import { openInProcessPool } from '../../../src/policy/pool/in-process.ts';
import { appendJob, DEFAULT_BUNDLE, policyOf, settings } from './support.ts';

let pool: PolicyPool;
beforeAll(async () => {
  pool = openInProcessPool(await policyOf(DEFAULT_BUNDLE), settings);
});

test('a service appends and the labels say what the event is', async () => {
  const [line] = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz'))
    .toString()
    .split('\n');
  const [outcome] = await pool.append([appendJob(line!, ['service'])]);
  expect(outcome).toMatchObject({
    outcome: 'decided',
    allow: true,
    kind: 'event',
    class: 'standard',
  });
});
