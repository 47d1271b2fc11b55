/** Refused changes of policy: who wanted them stands in a record, and what found no room is counted. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { controlFacts } from '../../src/core/ledger/ctl.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { STRANGER_CHANGE_BYTES_MAX } from '../../src/gateway/context/limits.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Person } from '../support/policy-world.ts';

let w: PolicyWorld;
let ann: Person;

beforeAll(async () => {
  w = await PolicyWorld.open({ 'gateway.denialsPerMinute': '3', 'callers.anonymous': 'true' });
  ann = await w.person('ann');
}, 240_000);

afterAll(async () => {
  await w.close();
});

const sendAsStranger = async (bytes: number): Promise<{ status: number; code: unknown }> => {
  const response = await fetch(`${w.gateway.url}/v1/ledgers/demo/policy`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ approvals: ['x'], bundle: 'A'.repeat(bytes) }),
  });
  const { code } = (await response.json()) as { code: unknown };
  return { status: response.status, code };
};

test('a refused change of policy names its caller in its record, and nobody in its leaf', async () => {
  const { body } = await w.activate({ approvals: ['x'] }, w.keys.auditor);
  expect(body['code']).toBe('approval_malformed');
  const entry = (await w.gateway.ledger.entry(String(body['decision'])))!;
  const record = JSON.parse(entry.record!) as { input: Record<string, unknown>; source: unknown };
  expect(record.input).toMatchObject({
    subject: { type: 'service', id: 'auditor' },
    action: { name: 'policy.activate' },
    resource: { type: 'policy', properties: { code: 'approval_malformed' } },
  });
  expect(record.source).toMatchObject({ auth: { method: 'api_key', subject: 'auditor' } });
  const { payload } = parseEntry(Buffer.from(entry.jws));
  expect([payload.pol, JSON.stringify(payload).includes('auditor')]).toEqual([undefined, false]);
});

test('what a bundle says of itself in a refusal is no more than a record takes', async () => {
  const change = { ...(await w.request(await w.bundle('long'), [ann])), change: 'rollback' };
  const { body } = await w.activate({ ...change, reason: '\u{1f525}'.repeat(500) });
  const entry = (await w.gateway.ledger.entry(String(body['decision'])))!;
  expect(entry.record!.length).toBeLessThan(8_192);
});

test('a refusal beyond the budget of its caller is counted, by its code, and sealed in a summary', async () => {
  for (let sent = 0; sent < 6; sent += 1) {
    await w.activate({ approvals: sent % 2 === 0 ? ['x'] : [] }, w.keys.guest);
  }
  const denied = await w.request(await w.bundle('denied'), [ann]);
  expect((await w.activate(denied, w.keys.guest)).status).toBe(403);
  const metrics = await (await fetch(`${w.gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/stele_counted_requests\{.*action="policy.activate".*"deny"\} 4/);
  await w.restart();
  const { ledger } = w.gateway;
  const counts: unknown[] = [];
  for (let index = 0; index < ledger.status().treeSize; index += 1) {
    const { kind, ctl } = parseEntry(Buffer.from((await ledger.entry(index))!.jws)).payload;
    if (kind === 'summary') counts.push(...controlFacts(kind, ctl).counts);
  }
  const row = { entrypoint: 'stele/admin', action: 'policy.activate', allow: false };
  expect(counts).toContainEqual({ ...row, code: 'approval_malformed', count: 1 });
  expect(counts).toContainEqual({ ...row, code: 'approvals_missing', count: 2 });
  expect(counts).toContainEqual({ ...row, code: 'over_budget', count: 1 });
});

test('a stranger may send a small request to change the policy, and no large one', async () => {
  const large = await sendAsStranger(STRANGER_CHANGE_BYTES_MAX);
  expect(large).toEqual({ status: 413, code: 'body_too_large' });
  const small = await sendAsStranger(STRANGER_CHANGE_BYTES_MAX / 2);
  expect(small).toEqual({ status: 400, code: 'approval_malformed' });
});

test('a ledger with refusals is valid, and nothing is found in it', async () => {
  await w.restart();
  const report = await w.check();
  expect([report.verdict, report.findings]).toEqual(['valid', []]);
});
