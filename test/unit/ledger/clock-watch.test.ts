/** Clocks of a gateway and its store that come apart while it runs. */
import { afterEach, expect, test } from '@jest/globals';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';
import type { Gateway } from '../../support/test-ledger.ts';

const DAY_MS = 86_400_000;

let world: TestWorld;
let gateway: Gateway;
/** By how much the store's clock is behind that of the gateway, ms. */
let behind = 0;
/** Whether the last answer was long ago, though the clocks agree. */
let told: number | null = null;

afterEach(async () => {
  [behind, told] = [0, null];
  await gateway.ledger.close();
});

/** A bucket with a clock of its own. */
function ownClock(store: ObjectStore): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'now') return () => told ?? world.clock() - behind;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => {
        if (name === 'head') told = null;
        return (await Reflect.apply(member, target, args)) as unknown;
      };
    },
  });
}

async function start(changes: object = {}, early = false): Promise<void> {
  world = await TestWorld.create(changes);
  gateway = await world.open({ store: ownClock(world.store), followMs: 1_000_000, early });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const batches = async (): Promise<readonly string[]> => world.store.list(keys.batchPrefix);

// prettier-ignore
test.each([
  ['ahead by ten years',    3650 * DAY_MS],
  ['ahead by two minutes',  120_000],
  ['behind by two minutes', -120_000],
])('a clock %s seals nothing, says so, and goes on when it is right again', async (_, skew) => {
  await start();
  const before = await batches();
  behind = skew;
  // Taken before anybody knew.
  const [receipt] = await gateway.append();
  await until(() => gateway.ledger.status().reason === 'clock_skew');
  expect(gateway.ledger.status()).toMatchObject({
    ready: false,
    storeFault: 'clock_skew',
    findings: { clock_skew: 1 },
  });
  await expect(gateway.append()).rejects.toMatchObject({
    code: 'clock_skew',
    disposition: 'retry',
    durability: 'not-durable',
  });
  expect(await batches()).toEqual(before);
  behind = 0;
  await receipt!.sealed;
  expect(gateway.ledger.status()).toMatchObject({ ready: true, reason: null });
  await gateway.ledger.close();
  await world.check();
});

test('clocks that differ by less are none of its business', async () => {
  await start();
  behind = 55_000;
  const [receipt] = await gateway.append();
  await receipt!.sealed;
  expect(gateway.ledger.status()).toMatchObject({ ready: true, findings: {} });
});

test('an answer of long ago is no clock: the store is asked again', async () => {
  await start();
  told = world.clock() - DAY_MS;
  const [receipt] = await gateway.append();
  await receipt!.sealed;
  expect(gateway.ledger.status()).toMatchObject({ ready: true, findings: {} });
});

test('a gateway whose clock is wrong from the start begins nothing', async () => {
  behind = DAY_MS;
  await start({}, true);
  await until(() => gateway.ledger.status().reason === 'clock_skew');
  expect(await batches()).toEqual([]);
  behind = 0;
  await gateway.ledger.ready();
});

test('where genesis says that the store keeps no locks, its clock is not asked', async () => {
  behind = DAY_MS;
  await start({ weakStore: true });
  expect(gateway.ledger.status()).toMatchObject({ ready: true, findings: {} });
});
