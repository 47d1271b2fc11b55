/**
 * Changes of policy that rest on changes: what nobody decided by right puts nothing else in charge, at a gateway that runs,
 * at one that starts, and for whoever checks; and what was decided by right stays so whatever comes later.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Bundle, Person } from '../support/policy-world.ts';
import { sealActivation } from '../support/sealed-activation.ts';

let w: PolicyWorld;
let [ann, ben]: Person[] = [];
let founded: string;

beforeEach(async () => {
  w = await PolicyWorld.open();
  [ann, ben] = await Promise.all(['ann', 'ben'].map(async (name) => w.person(name)));
  founded = w.active;
}, 60_000);

afterEach(async () => {
  await w.close();
});

/** A policy that is content with one approval, where the founded one wants two. */
async function lax(name: string): Promise<Bundle> {
  return w.bundle(name, (files) => {
    const data = JSON.parse(Buffer.from(files.get('data.json')!).toString()) as {
      settings: { activation: { approvals: number } };
    };
    data.settings.activation.approvals = 1;
    files.set('data.json', new Uint8Array(Buffer.from(JSON.stringify(data))));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; !isSo() && i < 500; i += 1) await sleep(20);
  expect(isSo()).toBe(true);
}

/** The codes that `fsck` has of a leaf. */
async function found(index: number): Promise<string[]> {
  const { findings } = await w.check();
  return findings.filter(({ at }) => at.index === index).map(({ code }) => code);
}

/** A writer with one approver: says that the founded policy allowed what only `lax` would. */
async function forged(bundle: Bundle, really = bundle): Promise<number> {
  const index = await sealActivation(w, bundle, {
    ...{ approvers: [ann!], author: w.author, by: founded, really },
  });
  await until(() => w.gateway.ledger.policy().fault === 'policy_undecided');
  return index;
}

test('a policy that was put in charge without right puts no other in charge', async () => {
  const first = await lax('first');
  const forgery = await forged(first);
  const second = await lax('second');
  const index = await sealActivation(w, second, {
    ...{ approvers: [ann!], author: w.author, by: first.id },
  });
  await until(() => w.gateway.ledger.policy().active?.id === second.id);
  await sleep(1000);
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding: founded, fault: 'policy_undecided' });
  expect(await found(forgery)).toContain('undecided_activation');
  expect(await found(index)).toContain('undecided_activation');
  // The way out stands open, to those whom the founded policy asks for.
  const out = await w.activate(await w.request(await w.bundle('out'), [ann!, ben!]));
  expect(out).toMatchObject({ status: 201, body: { adopted: true } });
}, 120_000);

test('a start runs nothing that was put in charge without right', async () => {
  const first = await lax('first');
  await forged(first);
  await sealActivation(w, await lax('second'), {
    ...{ approvers: [ann!], author: w.author, by: founded, really: first },
  });
  await w.restart();
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding: founded, fallback: founded });
  const alone = await w.activate(await w.request(await w.bundle('alone'), [ben!]));
  expect(alone.status).toBe(403);
}, 120_000);

/** A change with good approvals whose bundle nobody has. */
async function withoutBundle(): Promise<Bundle> {
  const bundle = await w.bundle('absent');
  const lie = { approvers: [ann!, ben!], author: w.author, isAbsent: true };
  await sealActivation(w, bundle, lie);
  await until(() => w.gateway.ledger.policy().fallback === founded);
  return bundle;
}

test('a way out is decided by right also when the missing bundle comes back', async () => {
  const bundle = await withoutBundle();
  const out = await w.bundle('out');
  const { status, body } = await w.activate(await w.request(out, [ann!, ben!]));
  expect(status).toBe(201);
  await w.gateway.ledger.archivePolicy(bundle.id, bundle.archive);
  expect(await found(Number(body['index']))).toEqual(['former_decided']);
  await w.restart();
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding: out.id, fault: null });
}, 120_000);

test('a way out that another gateway has overtaken is refused, and accuses nobody', async () => {
  await withoutBundle();
  const { ledger } = w.gateway;
  const archive = ledger.archivePolicy.bind(ledger);
  // Stands for another gateway, which can run the policy in charge, and adopts it just now.
  ledger.archivePolicy = async (id, bytes) => {
    await archive(id, bytes);
    const { id: policy, index: activation } = ledger.policy().active!;
    const facts = { id: policy, digest: null, revision: null, previous: null, signer: null };
    const adopt = { act: 'adopt', ...facts, approvals: [], grace: null, activation };
    await (
      await ledger.appendSystem('policy', adopt)
    ).sealed;
  };
  const { status, body } = await w.activate(await w.request(await w.bundle('out'), [ann!, ben!]));
  expect([status, body['code']]).toEqual([503, 'policy_superseded']);
  const { findings } = await w.check();
  expect(findings.filter(({ code }) => code === 'bad_approval')).toEqual([]);
}, 120_000);
