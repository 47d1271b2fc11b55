/** A policy from its approval to its history, by the commands; and exchanged under load. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProgram } from '../../../src/cli/program.ts';
import { parseEntry } from '../../../src/core/entry.ts';
import { saveKey } from '../../../src/keys/key-files.ts';
import { PolicyWorld } from '../../support/policy-world.ts';
import type { Bundle, Person } from '../../support/policy-world.ts';

let w: PolicyWorld;
let next: Bundle;
let said = '';
const at = (name: string): string => join(w.folder, name);

beforeAll(async () => {
  w = await PolicyWorld.open();
  next = await w.bundle('next');
  await writeFile(at('next.tar.gz'), next.archive);
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
}, 240_000);

afterAll(async () => {
  jest.restoreAllMocks();
  await w.close();
});

async function stele(...words: string[]): Promise<string> {
  said = '';
  const there = ['--url', w.gateway.url, '--key', w.keys.admin];
  const settings = ['--set', `data=${w.folder}`, '--set', 'log.level=silent'];
  await createProgram().parseAsync(['node', 'stele', ...words, ...there, ...settings]);
  process.exitCode = undefined;
  return said;
}

async function approved(person: string, ...what: string[]): Promise<string> {
  const [key, certificate] = [at(`${person}.json`), at(`${person}.cert.json`)];
  const out = at(`${person}.approval.json`);
  const keys = ['--signing-key', key, '--certificate', certificate];
  await stele('policy', 'approve', ...what, ...keys, '--out', out);
  return out;
}

test('a policy is certified for, approved, activated, rolled back and told of', async () => {
  const first = w.active;
  for (const person of ['ann', 'ben']) {
    const out = at(`${person}.cert.json`);
    const key = ['--signing-key', at(`${person}.json`)];
    const words = await stele('policy', 'certify', '--person', person, ...key, '--out', out);
    expect(words).toContain(`${person}: approver, key `);
  }
  const offline = [at('next.tar.gz'), '--previous', first];
  const approvals = [await approved('ann', ...offline), await approved('ben', ...offline)];
  const activated = await stele(
    'policy',
    'activate',
    at('next.tar.gz'),
    '--approval',
    ...approvals,
  );
  expect(activated).toMatch(new RegExp(`^${next.id} is in charge: entry [0-9]+; it decides`));
  expect(await stele('policy', 'status')).toMatch(
    /^in charge .*, since entry [0-9]+\ndecides {4}the same/,
  );
  const archived = await w.named((await w.gateway.ledger.archivedPolicy(first))!);
  const back = ['--policy', first, '--digest', archived.digest, '--change', 'rollback'];
  const again = [await approved('ann', ...back), await approved('ben', ...back)];
  const reason = ['--reason', 'denies what it should not'];
  expect(await stele('policy', 'rollback', '--approval', ...again, ...reason)).toContain(first);
  await expect(stele('policy', 'rollback', '--approval', ...again)).rejects.toMatchObject({
    code: 'policy_active_already',
  });
  const history = await stele('policy', 'history', '--vkey', w.vkey);
  expect(history).toMatch(/activate {2}.*update by ann, ben\n/);
  expect(history).toMatch(/activate {2}.*rollback by ann, ben {2}"denies what it should not"\n/);
  expect(history).toContain(`in charge: ${first}; log `);
}, 240_000);

test('in an emergency one approval will do, with a reason and an alert', async () => {
  const ann = await w.person('ann');
  const quick = await w.bundle('quick');
  await saveKey(at('other.json'), ann.key);
  const request = await w.request(quick, [ann], { change: 'break_glass' });
  const { status, body } = await w.activate({ ...request, reason: 'everybody is locked out' });
  expect([status, body['adopted']]).toEqual([201, true]);
  const index = Number(body['index']);
  let alert: unknown = null;
  for (let next = index + 1; alert === null && next < index + 10; next += 1) {
    const entry = await w.gateway.ledger.entry(next);
    if (entry === null) break;
    const { kind, ctl } = parseEntry(Buffer.from(entry.jws)).payload;
    if (kind === 'alert') alert = ctl;
  }
  expect(alert).toMatchObject({ source: index, severity: 'critical' });
}, 240_000);

test('under load no request fails, and every entry names the policy that was adopted there', async () => {
  const people: Person[] = [await w.person('dan'), await w.person('fay')];
  let stop = false;
  const failures: unknown[] = [];
  let sent = 0;
  const load = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const { status, body } = await w.post('entries', { n: sent++ });
      if (status !== 202) failures.push([status, body]);
    }
  });
  for (const name of ['one', 'two', 'three']) {
    const bundle = await w.bundle(name);
    const { status, body } = await w.activate(await w.request(bundle, people));
    expect([status, body['adopted'], w.active]).toEqual([201, true, bundle.id]);
  }
  stop = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(50);
  await w.restart();
  const report = await w.check();
  expect([report.verdict, report.findings]).toEqual(['valid', []]);
}, 240_000);

test('a start takes the policy in charge from the archive, and says so in its boot entry', async () => {
  const before = w.active;
  await w.restart();
  const { active, deciding } = w.gateway.ledger.policy();
  expect([active?.id, deciding]).toEqual([before, before]);
  expect((await w.post('entries?ack=sealed', { after: 'restart' })).status).toBe(201);
}, 240_000);
