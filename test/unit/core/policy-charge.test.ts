/** Which policies may decide the next change: the one in charge, or one before it that nobody has left. */
import { beforeEach, expect, test } from '@jest/globals';
import { findingsOf } from '../../../src/core/verify/batch-findings.ts';
import {
  decidersOfChange,
  heardOfSuccessor,
  isAdopted,
  mayDecideChange,
} from '../../../src/core/log/policy-charge.ts';
import { makeKeyStatement } from '../../../src/core/ledger/statement.ts';
import { approvedActivation, bootFacts, idOf, MiniLog } from '../../golden/support.ts';
import type { TestWriter } from '../../golden/support.ts';

const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((n) => idOf(`policy ${n}`, 32));

let log: MiniLog;
let w: TestWriter;

beforeEach(async () => {
  log = await MiniLog.create();
  w = await log.writer('one');
  await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
});

const mayDecide = (): string[] => decidersOfChange(log.state).map(({ id }) => id);

/** Seals an activation that a policy decided. @returns what is found of it. */
async function activate(id: string, by: string, changes = {}): Promise<string[]> {
  const pol = { id: by, entrypoint: 'stele/admin', allow: true };
  const ctl = await approvedActivation(log, id, changes);
  const before = log.state;
  const { batch } = log.apply(await log.batch(w, [await log.entry(w, 'policy', { ctl, pol })]));
  return findingsOf(before, batch).map(({ code, detail }) => `${code}: ${detail}`);
}

async function adopt(id: string, writer = w): Promise<void> {
  const activation = log.state.policies.get(id)!.index;
  const ctl = { act: 'adopt', id, digest: null, revision: null, previous: null, signer: null };
  const facts = { ...ctl, approvals: [], grace: null, activation };
  await log.seal(writer, [await log.entry(writer, 'policy', { ctl: facts })]);
}

test('one that nobody has taken up leaves the say to the one before it', async () => {
  expect(await activate(two!, one!)).toEqual([]);
  expect(mayDecide()).toEqual([two, one]);
  expect(await activate(three!, one!)).toEqual([]);
  expect(mayDecide()).toEqual([three, two, one]);
  expect(log.state.activePolicy).toBe(three);
});

test('one that a writer has adopted, or begun a boot with, decides alone', async () => {
  await activate(two!, one!);
  await adopt(two!);
  expect(mayDecide()).toEqual([two]);
  expect(await activate(three!, one!)).toEqual([
    `not_adopted: ${one}`,
    `no_effect: policy ${one} decided it, and has no say any more`,
  ]);
  expect(log.state.activePolicy).toBe(two);
  // Of those before one that nobody runs, the last that somebody ran: an older one might want fewer approvals.
  expect(await activate(three!, two!)).toEqual([]);
  expect(mayDecide()).toEqual([three, two]);
  expect(await activate(four!, one!)).toEqual([
    `not_adopted: ${one}`,
    `no_effect: policy ${one} decided it, and has no say any more`,
  ]);
});

test('whoever goes back to the one before takes no adoption back', async () => {
  await activate(two!, one!);
  await adopt(two!);
  await adopt(one!);
  expect(mayDecide()).toEqual([two]);
});

test('the log remembers which activation the policy that decided a change came from', async () => {
  const deciders = (): (readonly [string, number | null])[] => [...log.state.deciders.entries()];
  await activate(two!, one!);
  await adopt(two!);
  const { index } = log.state.policies.get(two!)!;
  await activate(one!, two!, { change: 'rollback' });
  await adopt(one!);
  const again = log.state.policies.get(one!)!.index;
  await activate(three!, one!);
  expect(deciders().map(([, by]) => by)).toEqual([null, index, again]);
});

test('a boot that names it counts as an adoption, and one of before it does not', async () => {
  await activate(two!, one!);
  await adopt(two!);
  await activate(one!, two!, { change: 'rollback' });
  expect(mayDecide()).toEqual([one, two]);
  const next = { ...w, boot: idOf('boot one 1'), seq: 0 };
  const facts = bootFacts(log, { prevBoot: w.boot, lastSeq: w.seq - 1, policy: one! });
  await log.seal(w, [await log.entry(next, 'boot', facts)]);
  expect(mayDecide()).toEqual([one]);
});

test('an adoption by a writer whose key was withdrawn keeps nobody from a way out', async () => {
  await activate(two!, one!);
  const bad = await log.writer('bad');
  await log.seal(bad, [await log.entry(bad, 'boot', bootFacts(log))]);
  await adopt(two!, bad);
  expect(mayDecide()).toEqual([two]);
  const says = { v: 1 as const, gen: log.genesis.gen, kid: bad.signer.kid, use: 'writer' as const };
  const revoked = { ...says, act: 'revoke' as const, reason: 'gone_bad' };
  const statement = await makeKeyStatement(revoked, log.roots);
  await log.seal(w, [await log.entry(w, 'key', { ctl: { statement } })]);
  expect(mayDecide()).toEqual([two, one]);
});

test('one that was never in charge decides nothing', async () => {
  expect(mayDecideChange(log.state, four!)).toBe(false);
  expect(await activate(two!, four!)).toEqual([
    `not_adopted: ${four}`,
    expect.stringMatching(/^bad_approval: undecided/),
  ]);
});

test('an adoption is of one activation and one writer', async () => {
  await activate(two!, one!);
  await adopt(two!);
  const { index } = log.state.policies.get(two!)!;
  expect(isAdopted(log.state, { id: two!, index })).toBe(true);
  expect(isAdopted(log.state, { id: two!, index }, w.id)).toBe(true);
  expect(isAdopted(log.state, { id: two!, index }, 'another writer')).toBe(false);
  expect(isAdopted(log.state, { id: two!, index: 0 })).toBe(false);
  expect(isAdopted(log.state, { id: four!, index })).toBe(false);
});

test('a writer that the log has not met has heard of nothing', async () => {
  await activate(two!, one!);
  const former = log.state.policies.get(one!)!;
  expect(heardOfSuccessor(log.state, 'another writer', former)).toBeUndefined();
  // The one in charge has no successor to hear of.
  const active = log.state.policies.get(two!)!;
  expect(heardOfSuccessor(log.state, w.id, active)).toBeUndefined();
});
