/**
 * Deny is total: whatever goes wrong with the policy, nothing has an effect, the caller gets the right problem, and the
 * denial is a durable entry before the answer. With real worker threads and a policy that misbehaves when asked to.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { SteleError } from '../../src/core/errors.ts';
import { STRANGER_CHANGE_BYTES_MAX } from '../../src/gateway/context/limits.ts';
import { codes } from '../../src/gateway/context/codes.ts';
import type { ProblemCode } from '../../src/gateway/context/codes.ts';
import { problemSchema } from '../../src/gateway/schema/answers.ts';
import { openInProcessPool } from '../../src/policy/pool/in-process.ts';
import { openWorkerPool } from '../../src/policy/pool/worker-pool.ts';
import { policyOf, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const HOSTILE = 'test/policy/fixtures/hostile.tar.gz';
const ENTRIES = '/v1/ledgers/demo/entries';

let hostile: World;
let standard: World;
beforeAll(async () => {
  const policy = await policyOf(HOSTILE);
  hostile = await startWorld(
    {},
    { pool: async (settings) => openWorkerPool(policy, settings, { deadlineMs: 1000 }) },
  );
  standard = await startWorld();
});
afterAll(async () => {
  await hostile.close();
  await standard.close();
});

async function post(world: World, event: object, key = world.keys.service): Promise<Response> {
  return fetch(`${world.url}${ENTRIES}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
}

async function read(world: World, path: string, key: string): Promise<Response> {
  return fetch(`${world.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
}

/** The payload and the record of the newest entry. */
function newest(world: World): {
  payload: ReturnType<typeof parseEntry>['payload'];
  record: string | null;
} {
  const held = world.ledger.entries.at(-1)!;
  return { payload: parseEntry(entryBytes(held.jws)).payload, record: held.record };
}

describe('a policy that fails', () => {
  const rows: readonly (readonly [what: string, code: ProblemCode])[] = [
    ['nothing', 'policy_undefined'],
    ['conflict', 'policy_error'],
    ['null', 'policy_bad_output'],
    ['text', 'policy_bad_output'],
    ['shape', 'policy_bad_output'],
    ['unknown member', 'policy_bad_output'],
    ['no class', 'policy_bad_output'],
    ['reserved', 'policy_bad_output'],
    ['label', 'policy_bad_output'],
    ['class', 'class_unknown'],
    ['erasure', 'erasure_unavailable'],
    ['hold', 'hold_unavailable'],
    ['spin', 'policy_timeout'],
  ];

  test.each(rows)('%s: nothing happens, and the denial is an entry', async (what, code) => {
    const before = hostile.recorded();
    const response = await post(hostile, { do: what });
    expect(response.status).toBe(codes[code].status);
    const problem = problemSchema.parse(await response.json());
    expect(problem).toMatchObject({ code, durability: 'not-durable' });
    expect(response.headers.has('retry-after')).toBe(codes[code].retry);
    expect(hostile.recorded()).toBe(before + 1);
    const { payload } = newest(hostile);
    expect(payload).toMatchObject({
      jti: problem.decision,
      kind: 'denial',
      pol: { entrypoint: 'stele/append', allow: false, err: code },
    });
    expect(payload).not.toHaveProperty('idk');
  });

  test('a mask that changes the decision', async () => {
    const response = await post(hostile, { do: 'unstable mask', secret: 's3cret' });
    expect(await response.json()).toMatchObject({ code: 'mask_unstable' });
    expect(newest(hostile).record).not.toContain('s3cret');
  });

  test('a read that is redacted and disclosed at once', async () => {
    const before = hostile.recorded();
    const response = await post(hostile, { do: 'x' });
    const { id } = (await response.json()) as { id: string };
    expect(hostile.recorded()).toBe(before + 1);
    // The policy answers by the resource's id, so the entry gets the name that makes it fail.
    const entry = hostile.ledger.entry.bind(hostile.ledger);
    hostile.ledger.entry = async (name) => ({ ...(await entry(name))!, jti: 'both' });
    const refused = await read(hostile, `${ENTRIES}/${id}`, hostile.keys.admin);
    hostile.ledger.entry = entry;
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'policy_bad_output' });
    expect(newest(hostile).payload).toMatchObject({ kind: 'denial', pol: { allow: false } });
  });

  test('a runaway holds nobody else up, and the gateway goes on', async () => {
    let ended = false;
    const runaway = post(hostile, { do: 'spin' }).finally(() => {
      ended = true;
    });
    const others = await Promise.all(
      Array.from({ length: 10 }, async () => post(hostile, { do: 'x' })),
    );
    expect(others.map(({ status }) => status)).toEqual(Array(10).fill(202));
    // Whoever had waited for it would have waited for its whole deadline.
    expect(ended).toBe(false);
    expect((await runaway).status).toBe(503);
    expect((await post(hostile, { do: 'x' })).status).toBe(202);
  });

  test('in NDJSON each line has its own outcome and its number, blank lines counted', async () => {
    const lines = ['x', 'nothing', 'conflict', 'x', 'class'];
    const response = await fetch(`${hostile.url}${ENTRIES}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${hostile.keys.service}`,
        'content-type': 'application/x-ndjson',
      },
      body: lines.map((what) => JSON.stringify({ do: what })).join('\n \n'),
    });
    const results = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { status: number; code?: string; line: number });
    expect(results.map(({ status, code }) => code ?? status)).toEqual([
      202,
      'policy_undefined',
      'policy_error',
      202,
      'class_unknown',
    ]);
    expect(results.map(({ line }) => line)).toEqual([1, 3, 5, 7, 9]);
  });
});

describe('no policy at all', () => {
  test('denies every write and read, and records it', async () => {
    const world = await startWorld({}, { pool: (settings) => openInProcessPool(null, settings) });
    const refused = await post(world, { a: 1 });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'engine_unavailable' });
    expect(newest(world).payload).toMatchObject({ kind: 'denial', pol: { id: null } });
    for (const path of ['/v1/ledgers/demo', '/log/demo/checkpoint', `${ENTRIES}/0`]) {
      const before = world.recorded();
      const response = await read(world, path, world.keys.admin);
      expect(response.status).toBe(503);
      expect(world.recorded()).toBe(before + 1);
    }
    await world.close();
  });
});

describe('a policy that denies', () => {
  test('a write: 403 with reasons, after the denial is an entry', async () => {
    const before = standard.recorded();
    const response = await post(standard, { a: 1 }, standard.keys.auditor);
    expect(response.status).toBe(403);
    const problem = problemSchema.parse(await response.json());
    expect(problem).toMatchObject({
      code: 'denied',
      reasons: ['no role of the caller may append'],
      durability: 'not-durable',
    });
    expect(standard.recorded()).toBe(before + 1);
    expect(newest(standard).payload).toMatchObject({ jti: problem.decision, kind: 'denial' });
  });

  const reads = [
    `${ENTRIES}/0`,
    `${ENTRIES}/999999`,
    `${ENTRIES}/0/proof`,
    '/v1/ledgers/demo/consistency?from=0',
  ];
  test.each(reads)('a read of %s: 403, whether it is there or not', async (path) => {
    await post(standard, { a: 1 });
    const before = standard.recorded();
    const response = await read(standard, path, standard.keys.other);
    expect(response.status).toBe(403);
    const problem = problemSchema.parse(await response.json());
    expect(problem.code).toBe('denied');
    expect(problem).not.toHaveProperty('durability');
    expect(standard.recorded()).toBe(before + 1);
    expect(newest(standard).payload).toMatchObject({ jti: problem.decision, kind: 'denial' });
  });

  test('a denial that cannot be recorded is no 403 but an error', async () => {
    standard.ledger.faults.appendError = new SteleError('backlog_full', 'journal is full', {
      disposition: 'retry',
      durability: 'not-durable',
    });
    const response = await post(standard, { a: 1 }, standard.keys.auditor);
    standard.ledger.faults.appendError = null;
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'backlog_full' });
  });

  test('an access that cannot be recorded is not answered', async () => {
    const { id } = (await (await post(standard, { a: 1 })).json()) as { id: string };
    standard.ledger.faults.appendError = new SteleError('closing', 'the ledger closes', {
      disposition: 'retry',
    });
    const response = await read(standard, `${ENTRIES}/${id}`, standard.keys.admin);
    standard.ledger.faults.appendError = null;
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain(id);
  });

  test('anonymous callers are denied where they are let in', async () => {
    const world = await startWorld({}, { anonymous: true });
    const response = await fetch(`${world.url}${ENTRIES}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(403);
    expect(world.recorded()).toBe(1);
    const checkpoint = await fetch(`${world.url}/log/demo/checkpoint`);
    expect(checkpoint.status).toBe(200);
    const tile = await fetch(`${world.url}/log/demo/tile/0/000.p/1`);
    expect(tile.headers.get('cache-control')).toMatch(/^public, /);
    for (const path of ['policy', 'policy/shadow', 'policies/evaluate', 'keys']) {
      const large = await fetch(`${world.url}/v1/ledgers/demo/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ act: 'start', bundle: 'A'.repeat(STRANGER_CHANGE_BYTES_MAX) }),
      });
      expect({ path, status: large.status }).toEqual({ path, status: 413 });
    }
    await world.close();
  });
});

describe('a denied read', () => {
  test('tells whoever was denied nothing of who wrote the entry', async () => {
    const world = await startWorld();
    const written = (await (await post(world, {}, world.keys.service)).json()) as { id: string };
    const read = async (id: string, key: string): Promise<Response> =>
      fetch(`${world.url}${ENTRIES}/${id}`, { headers: { authorization: `Bearer ${key}` } });
    const denied = await read(written.id, world.keys.other);
    expect(denied.status).toBe(403);
    const { decision } = (await denied.json()) as { decision: string };
    const own = await (await read(decision, world.keys.other)).text();
    expect(JSON.parse(own)).toMatchObject({
      record: { input: { resource: { id: written.id, properties: { owned: false } } } },
    });
    const { properties } = (
      JSON.parse(own) as { record: { input: { resource: { properties: object } } } }
    ).record.input.resource;
    const known = ['at', 'class', 'index', 'kind', 'labels', 'owned'];
    expect(Object.keys(properties).sort()).toEqual(known);
    expect((await read(written.id, world.keys.service)).status).toBe(200);
    await world.close();
  });
});

describe('a caller that is denied again and again', () => {
  test('has a budget of bytes too', async () => {
    const world = await startWorld({ denialBytesPerMinute: 16_384 });
    for (let n = 0; n < 5; n += 1) await post(world, { n: 'x'.repeat(4_000) }, world.keys.other);
    expect(world.recorded()).toBe(2);
    // What is small still fits.
    await post(world, {}, world.keys.other);
    expect(world.recorded()).toBe(3);
    await world.close();
  });

  test('has a budget of entries; beyond it denials are counted and sealed as a summary', async () => {
    const world = await startWorld({ denialsPerMinute: 3 });
    const answers: Response[] = [];
    for (let n = 0; n < 5; n += 1) answers.push(await post(world, { n }, world.keys.other));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
    expect(world.recorded()).toBe(3);
    expect(await answers.at(-1)!.json()).not.toHaveProperty('decision');
    // Another caller still has its own.
    await post(world, {}, world.keys.auditor);
    expect(world.recorded()).toBe(4);
    await world.close();
    const { payload } = newest(world);
    expect(payload).toMatchObject({
      kind: 'summary',
      ctl: {
        counts: [
          {
            entrypoint: 'stele/append',
            action: 'entry.append',
            allow: false,
            code: 'over_budget',
            count: 2,
          },
        ],
      },
    });
  });
});
