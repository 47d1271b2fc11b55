/** What all share: who stalls, floods or sends much, over real sockets, must not be in the way of others. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  BODY_BYTES_IN_FLIGHT_MAX,
  SMALL_BODIES_BYTES_IN_FLIGHT_MAX,
} from '../../src/gateway/context/limits.ts';
import { Stay } from '../../src/gateway/quota/room.ts';
import type { Room } from '../../src/gateway/quota/room.ts';
import { STRANGERS } from '../../src/gateway/quota/shares.ts';
import type { Owner } from '../../src/gateway/quota/shares.ts';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';
import { sendRaw } from './support/raw.ts';

const ENTRIES = '/v1/ledgers/demo/entries';
const MIB = 1_048_576;

let worlds: World[] = [];
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(worlds.map(async (world) => world.close()));
  worlds = [];
  sockets = [];
});

async function start(...options: Parameters<typeof startWorld>): Promise<World> {
  const world = await startWorld(...options);
  worlds.push(world);
  return world;
}

async function post(world: World, key: string | null, body: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  return fetch(`${world.url}${ENTRIES}`, { method: 'POST', headers, body });
}

/** Sends all of a body but its last byte. */
async function stall(world: World, key: string | null, bytes: number): Promise<void> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.resume();
  const authorization = key === null ? '' : `Authorization: Bearer ${key}\r\n`;
  socket.write(
    `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\n${authorization}` +
      `Content-Type: application/x-ndjson\r\nContent-Length: ${bytes + 1}\r\n\r\n`,
  );
  await new Promise<void>((resolve) =>
    socket.write(Buffer.alloc(bytes, 'a'), () => {
      resolve();
    }),
  );
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds() && performance.now() < deadline) {
    await new Promise((wake) => setTimeout(wake, 5));
  }
  expect(holds()).toBe(true);
}

async function overloaded(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.json()).toMatchObject({ code: 'overloaded', durability: 'not-durable' });
}

/** Holds bytes of bodies for somebody, as so many requests would. */
function hold(world: World, owner: Owner, ...bodies: number[]): void {
  for (const bytes of bodies) {
    const stay = new Stay(world.running.gateway.room);
    stay.of(owner);
    stay.take(bytes);
  }
}

const SERVICE: Owner = { key: 'api_key\n\nservice', stranger: false };

/** Bytes of bodies that are held now. */
function bodyBytesIn({ small, large }: Room): number {
  return SMALL_BODIES_BYTES_IN_FLIGHT_MAX - small.free + BODY_BYTES_IN_FLIGHT_MAX - large.free;
}

describe('bodies that never end', () => {
  test.each([
    ['of strangers', null, 403],
    ['of one caller', 'service', 202],
  ] as const)('%s, many more than may be at work, shut nobody out', async (_whose, role, want) => {
    const world = await start({ requestsMax: 8, bodyMs: 30_000 }, { anonymous: true });
    const key = role === null ? null : world.keys[role];
    await Promise.all(Array.from({ length: 40 }, async () => stall(world, key, 1)));
    await until(() => world.running.gateway.inFlight === 40);
    // Not even those of the same caller.
    expect((await post(world, key, '{}')).status).toBe(want);
    expect((await post(world, world.keys.admin, '{}')).status).toBe(202);
    const authorization = `Bearer ${world.keys.admin}`;
    const read = await fetch(`${world.url}/v1/ledgers/demo`, { headers: { authorization } });
    expect(read.status).toBe(200);
  });

  test('take a part of the connections only, and the rest is refused and closed', async () => {
    const world = await start({ connectionsMax: 40, bodyMs: 30_000 }, { anonymous: true });
    for (let n = 0; n < 30; n += 1) await stall(world, null, 1);
    const { arriving } = world.running.gateway.room;
    await until(() => world.running.gateway.inFlight === 40 - arriving.free);
    // Strangers together have a quarter.
    expect(arriving.free).toBe(30);
    await overloaded(await post(world, null, '{}'));
    expect((await post(world, world.keys.admin, '{}')).status).toBe(202);
  });

  test('and are large leave room for the small ones of the same caller, and for all of others', async () => {
    const world = await start({ bodyMs: 30_000 });
    const { room } = world.running.gateway;
    const { service, admin } = world.keys;
    const large = Array.from({ length: 16 }, async () => stall(world, service, 16 * MIB - 1));
    const small = Array.from({ length: 25 }, async () => stall(world, service, 28));
    await Promise.race([
      Promise.all([...large, ...small]),
      new Promise((r) => setTimeout(r, 3000)),
    ]);
    // Three quarters are the most that one has, however many it sends.
    await until(() => room.large.free <= BODY_BYTES_IN_FLIGHT_MAX / 2);
    expect(room.large.free).toBeGreaterThanOrEqual(BODY_BYTES_IN_FLIGHT_MAX / 4);
    expect((await post(world, service, '{"a":1}')).status).toBe(202);
    expect((await post(world, admin, '{"a":1}')).status).toBe(202);
    const lines = await fetch(`${world.url}${ENTRIES}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/x-ndjson' },
      body: `{"a":"${'x'.repeat(200_000)}"}\n`.repeat(20),
    });
    expect(lines.status).toBe(200);
    await lines.text();
  });
});

describe('requests at work', () => {
  test('of one caller leave a quarter of the places, and what is refused is counted', async () => {
    const world = await start({ requestsMax: 8, sealWaitMs: 60_000 });
    world.ledger.faults.holdSeals = true;
    const sealed = async (key: string, n: number): Promise<Response> =>
      fetch(`${world.url}${ENTRIES}?ack=sealed`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: `{"n":${n}}`,
      });
    const held = Array.from({ length: 6 }, async (_, n) => sealed(world.keys.service, n));
    await until(() => world.recorded() === 6);
    await overloaded(await post(world, world.keys.service, '{}'));
    expect((await post(world, world.keys.admin, '{}')).status).toBe(202);
    expect((await fetch(`${world.url}/livez`)).status).toBe(200);
    world.ledger.faults.holdSeals = false;
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(6).fill(201));
    expect((await post(world, world.keys.service, '{}')).status).toBe(202);
    expect(world.running.gateway.desk('demo')?.summary.pending).toBe(1);
  });

  test('that are refused write one warning, without a stack, however many they are', async () => {
    const world = await start({ requestsMax: 1, sealWaitMs: 60_000 });
    const stay = new Stay(world.running.gateway.room);
    stay.work();
    for (let n = 0; n < 20; n += 1) await overloaded(await post(world, world.keys.service, '{}'));
    const warnings = world.logged.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([expect.objectContaining({ code: 'overloaded', times: 1 })]);
    expect(warnings[0]).not.toHaveProperty('error');
  });
});

describe('room for bodies', () => {
  test('is not taken by strangers alone: theirs are refused unread, others are answered', async () => {
    const world = await start({}, { anonymous: true });
    const quarter = SMALL_BODIES_BYTES_IN_FLIGHT_MAX / 4;
    hold(world, STRANGERS, ...Array.from({ length: 63 }, () => quarter / 64), quarter / 64 - 2);
    await overloaded(await post(world, null, '{"a":1}'));
    expect(world.recorded()).toBe(0);
    // What fits is read, decided, and its denial is an entry as ever.
    expect((await post(world, null, '{}')).status).toBe(403);
    expect(world.recorded()).toBe(1);
    expect((await post(world, world.keys.service, '{"a":1}')).status).toBe(202);
  });

  test('is bounded for all together, also for what gzip hides and what is not announced', async () => {
    const world = await start();
    const { service } = world.keys;
    hold(world, SERVICE, BODY_BYTES_IN_FLIGHT_MAX / 4, BODY_BYTES_IN_FLIGHT_MAX / 2);
    const event = `{"a":"${'x'.repeat(70_000)}"}`;
    await overloaded(await post(world, service, event));
    const headers = { authorization: `Bearer ${service}`, 'content-type': 'application/json' };
    await overloaded(
      await fetch(`${world.url}${ENTRIES}`, {
        method: 'POST',
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: gzipSync(event),
      }),
    );
    const chunked = await sendRaw(world.url, [
      `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service}\r\n` +
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `11170\r\n${' '.repeat(70_000)}\r\n`,
    ]);
    expect(chunked).toMatchObject({ status: 503, closed: true });
    expect(world.recorded()).toBe(0);
    expect((await post(world, world.keys.admin, event)).status).toBe(202);
  });

  test('is held until the answer, and given back however the request ends', async () => {
    const world = await start({ bodyMs: 100 });
    const { gateway } = world.running;
    const { service } = world.keys;
    const headers = { authorization: `Bearer ${service}`, 'content-type': 'application/json' };
    world.ledger.faults.holdSeals = true;
    const url = `${world.url}${ENTRIES}`;
    const waiting = fetch(`${url}?ack=sealed`, { method: 'POST', headers, body: '{"a":1}' });
    await until(() => world.recorded() === 1);
    expect(bodyBytesIn(gateway.room)).toBe(7);
    world.ledger.faults.holdSeals = false;
    await waiting;
    await until(() => bodyBytesIn(gateway.room) === 0);
    const ends: readonly (readonly [NonNullable<RequestInit['body']>, Record<string, string>])[] = [
      ['not json', {}],
      ['{}\n{}', { 'content-type': 'application/x-ndjson' }],
      ['no gzip', { 'content-encoding': 'gzip' }],
      [gzipSync('{}'), { 'content-encoding': 'gzip' }],
      [`{"a":"${'x'.repeat(100_000)}"}`, {}],
    ];
    for (const [body, more] of ends) {
      await (await fetch(url, { method: 'POST', headers: { ...headers, ...more }, body })).text();
    }
    await stall(world, service, 99);
    await until(() => gateway.inFlight === 1);
    await until(() => gateway.inFlight === 0);
    const { working, arriving } = gateway.room;
    expect([bodyBytesIn(gateway.room), working.free, arriving.free]).toEqual([0, 2_000, 10_000]);
  });
});
