/** Small things that somebody with credentials of the bucket leaves on the ledger's next keys: none of them stops it. */
import { describe, expect, test } from '@jest/globals';
import { utf8Bytes } from '../../src/core/platform/bytes.ts';
import {
  ObjectExistsError,
  ObjectMissingError,
  PreconditionError,
  StoreDeniedError,
} from '../../src/storage/errors.ts';
import type { ObjectStore, ReplaceOptions, Retention } from '../../src/storage/object-store.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import { policyKey } from '../../src/ledger/log/policy-archive.ts';
import { keys, LEDGER, TestWorld } from '../support/test-ledger.ts';

const DAY_MS = 86_400_000;

/** Some calls of a store, done in another way. */
function instead(store: ObjectStore, changed: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(changed, name) ?? Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A store that takes no governance lock for another, as several do. @param strict - It changes no lock at all. */
function stubborn({ store }: TestWorld, strict: boolean): ObjectStore {
  return instead(store, {
    extendRetention: async (key, versionId, wanted) => {
      const held = (await store.head(key, versionId))?.retention ?? null;
      if (held !== null && (strict || held.mode !== wanted.mode)) throw new StoreDeniedError(key);
      await store.extendRetention(key, versionId, wanted);
    },
  });
}

/** A store that lists what stands on a key, and gives nothing of it: another key encrypts it, or it is archived. */
function withheld({ store }: TestWorld, hidden: string, how: 'refuses' | 'denies'): ObjectStore {
  const withhold = async <T>(key: string, call: () => Promise<T | null>): Promise<T | null> => {
    if (key !== hidden) return call();
    if (how === 'refuses') throw new StoreDeniedError(`get of ${key}: 403 InvalidObjectState`);
    return Promise.resolve(null);
  };
  return instead(store, {
    get: async (key, options) => withhold(key, async () => store.get(key, options)),
    head: async (key, versionId) => withhold(key, async () => store.head(key, versionId)),
  });
}

/** A store to which a delete marker is an object when something is to be created (VersityGW). */
function taken({ store }: TestWorld, changed: Partial<ObjectStore> = {}): ObjectStore {
  const stands = async (key: string): Promise<boolean> =>
    (await store.listVersions(key)).length > 0;
  return instead(store, {
    putNew: async (key, bytes, options) => {
      if (await stands(key)) throw new ObjectExistsError(key);
      return store.putNew(key, bytes, options);
    },
    replace: async (key, bytes, options: ReplaceOptions) => {
      if (options.etag === null && (await stands(key))) throw new PreconditionError(key);
      return store.replace(key, bytes, options);
    },
    ...changed,
  });
}

function lockOf(world: TestWorld, mode: Retention['mode'], days: number): Retention {
  return { mode, until: Math.ceil((world.clock() + days * DAY_MS) / 1000) * 1000 };
}

const STORES = [
  ['that takes every stronger lock', (world: TestWorld) => world.store, 'compliance'],
  ['that changes no mode', (world: TestWorld) => stubborn(world, false), 'governance'],
  ['that changes no lock', (world: TestWorld) => stubborn(world, true), 'governance'],
] as const;

describe.each(STORES)('in a store %s', (_name, storeOf, mode) => {
  test.each([1, 3000])(
    'garbage under a governance lock of %i days on the next key does not stop the ledger',
    async (days) => {
      const world = await TestWorld.create();
      const store = storeOf(world);
      const first = await world.open({ store });
      const next = first.ledger.status().batchNumber + 1;
      const lock = lockOf(world, 'governance', days);
      const versionId = world.store.overwrite(keys.batch(next), utf8Bytes('garbage'), lock);
      const { number } = await (await first.append(1))[0]!.sealed;
      expect(number).toBe(next + 1);
      expect(first.ledger.status().findings).toMatchObject({ void_batch: 1, short_lock: 1 });
      const held = (await world.store.head(keys.batch(next), versionId))!.retention!;
      expect(held.mode).toBe(mode);
      expect(held.until).toBeGreaterThanOrEqual(lock.until);
      await first.ledger.close();
      const again = await world.open({ store });
      await (
        await again.append(1)
      )[0]!.sealed;
      await again.ledger.close();
      await world.check(['void_batch']);
    },
  );

  test('the bundle of a policy that somebody locked in his own way is archived all the same', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open({ store: storeOf(world) });
    const bytes = utf8Bytes('bundle');
    world.store.overwrite(policyKey(LEDGER, 'known'), bytes, lockOf(world, 'governance', 3000));
    await ledger.archivePolicy('known', bytes);
    await ledger.close();
  });
});

test('garbage that goes away while it is locked leaves an empty slot, which is filled', async () => {
  const world = await TestWorld.create();
  const store = instead(world.store, {
    extendRetention: async (key, versionId) => {
      world.store.eraseVersion(key, versionId);
      return Promise.reject(new ObjectMissingError(key, versionId));
    },
  });
  const { ledger, append } = await world.open({ store });
  const next = ledger.status().batchNumber + 1;
  world.store.overwrite(keys.batch(next), utf8Bytes('garbage'));
  const { number } = await (await append(1))[0]!.sealed;
  expect(number).toBe(next);
  await ledger.close();
  await world.check();
});

describe('a delete marker and nothing else', () => {
  test('on the next key is deleted, and the batch takes its slot', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open({ store: taken(world) });
    const next = ledger.status().batchNumber + 1;
    world.store.markDeleted(keys.batch(next));
    const { number } = await (await append(1))[0]!.sealed;
    expect(number).toBe(next);
    await ledger.close();
    await world.check();
  });

  test('on the next key that may not be deleted is named, with what to do', async () => {
    const world = await TestWorld.create();
    const probing = {
      ...world.store.probing,
      tryDeleteVersion: async () => Promise.resolve('refused' as const),
    };
    const said: unknown[] = [];
    const note = (_event: string, fields?: object) => void said.push(fields);
    const log = { debug: note, info: note, warn: note, error: note };
    const { ledger, append, kill } = await world.open({ store: taken(world, { probing }), log });
    const marker = world.store.markDeleted(keys.batch(ledger.status().batchNumber + 1));
    await append(1);
    const isSaid = () =>
      said.some((fields) =>
        String((fields as { error?: unknown } | undefined)?.error).includes(marker),
      );
    while (!isSaid()) await new Promise((resolve) => setTimeout(resolve, 5));
    await kill();
  });

  test('on the checkpoint is tried a few times at each turn, said, and holds up no close', async () => {
    const world = await TestWorld.create();
    const said: string[] = [];
    const note = (event: string, fields?: object) =>
      void said.push(
        `${event} ${String((fields as { error?: { code?: string } } | undefined)?.error?.code)}`,
      );
    const log = { debug: note, info: note, warn: note, error: note };
    let tries = 0;
    const bucket = taken(world);
    const store = instead(bucket, {
      replace: async (key, bytes, options) => {
        if (key === keys.checkpoint) tries += 1;
        // The old way never came to an end.
        if (tries > 1000) return new Promise(() => undefined);
        return bucket.replace(key, bytes, options);
      },
    });
    const { ledger, append } = await world.open({ store, log, publishMs: 1e9 });
    await (
      await append(2)
    )[0]!.sealed;
    world.store.markDeleted(keys.checkpoint);
    await ledger.close();
    // Two at each turn: there is one on the way and one at the end.
    expect(tries).toBeLessThanOrEqual(4);
    expect(said).toContain('view_not_published checkpoint_hidden');
  });
});

describe.each(['refuses', 'denies'] as const)(
  'in a store that lists an object and %s it',
  (how) => {
    test('a next key that cannot be read is named, not passed over, and not called an outage', async () => {
      const world = await TestWorld.create();
      const first = await world.open();
      await first.ledger.close();
      const key = keys.batch(first.ledger.status().batchNumber + 1);
      world.store.overwrite(key, utf8Bytes('garbage'), null);
      const store = withheld(world, key, how);
      const { ledger } = await world.open({ folder: first.folder, store, early: true });
      while (ledger.status().reason !== 'slot_unreadable') {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(ledger.status()).toMatchObject({
        ready: false,
        storeFault: 'slot_unreadable',
        findings: { slot_unreadable: 1 },
      });
      const report = await fsck(store, LEDGER, { now: world.clock(), vkeys: [world.vkey] });
      expect(report.verdict).toBe('incomplete');
      expect(report.findings.map(({ code }) => code)).toContain('slot_unreadable');
      expect(report.steps).toContainEqual(
        expect.objectContaining({ name: 'end_of_log', verdict: 'unverifiable' }),
      );
      await ledger.close();
    });

    test('it is named also under a running gateway, which goes on when it can be read', async () => {
      const world = await TestWorld.create();
      let hidden = '';
      const store = instead(world.store, {
        get: async (key, options) => withheld(world, hidden, how).get(key, options),
        head: async (key, versionId) => withheld(world, hidden, how).head(key, versionId),
      });
      const { ledger, append } = await world.open({ store });
      hidden = keys.batch(ledger.status().batchNumber + 1);
      world.store.overwrite(hidden, utf8Bytes('garbage'), null);
      const [receipt] = await append(1);
      while (ledger.status().storeFault !== 'slot_unreadable') {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      hidden = '';
      await receipt!.sealed;
      expect(ledger.status().findings).toMatchObject({ slot_unreadable: 1, void_batch: 1 });
      await ledger.close();
      await world.check(['void_batch']);
    });
  },
);
