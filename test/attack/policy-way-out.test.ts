/** A policy in charge that nobody can run: writes are refused, everybody is told, and there is a way out. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlFacts } from '../../src/core/ledger/ctl.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Person } from '../support/policy-world.ts';
import { sealActivation } from '../support/sealed-activation.ts';

let w: PolicyWorld;
let [ann, ben]: Person[] = [];
let founded: string;
let absent: string;

const ready = async (): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${w.gateway.url}/readyz?verbose`);
  return { status: response.status, text: await response.text() };
};

const metric = async (name: string): Promise<string | undefined> => {
  const text = await (await fetch(`${w.gateway.url}/metrics`)).text();
  return text.split('\n').find((line) => line.startsWith(`${name}{`));
};

async function stuck(): Promise<void> {
  for (let tries = 0; w.gateway.ledger.policy().fallback === null && tries < 400; tries += 1) {
    await sleep(20);
  }
}

beforeAll(async () => {
  w = await PolicyWorld.open();
  [ann, ben] = await Promise.all(['ann', 'ben'].map(async (one) => w.person(one)));
  founded = w.active;
  const bundle = await w.bundle('absent');
  absent = bundle.id;
  const approvers = [ann!, ben!];
  await sealActivation(w, bundle, { approvers, author: w.author, isAbsent: true });
  await stuck();
}, 240_000);

afterAll(async () => {
  await w.close();
});

test('a gateway that cannot run the policy in charge refuses writes, and says who decides the next change', async () => {
  expect(w.gateway.ledger.policy()).toMatchObject({
    ...{ deciding: founded, decides: false, fault: 'policy_archive_missing', fallback: founded },
  });
  expect((await w.post('entries', { n: 1 })).body['code']).toBe('policy_superseded');
  const { status, text } = await ready();
  expect(status).toBe(503);
  expect(text).toContain(`in charge is ${absent}, policy_archive_missing; ${founded} decides the`);
  expect(await metric('stele_policy_fallback')).toMatch(/ 1$/);
});

test('a restart begins with the last policy that can be run, and refuses writes as before', async () => {
  await w.restart();
  await stuck();
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding: founded, fallback: founded });
  expect((await w.post('entries', { n: 2 })).body['code']).toBe('policy_superseded');
  expect((await ready()).status).toBe(503);
});

test('what that policy denies is an entry, and puts nothing in charge', async () => {
  const denied = await w.activate(await w.request(await w.bundle('one approval'), [ann!]));
  expect([denied.status, denied.body['code'], w.active]).toEqual([403, 'denied', absent]);
  const entry = await w.gateway.ledger.entry(String(denied.body['decision']));
  const { ctl, pol } = parseEntry(Buffer.from(entry!.jws)).payload;
  expect([controlFacts('policy', ctl).act, pol!.id]).toEqual(['reject', founded]);
});

test('the next activation is the way out: adopted, and writes are taken again', async () => {
  const bundle = await w.bundle('way out');
  const { status, body } = await w.activate(await w.request(bundle, [ann!, ben!]));
  expect([status, body['adopted'], body['previous']]).toEqual([201, true, absent]);
  expect(w.gateway.ledger.policy()).toMatchObject({
    ...{ deciding: bundle.id, decides: true, fault: null, fallback: null },
  });
  expect((await w.post('entries?ack=sealed', { n: 3 })).status).toBe(201);
  expect((await ready()).status).toBe(200);
  expect(await metric('stele_policy_fallback')).toMatch(/ 0$/);
  const { findings } = await w.check();
  expect(findings.map(({ code, at }) => [code, at.index])).toEqual([
    ['missing_object', expect.any(Number)],
    ['former_decided', body['index']],
  ]);
});

test('a start looks back on that decision, and runs what it put in charge', async () => {
  const { active } = w;
  await w.restart();
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding: active, fault: null });
});

test('a policy before the one in charge decides nothing where that one is run, whoever seals it', async () => {
  const bundle = await w.bundle('past the one in charge');
  const before = w.active;
  const lie = { approvers: [ann!, ben!], author: w.author, by: founded };
  const index = await sealActivation(w, bundle, lie);
  expect(w.active).toBe(before);
  const { findings } = await w.check();
  const found = findings.filter(({ at }) => at.index === index);
  expect(found.map(({ code }) => code)).toContain('no_effect');
});
