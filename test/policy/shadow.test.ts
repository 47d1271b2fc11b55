/** A candidate beside the policy in charge: what differs is told by place and kind, and nothing waits for it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Decider } from '../../src/policy/decide/decide.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type {
  AppendJob,
  AppendOutcome,
  ReadJob,
  ReadOutcome,
} from '../../src/policy/decide/jobs.ts';
import { appendWork, readWork } from '../../src/policy/pool/pool.ts';
import { preparePolicy } from '../../src/policy/bundle/prepare.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { Shadow, shadowed } from '../../src/policy/shadow/shadow.ts';
import type { ShadowOptions } from '../../src/policy/shadow/shadow.ts';
import type { ShadowStatus } from '../../src/policy/shadow/tally.ts';
import type { StagedPolicy } from '../../src/policy/bundle/staged.ts';
import { readBundle } from '../../src/policy/bundle/bundle.ts';
import { changed, defaultFiles, pack } from '../support/bundles.ts';
import {
  appendJob,
  DEFAULT_BUNDLE,
  HOSTILE_BUNDLE,
  policyOf,
  readJob,
  settings,
} from '../unit/policy/support.ts';

let active: PreparedPolicy;
let hostile: PreparedPolicy;
let decider: Decider;
let made: Shadow[] = [];
beforeAll(async () => {
  active = await policyOf(DEFAULT_BUNDLE);
  hostile = await policyOf(HOSTILE_BUNDLE);
  const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
  const evaluator = new PolicyEngine(active.compiled);
  decider = new Decider({ evaluator, policy: 'p', random }, settings);
});
afterEach(async () => {
  await Promise.all(made.map(async (shadow) => shadow.stop()));
  made = [];
});

const pool = {
  policy: null,
  append: async (jobs: readonly AppendJob[]): Promise<AppendOutcome[]> =>
    Promise.resolve(jobs.map((job) => decider.append(appendWork(job, new WeakMap())))),
  read: async (jobs: readonly ReadJob[]): Promise<ReadOutcome[]> =>
    Promise.resolve(jobs.map((job) => decider.read(readWork(job, new WeakMap())))),
};

function shadowOf(options: Partial<ShadowOptions> = {}): Shadow {
  const shadow = new Shadow({
    ...{ settings, deadlineMs: 5000, queue: 100, samples: 3, clock: () => 7 },
    ...options,
  });
  made.push(shadow);
  return shadow;
}

const candidateOf = (prepared: PreparedPolicy): StagedPolicy => {
  const { revision } = prepared.identity;
  return { prepared, digest: 'd', revision, signer: null, archive: new Uint8Array() };
};

/** The default policy with other settings. */
async function withSettings(other: object): Promise<StagedPolicy> {
  const merge = (was: Record<string, unknown>): unknown => ({
    ...was,
    settings: { ...(was['settings'] as object), ...other },
  });
  const archive = await pack(changed(await defaultFiles(), 'data.json', merge));
  return candidateOf(preparePolicy(await readBundle(archive)));
}

/** Resolves when everything that was observed came to something. */
async function until(
  shadow: Shadow,
  isDone: (status: ShadowStatus) => boolean,
): Promise<ShadowStatus> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const status = shadow.status();
    if (isDone(status)) return status;
    await sleep(20);
  }
  throw new Error(`not done: ${JSON.stringify(shadow.status())}`);
}

const service = (event: string): AppendJob => appendJob(event, ['service']);

test('before anything began it has nothing to say, and looks at nothing', async () => {
  const shadow = shadowOf();
  expect((await shadowed(pool, shadow).append([service('{}')]))[0]?.outcome).toBe('decided');
  expect(shadow.status()).toMatchObject({ running: false, candidate: null, compared: 0 });
});

test('the policy in charge, in its own shadow, decides the same: appends, denials and reads', async () => {
  const shadow = shadowOf();
  await shadow.start(candidateOf(active), 1);
  const watched = shadowed(pool, shadow);
  await watched.append([service('{"password":"x"}'), service('{}'), appendJob('{}', [])]);
  await watched.append([service('{')]);
  const resource = { type: 'entry', id: 'x', properties: { kind: 'event' } };
  await watched.read([readJob('entry.read', resource, ['auditor'])]);
  const log = { type: 'log', id: 'test', properties: {} };
  await watched.read([readJob('log.read', log, [])]);
  const status = await until(shadow, ({ compared }) => compared === 4);
  expect(status).toMatchObject({ identical: 4, changed: 0, dropped: 0, failed: 0, since: 7 });
}, 60_000);

describe('a candidate that decides otherwise', () => {
  test('is told by kind and place, without a value of anything', async () => {
    const shadow = shadowOf();
    await shadow.start(await withSettings({ class: 'person', secrets: [] }), 1);
    const watched = shadowed(pool, shadow);
    const [decided] = await watched.append([service('{"password":"hunter2","source":"shop"}')]);
    const status = await until(shadow, ({ compared }) => compared === 1);
    expect(status).toMatchObject({ changed: 1, kinds: { class: 1, mask: 1, allow_to_deny: 0 } });
    expect(status.samples).toEqual([
      {
        id: decided?.outcome === 'decided' ? decided.jti : '',
        ask: 'append',
        kinds: ['class', 'mask'],
        pointers: ['/result/class', '/result/mask'],
        err: null,
      },
    ]);
    expect(JSON.stringify(status)).not.toMatch(/hunter2|shop|person/);
  }, 60_000);

  test('or not at all is told by the code of its failure', async () => {
    const shadow = shadowOf();
    await shadow.start(await withSettings({ class: 'none_such' }), 1);
    await shadowed(pool, shadow).append([service('{}')]);
    const { kinds, samples } = await until(shadow, ({ compared }) => compared === 1);
    expect(kinds).toMatchObject({ allow_to_deny: 1, error: 1 });
    expect(samples[0]?.pointers).toEqual(['/result/class']);
  }, 60_000);

  test('has the newest of its decisions kept, and all of them counted', async () => {
    const shadow = shadowOf();
    await shadow.start(await withSettings({ class: 'person' }), 1);
    await shadowed(pool, shadow).append(Array.from({ length: 20 }, () => service('{}')));
    const { samples } = await until(shadow, ({ changed: found }) => found === 20);
    expect(samples).toHaveLength(3);
    await shadow.stop();
    expect(shadow.status()).toMatchObject({ running: false, changed: 20, fault: null });
  }, 60_000);
});

test('what finds no room is dropped and counted, and nobody waits', async () => {
  const shadow = shadowOf({ queue: 5 });
  await shadow.start(candidateOf(active), 1);
  await shadowed(pool, shadow).append(Array.from({ length: 12 }, () => service('{}')));
  expect(shadow.status().dropped).toBe(7);
  expect(await until(shadow, ({ compared }) => compared === 5)).toMatchObject({ identical: 5 });
}, 60_000);

test('one decision in n is looked at, by the end of its id', async () => {
  const shadow = shadowOf();
  await shadow.start(candidateOf(active), 10);
  const jobs = Array.from({ length: 40 }, (_, n) => {
    const end = n.toString(16).padStart(12, '0');
    return { ...service('{}'), jti: `01a205b3-d000-7000-8000-${end}` };
  });
  await shadowed(pool, shadow).append(jobs);
  expect(await until(shadow, ({ compared }) => compared === 4)).toMatchObject({ sample: 10 });
}, 60_000);

describe('a candidate that does not end', () => {
  const spin = service('{"do":"spin"}');

  test('costs its thread and one decision; the others are decided by another', async () => {
    const shadow = shadowOf({ deadlineMs: 1000 });
    await shadow.start(candidateOf(hostile), 1);
    await shadowed(pool, shadow).append([service('{}'), spin, service('{"n":1}')]);
    const status = await until(shadow, ({ compared }) => compared === 2);
    expect(status).toMatchObject({ timeouts: 1, running: true, fault: null });
  }, 60_000);

  test('again and again is given up', async () => {
    const shadow = shadowOf({ deadlineMs: 100 });
    await shadow.start(candidateOf(hostile), 1);
    await shadowed(pool, shadow).append(Array.from({ length: 12 }, () => spin));
    const status = await until(shadow, ({ running }) => !running);
    expect(status).toMatchObject({ timeouts: 10, fault: 'policy_timeout' });
    await shadowed(pool, shadow).append([service('{}')]);
    expect(shadow.status().compared).toBe(0);
  }, 60_000);
});

test('a thread that does not start is given up, and nothing fails', async () => {
  const shadow = shadowOf({ workerUrl: new URL('file:///nowhere.js') });
  await shadow.start(candidateOf(active), 1);
  await shadowed(pool, shadow).append([service('{}')]);
  const status = await until(shadow, ({ running }) => !running);
  expect(status).toMatchObject({ fault: 'policy_error', compared: 0, failed: 0 });
}, 60_000);

test('what cannot be handed over ends the shadow, and nothing else', async () => {
  const shadow = shadowOf();
  await shadow.start(candidateOf(active), 1);
  const watched = shadowed(pool, shadow);
  await watched.append([service('{}')]);
  await until(shadow, ({ compared }) => compared === 1);
  const job = service('{}');
  const [outcome] = await pool.append([job]);
  const broken = { ...job, known: null as unknown as typeof job.known };
  shadow.observeAppends([broken], [outcome!]);
  expect(await until(shadow, ({ running }) => !running)).toMatchObject({ fault: 'policy_error' });
}, 60_000);

test('of two that begin at the same time one decides', async () => {
  const shadow = shadowOf();
  const other = await withSettings({ class: 'person' });
  await Promise.all([shadow.start(candidateOf(active), 1), shadow.start(other, 1)]);
  await shadowed(pool, shadow).append([service('{}')]);
  const status = await until(shadow, ({ compared }) => compared === 1);
  expect(status).toMatchObject({ changed: 1, candidate: { policy: other.prepared.identity.id } });
}, 60_000);
