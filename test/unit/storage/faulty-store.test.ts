import { expect, test } from '@jest/globals';
import { MemoryStore } from '../../../src/storage/memory-store.ts';
import {
  ALL_FAULTS,
  failOnly,
  FaultyStore,
  seededFaults,
  seededRandom,
} from '../../support/faulty-store.ts';
import type { Fault } from '../../support/faulty-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const options = { retention: null, contentType: 'text/plain' };
const makeStore = (fault: Fault): { inner: MemoryStore; store: FaultyStore } => {
  const inner = new MemoryStore({ clock: () => 1 });
  return { inner, store: new FaultyStore(inner, failOnly(0, fault)) };
};

test.each(ALL_FAULTS)('a create that fails: %j', async (fault) => {
  const { inner, store } = makeStore(fault);
  await expect(store.putNew('a', bytes('x'), options)).rejects.toMatchObject({
    durability: 'unknown',
  });
  const isApplied = fault.effect === 'after';
  expect((await inner.get('a')) !== null).toBe(isApplied);
  await (isApplied
    ? expect(store.putNew('a', bytes('x'), options)).rejects.toMatchObject({
        code: 'object_exists',
      })
    : store.putNew('a', bytes('x'), options));
});

test('a torn read gives half of the bytes', async () => {
  const { inner, store } = makeStore({ effect: 'after', answer: 'torn' });
  await inner.putNew('a', bytes('abcd'), options);
  expect((await store.get('a'))!.bytes).toHaveLength(2);
  expect((await store.get('a'))!.bytes).toHaveLength(4);
});

test('a late write lands after its writer gave up, with the bytes that it had', async () => {
  const { inner, store } = makeStore({ effect: 'late', calls: 1 });
  const given = bytes('x');
  await expect(store.putNew('a', given, options)).rejects.toMatchObject({
    code: 'store_unavailable',
  });
  given[0] = 0;
  expect(await store.get('a')).toBeNull();
  expect((await store.get('a'))!.bytes).toEqual(bytes('x'));
  expect(await inner.listVersions('a')).toHaveLength(1);
  expect(store.calls.map(({ method }) => method)).toEqual(['putNew', 'get', 'get']);
});

test('a late write that comes second changes nothing', async () => {
  const { inner, store } = makeStore({ effect: 'late', calls: 1000 });
  await expect(store.putNew('a', bytes('late'), options)).rejects.toThrow();
  await store.putNew('a', bytes('early'), options);
  await store.landLate();
  expect((await inner.get('a'))!.bytes).toEqual(bytes('early'));
});

test('the same seed fails the same calls in the same way', () => {
  const run = (seed: number): unknown[] => {
    const plan = seededFaults(seed, 0.5);
    return Array.from({ length: 200 }, (_, index) => plan({ index, method: 'putNew', key: 'a' }));
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
  const share = run(7).filter((fault) => fault !== null).length / 200;
  expect(share).toBeGreaterThan(0.35);
  expect(share).toBeLessThan(0.65);
  expect(seededRandom(1)()).toBeLessThan(1);
});
