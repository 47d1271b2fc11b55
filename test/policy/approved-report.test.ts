/** An approval names the replay that its approver has seen: made by the command, held by the gateway, shown in the history. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Base64Url } from '#platform';
import { createProgram } from '../../src/cli/program.ts';
import { parseApproval } from '../../src/core/ledger/approval.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { saveKey } from '../../src/keys/key-files.ts';
import { policyHistory } from '../../src/ledger/fsck/policy-history.ts';
import { reportFault } from '../../src/ledger/log/replay-report.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Bundle, Person } from '../support/policy-world.ts';

let w: PolicyWorld;
let next: Bundle;
let [ann, ben]: Person[] = [];
let said = '';

beforeAll(async () => {
  w = await PolicyWorld.open();
  next = await w.bundle('next');
  [ann, ben] = await Promise.all(['ann', 'ben'].map(async (one) => w.person(one)));
  await writeFile(at('next.tar.gz'), next.archive);
  await saveKey(at('ann.json'), ann!.key);
  await writeFile(at('ann.cert.json'), JSON.stringify(ann!.cert));
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
}, 60_000);

afterAll(async () => {
  jest.restoreAllMocks();
  await w.close();
});

const at = (name: string): string => join(w.folder, name);

async function stele(...words: string[]): Promise<string> {
  said = '';
  const there = ['--url', w.gateway.url, '--key', w.keys.auditor];
  const settings = ['--set', `data=${w.folder}`, '--set', 'log.level=silent'];
  await createProgram().parseAsync(['node', 'stele', ...words, ...there, ...settings]);
  return said;
}

async function approve(report: string): Promise<number | undefined> {
  const keys = ['--signing-key', at('ann.json'), '--certificate', at('ann.cert.json')];
  const words = ['approve', at('next.tar.gz'), '--previous', w.active, ...keys];
  const out = at('ann.approval.json');
  const told = JSON.parse(
    await stele('--json', 'policy', ...words, '--report', report, '--out', out),
  ) as { report?: number };
  return told.report;
}

const report = { candidate: { policy: '', digest: '', revision: '' }, verdict: 'pass' };

async function replayed(
  digest: string,
  sha256 = 'x',
): Promise<{ readonly id: string; readonly index: number }> {
  const candidate = { policy: next.id, digest, revision: 'next' };
  const event = { type: 'policy.replay', candidate, report_sha256: sha256 };
  const { body } = await w.post('entries?ack=sealed', event);
  return body as { id: string; index: number };
}

test('an approval that names a replay of another bundle, or none at all, is refused by command and gateway', async () => {
  const other = await replayed('another');
  await expect(approve(String(other.index))).rejects.toMatchObject({ code: 'report_other' });
  await expect(approve('0')).rejects.toMatchObject({ code: 'report_other' });
  for (const [named, detail] of [
    [other.index, 'it is of another bundle'],
    [0, 'it is no event'],
    [1_000_000, 'is not before the activation'],
  ] as const) {
    const request = await w.request(next, [ann!, ben!], { report: named });
    const { status, body } = await w.activate(request);
    expect([status, body['code']]).toEqual([403, 'report_other']);
    expect(body['detail']).toContain(detail);
  }
}, 30_000);

test('the command takes an index, an id, or the file of the very report', async () => {
  const sha256 = sha256Base64Url(canonicalJson(report));
  const { id, index } = await replayed(next.digest, sha256);
  expect(await approve(String(index))).toBe(index);
  expect(await approve(id)).toBe(index);
  await writeFile(at('report.json'), JSON.stringify({ ...report, recorded: { id, sha256 } }));
  expect(await approve(at('report.json'))).toBe(index);
  const changed = { ...report, verdict: 'fail', recorded: { id, sha256 } };
  await writeFile(at('report.json'), JSON.stringify(changed));
  await expect(approve(at('report.json'))).rejects.toMatchObject({ code: 'report_other' });
  await writeFile(at('report.json'), JSON.stringify(report));
  await expect(approve(at('report.json'))).rejects.toMatchObject({ code: 'report_other' });
}, 30_000);

test('an activation with it takes effect, the policy is told, history shows it, and fsck agrees', async () => {
  const { index } = await replayed(next.digest);
  const request = await w.request(next, [ann!, ben!], { report: index });
  const [first = ''] = request['approvals'] as string[];
  expect(parseApproval(first).approval.report).toBe(index);
  const { status, body } = await w.activate(request);
  expect(status).toBe(201);
  const { record } = (await w.gateway.ledger.entry(body['index'] as number))!;
  const { input } = JSON.parse(record!) as {
    input: { resource: { properties: { approvals: { report: number }[] } } };
  };
  expect(input.resource.properties.approvals.map((one) => one.report)).toEqual([index, index]);
  const { events } = await policyHistory(w.store, 'demo');
  expect(events.find(({ act }) => act === 'activate')?.reports).toEqual([index]);
  expect(await stele('policy', 'history')).toContain(`by ann, ben, replay ${index}`);
  const { findings } = await w.check();
  expect(findings).toEqual([]);
}, 30_000);

test('a record that is gone shows no replay', () => {
  expect(reportFault('event', null, next)).toBe('its record cannot be read');
});
