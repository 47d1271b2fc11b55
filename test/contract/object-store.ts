/** The contract of `ObjectStore`, as one suite that every implementation passes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { sha256 } from '#platform';
import type { ObjectStore, PutOptions, Retention } from '../../src/storage/object-store.ts';
import { objectKeys } from '../../src/storage/object-keys.ts';
import { probeStore } from '../../src/storage/probe.ts';
import { StoreUnavailableError } from '../../src/storage/errors.ts';

/** A store under test, and what is known to differ between real stores. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** Another client or process on the same objects. */
  readonly other: ObjectStore;
  /** Writers at one key at the same moment. */
  readonly racers: number;
  /** What a create does on a key whose current version is a delete marker; null where there are no markers. */
  readonly overMarker: 'creates' | 'refuses' | null;
  /** Hides the current object behind a delete marker. */
  readonly markDeleted?: (key: string) => Promise<void>;
  /** Whether a newer version can be put over an object at all. */
  readonly canOverwrite: boolean;
  readonly close: () => Promise<void>;
}

const DAY_MS = 86_400_000;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const inDays = (days: number): Retention => ({
  mode: 'compliance',
  until: Math.ceil((Date.now() + days * DAY_MS) / 1000) * 1000,
});
const locked = (days = 1): PutOptions => ({ retention: inDays(days), contentType: 'text/plain' });
const unlocked: PutOptions = { retention: null, contentType: 'text/plain' };

/** The code of the error that a promise rejects with; fails the test when it resolves. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

/** A create as the commit protocol does it: unknown outcomes are sent again, with the same bytes. */
async function create(store: ObjectStore, key: string, bytes: Uint8Array): Promise<string> {
  for (;;) {
    try {
      await store.putNew(key, bytes, locked());
      return 'created';
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) return (error as { code: string }).code;
    }
  }
}

export function objectStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`the object store contract: ${name}`, () => {
    let given: StoreUnderTest;
    let store: ObjectStore;
    let serial = 0;
    const run = `run${randomBytes(4).toString('hex')}`;
    /** A key of its own for each test, in a folder of its own. */
    const freshKey = (last = 'object'): string => `${run}/t${(serial += 1)}/${last}`;

    beforeAll(async () => {
      given = await make();
      store = given.store;
    }, 240_000);
    afterAll(async () => {
      await given.close();
    });

    test('a new object is read back byte for byte, with its size, hash and lock', async () => {
      const key = freshKey('class=std/date=2026-11-22/a+b_c-d.ndjson.gz');
      const bytes = randomBytes(10_000);
      const options = locked(2);
      const { versionId } = await store.putNew(key, bytes, options);
      expect(versionId).toMatch(/^.{1,1024}$/);
      const read = await store.get(key);
      expect(read).toMatchObject({ versionId });
      expect(Buffer.compare(read!.bytes, bytes)).toBe(0);
      const head = await store.head(key);
      expect(head).toMatchObject({ key, versionId, size: 10_000, retention: options.retention });
      expect(head!.etag).toBe(read!.etag);
      if (head!.sha256 !== null) expect(Buffer.compare(head!.sha256, sha256(bytes))).toBe(0);
      expect(Math.abs(head!.lastModified - Date.now())).toBeLessThan(60_000);
    });

    test('a new object is there for another process at once', async () => {
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('shared'), locked());
      expect(await given.other.get(key)).toMatchObject({ versionId });
      expect(await given.other.head(key, versionId)).toMatchObject({ versionId, size: 6 });
      expect(await codeOf(given.other.putNew(key, bytesOf('mine'), locked()))).toBe(
        'object_exists',
      );
    });

    test('a second create is refused, with other bytes and with the same', async () => {
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('first'), locked());
      expect(await codeOf(store.putNew(key, bytesOf('second'), locked()))).toBe('object_exists');
      expect(await codeOf(store.putNew(key, bytesOf('first'), locked()))).toBe('object_exists');
      expect(await codeOf(store.putNew(key, bytesOf('third'), unlocked))).toBe('object_exists');
      expect(await store.get(key)).toMatchObject({ versionId, bytes: expect.anything() });
      expect(await store.listVersions(key)).toMatchObject([
        { versionId, isDeleteMarker: false, isLatest: true, size: 5 },
      ]);
    });

    test('of several creates at one moment exactly one wins, and its bytes are there', async () => {
      for (let round = 0; round < 3; round += 1) {
        const key = freshKey();
        const outcomes = await Promise.all(
          Array.from({ length: given.racers }, async (_, racer) =>
            create(racer % 2 === 0 ? store : given.other, key, bytesOf(`racer ${racer}`)),
          ),
        );
        const winner = outcomes.indexOf('created');
        expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'object_exists')).toHaveLength(
          given.racers - 1,
        );
        expect(await store.listVersions(key)).toHaveLength(1);
        expect(Buffer.from((await store.get(key))!.bytes).toString()).toBe(`racer ${winner}`);
        expect(await store.head(key)).toMatchObject({ retention: { mode: 'compliance' } });
      }
    }, 120_000);

    test('over many keys no create is won twice', async () => {
      const keys = Array.from({ length: 40 }, () => freshKey());
      const outcomes = await Promise.all(
        keys.map(async (key) =>
          Promise.all([
            create(store, key, bytesOf('one')),
            create(given.other, key, bytesOf('two')),
          ]),
        ),
      );
      for (const pair of outcomes) expect(pair.sort()).toEqual(['created', 'object_exists']);
    }, 120_000);

    test('what is not there is null, and has no versions', async () => {
      const key = freshKey();
      expect(await store.get(key)).toBeNull();
      expect(await store.head(key)).toBeNull();
      expect(await store.listVersions(key)).toEqual([]);
      const { versionId } = await store.putNew(key, bytesOf('here'), unlocked);
      const unknown = versionId.slice(0, -1) + (versionId.endsWith('0') ? '1' : '0');
      expect(await store.head(key, unknown)).toBeNull();
      expect(await store.get(key, { versionId: unknown })).toBeNull();
      expect(await store.get(`${key}x`)).toBeNull();
      expect(await store.listVersions(key.slice(0, -1))).toEqual([]);
    });

    // prettier-ignore
    test.each([
      // Range          Bytes of "0123456789"
      [0, 10,           '0123456789'],
      [0, 1,            '0'],
      [3, 7,            '3456'],
      [9, 10,           '9'],
      [5, 1000,         '56789'],
      [4, 4,            ''],
      [10, 20,          ''],
      [1000, 2000,      ''],
    ])('the range [%i, %i) of ten bytes is %j', async (start, end, want) => {
      const key = `${run}/ranges`;
      await store.putNew(key, bytesOf('0123456789'), locked()).catch(() => undefined);
      const versionId = (await store.head(key))!.versionId;
      const range = { start, end };
      for (const options of [{ range }, { range, versionId }]) {
        const read = await store.get(key, options);
        expect(Buffer.from(read!.bytes).toString()).toBe(want);
        expect(read!.versionId).toBe(versionId);
      }
    });

    test.each([0, 1, 65_536, 3_000_000])('an object of %i bytes', async (size) => {
      const key = freshKey();
      const bytes = randomBytes(size);
      const { versionId } = await store.putNew(key, bytes, locked());
      expect((await store.head(key, versionId))!.size).toBe(size);
      const read = await store.get(key, { versionId });
      expect(Buffer.compare(read!.bytes, bytes)).toBe(0);
    });

    test('an unlocked object has no lock', async () => {
      const key = freshKey();
      await store.putNew(key, bytesOf('derived'), { ...unlocked, cacheControl: 'no-cache' });
      expect(await store.head(key)).toMatchObject({ retention: null });
    });

    test('a governance lock is kept as such', async () => {
      const key = freshKey();
      const retention: Retention = { ...inDays(1), mode: 'governance' };
      await store.putNew(key, bytesOf('staging'), { retention, contentType: 'text/plain' });
      expect(await store.head(key)).toMatchObject({ retention });
    });

    test('keys are listed ascending by code unit, from a place, at most so many', async () => {
      const folder = freshKey('');
      const names = ['a', 'a-b/c', 'a.b', 'b/000', 'b/001', 'b/001.p/7', 'b/x002/000', 'c=d', 'z'];
      for (const each of [...names].reverse()) {
        await store.putNew(folder + each, bytesOf(each), unlocked);
      }
      const sorted = names.map((each) => folder + each).sort();
      const below = (prefix: string): string[] => sorted.filter((key) => key.startsWith(prefix));
      expect(await store.list(folder)).toEqual(sorted);
      expect(await store.list(`${folder}b/`)).toEqual(below(`${folder}b/`));
      expect(await store.list(`${folder}b/00`)).toEqual(below(`${folder}b/00`));
      expect(await store.list(`${folder}a`)).toEqual(below(`${folder}a`));
      expect(await store.list(`${folder}none`)).toEqual([]);
      expect(await store.list(`${folder}none/at/all`)).toEqual([]);
      for (const after of [...sorted, `${folder}b/`, `${folder}b/0005`]) {
        const rest = sorted.filter((key) => key > after);
        expect(await store.list(folder, { after })).toEqual(rest);
        expect(await store.list(folder, { after, max: 2 })).toEqual(rest.slice(0, 2));
      }
      expect(await store.list(folder, { max: 0 })).toEqual([]);
    });

    test('a lock grows, stays where it covers what is asked, and never shrinks', async () => {
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('held'), locked(5));
      const first = (await store.head(key))!.retention!;
      await store.extendRetention(key, versionId, inDays(3));
      await store.extendRetention(key, versionId, { ...inDays(3), mode: 'governance' });
      expect((await store.head(key))!.retention).toEqual(first);
      const longer = inDays(9);
      await store.extendRetention(key, versionId, longer);
      expect((await store.head(key, versionId))!.retention).toEqual(longer);
      expect(
        await codeOf(store.extendRetention(key, versionId, { ...inDays(30), mode: 'governance' })),
      ).toBe('retention_refused');
      expect((await store.head(key))!.retention).toEqual(longer);
    });

    test('a missing lock is healed', async () => {
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('bare'), unlocked);
      const wanted = inDays(1);
      await store.extendRetention(key, versionId, wanted);
      expect(await given.other.head(key, versionId)).toMatchObject({
        versionId,
        retention: wanted,
      });
      expect(await store.probing.tryDeleteVersion(key, versionId)).toBe('refused');
    });

    test('a lock of what is not there, or into the past, is refused by name', async () => {
      const key = freshKey();
      expect(await codeOf(store.extendRetention(key, 'none', inDays(1)))).toBe('object_missing');
      const { versionId } = await store.putNew(key, bytesOf('bare'), unlocked);
      const past: Retention = { mode: 'compliance', until: 1_000_000_000_000 };
      expect(await codeOf(store.extendRetention(key, versionId, past))).toBe('retention_refused');
      const options = { retention: past, contentType: 'text/plain' };
      expect(await codeOf(store.putNew(freshKey(), bytesOf('late'), options))).toBe('store_denied');
    });

    // prettier-ignore
    test.each(['', '/', 'a//b', '/a', 'a/', '../a', 'a/../b', 'a/./b', '.meta/a', 'a/.b', 'a b', 'a\\b', 'a\nb', 'é', 'a%b',
      `a/${'b'.repeat(201)}`, 'a/'.repeat(600)])('the key %j is refused before anything is sent', async (key) => {
      expect(await codeOf(store.putNew(key, bytesOf('x'), locked()))).toBe('object_key');
      expect(await codeOf(store.replace(key, bytesOf('x'), { etag: null, contentType: 'text/plain' }))).toBe('object_key');
      expect(await codeOf(store.get(key))).toBe('object_key');
      expect(await codeOf(store.head(key))).toBe('object_key');
      expect(await codeOf(store.listVersions(key))).toBe('object_key');
      expect(await codeOf(store.extendRetention(key, 'v', inDays(1)))).toBe('object_key');
    });

    // prettier-ignore
    test.each(['/', '../', '../../', 'a/../', '/a', './', '.meta/', 'a//', 'a/.b', 'é', 'a\nb', 'a/'.repeat(600)])(
      'no keys are listed below %j, which begins none', async (prefix) => {
        expect(await codeOf(store.list(prefix))).toBe('object_key');
      });

    test('a lock date that is not whole seconds is refused before anything is sent', async () => {
      const key = freshKey();
      const retention: Retention = { mode: 'compliance', until: inDays(1).until + 1 };
      const options = { retention, contentType: 'text/plain' };
      expect(await codeOf(store.putNew(key, bytesOf('x'), options))).toBe('retention');
      expect(await codeOf(store.extendRetention(key, 'v', retention))).toBe('retention');
      expect(await store.head(key)).toBeNull();
    });

    test('a mutable object is created once, and replaced only by who read it last', async () => {
      const key = freshKey('checkpoint');
      const options = { contentType: 'text/plain', cacheControl: 'no-cache' };
      const replace = async (text: string, etag: string | null): Promise<{ etag: string }> =>
        store.replace(key, bytesOf(text), { ...options, etag });
      expect(await codeOf(replace('early', '"0123456789abcdef"'))).toBe('precondition_failed');
      const first = await replace('one', null);
      expect(await codeOf(replace('again', null))).toBe('precondition_failed');
      expect((await given.other.get(key))!.etag).toBe(first.etag);
      const second = await replace('two', first.etag);
      expect(second.etag).not.toBe(first.etag);
      expect(await codeOf(replace('stale', first.etag))).toBe('precondition_failed');
      const third = await given.other.replace(key, bytesOf('three'), {
        ...options,
        etag: second.etag,
      });
      const read = await store.get(key);
      expect(Buffer.from(read!.bytes).toString()).toBe('three');
      expect(read!.etag).toBe(third.etag);
      expect(await store.head(key)).toMatchObject({ etag: third.etag, retention: null });
    });

    test('of several replacements at one moment exactly one wins, again and again', async () => {
      const key = freshKey('checkpoint');
      const options = { contentType: 'text/plain' };
      let { etag } = await store.replace(key, bytesOf('start'), { ...options, etag: null });
      for (let round = 0; round < 5; round += 1) {
        const outcomes = await Promise.all(
          [store, given.other, store].map(async (each, racer) =>
            each.replace(key, bytesOf(`${round} ${racer}`), { ...options, etag }).then(
              (won) => won.etag,
              (error: unknown) => (error as { code: string }).code,
            ),
          ),
        );
        const winners = outcomes.filter(
          (outcome) => !['precondition_failed', 'store_conflict'].includes(outcome),
        );
        expect(winners).toHaveLength(1);
        etag = (await given.other.head(key))!.etag;
        expect(etag).toBe(winners[0]);
      }
    }, 60_000);

    test('a locked version cannot be deleted, nor changed by a newer one', async () => {
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('of record'), locked());
      expect(await store.probing.tryDeleteVersion(key, versionId)).toBe('refused');
      const answer = await store.probing.tryOverwrite(key, bytesOf('garbage'));
      expect(answer).toBe(given.canOverwrite ? 'stored' : 'refused');
      const versions = await store.listVersions(key);
      expect(versions).toHaveLength(given.canOverwrite ? 2 : 1);
      expect(versions[0]).toMatchObject({ versionId, size: 9, isLatest: !given.canOverwrite });
      const read = await store.get(key, { versionId });
      expect(Buffer.from(read!.bytes).toString()).toBe('of record');
      expect(await store.head(key, versionId)).toMatchObject({
        retention: { mode: 'compliance' },
      });
    });

    test('a delete marker hides an object and nothing more', async () => {
      if (given.markDeleted === undefined) return;
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('of record'), locked());
      await given.markDeleted(key);
      expect(await store.get(key)).toBeNull();
      expect(await store.head(key)).toBeNull();
      expect(await store.list(key)).toEqual([]);
      const versions = await store.listVersions(key);
      expect(versions).toMatchObject([
        { versionId, isDeleteMarker: false, isLatest: false },
        { isDeleteMarker: true, isLatest: true },
      ]);
      expect(await store.get(key, { versionId: versions[1]!.versionId })).toBeNull();
      expect(await store.head(key, versions[1]!.versionId)).toBeNull();
      expect(Buffer.from((await store.get(key, { versionId }))!.bytes).toString()).toBe(
        'of record',
      );
      const again = await codeOf(store.putNew(key, bytesOf('forged'), locked()));
      expect(again).toBe(given.overMarker === 'creates' ? 'resolved' : 'object_exists');
      expect((await store.listVersions(key))[0]).toMatchObject({ versionId });
    });

    test('a key with more versions than a page holds is listed whole, oldest first', async () => {
      if (!given.canOverwrite || given.markDeleted === undefined) return;
      const key = freshKey();
      const { versionId } = await store.putNew(key, bytesOf('of record'), locked());
      const others = [`${key}0`, `${key}-later`];
      for (const other of others) await store.putNew(other, bytesOf('other'), unlocked);
      for (let round = 0; round < 5; round += 1) {
        await store.probing.tryOverwrite(key, bytesOf('n'.repeat(round + 1)));
      }
      const versions = await store.listVersions(key);
      expect(versions.map(({ size }) => size)).toEqual([9, 1, 2, 3, 4, 5]);
      expect(versions[0]).toMatchObject({ versionId });
      expect(versions.map(({ isLatest }) => isLatest)).toEqual([
        ...Array.from({ length: 5 }, () => false),
        true,
      ]);
    });

    test('the clock of the store is known after an answer', async () => {
      await store.head(freshKey());
      expect(Math.abs(store.now()! - Date.now())).toBeLessThan(10_000);
    });

    test('the probe finds nothing wrong', async () => {
      const report = await probeStore(store, {
        prefix: objectKeys(`${run}-probe`).prefix,
        random: (count) => randomBytes(count),
        clock: () => Date.now(),
      });
      expect(report.checks.length).toBeGreaterThanOrEqual(8);
      expect(report.checks.every((check) => check.verdict !== 'failed')).toBe(true);
    }, 60_000);
  });
}
