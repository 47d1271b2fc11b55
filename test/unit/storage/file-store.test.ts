/** What only the file store has: files that people and crashes leave behind, and neighbours in other processes. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openFileStore } from '../../../src/storage/file-store.ts';
import type { FileStore } from '../../../src/storage/file-store.ts';
import { bundleScript } from '../../support/bundle-script.ts';

let folder: string;
let store: FileStore;
let time: () => number;

const open = async (): Promise<FileStore> =>
  openFileStore({ folder, clock: () => time(), random: (count) => randomBytes(count) });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const tagOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 32);
const until = Math.ceil(Date.now() / 1000) * 1000 + 86_400_000;
const retention = { mode: 'compliance', until } as const;
const locked = { retention, contentType: 'text/plain' };
const unlocked = { retention: null, contentType: 'text/plain' };
const inFolder = (name: string): string => path.join(folder, name);
const namesIn = async (name: string): Promise<string[]> =>
  (await fs.readdir(inFolder(name), { recursive: true })).sort();

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'stele-files-'));
  time = () => Date.now();
  store = await open();
});
afterEach(async () => {
  await fs.rm(folder, { recursive: true, force: true });
});

test('an object is a plain read-only file at the path of its key', async () => {
  await store.putNew('demo/batch/00000000000000000000', bytes('of record'), locked);
  const file = inFolder('demo/batch/00000000000000000000');
  expect(await fs.readFile(file, 'utf8')).toBe('of record');
  expect((await fs.stat(file)).mode & 0o777).toBe(0o444);
  expect(await namesIn('.tmp')).toEqual([]);
  expect(await namesIn('.meta')).toEqual([
    'demo',
    'demo/batch',
    `demo/batch/00000000000000000000.${tagOf('of record')}.json`,
  ]);
});

test('an unlocked object is a file and nothing else', async () => {
  await store.putNew('demo/tile/0/000', bytes('hashes'), unlocked);
  expect(await fs.readdir(folder)).toEqual(['.tmp', 'demo']);
});

test('another process finds what one put, after a restart too', async () => {
  const { versionId } = await store.putNew('a/b', bytes('x'), locked);
  const head = await (await open()).head('a/b');
  expect(head).toMatchObject({ versionId, retention, size: 1 });
  expect(Buffer.from(head!.sha256!).toString('hex').slice(0, 32)).toBe(versionId);
});

test('a directory copied by any tool is the same store', async () => {
  const { versionId } = await store.putNew('a/b', bytes('x'), locked);
  await store.replace('a/c', bytes('1'), { etag: null, contentType: 'text/plain' });
  const first = await store.replace('a/c', bytes('2'), {
    etag: tagOf('1'),
    contentType: 'text/plain',
  });
  const copy = `${folder}-copy`;
  await fs.cp(folder, copy, { recursive: true });
  await fs.rm(folder, { recursive: true });
  await fs.rename(copy, folder);
  const again = await open();
  expect(await again.head('a/b')).toMatchObject({ versionId, retention });
  await again.replace('a/c', bytes('3'), { etag: first.etag, contentType: 'text/plain' });
  expect(await fs.readFile(inFolder('a/c'), 'utf8')).toBe('3');
});

describe('damage', () => {
  test('in the bytes shows: the version stays what it was, and its recorded hash tells', async () => {
    const { versionId } = await store.putNew('a', bytes('original'), locked);
    await fs.chmod(inFolder('a'), 0o644);
    await fs.writeFile(inFolder('a'), 'changed!');
    for (const each of [store, await open()]) {
      const head = await each.head('a');
      expect(head).toMatchObject({ versionId, retention });
      expect(Buffer.from(head!.sha256!).toString('hex').slice(0, 32)).toBe(tagOf('original'));
      expect(Buffer.from((await each.get('a', { versionId }))!.bytes).toString()).toBe('changed!');
    }
  });

  test('in the metadata leaves the bytes, with nothing known about them', async () => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    const file = inFolder(`.meta/a.${versionId}.json`);
    for (const garbage of [
      '',
      '{',
      '{"v":2}',
      'null',
      '{"v":1,"versionId":"x","contentType":"y"}',
    ]) {
      await fs.rm(file);
      await fs.writeFile(file, garbage);
      expect(await (await open()).head('a')).toMatchObject({
        versionId,
        sha256: null,
        retention: null,
      });
    }
    await store.extendRetention('a', versionId, retention);
    expect(await (await open()).head('a')).toMatchObject({ versionId, retention });
  });

  test('a file that somebody else put there is an object without a lock', async () => {
    await fs.mkdir(inFolder('demo'));
    await fs.writeFile(inFolder('demo/a'), 'garbage');
    const head = await store.head('demo/a');
    expect(head).toMatchObject({ versionId: tagOf('garbage'), sha256: null, retention: null });
    await expect(store.putNew('demo/a', bytes('x'), locked)).rejects.toMatchObject({
      code: 'object_exists',
    });
    await store.extendRetention('demo/a', head!.versionId, retention);
    expect(await store.head('demo/a')).toMatchObject({ retention });
  });

  test('metadata that are no retention count as none', async () => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    const file = inFolder(`.meta/a.${versionId}.json`);
    const record = JSON.parse(await fs.readFile(file, 'utf8')) as Record<string, unknown>;
    await fs.rm(file);
    await fs.writeFile(file, JSON.stringify({ ...record, retention: { mode: 'soft', until: 1 } }));
    expect(await store.head('a')).toMatchObject({ retention: null });
  });
});

describe('what a crash leaves behind is harmless', () => {
  test('metadata without an object: the next create has its own', async () => {
    await fs.mkdir(inFolder('.meta/demo'), { recursive: true });
    const { versionId } = await store.putNew('demo/a', bytes('x'), locked);
    const record = await fs.readFile(inFolder(`.meta/demo/a.${versionId}.json`), 'utf8');
    await fs.rm(inFolder('demo/a'));
    await fs.writeFile(inFolder(`.meta/demo/a.${'0'.repeat(32)}.json`), record);
    expect(await store.head('demo/a')).toBeNull();
    await store.putNew('demo/a', bytes('y'), locked);
    expect(await store.head('demo/a')).toMatchObject({ versionId: tagOf('y'), retention });
  });

  test.each(['', '{"v":1,'])('torn metadata %j of the same bytes are made whole', async (torn) => {
    await fs.mkdir(inFolder('.meta/demo'), { recursive: true });
    await fs.writeFile(inFolder(`.meta/demo/a.${tagOf('x')}.json`), torn);
    await store.putNew('demo/a', bytes('x'), locked);
    expect(await (await open()).head('demo/a')).toMatchObject({ retention });
  });

  test('metadata of a shorter lock of the same bytes grow', async () => {
    const longer = { mode: 'compliance', until: until + 1000 } as const;
    await store.putNew('a', bytes('x'), locked);
    await fs.rm(inFolder('a'));
    await store.putNew('a', bytes('x'), { ...locked, retention: longer });
    expect(await store.head('a')).toMatchObject({ retention: longer });
    await fs.rm(inFolder('a'));
    await store.putNew('a', bytes('x'), locked);
    expect(await store.head('a')).toMatchObject({ retention: longer });
  });

  test('temporary files go with a later start, once nobody can be using them', async () => {
    await fs.writeFile(inFolder('.tmp/old'), 'x');
    await fs.writeFile(inFolder('.tmp/new'), 'x');
    await fs.utimes(inFolder('.tmp/old'), 1, 1);
    await open();
    expect(await namesIn('.tmp')).toEqual(['new']);
  });

  test('a decided replacement that is not shown yet is shown before the next one is judged', async () => {
    const options = { contentType: 'text/plain' };
    await store.replace('c', bytes('1'), { ...options, etag: null });
    await store.replace('c', bytes('2'), { ...options, etag: tagOf('1') });
    // The crash: generation 1 is made, the visible file still shows generation 0.
    await fs.writeFile(inFolder('.cas/c/0000000000000001'), '3');
    await expect(
      store.replace('c', bytes('4'), { ...options, etag: tagOf('2') }),
    ).rejects.toMatchObject({ code: 'precondition_failed' });
    const read = await store.get('c');
    expect(Buffer.from(read!.bytes).toString()).toBe('3');
    await store.replace('c', bytes('4'), { ...options, etag: read!.etag });
    expect(await fs.readFile(inFolder('c'), 'utf8')).toBe('4');
  });
});

test('a loser takes its metadata with it, and leaves those of the winner', async () => {
  await store.putNew('a', bytes('winner'), locked);
  for (const text of ['loser', 'winner']) {
    await expect(store.putNew('a', bytes(text), locked)).rejects.toMatchObject({
      code: 'object_exists',
    });
  }
  expect(await namesIn('.meta')).toEqual([`a.${tagOf('winner')}.json`]);
});

test('only the last generations of a replaced object are kept', async () => {
  let etag: string | null = null;
  for (let round = 0; round < 40; round += 1) {
    const options = { etag, contentType: 'text/plain' };
    ({ etag } = await store.replace('c', bytes(String(round)), options));
  }
  const generations = await namesIn('.cas/c');
  expect(generations).toHaveLength(16);
  expect(generations.at(-1)).toBe('0000000000000038');
  expect(await namesIn('.tmp')).toEqual([]);
});

test('a content that comes back can be replaced again', async () => {
  const options = { contentType: 'text/plain' };
  let { etag } = await store.replace('c', bytes('A'), { ...options, etag: null });
  for (const text of ['B', 'A', 'B', 'A']) {
    ({ etag } = await store.replace('c', bytes(text), { ...options, etag }));
  }
  expect(await fs.readFile(inFolder('c'), 'utf8')).toBe('A');
});

test('growing locks from two processes never shrink', async () => {
  const { versionId } = await store.putNew('a', bytes('x'), locked);
  const other = await open();
  const dates = Array.from({ length: 20 }, (_, day) => until + 86_400_000 * day);
  const grow = async (each: FileStore, date: number): Promise<void> =>
    each
      .extendRetention('a', versionId, { mode: 'compliance', until: date })
      .catch((error: unknown) => {
        // Overtaken by a longer one: the lock would have to shrink, which is the point.
        expect(error).toMatchObject({ code: 'retention_refused' });
      });
  await Promise.all(dates.map(async (date, at) => grow(at % 2 === 0 ? store : other, date)));
  expect(await store.head('a')).toMatchObject({
    retention: { mode: 'compliance', until: dates.at(-1) },
  });
});

describe('the file system refuses', () => {
  test('a key below another key: nothing is written', async () => {
    await store.putNew('a', bytes('x'), locked);
    await expect(store.putNew('a/b', bytes('x'), unlocked)).rejects.toMatchObject({
      code: 'store_denied',
      durability: 'not-durable',
    });
    expect(await store.get('a/b')).toBeNull();
    await store.putNew('d/e', bytes('x'), locked);
    expect(await store.get('d')).toBeNull();
    expect(await namesIn('.tmp')).toEqual([]);
  });

  test('metadata: the bytes that were written already go', async () => {
    await fs.writeFile(inFolder('.meta'), '');
    await expect(store.putNew('a', bytes('x'), locked)).rejects.toMatchObject({
      durability: 'not-durable',
    });
    expect(await namesIn('.tmp')).toEqual([]);
  });

  test('a root that is a file', async () => {
    await fs.rm(folder, { recursive: true });
    await fs.writeFile(folder, '');
    await expect(open()).rejects.toMatchObject({ durability: 'not-durable' });
  });

  test('a folder that vanished', async () => {
    await store.putNew('a/b', bytes('x'), locked);
    await fs.rm(folder, { recursive: true });
    await expect(store.putNew('a/c', bytes('x'), locked)).rejects.toMatchObject({
      code: 'store_unavailable',
      durability: 'not-durable',
    });
    expect(await store.list('a')).toEqual([]);
  });
});

test('of 50 racers in each of 4 processes one wins each of 50 keys, and no replacement is lost', async () => {
  const script = bundleScript('test/support/file-racer.ts', inFolder('.racer.mjs'));
  await store.replace('counter', bytes('0'), { etag: null, contentType: 'text/plain' });
  const run = promisify(execFile);
  const outputs = await Promise.all(
    ['p', 'q', 'r', 's'].map(async (name) =>
      run(process.execPath, [script, inFolder('.'), name, '50', '50', '25']),
    ),
  );
  const results = outputs.map(
    ({ stdout }) =>
      JSON.parse(stdout) as {
        won: { key: string; versionId: string; text: string }[];
        swapped: number;
      },
  );
  const won = results.flatMap((result) => result.won);
  expect(won.map(({ key }) => key).sort()).toEqual(
    Array.from({ length: 50 }, (_, number) => `race/${number}`).sort(),
  );
  for (const { key, versionId, text } of won) {
    expect(await fs.readFile(inFolder(key), 'utf8')).toBe(text);
    expect(await store.head(key)).toMatchObject({ versionId, retention: { mode: 'compliance' } });
  }
  expect(await fs.readFile(inFolder('counter'), 'utf8')).toBe('100');
  expect(await namesIn('.tmp')).toEqual([]);
  expect(await namesIn('.meta/race')).toHaveLength(50);
}, 120_000);
