/** What the ledger says of what it finds and watches while it runs. */
import { describe, expect, test } from '@jest/globals';
import { utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { FindingCounter } from '../../../src/ledger/context/findings.ts';
import { SETTINGS_LOOK_MS } from '../../../src/ledger/context/limits.ts';
import { SettingsWatch } from '../../../src/ledger/write/settings-watch.ts';
import { StoreUnavailableError } from '../../../src/storage/errors.ts';
import type { ObjectStore, StoreSettings } from '../../../src/storage/object-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

type Line = Readonly<Record<string, unknown>>;

function counterOf(): { counter: FindingCounter; lines: Line[] } {
  const lines: Line[] = [];
  const ignore = (): void => undefined;
  const warn = (_event: string, fields: Line = {}): void => void lines.push(fields);
  return {
    counter: new FindingCounter({ debug: ignore, info: ignore, error: ignore, warn }),
    lines,
  };
}

describe('findings', () => {
  test('of a run of void slots have a few lines, and are counted one by one', () => {
    const { counter, lines } = counterOf();
    for (let number = 0; number < 1000; number += 1) {
      counter.note('void_batch', { number, key: keys.batch(number) });
      counter.note('missing_lock', { key: keys.batch(number) });
    }
    expect(counter.counts).toEqual({ void_batch: 1000, missing_lock: 1000 });
    expect(lines.length).toBeLessThan(60);
    expect(lines.at(-1)).toMatchObject({ code: 'missing_lock', count: 512 });
  });

  test('of a thousand versions over one object have a line when they double', () => {
    const { counter, lines } = counterOf();
    for (let version = 1; version <= 1200; version += 1) {
      counter.note('extra_version', { key: keys.batch(3), versionId: String(version) });
    }
    expect(counter.counts).toEqual({ extra_version: 1200 });
    expect(lines.map((line) => line['count'] ?? 1)).toEqual([
      1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024,
    ]);
    counter.note('extra_version', { key: keys.genesis, versionId: '1' });
    expect(lines.at(-1)).toMatchObject({ key: keys.genesis, count: 1201 });
  });

  test('without a key are said once', () => {
    const { counter, lines } = counterOf();
    for (let i = 0; i < 3; i += 1) counter.note('default_retention', {});
    expect(lines).toEqual([{ code: 'default_retention' }]);
  });
});

describe('the settings of a bucket', () => {
  const good: StoreSettings = {
    versioning: 'enabled',
    objectLock: 'enabled',
    defaultRetention: 'none',
  };

  async function watchOf(answers: (StoreSettings | Error)[]): Promise<{
    found: string[];
    lookAfter: (ms: number) => Promise<void>;
    asked: () => number;
  }> {
    const { genesis } = await TestWorld.create();
    const found: string[] = [];
    let now = 1_000_000;
    let asked = 0;
    const settings = async (): Promise<StoreSettings> => {
      const answer = answers[asked++] ?? good;
      if (answer instanceof Error) throw answer;
      return Promise.resolve(answer);
    };
    const store = { probing: { settings } } as unknown as ObjectStore;
    const finding = (code: string): void => void found.push(code);
    const watch = new SettingsWatch({ store, genesis, clock: () => now, finding });
    const lookAfter = async (ms: number): Promise<void> => {
      now += ms;
      await watch.check();
    };
    return { found, lookAfter, asked: () => asked };
  }

  test('are looked at now and then, and what changed is a finding', async () => {
    const { found, lookAfter, asked } = await watchOf([
      good,
      new StoreUnavailableError('away'),
      { ...good, defaultRetention: 'present' },
      { versioning: 'disabled', objectLock: 'disabled', defaultRetention: 'none' },
    ]);
    await lookAfter(SETTINGS_LOOK_MS - 1);
    expect(asked()).toBe(0);
    await lookAfter(1);
    await lookAfter(SETTINGS_LOOK_MS);
    expect([asked(), found]).toEqual([2, []]);
    await lookAfter(SETTINGS_LOOK_MS);
    expect(found).toEqual(['default_retention']);
    await lookAfter(-2 * SETTINGS_LOOK_MS);
    expect(found).toEqual(['default_retention', 'versioning_off', 'object_lock_off']);
  });

  test('that fail in another way than by an outage are no secret', async () => {
    const { lookAfter } = await watchOf([new TypeError('a bug')]);
    await expect(lookAfter(SETTINGS_LOOK_MS)).rejects.toThrow('a bug');
  });
});

test('a ledger with a long run of garbage before it closes between two slots', async () => {
  const world = await TestWorld.create();
  const first = await world.open();
  await first.ledger.close();
  const next = first.ledger.status().batchNumber + 1;
  for (let slot = next; slot < next + 300; slot += 1) {
    world.store.overwrite(keys.batch(slot), utf8Bytes('x'), null);
  }
  const store = new Proxy(world.store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call = member.bind(target) as (...given: unknown[]) => unknown;
      if (name !== 'head') return call;
      return async (...given: unknown[]) => {
        // Takes its time, as a store does.
        await new Promise((resolve) => setImmediate(resolve));
        return call(...given);
      };
    },
  });
  const { ledger } = await world.open({ folder: first.folder, store, early: true });
  while (ledger.status().findings['void_batch'] === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ledger.close();
  expect(ledger.status().findings['void_batch']).toBeLessThan(150);
});
