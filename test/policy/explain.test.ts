/** Recorded decisions explained: executed again, held against what was recorded, and the rules named with their places. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { archived } from '../../src/cli/reexecute/archived-policy.ts';
import type { ArchivedPolicy } from '../../src/cli/reexecute/archived-policy.ts';
import { explainEntry } from '../../src/cli/reexecute/explain-entry.ts';
import type { ExplainedEntry, Interpreter } from '../../src/cli/reexecute/explain-entry.ts';
import { explainedText } from '../../src/cli/reexecute/explain-text.ts';
import { stageArchived } from '../../src/cli/open/policy.ts';
import { readPolicyFolder, sourcesOf } from '../../src/cli/policy/folder.ts';
import { entryOfStore } from '../../src/cli/reexecute/recorded-entry.ts';
import type { RecordedEntry } from '../../src/cli/reexecute/recorded-entry.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import { PolicyError } from '../../src/policy/contract/policy-error.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { RegoToolchain } from '../../src/toolchain/toolchain.ts';
import { defaultArchive, defaultFiles, pack } from '../support/bundles.ts';
import { realEvents, sealedDecisions } from '../support/decided-ledger.ts';
import { LEDGER } from '../support/test-ledger.ts';
import type { TestWorld } from '../support/test-ledger.ts';
import { DEFAULT_BUNDLE, policyOf } from '../unit/policy/support.ts';

const event = realEvents()[0] ?? '';
const toolchain = new RegoToolchain();
let policy: PreparedPolicy;
let world: TestWorld;

beforeAll(async () => {
  policy = await policyOf(DEFAULT_BUNDLE);
  const engine = new PolicyEngine(policy.compiled);
  world = await sealedDecisions(policy, [event, '{}'], engine, defaultArchive());
}, 120_000);
afterAll(async () => toolchain.close());

async function explained(
  recorded: RecordedEntry,
  policies?: () => Promise<ArchivedPolicy>,
  source: Interpreter['source'] = null,
): Promise<ExplainedEntry> {
  const place = { store: world.store, ledger: LEDGER };
  const found = policies ?? (async (id: string) => archived(place, id, null));
  return explainEntry(recorded, found, { toolchain, source });
}

const stored = async (name: string, from = world): Promise<RecordedEntry> =>
  entryOfStore({ store: from.store, ledger: LEDGER }, name);

/** A ledger of one decision whose result somebody changes before it is recorded. */
async function decided(evaluate: Evaluator['evaluate']): Promise<TestWorld> {
  return sealedDecisions(policy, [event], { evaluate }, defaultArchive());
}

test('an allowed append is explained by the rules that allowed it, with file and line', async () => {
  const answer = await explained(await stored('1'));
  expect(answer).toMatchObject({
    index: 1,
    kind: 'event',
    allow: true,
    reexecution: { verdict: 'identical' },
    trace: { agrees: true },
    policy: { id: policy.identity.id, revision: policy.identity.revision },
  });
  const rule = answer.trace?.fired.find(({ rule }) => rule === 'data.policy.append.allow');
  const source = readFileSync('rego/policy/append.rego', 'utf8').split('\n');
  expect(rule?.file).toBe('policy/append.rego');
  expect(source[(rule?.row ?? 0) - 1]).toContain(rule?.text);
  const text = explainedText(answer, false);
  expect(text).toContain('executed again: identical');
  expect(text).toContain(`policy/append.rego:${rule?.row}`);
  expect(text).toContain('lines are those of the Rego in the bundle; --source');
  expect(explainedText(answer, true)).not.toContain('of the Rego in the bundle');
  expect((await stored(answer.id)).index).toBe(1);
}, 60_000);

test('a denial is explained, and its expressions that were not true are at hand', async () => {
  const answer = await explained(await stored('2'));
  expect(answer).toMatchObject({ allow: false, reexecution: { verdict: 'identical' } });
  expect(answer.trace?.failed).toContain('Fail');
  expect(answer.trace?.queries).toEqual(['data.policy.append']);
  expect(explainedText(answer, false)).toMatch(/stele\/append denied, by policy/);
}, 60_000);

test.each([
  ['the number of no entry', '999', 'entry_missing'],
  ['an id of no entry', '01a205b3-d000-7000-8000-000000000001', 'entry_missing'],
  ['an entry of the system itself', '0', 'entry_undecided'],
])('%s is refused', async (_what, name, code) => {
  await expect(stored(name).then(async (one) => explained(one))).rejects.toMatchObject({ code });
});

test('a result that the rules do not give is not explained by them', async () => {
  const engine = new PolicyEngine(policy.compiled);
  const lie = (rule: string, input: string): JsonValue => ({
    ...(engine.evaluate(rule, input) as JsonObject),
    reasons: ['because'],
  });
  const answer = await explained(await stored('1', await decided(lie)));
  expect(answer.reexecution).toEqual({
    verdict: 'different',
    detail: 'differs at /result/reasons',
  });
  expect(explainedText(answer, false)).toContain('they do not explain the recorded one');
}, 60_000);

test('what failed, was withheld, or has no policy at hand is not guessed', async () => {
  const fail = (): never => {
    throw new PolicyError('policy_timeout', 'too long');
  };
  const withheld = await explained(await stored('1', await decided(fail)));
  expect(withheld.reexecution.detail).toBe('/input/event is withheld: may_hold_what_is_hidden');
  const none = async (): Promise<ArchivedPolicy> =>
    Promise.resolve({ why: 'no policy is at hand', finding: null });
  const missing = await explained(await stored('1'), none);
  expect(missing).toMatchObject({ trace: null, result: null });
  expect(explainedText(missing, false)).toMatch(/not re-executable: no policy is at hand$/);
});

test('a bundle without Rego decides again, and names no rule', async () => {
  const files = [...(await defaultFiles())].filter(([name]) => !name.endsWith('.rego'));
  const bare = await stageArchived(await pack(files));
  const answer = await explained(await stored('1'), async () => Promise.resolve(bare));
  expect(answer).toMatchObject({ reexecution: { verdict: 'identical' }, trace: null });
  expect(explainedText(answer, false)).toContain('no rule can be named');
}, 60_000);

test('Rego that contradicts itself is no explanation', async () => {
  const files = new Map(await defaultFiles());
  const twice = 'package stele\n\nappend := 1\n\nappend := 2\n';
  files.set('stele/entrypoints.rego', Buffer.from(twice));
  const broken = await stageArchived(await pack(files));
  const answer = await explained(await stored('1'), async () => Promise.resolve(broken));
  expect(answer.trace).toMatchObject({ fired: [], agrees: false });
  expect(answer.trace?.failed).toContain('stele/entrypoints.rego:5: eval_conflict_error');
}, 60_000);

test('with the sources the entrypoint itself is interpreted', async () => {
  const source: Interpreter['source'] = async () =>
    Promise.resolve(sourcesOf(await readPolicyFolder('rego')));
  const answer = await explained(await stored('1'), undefined, source);
  expect(answer.trace).toMatchObject({ agrees: true, queries: ['data.stele.append'] });
  expect(answer.trace?.fired.map(({ rule }) => rule)).toContain('data.stele.append');
}, 60_000);
