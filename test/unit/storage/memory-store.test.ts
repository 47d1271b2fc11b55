import { beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryStore } from '../../../src/storage/memory-store.ts';
import type { PutOptions } from '../../../src/storage/object-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (read: { readonly bytes: Uint8Array } | null): string | null =>
  read && new TextDecoder().decode(read.bytes);

let time = 0;
let store: MemoryStore;
const until = 2_000_000;
const locked: PutOptions = { retention: { mode: 'compliance', until }, contentType: 'text/plain' };

beforeEach(() => {
  time = 1_000_000;
  store = new MemoryStore({ clock: () => time });
});

describe('somebody with credentials of the bucket', () => {
  test('cannot delete a locked version before its lock ends by the clock of the store', async () => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    expect(() => {
      store.deleteVersion('a', versionId);
    }).toThrow(expect.objectContaining({ code: 'store_denied' }));
    expect(await store.probing.tryDeleteVersion('a', versionId)).toBe('refused');
    time = until;
    store.deleteVersion('a', versionId);
    expect(await store.listVersions('a')).toEqual([]);
    await expect(store.putNew('a', bytes('y'), locked)).rejects.toMatchObject({
      code: 'store_denied',
    });
  });

  test('can open a key again with a delete marker, yet the oldest version stays', async () => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    store.markDeleted('a');
    const forged = await store.putNew('a', bytes('forged'), locked);
    expect(text(await store.get('a'))).toBe('forged');
    const versions = await store.listVersions('a');
    expect(versions.map((version) => version.isDeleteMarker)).toEqual([false, true, false]);
    expect(versions[0]!.versionId).toBe(versionId);
    expect(versions[2]!.versionId).toBe(forged.versionId);
  });

  test('can put locked garbage on a key of the future', async () => {
    store.overwrite('a', bytes('garbage'), locked.retention);
    await expect(store.putNew('a', bytes('x'), locked)).rejects.toMatchObject({
      code: 'object_exists',
    });
  });
});

describe('damage below the store', () => {
  test('changes bytes and leaves the checksum, which tells', async () => {
    const { versionId } = await store.putNew('a', bytes('abc'), locked);
    const before = await store.head('a', versionId);
    store.corrupt('a', (old) => old.with(0, 0x7a));
    expect(text(await store.get('a', { versionId }))).toBe('zbc');
    expect((await store.head('a', versionId))!.sha256).toEqual(before!.sha256);
  });

  test('takes a locked version, or its lock, away', async () => {
    const { versionId } = await store.putNew('a', bytes('abc'), locked);
    store.setRetention('a', versionId, null);
    expect((await store.head('a'))!.retention).toBeNull();
    store.eraseVersion('a', versionId);
    expect(await store.get('a')).toBeNull();
  });

  test('an image put back forgets what came later, and gives no version id twice', async () => {
    await store.putNew('a', bytes('1'), locked);
    const image = store.image();
    const lost = await store.putNew('b', bytes('2'), locked);
    store.overwrite('a', bytes('3'));
    store.restore(image);
    expect(await store.get('b')).toBeNull();
    expect(text(await store.get('a'))).toBe('1');
    const again = await store.putNew('b', bytes('2'), locked);
    expect(again.versionId).not.toBe(lost.versionId);
  });

  test('of something that is not there fails the test that asks for it', () => {
    expect(() => {
      store.corrupt('a', (old) => old);
    }).toThrow('nothing to corrupt');
    expect(() => {
      store.setRetention('a', 'v', null);
    }).toThrow('no version');
  });
});

test('bytes given and bytes got are copies', async () => {
  const given = bytes('abc');
  await store.putNew('a', given, locked);
  given[0] = 0;
  const read = await store.get('a');
  read!.bytes[1] = 0;
  expect(text(await store.get('a'))).toBe('abc');
});
