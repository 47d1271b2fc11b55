/** Room, faults of the ledger, and how a gateway ends. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { SteleError } from '../../src/core/errors.ts';
import type { Disposition, Durability } from '../../src/core/errors.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { FINDS_OF_STRANGERS_MAX, FINDS_PER_CALLER_MAX } from '../../src/gateway/context/limits.ts';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';
import { sendRaw } from './support/raw.ts';

const ENTRIES = '/v1/ledgers/demo/entries';

let worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.map(async (world) => world.close()));
  worlds = [];
});

async function start(...options: Parameters<typeof startWorld>): Promise<World> {
  const world = await startWorld(...options);
  worlds.push(world);
  return world;
}

async function post(
  world: World,
  body = '{}',
  headers: Record<string, string> = {},
  query = '',
): Promise<Response> {
  return fetch(`${world.url}${ENTRIES}${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.keys.service}`,
      'content-type': 'application/json',
      ...headers,
    },
    body,
  });
}

describe('an error of the ledger', () => {
  const rows: readonly (readonly [
    string,
    Disposition,
    Durability | undefined,
    number,
    string,
    string,
  ])[] = [
    ['backlog_full', 'retry', 'not-durable', 503, 'backlog_full', 'not-durable'],
    ['starting', 'retry', 'not-durable', 503, 'starting', 'not-durable'],
    ['store_unreachable', 'retry', 'not-durable', 503, 'store_unreachable', 'not-durable'],
    ['closing', 'retry', 'not-durable', 503, 'closing', 'not-durable'],
    ['decision_stale', 'retry', 'not-durable', 503, 'decision_stale', 'not-durable'],
    ['entry_too_large', 'fix-input', 'not-durable', 413, 'entry_too_large', 'not-durable'],
    ['ledger_halted', 'halt', 'unknown', 503, 'ledger_halted', 'unknown'],
    ['ledger_halted', 'halt', 'not-durable', 503, 'ledger_halted', 'not-durable'],
    ['some_new_code', 'retry', 'unknown', 503, 'store_unavailable', 'unknown'],
    ['some_new_code', 'halt', 'unknown', 500, 'internal', 'unknown'],
  ];

  test.each(rows)(
    '%s (%s, %s) is %i %s, %s',
    async (code, disposition, durability, status, want, told) => {
      const world = await start();
      world.ledger.faults.appendError = new SteleError(code, 'inner words', {
        disposition,
        ...(durability === undefined ? {} : { durability }),
      });
      const response = await post(world);
      expect(response.status).toBe(status);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ code: want, durability: told });
      if (want === 'internal') expect(text).not.toContain('inner words');
    },
  );

  test('one that says nothing of durability leaves it unknown', async () => {
    const world = await start();
    world.ledger.faults.appendError = new SteleError('store_unavailable', 'gone', {
      disposition: 'retry',
    });
    const response = await post(world);
    expect(await response.json()).toMatchObject({
      code: 'store_unavailable',
      durability: 'unknown',
    });
  });

  test('after the seal is no error: the write is acknowledged without its proof', async () => {
    const world = await start();
    world.ledger.inclusion = async () => Promise.reject(new Error('tiles are away'));
    const response = await post(world, '{}', {}, '?ack=sealed');
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ state: 'sealed', proof: null });
  });

  test('on a repetition says that the write is durable', async () => {
    const world = await start();
    const headers = { 'idempotency-key': 'k' };
    await post(world, '{}', headers, '?ack=sealed');
    world.ledger.stretch = async () => Promise.reject(new Error('store is away'));
    const response = await post(world, '{}', headers);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: 'store_unavailable',
      durability: 'durable',
    });
  });

  test('a bug says nothing of itself, and is logged', async () => {
    const world = await start();
    world.ledger.append = async () => Promise.reject(new Error('secret path /etc/x'));
    const response = await post(world);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'internal', durability: 'unknown' });
    expect(text).not.toContain('secret path');
    expect(world.logged).toContainEqual(
      expect.objectContaining({ level: 'error', code: 'internal' }),
    );
  });

  test('one entry that is too late does not take the others of its group with it', async () => {
    const world = await start();
    const append = world.ledger.append.bind(world.ledger);
    world.ledger.append = async (drafts) => {
      if (drafts.some(({ record }) => record?.includes('"late":true') === true)) {
        throw new SteleError('decision_stale', 'late', {
          disposition: 'retry',
          durability: 'not-durable',
        });
      }
      return append(drafts);
    };
    const response = await post(world, '{"n":1}\n{"late":true}\n{"n":2}', {
      'content-type': 'application/x-ndjson',
    });
    const statuses = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: number }).status);
    expect(statuses).toEqual([202, 503, 202]);
  });

  test('a write that asks for its seal is durable when the seal does not come in time', async () => {
    const world = await start({ sealWaitMs: 100 });
    world.ledger.faults.holdSeals = true;
    const response = await post(world, '{}', {}, '?ack=sealed');
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ state: 'durable' });
  });

  test('the second of two writes with one identity waits for the first', async () => {
    const world = await start();
    const append = world.ledger.append.bind(world.ledger);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let reached: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (reached = resolve));
    world.ledger.append = async (drafts) => {
      reached();
      await gate;
      return append(drafts);
    };
    const headers = { 'idempotency-key': 'k' };
    const first = post(world, '{"a":1}', headers);
    await arrived;
    const second = await post(world, '{"a":1}', headers);
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(await second.json()).toMatchObject({
      code: 'idempotency_in_flight',
      durability: 'unknown',
    });
    const other = await post(world, '{"a":2}', headers);
    expect(other.status).toBe(422);
    release();
    expect((await first).status).toBe(202);
    const third = await post(world, '{"a":1}', headers);
    expect(third.headers.get('idempotent-replayed')).toBe('true');
    expect(world.recorded()).toBe(1);
  });

  test('an identity is free again after a write that failed', async () => {
    const world = await start();
    const headers = { 'idempotency-key': 'k' };
    world.ledger.faults.appendError = new SteleError('backlog_full', 'full', {
      disposition: 'retry',
    });
    expect((await post(world, '{}', headers)).status).toBe(503);
    world.ledger.faults.appendError = null;
    expect((await post(world, '{}', headers)).status).toBe(202);
    expect(world.recorded()).toBe(1);
  });

  test('an identity is free again also where the entry got another one', async () => {
    const world = await start();
    const reserve = world.ledger.reserve.bind(world.ledger);
    world.ledger.reserve = (idk, idb, owner) => reserve(`other ${idk}`, idb, owner);
    const headers = { 'idempotency-key': 'k' };
    expect((await post(world, '{}', headers)).status).toBe(202);
    expect((await post(world, '{}', headers)).status).toBe(202);
  });

  test('a repetition of what is sealed and forgotten is answered from the ledger', async () => {
    const world = await start();
    const headers = { 'idempotency-key': 'k' };
    const first = (await (await post(world, '{"a":1}', headers, '?ack=sealed')).json()) as {
      id: string;
    };
    const again = await post(world, '{"a":1}', headers, '?ack=sealed');
    expect(again.status).toBe(201);
    expect(await again.json()).toMatchObject({ id: first.id, state: 'sealed', replayed: true });
    const durable = await post(world, '{"a":1}', headers);
    expect(await durable.json()).toMatchObject({ id: first.id, replayed: true });
  });
});

describe('room for searches', () => {
  const unknown = `${ENTRIES}/01900000-0000-7000-8000-000000000000`;

  test.each([
    ['of strangers together', FINDS_OF_STRANGERS_MAX, false],
    ['of one caller', FINDS_PER_CALLER_MAX, true],
  ])('%s is bounded, and others still find', async (_whose, most, known) => {
    const world = await start({}, { anonymous: true });
    const entry = world.ledger.entry.bind(world.ledger);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let searching = 0;
    world.ledger.entry = async (name) => {
      searching += 1;
      await gate;
      return entry(name);
    };
    const ask = async (): Promise<Response> =>
      fetch(`${world.url}${unknown}`, {
        headers: known ? { authorization: `Bearer ${world.keys.other}` } : {},
      });
    const held = Array.from({ length: most }, ask);
    while (searching < most) await new Promise((wake) => setTimeout(wake, 5));
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'overloaded' });
    expect(searching).toBe(most);
    world.ledger.entry = entry;
    const authorization = `Bearer ${world.keys.admin}`;
    const other = await fetch(`${world.url}${unknown}`, { headers: { authorization } });
    expect(other.status).toBe(404);
    release();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(most).fill(403));
    expect((await ask()).status).toBe(403);
  });

  test('is given back when a search fails', async () => {
    const world = await start({}, { anonymous: true });
    const entry = world.ledger.entry.bind(world.ledger);
    world.ledger.entry = async () => Promise.reject(new Error('store is away'));
    for (let n = 0; n <= FINDS_OF_STRANGERS_MAX; n += 1) {
      expect((await fetch(`${world.url}${unknown}`)).status).toBe(500);
    }
    world.ledger.entry = entry;
    expect((await fetch(`${world.url}${unknown}`)).status).toBe(403);
  });
});

describe('room', () => {
  test('many proofs that wait look for the seal together, ten times a second', async () => {
    const world = await start();
    world.ledger.faults.holdSeals = true;
    const { id } = (await (await post(world)).json()) as { id: string };
    const entry = world.ledger.entry.bind(world.ledger);
    let looks = 0;
    world.ledger.entry = async (name) => {
      looks += 1;
      return entry(name);
    };
    const authorization = `Bearer ${world.keys.admin}`;
    const waiting = Array.from({ length: 20 }, async () =>
      fetch(`${world.url}${ENTRIES}/${id}/proof?wait=1s`, { headers: { authorization } }),
    );
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(409));
    // Each finds the entry once and then looks at most ten times, and twice more for what a timer is off.
    expect(looks).toBeLessThanOrEqual(20 * (1 + 10 + 2));
    world.ledger.faults.holdSeals = false;
  });

  test('one request too many is refused, and those in flight are answered', async () => {
    const world = await start({ requestsMax: 2, sealWaitMs: 60_000 });
    world.ledger.faults.holdSeals = true;
    const held = [
      post(world, '{"n":1}', {}, '?ack=sealed'),
      post(world, '{"n":2}', {}, '?ack=sealed'),
    ];
    while (world.recorded() < 2) await new Promise((wake) => setTimeout(wake, 5));
    const refused = await post(world);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ code: 'overloaded', durability: 'not-durable' });
    expect((await fetch(`${world.url}/livez`)).status).toBe(200);
    world.ledger.faults.holdSeals = false;
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([201, 201]);
  });
});

describe('a caller that leaves', () => {
  test('while its lines are recorded gives its place back', async () => {
    const world = await start();
    const append = world.ledger.append.bind(world.ledger);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let reached = 0;
    world.ledger.append = async (drafts) => {
      reached += drafts.length;
      await gate;
      return append(drafts);
    };
    const leaving = new AbortController();
    const left = Array.from({ length: 3 }, async () =>
      fetch(`${world.url}${ENTRIES}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${world.keys.service}`,
          'content-type': 'application/x-ndjson',
        },
        body: '{}\n{}',
        signal: leaving.signal,
      }).then(
        async (response) => response.text(),
        () => 'gone',
      ),
    );
    while (reached < 6) await new Promise((wake) => setTimeout(wake, 5));
    leaving.abort();
    await Promise.all(left);
    await new Promise((wake) => setTimeout(wake, 50));
    release();
    const deadline = performance.now() + 10_000;
    while (world.running.gateway.inFlight > 0 && performance.now() < deadline) {
      await new Promise((wake) => setTimeout(wake, 5));
    }
    expect(world.running.gateway.inFlight).toBe(0);
    expect(world.recorded()).toBe(6);
  });
});

describe('readiness', () => {
  test('a ledger that takes nothing is not ready, and the process lives', async () => {
    const world = await start();
    world.ledger.faults.appendError = new SteleError('store_unreachable', '', {
      disposition: 'retry',
    });
    const ready = await fetch(`${world.url}/readyz?verbose`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/^\[\+\]shutdown ok\n\[-\]ledger\/demo store_unreachable/);
    expect((await fetch(`${world.url}/livez`)).status).toBe(200);
  });

  test('a file of keys that cannot be used is shown and alarmed, and the gateway stays ready', async () => {
    const world = await start();
    const files = [{ name: 'api_keys', fault: '/secret/place: not YAML' }];
    Object.defineProperty(world.running.gateway.components.callers, 'files', { value: files });
    const ready = await fetch(`${world.url}/readyz?verbose`);
    expect(ready.status).toBe(200);
    const text = await ready.text();
    expect(text).toContain('[!]callers/api_keys what was read before holds');
    expect(text).not.toContain('/secret/place');
    const metrics = await (await fetch(`${world.url}/metrics`)).text();
    expect(metrics).toContain('stele_caller_keys_stale{file="api_keys"} 1');
  });

  test('metrics can be off', async () => {
    const world = await start({ metrics: false });
    expect((await fetch(`${world.url}/metrics`)).status).toBe(404);
  });
});

describe('shutdown', () => {
  test('readiness goes first, what is in flight is answered, then nothing is taken', async () => {
    const world = await startWorld({ readinessDelayMs: 500 });
    world.ledger.faults.holdSeals = true;
    const inFlight = post(world, '{"last":true}', {}, '?ack=sealed');
    while (world.recorded() < 1) await new Promise((wake) => setTimeout(wake, 5));
    const closing = world.running.close();
    const ready = await fetch(`${world.url}/readyz?verbose`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('[-]shutdown closing');
    expect((await post(world, '{"still":true}')).status).toBe(202);
    const isUp = async (): Promise<boolean> =>
      fetch(`${world.url}/livez`).then(
        () => true,
        () => false,
      );
    while (await isUp()) await new Promise((wake) => setTimeout(wake, 20));
    world.ledger.faults.holdSeals = false;
    const last = await inFlight;
    expect(last.status).toBe(201);
    expect(last.headers.get('connection')).toBe('close');
    const answered = performance.now();
    await closing;
    // Not after the ten seconds that a request in flight would have had.
    expect(performance.now() - answered).toBeLessThan(5000);
    await world.close();
  });

  test('what was counted is sealed before it ends', async () => {
    const world = await startWorld();
    await fetch(`${world.url}${ENTRIES}/0`);
    expect(world.recorded()).toBe(0);
    await world.close();
    expect(parseEntry(entryBytes(world.ledger.entries[0]!.jws)).payload).toMatchObject({
      kind: 'summary',
      ctl: { counts: [{ entrypoint: 'authenticate', code: 'credentials_missing', count: 1 }] },
    });
  });

  test('repetitions are counted and sealed too: they are no decisions', async () => {
    const world = await startWorld();
    const headers = { 'idempotency-key': 'k' };
    for (let n = 0; n < 3; n += 1) await post(world, '{}', headers);
    expect(world.recorded()).toBe(1);
    await world.close();
    expect(parseEntry(entryBytes(world.ledger.entries[1]!.jws)).payload).toMatchObject({
      kind: 'summary',
      ctl: {
        counts: [{ entrypoint: 'stele/append', action: 'entry.replay', allow: true, count: 2 }],
      },
    });
  });

  test('a request that never ends is cut off at the deadline', async () => {
    const world = await startWorld({ drainMs: 100 });
    const stuck = sendRaw(world.url, [
      `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.keys.service}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ]);
    const refused = expect(stuck).rejects.toThrow('no answer');
    while (world.running.gateway.inFlight < 1) await new Promise((wake) => setTimeout(wake, 5));
    const started = performance.now();
    await world.close();
    // Not when its body would have been late: that is fifteen seconds.
    expect(performance.now() - started).toBeLessThan(5000);
    await refused;
  });
});
