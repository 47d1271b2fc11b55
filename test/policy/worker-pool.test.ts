/** The pool with real worker threads (the compiled program in dist) and a policy that misbehaves on request. */
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { parseStrictJson } from '../../src/core/json/strict-json.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { openInProcessPool } from '../../src/policy/pool/in-process.ts';
import type { AppendOutcome, DecidedAppend } from '../../src/policy/decide/jobs.ts';
import type { WorkerPoolSettings } from '../../src/policy/pool/settings.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { TURN_CHARACTERS } from '../../src/policy/pool/turns.ts';
import { openWorkerPool } from '../../src/policy/pool/worker-pool.ts';
import type { WorkerPool } from '../../src/policy/pool/worker-pool.ts';
import {
  appendJob,
  DEFAULT_BUNDLE,
  HOSTILE_BUNDLE,
  policyOf,
  readJob,
  settings,
} from '../unit/policy/support.ts';

let hostile: PreparedPolicy;
let standard: PreparedPolicy;
let open: WorkerPool[] = [];

beforeAll(async () => {
  hostile = await policyOf(HOSTILE_BUNDLE);
  standard = await policyOf(DEFAULT_BUNDLE);
});

afterEach(async () => {
  await Promise.all(open.map(async (pool) => pool.close()));
  open = [];
});

async function poolOf(
  policy: PreparedPolicy | null,
  options: Partial<WorkerPoolSettings> = {},
): Promise<WorkerPool> {
  const pool = await openWorkerPool(policy, settings, options);
  open.push(pool);
  return pool;
}

const doing = (what: string) => appendJob(JSON.stringify({ do: what }), ['service']);
const decided = (outcome: AppendOutcome | undefined) => outcome as DecidedAppend;

describe('a pool of workers', () => {
  test('decides as the same policy does in process', async () => {
    // What is asked is how it decides: on a busy machine a decision may take longer than the usual deadline.
    const pool = await poolOf(standard, { deadlineMs: 10_000 });
    const lines = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz'))
      .toString()
      .trim()
      .split('\n')
      .slice(0, 300);
    const jobs = lines.map((line, i) =>
      appendJob(i % 2 === 0 ? line : Buffer.from(line), i % 5 === 0 ? [] : ['service']),
    );
    const threaded = await pool.append(jobs);
    const direct = await openInProcessPool(standard, settings).append(jobs);
    const essence = (outcome: AppendOutcome) => ({
      ...outcome,
      prefix: decided(outcome).prefix.replace(/"_sd":\[[^\]]*\]/, ''),
      // The key is random, and with it what depends on it.
      record: decided(outcome).record.replace(/"(?:key|raw_hmac)":"[^"]*"/g, ''),
    });
    expect(threaded.map(essence)).toEqual(direct.map(essence));
  });

  test('answers in the order of the jobs, appends and reads side by side', async () => {
    const pool = await poolOf(hostile, { messageJobs: 4 });
    const whats = Array.from({ length: 50 }, (_, i) => ['x', 'class', 'nothing', 'mask'][i % 4]!);
    const entry = { type: 'entry', id: 'leaf', properties: {} };
    const [appends, reads] = await Promise.all([
      pool.append(whats.map(doing)),
      pool.read([readJob('entry.read', entry, ['admin'])]),
    ]);
    expect(appends.map((outcome) => decided(outcome).err ?? null)).toEqual(
      whats.map((what) => ({ class: 'class_unknown', nothing: 'policy_undefined' })[what] ?? null),
    );
    expect(reads).toMatchObject([{ allow: true, select: 'leaf', kind: 'access' }]);
  });

  test('an empty call is answered', async () => {
    expect(await (await poolOf(standard)).append([])).toEqual([]);
  });
});

describe('a runaway policy', () => {
  test('stops within its deadline while other requests go on', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 1000 });
    await pool.append([doing('x')]);
    const started = performance.now();
    const runaway = pool.append([doing('spin')]);
    // Counted, not timed: how fast the others are is a matter of the machine and of what else it does.
    let others = 0;
    const over = new AbortController();
    const serve = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const [other] = await pool.append([doing('x')]);
        expect(other).toMatchObject({ allow: true });
        others += 1;
      }
    };
    const served = serve();
    const [denial] = await runaway;
    const took = performance.now() - started;
    over.abort();
    await served;
    expect(others).toBeGreaterThan(20);
    expect(took).toBeGreaterThanOrEqual(1000);
    // Of this a busy machine takes what it needs to end a thread; one that nothing ends runs for ever.
    expect(took).toBeLessThan(5000);
    expect(denial).toMatchObject({
      outcome: 'decided',
      allow: false,
      kind: 'denial',
      err: 'policy_timeout',
      class: 'standard',
    });
    expect(pool.counts()).toMatchObject({ timeouts: 1, crashes: 0 });
  });

  test('leaves an entry with the policy that was asked, and nothing of the event', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 100 });
    const [outcome] = await pool.append([doing('spin')]);
    const { prefix, record } = decided(outcome);
    expect(JSON.parse(`${prefix}}`)).toMatchObject({
      kind: 'denial',
      pol: { id: hostile.identity.id, allow: false, err: 'policy_timeout' },
    });
    expect(JSON.parse(record)).toMatchObject({
      input: { withheld: { reason: 'may_hold_what_is_hidden', hmac: null } },
      result: null,
      source: { raw_hmac: null },
    });
    expect(record).not.toContain('spin');
  });

  test('takes only its own job with it: those of the same message and call are decided', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 150 });
    const whats = ['x', 'class', 'spin', 'x', 'mask', 'x'];
    const outcomes = await pool.append(whats.map(doing));
    expect(outcomes.map((outcome) => decided(outcome).err ?? 'none')).toEqual([
      'none',
      'class_unknown',
      'policy_timeout',
      'none',
      'none',
      'none',
    ]);
  });

  test('takes nothing with it of the messages that were sent ahead: each job is decided once', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 500, messageJobs: 32 });
    const whats = Array.from({ length: 400 }, (_, i) => (i % 90 === 45 ? 'spin' : 'x'));
    const calls = [whats.slice(0, 10), whats.slice(10, 250), whats.slice(250)];
    const outcomes = (
      await Promise.all(calls.map(async (some) => pool.append(some.map(doing))))
    ).flat();
    expect(outcomes.map((outcome) => decided(outcome).err ?? 'x')).toEqual(
      whats.map((what) => (what === 'spin' ? 'policy_timeout' : 'x')),
    );
    expect(pool.counts()).toMatchObject({ timeouts: 4, crashes: 0, waiting: 0 });
  });

  test('after runaways on every worker the pool decides again', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 120 });
    const outcomes = await pool.append(Array.from({ length: 5 }, () => doing('spin')));
    expect(outcomes.map((outcome) => decided(outcome).err)).toEqual(
      Array.from({ length: 5 }, () => 'policy_timeout'),
    );
    expect(await pool.append([doing('x')])).toMatchObject([{ allow: true }]);
    expect(pool.counts().timeouts).toBe(5);
  });

  test('without a spare the others wait, and are decided', async () => {
    const pool = await poolOf(hostile, { deadlineMs: 100, spares: 0 });
    const outcomes = await pool.append([doing('spin'), doing('x')]);
    expect(outcomes).toMatchObject([{ err: 'policy_timeout' }, { allow: true }]);
  });

  test('does not keep a pool from closing', async () => {
    const pool = await openWorkerPool(hostile, settings, { deadlineMs: 100 });
    const asked = pool.append([doing('spin'), doing('x')]);
    // Twice: the second call must not take the first one's end away.
    await Promise.all([pool.close(), pool.close()]);
    expect(await asked).toMatchObject([{ err: 'policy_timeout' }, { allow: true }]);
    await expect(pool.append([doing('x')])).rejects.toMatchObject({ code: 'closing' });
  });
});

describe('an engine that cannot answer', () => {
  test('without a policy everything is denied, with an entry that names none', async () => {
    const pool = await poolOf(null);
    expect(pool.policy).toBeNull();
    const [append] = await pool.append([doing('x')]);
    expect(append).toMatchObject({ allow: false, kind: 'denial', err: 'engine_unavailable' });
    expect(JSON.parse(`${decided(append).prefix}}`)).toMatchObject({ pol: { id: null } });
    const entry = { type: 'entry', id: 'e', properties: {} };
    const [read] = await pool.read([readJob('entry.read', entry, ['admin'])]);
    expect(read).toMatchObject({ allow: false, err: 'engine_unavailable', select: 'leaf' });
  });

  test('what does not fit the queue is denied, and what fits is decided', async () => {
    const pool = await poolOf(hostile, { queueJobs: 3 });
    const outcomes = await pool.append(['x', 'x', 'x', 'x', 'x'].map(doing));
    expect(outcomes.map((outcome) => decided(outcome).err ?? 'none')).toEqual([
      'none',
      'none',
      'none',
      'engine_overloaded',
      'engine_overloaded',
    ]);
    expect(pool.counts()).toMatchObject({ overloads: 2, waiting: 0 });
  });

  test('many that find no room are denied in turns, and the event loop comes round between them', async () => {
    const pool = await poolOf(hostile, { queueJobs: 1 });
    const text = 'x'.repeat(TURN_CHARACTERS);
    const all = Array.from({ length: 20 }, () => ({ ...doing('x'), event: `{"text":"${text}"}` }));
    let [isOver, rounds] = [false, 0];
    const outcomes = pool.append(all).finally(() => (isOver = true));
    for (; !isOver; rounds += 1) await setImmediate();
    expect((await outcomes).filter((outcome) => decided(outcome).err !== undefined)).toHaveLength(
      19,
    );
    expect(rounds).toBeGreaterThanOrEqual(18);
  });

  test('a worker program that does not start is an error at once', async () => {
    const workerUrl = new URL('file:///nowhere/worker.js');
    await expect(openWorkerPool(hostile, settings, { workerUrl })).rejects.toMatchObject({
      code: 'engine_unavailable',
    });
  });

  test('a policy that never lets its worker become ready is an error within the time for that', async () => {
    const workerUrl = new URL('data:text/javascript,for(;;);');
    const begun = performance.now();
    await expect(
      openWorkerPool(hostile, settings, { workerUrl, startMs: 200 }),
    ).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(performance.now() - begun).toBeLessThan(4000);
  });

  test('a worker that dies takes its job with it, and is replaced', async () => {
    const workerUrl = new URL('./fixtures/dying-worker.mjs', import.meta.url);
    const pool = await poolOf(hostile, { workerUrl });
    const outcomes = await pool.append([doing('x'), doing('die'), doing('x')]);
    expect(outcomes.map((outcome) => decided(outcome).err ?? 'none')).toEqual([
      'none',
      'policy_error',
      'none',
    ]);
    expect(pool.counts().crashes).toBe(1);
  });

  test('a worker that dies takes nothing with it of the message that was sent ahead', async () => {
    const workerUrl = new URL('./fixtures/dying-worker.mjs', import.meta.url);
    // Not taken for stuck on a busy machine: what is taken back from it would kill a second worker.
    const pool = await poolOf(hostile, { workerUrl, messageJobs: 16, stallMs: 60_000 });
    const whats = Array.from({ length: 60 }, (_, i) => (i === 3 || i === 20 ? 'die' : 'x'));
    const outcomes = await pool.append(whats.map(doing));
    expect(outcomes.map((outcome) => decided(outcome).err ?? 'x')).toEqual(
      whats.map((what) => (what === 'die' ? 'policy_error' : 'x')),
    );
    expect(pool.counts().crashes).toBe(2);
  });

  test('while no worker starts everything is denied, and when one does it decides again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stele-pool-'));
    const program = join(folder, 'worker.mjs');
    cpSync('test/policy/fixtures/once-worker.mjs', program);
    try {
      const workerUrl = pathToFileURL(program);
      const pool = await poolOf(hostile, { workerUrl, spares: 0 });
      expect(await pool.append([doing('x')])).toMatchObject([{ allow: true }]);
      expect(await pool.append([doing('die')])).toMatchObject([{ allow: false }]);
      const denied = await pool.append([doing('x')]);
      expect(denied).toMatchObject([{ allow: false, err: 'engine_unavailable' }]);
      rmSync(join(folder, 'started'));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(await pool.append([doing('x')])).toMatchObject([{ allow: true }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('bad input is refused and never reaches the policy', async () => {
    const pool = await poolOf(hostile);
    const outcomes = await pool.append([appendJob('{"a":1,"a":2}', []), doing('x')]);
    expect(outcomes).toMatchObject([
      { outcome: 'refused', code: 'duplicate_key', pointer: '/a' },
      { outcome: 'decided', allow: true },
    ]);
  });

  test('half a surrogate pair is refused, not turned into another character', async () => {
    const pool = await poolOf(hostile);
    const texts = ['{"a":"\ud800"}', '{"a":"\udc00\ud800"}', '{"a":"\\ud800"}', '\ud800'];
    const outcomes = await pool.append(texts.map((text) => appendJob(text, [])));
    expect(outcomes).toMatchObject([
      { outcome: 'refused', code: 'lone_surrogate', pointer: '/a' },
      { outcome: 'refused', code: 'lone_surrogate', pointer: '/a' },
      { outcome: 'refused', code: 'lone_surrogate', pointer: '/a' },
      { outcome: 'refused', code: 'not_json' },
    ]);
  });

  test('a record made by a worker has one reading and is what was disclosed', async () => {
    const pool = await poolOf(standard);
    const [outcome] = await pool.append([appendJob('{"type":"deploy"}', ['service'])]);
    const line = decided(outcome).record.slice(0, -1);
    const limits = { bytes: 10_000, depth: 20, members: 1000, stringLength: 1000 };
    const record = parseStrictJson(line, limits) as JsonObject;
    expect(canonicalJson(record)).toBe(line);
  });
});
