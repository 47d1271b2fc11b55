/** Decisions of sealed ledgers, made again from the store alone; and what is found where one byte is another. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { sha256Base64Url } from '#platform';
import { openExecutable } from '../../src/cli/open/executable.ts';
import { stageArchived } from '../../src/cli/open/policy.ts';
import { createOutput } from '../../src/cli/output.ts';
import { archived } from '../../src/cli/reexecute/archived-policy.ts';
import { reexecuteEntry, reexecuteStore } from '../../src/cli/reexecute/range.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import { Decider } from '../../src/policy/decide/decide.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import { readWork } from '../../src/policy/pool/pool.ts';
import { PolicyError } from '../../src/policy/contract/policy-error.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { decisionOfView, reexecute } from '../../src/policy/decide/reexecute.ts';
import { objectKeys } from '../../src/storage/object-keys.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { changed, defaultArchive, defaultFiles, pack } from '../support/bundles.ts';
import type { Files } from '../support/bundles.ts';
import { forgedDecision, realEvents, sealedDecisions } from '../support/decided-ledger.ts';
import type { Forgery } from '../support/decided-ledger.ts';
import { LEDGER } from '../support/test-ledger.ts';
import type { TestWorld } from '../support/test-ledger.ts';
import {
  AT,
  DEFAULT_BUNDLE,
  HOSTILE_BUNDLE,
  JTI,
  policyOf,
  readJob,
  settings,
} from '../unit/policy/support.ts';

const events = realEvents();
const output = createOutput({ json: true });
const everything = [0, Number.MAX_SAFE_INTEGER] as const;

let policy: PreparedPolicy;

beforeAll(async () => {
  policy = await policyOf(DEFAULT_BUNDLE);
});

async function again(world: TestWorld, range: readonly [number, number] = everything) {
  const { store } = world;
  const report = await fsck(store, LEDGER, { now: world.clock(), vkeys: [world.vkey] });
  return reexecuteStore({ store, ledger: LEDGER }, report, range, output);
}

/** An engine whose results somebody changes before they are recorded. */
function lying(change: (result: JsonObject) => JsonValue): Evaluator {
  const engine = new PolicyEngine(policy.compiled);
  return { evaluate: (rule, input) => change(engine.evaluate(rule, input) as JsonObject) };
}

describe('a sealed ledger', () => {
  test('gives for 2,000 real events and a denial the results that it recorded', async () => {
    const texts = [...events, '{}'];
    const world = await sealedDecisions(
      policy,
      texts,
      new PolicyEngine(policy.compiled),
      defaultArchive(),
    );
    const report = await again(world);
    expect(report.reexecution).toEqual({
      decisions: texts.length,
      identical: texts.length,
      different: [],
      notReexecutable: [],
      allowedUnrepeated: 0,
    });
    expect(report.verdict).toBe('valid');
    const some = await again(world, [10, 19]);
    expect(some.reexecution).toMatchObject({ decisions: 10, identical: 10 });
    // Of the other entries nothing is said.
    expect(some.steps.at(-1)?.detail).toBe('10 of 10 identical, of the entries 10 to 19');
    expect(some.establishes.at(-1)).toMatch(/^Every decision of the entries 10 to 19 gives /);
    expect(report.establishes.at(-1)).toMatch(/^Every decision gives /);
    expect((await again(world, [10, 10])).establishes.at(-1)).toMatch(/^Every .* of entry 10 /);
    // Who names entries is not told that all is well with none of them.
    const none = await again(world, [5000, 6000]);
    expect(none).toMatchObject({ verdict: 'incomplete', reexecution: { decisions: 0 } });
    expect(none.steps.at(-1)?.detail).toBe('no decision to make again; the log ends at entry 2002');
  }, 120_000);

  test.each<[string, (result: JsonObject) => JsonValue, string]>([
    [
      'a denial made to an allowance',
      (was) => ({ ...was, allow: true, class: 'standard' }),
      '/allow',
    ],
    ['another class', (was) => ({ ...was, class: 'short' }), '/class'],
    ['a reason more', (was) => ({ ...was, reasons: ['because'] }), '/reasons'],
    ['a mask left out', (was) => ({ ...was, mask: [] }), '/mask'],
    ['one byte of a label', (was) => ({ ...was, labels: { source: 'x' } }), '/labels'],
  ])('signed by a gateway that lies is found: %s', async (_what, change, place) => {
    const text = place === '/allow' ? '{}' : (events[0] ?? '');
    const world = await sealedDecisions(policy, [text], lying(change), defaultArchive());
    const report = await again(world);
    const [found] = report.findings.filter(({ code }) => code === 'not_reproduced');
    expect(found?.detail).toContain(`differs at /result${place}`);
    expect(report.verdict).toBe('invalid');
  });

  test.each<[string, (files: Files) => Files]>([
    ['one byte of the module', (files) => flipped(files, 'policy.wasm')],
    ['one value of the data', (files) => changed(files, 'data.json', (was) => ({ ...was, x: 1 }))],
    ['the manifest', (files) => changed(files, '.manifest', (was) => ({ ...was, revision: 'x' }))],
  ])('whose archived policy was changed is found: %s', async (_what, change) => {
    const archive = await pack(change(await defaultFiles()));
    const world = await sealedDecisions(
      policy,
      events.slice(0, 3),
      new PolicyEngine(policy.compiled),
      archive,
    );
    const report = await again(world);
    expect(report.findings.map(({ code }) => code)).toContain('policy_altered');
    expect(report.reexecution).toMatchObject({ identical: 0, different: [] });
    expect(report.verdict).toBe('invalid');
  });

  test('whose policy is not archived says so', async () => {
    const world = await sealedDecisions(
      policy,
      events.slice(0, 3),
      new PolicyEngine(policy.compiled),
      null,
    );
    const { reexecution, steps } = await again(world);
    expect(reexecution.notReexecutable).toEqual([
      {
        reason: `policy ${policy.identity.id} is not archived`,
        count: 3,
        entries: [1, 2, 3],
      },
    ]);
    expect(steps.at(-1)).toMatchObject({ name: 'reexecution', verdict: 'unverifiable' });
  });

  test.each<[string, Partial<Forgery>, string[]]>([
    [
      'an event that is withheld, and allowed',
      { input: { withheld: { hmac: null, kib: 1, reason: 'too_large' } } },
      ['disagreement withheld'],
    ],
    [
      'an event that a read allowed',
      { entrypoint: 'stele/read', input: { action: { name: 'log.read' } } },
      ['disagreement kind and entrypoint'],
    ],
    [
      'an event that was allowed as a read',
      { input: { action: { name: 'log.read' } } },
      ['disagreement pol.entrypoint', 'not_reproduced differs at /result/allow'],
    ],
  ])('with %s is not valid', async (_what, forgery, found) => {
    const world = await forgedDecision(policy, forgery, defaultArchive());
    const report = await again(world);
    const findings = report.findings.map(({ code, detail }) => `${code} ${detail}`);
    expect(findings).toEqual(expect.arrayContaining(found));
    expect(report.verdict).toBe('invalid');
    const { allowedUnrepeated } = report.reexecution;
    if (allowedUnrepeated > 0)
      expect(report.steps.at(-1)).toMatchObject({ verdict: 'unverifiable' });
  });

  test('whose policy is of an earlier engine says so, and accuses nobody', async () => {
    const [[engine, id] = ['', '']] = Object.entries(policy.former);
    const former = { ...policy, identity: { ...policy.identity, id } };
    const evaluator = new PolicyEngine(policy.compiled);
    const world = await sealedDecisions(former, events.slice(0, 2), evaluator, defaultArchive());
    const report = await again(world);
    expect(report.findings).toEqual([
      expect.objectContaining({ code: 'engine_version', severity: 'warning' }),
    ]);
    expect(report.reexecution.notReexecutable[0]?.reason).toContain(`of engine ${engine}`);
    expect(report.verdict).toBe('incomplete');
    const { store } = world;
    const options = { now: world.clock(), vkeys: [world.vkey], policies: openExecutable };
    const checked = await fsck(store, LEDGER, options);
    expect(checked.findings.map(({ code }) => code)).toContain('engine_version');
    expect(checked.findings.map(({ code }) => code)).not.toContain('policy_mismatch');
  });

  test('names decisions that failed, and does not guess', async () => {
    const failing: Evaluator = {
      evaluate: () => {
        throw new PolicyError('policy_timeout', 'too long');
      },
    };
    const world = await sealedDecisions(policy, events.slice(0, 2), failing, defaultArchive());
    const { reexecution, verdict } = await again(world);
    expect(reexecution.notReexecutable.map(({ reason }) => reason)).toEqual([
      '/input/event is withheld: may_hold_what_is_hidden',
    ]);
    expect(verdict).toBe('incomplete');
  });
});

/** One bit of a byte in the middle of a file. */
function flipped(files: Files, name: string): Files {
  const bytes = Uint8Array.from(files.get(name) ?? []);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return new Map(files).set(name, bytes);
}

describe('one decision', () => {
  const engine = (): PolicyEngine => new PolicyEngine(policy.compiled);

  test('of a read is made again', () => {
    const components = { evaluator: engine(), policy: 'p', random: randomBytes };
    const resource = { type: 'entry', id: 'x', properties: { kind: 'event' } };
    const job = readJob('entry.read', resource, ['auditor']);
    const decided = new Decider(components, settings).read(readWork(job, new WeakMap()));
    if (decided.outcome !== 'decided') throw new Error(decided.code);
    const { input, result } = JSON.parse(decided.recordLine ?? '') as {
      input: JsonObject;
      result: JsonValue;
    };
    const entrypoint = 'stele/read';
    expect(reexecute(engine(), { entrypoint, input, result }).verdict).toBe('identical');
    const text = canonicalJson(input).replace('"auditor"', '"auditoq"');
    const other = JSON.parse(text) as JsonObject;
    expect(reexecute(engine(), { entrypoint, input: other, result })).toEqual({
      verdict: 'different',
      detail: 'differs at /result/allow',
    });
    const undecided = { entrypoint, err: 'policy_timeout', input, result: null };
    expect(reexecute(engine(), undecided)).toEqual({
      verdict: 'not_reexecutable',
      detail: 'policy failed: policy_timeout',
    });
    const unknown = { entrypoint: 'stele/none', err: 'policy_undefined', input, result: null };
    expect(reexecute(engine(), unknown).verdict).toBe('identical');
    expect(reexecute(engine(), { entrypoint: 'stele/none', input, result })).toEqual({
      verdict: 'different',
      detail: 'policy now fails: policy_undefined',
    });
  });

  /** A policy that gives one answer, whatever it is asked. */
  const answering = (result: JsonValue): Evaluator => ({ evaluate: () => result });

  test('whose mask was not applied differs from what its gateway did', () => {
    const result = { allow: true, class: 'standard', reasons: [], mask: ['/input/event/pin'] };
    const decision = (event: JsonObject) => ({
      ...{ entrypoint: 'stele/append', input: { event }, result },
    });
    expect(reexecute(answering(result), decision({ what: 'x' })).verdict).toBe('identical');
    expect(reexecute(answering(result), decision({ what: 'x', pin: '1234' }))).toEqual({
      verdict: 'different',
      detail: 'a mask of the result was not applied',
    });
  });

  test('of a read that owed a purpose differs where the outcome is that of another input', () => {
    const result = { allow: true, reasons: [], obligations: [{ id: 'purpose', of: ['audit'] }] };
    const decision = (purpose: string, err?: string) => {
      const outcome = { entrypoint: 'stele/read', input: { context: { purpose } }, result };
      return err === undefined ? outcome : { ...outcome, err };
    };
    const again = (purpose: string, err?: string) =>
      reexecute(answering(result), decision(purpose, err)).verdict;
    expect(again('audit')).toBe('identical');
    expect(again('curiosity')).toBe('different');
    expect(again('curiosity', 'purpose_missing')).toBe('identical');
    expect(again('audit', 'purpose_missing')).toBe('different');
  });

  test.each<[string, Parameters<typeof decisionOfView>[1], string]>([
    ['the input', { parts: { result: {} }, hidden: new Map([['', 1]]) }, '/input is hidden'],
    ['the result', { parts: { input: {} }, hidden: new Map([['', 1]]) }, '/result is hidden'],
    [
      'a member',
      { parts: { input: {}, result: {} }, hidden: new Map([['/input/event', 2]]) },
      '/input/event has hidden members',
    ],
  ])('of which %s is hidden is not guessed', (_what, opened, detail) => {
    const found = decisionOfView({ entrypoint: 'stele/append' }, opened);
    expect(found).toEqual({ verdict: 'not_reexecutable', detail });
  });
});

test('a proven entry whose module does not end is given up, and the verdict says so', async () => {
  const found = await stageArchived(readFileSync(HOSTILE_BUNDLE));
  const pol = { id: found.prepared.identity.id, entrypoint: 'stele/append', allow: true };
  const payload = { jti: JTI, at: AT, kind: 'event', ret: { class: 'standard' }, pol };
  const parts = { input: { event: { do: 'spin' } }, result: {}, source: null };
  const proven = {
    ...{ verdict: 'valid', steps: [], findings: [], establishes: [] },
    ...{ entry: { payload }, opened: { parts, hidden: new Map() } },
  } as unknown as Parameters<typeof reexecuteEntry>[0];
  const report = await reexecuteEntry(proven, 7, async () => Promise.resolve(found));
  expect(report.verdict).toBe('incomplete');
  expect(report.reexecution.notReexecutable).toEqual([
    { reason: 'it takes too long here', count: 1, entries: [7] },
  ]);
}, 30_000);

test('an archived bundle that is not the one of its activation is not even unpacked, and none is beyond 64 MiB', async () => {
  const store = new MemoryStore({ clock: Date.now });
  const bomb = new Uint8Array(gzipSync(Buffer.alloc((64 << 20) + 1)));
  const key = objectKeys(LEDGER).policy('x', 'bundle.tar.gz');
  await store.putNew(key, bomb, { retention: null, contentType: 'application/gzip' });
  const place = { store, ledger: LEDGER };
  const [hash, other] = [sha256Base64Url(bomb), sha256Base64Url(new Uint8Array(1))];
  expect(await archived(place, 'x', other)).toEqual({
    why: `the bundle of policy x hashes to ${hash}, activated was ${other}`,
    finding: 'policy_altered',
  });
  expect(await archived(place, 'x', hash)).toEqual({
    why: expect.stringMatching(/no policy: .* within its limits/),
    finding: 'policy_altered',
  });
});

test('an archive that holds no bundle is altered, and one that is not there is said to be so', async () => {
  const store = new MemoryStore({ clock: Date.now });
  const key = objectKeys(LEDGER).policy('x', 'bundle.tar.gz');
  const place = { store, ledger: LEDGER };
  expect(await archived(place, 'x', null)).toEqual({
    why: 'policy x is not archived',
    finding: null,
  });
  const options = { retention: null, contentType: 'application/gzip' };
  await store.putNew(key, new Uint8Array([1, 2, 3]), options);
  expect(await archived(place, 'x', null)).toEqual({
    why: expect.stringMatching(/^the bundle of policy x makes no policy: /),
    finding: 'policy_altered',
  });
});
