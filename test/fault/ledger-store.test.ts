/**
 * Every store call of an append and of a recovery fails in every way that was ever seen of a store, before and after
 * its effect. The oracle never asks what the calls returned: it opens the ledger again on a healthy store.
 */
import { describe, expect, test } from '@jest/globals';
import { ALL_FAULTS, FaultyStore, failOnly, seededFaults } from '../support/faulty-store.ts';
import type { Fault, StoreCall } from '../support/faulty-store.ts';
import { TestWorld } from '../support/test-ledger.ts';

type Life = (at: number, fault: Fault | null) => Promise<readonly StoreCall[]>;

/** A gateway that opens, appends and closes, against a store whose call number `at` fails; then the oracle. */
async function append(at: number, fault: Fault | null): Promise<readonly StoreCall[]> {
  const world = await TestWorld.create();
  const store = new FaultyStore(world.store, fault === null ? undefined : failOnly(at, fault));
  try {
    const gateway = await world.open({ store });
    await Promise.all((await gateway.append(2)).map(async ({ sealed }) => sealed));
    await gateway.append(1);
    await gateway.ledger.close();
  } catch {
    // Whatever became of it, the oracle judges.
  }
  const calls = [...store.calls];
  await world.recover();
  await world.check();
  return calls;
}

/** A gateway dies with entries that no store has; the next one recovers against a store whose call `at` fails. */
async function recovery(at: number, fault: Fault | null): Promise<readonly StoreCall[]> {
  const world = await TestWorld.create();
  const away = new FaultyStore(world.store);
  const first = await world.open({ store: away });
  away.plan = () => ({ effect: 'before', answer: 'reset' });
  await first.append(3);
  await first.kill();
  const store = new FaultyStore(world.store, fault === null ? undefined : failOnly(at, fault));
  try {
    const second = await world.open({ folder: first.folder, store });
    await second.append(1);
    await second.ledger.close();
  } catch {
    // As above.
  }
  const calls = [...store.calls];
  await world.recover();
  await world.check();
  return calls;
}

/** Whether a fault of this call differs from another row: a read that is lost before or after its effect is one. */
function isDistinct({ method }: StoreCall, fault: Fault): boolean {
  const writes = ['putNew', 'replace', 'extendRetention'].includes(method);
  if (writes || !('answer' in fault)) return true;
  return fault.effect === 'before' && ['reset', 'torn'].includes(fault.answer);
}

const rows = ALL_FAULTS.map((fault) => {
  const name = `${fault.effect} ${'answer' in fault ? fault.answer : ''}`;
  return [name, fault] as const;
});

describe.each<[string, Life]>([
  ['an append', append],
  ['a recovery', recovery],
])('the store calls of %s', (_name, run) => {
  test.each(rows)(
    'each fail %s',
    async (_row, fault) => {
      const calls = await run(-1, null);
      expect(calls.length).toBeGreaterThan(15);
      for (const call of calls) if (isDistinct(call, fault)) await run(call.index, fault);
    },
    120_000,
  );
});

test.each(Array.from({ length: 12 }, (_, seed) => [seed]))(
  'with a third of all calls failing, run %i loses and doubles nothing',
  async (seed) => {
    const world = await TestWorld.create();
    const stores = [new FaultyStore(world.store), new FaultyStore(world.store)] as const;
    const first = await world.open({ store: stores[0] });
    const second = await world.open({ store: stores[1] });
    for (const [i, store] of stores.entries()) store.plan = seededFaults(seed + 100 * i, 0.3);
    for (let round = 0; round < 5; round += 1) {
      await first.append(2);
      await second.append(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await first.kill();
    await world.recover();
    // What was on its way when its writer died lands after the recovery.
    for (const store of stores) await store.landLate();
    await world.recover();
    await world.check();
  },
  60_000,
);
