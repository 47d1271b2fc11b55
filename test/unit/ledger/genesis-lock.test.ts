/** Genesis is what all else hangs on: it is locked, also by a store that shows objects before their locks. */
import { expect, test } from '@jest/globals';
import { initLedger } from '../../../src/ledger/log/init.ts';
import { MemoryStore } from '../../../src/storage/memory-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { keys, LEDGER, TestWorld } from '../../support/test-ledger.ts';

/** A store that does not lock what it creates, and takes `extendRetention` or only says so. */
function forgetful(store: MemoryStore, isHealed: boolean): ObjectStore {
  return new Proxy<ObjectStore>(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'extendRetention' && !isHealed) return async () => Promise.resolve();
      if (name !== 'putNew') return member.bind(target) as unknown;
      return async (key: string, bytes: Uint8Array) =>
        store.putNew(key, bytes, { retention: null, contentType: 'text/plain' });
    },
  });
}

async function init(world: TestWorld, store: ObjectStore, weakStore = false): Promise<void> {
  const { origin, roots, classes, fallbackClass, labels, limits, batchLock } = world.genesis;
  const { maxSealMs, maxDecisionMs, heartbeatMs, policy, predecessor } = world.genesis;
  const draft = { origin, roots, classes, fallbackClass, labels, limits, batchLock };
  const rest = { maxSealMs, maxDecisionMs, heartbeatMs, policy, predecessor };
  const genesis = { ...draft, ...rest, weakStore, time: world.clock() };
  await initLedger({ store, ledger: LEDGER, genesis, rootSigners: [world.root] });
}

test('a new ledger whose genesis came without its lock gets it', async () => {
  const world = await TestWorld.create();
  const store = new MemoryStore({ clock: world.clock });
  await init(world, forgetful(store, true));
  const { retention } = (await store.head(keys.genesis))!;
  expect(retention).toMatchObject({ mode: 'compliance' });
  expect(retention!.until).toBeGreaterThan(world.clock() + 364 * 86_400_000);
});

test('a new ledger whose genesis cannot be locked is refused, unless it is said to be weak', async () => {
  const world = await TestWorld.create();
  const store = forgetful(new MemoryStore({ clock: world.clock }), false);
  await expect(init(world, store)).rejects.toMatchObject({ code: 'lock_refused' });
  await init(world, forgetful(new MemoryStore({ clock: world.clock }), false), true);
});

test('a start locks a genesis whose lock is missing or short, and says so', async () => {
  const world = await TestWorld.create();
  const { versionId, retention } = (await world.store.head(keys.genesis))!;
  for (const [lock, code] of [
    [null, 'missing_lock'],
    [{ ...retention!, until: retention!.until - 86_400_000 }, 'short_lock'],
  ] as const) {
    world.store.setRetention(keys.genesis, versionId, lock);
    const { ledger } = await world.open();
    expect(ledger.status().findings).toEqual({ [code]: 1 });
    await ledger.close();
    await world.check();
  }
});
