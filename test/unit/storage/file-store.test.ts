/** What only the file store has: files that people and crashes leave behind, and neighbours in other processes. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openFileStore } from '../../../src/storage/file-store.ts';
import type { FileStore, ViewReaders } from '../../../src/storage/file-store.ts';
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
  expect((await fs.stat(file)).mode & 0o777).toBe(0o400);
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

  test('metadata of bytes that never came are not those of garbage on the key', async () => {
    // The crash: metadata and the mark of an attempt are there, the object never came.
    await fs.mkdir(inFolder('.meta/demo'), { recursive: true });
    const { versionId } = await store.putNew('demo/b', bytes('never came'), locked);
    const record = await fs.readFile(inFolder(`.meta/demo/b.${versionId}.json`));
    await fs.writeFile(inFolder(`.meta/demo/a.${versionId}.json`), record);
    await fs.writeFile(inFolder(`.meta/demo/a.${versionId}.attempt`), '');
    await fs.writeFile(inFolder('demo/a'), 'garbage');
    expect(await store.head('demo/a')).toMatchObject({
      versionId: tagOf('garbage'),
      sha256: null,
      retention: null,
    });
    // The same bytes once more: they lose, and take everything of theirs with them.
    await expect(store.putNew('demo/a', bytes('never came'), locked)).rejects.toMatchObject({
      code: 'object_exists',
    });
    expect((await namesIn('.meta/demo')).filter((name) => name.startsWith('a.'))).toEqual([]);
  });

  test('the mark of an attempt whose object came: its metadata are used', async () => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    await fs.writeFile(inFolder(`.meta/a.${versionId}.attempt`), '');
    expect(await (await open()).head('a')).toMatchObject({ versionId, retention });
    await expect(store.putNew('a', bytes('x'), locked)).rejects.toMatchObject({
      code: 'object_exists',
    });
    expect(await namesIn('.meta')).toEqual([`a.${versionId}.json`]);
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

test('putting the bytes of a damaged object again leaves what tells of the damage', async () => {
  const { versionId } = await store.putNew('a', bytes('original'), locked);
  await fs.rm(inFolder('a'));
  await fs.writeFile(inFolder('a'), 'changed!');
  await expect(store.putNew('a', bytes('original'), locked)).rejects.toMatchObject({
    code: 'object_exists',
  });
  expect(await namesIn('.meta')).toEqual([`a.${versionId}.json`]);
  expect(await (await open()).head('a')).toMatchObject({ versionId, retention });
});

describe('what is no plain file of a size that an object may have', () => {
  const mkfifo = async (name: string): Promise<unknown> =>
    promisify(execFile)('mkfifo', [inFolder(name)]);
  // prettier-ignore
  const strangers: [string, (name: string) => Promise<unknown>][] = [
    ['a folder',               async (name) => fs.mkdir(inFolder(name))],
    ['a pipe',                 mkfifo],
    ['a link to an object',    async (name) => fs.symlink(inFolder('real'), inFolder(name))],
    ['a link to nothing',      async (name) => fs.symlink('nothing', inFolder(name))],
  ];
  beforeEach(async () => {
    await store.putNew('real', bytes('real'), locked);
  });

  test.each(strangers)(
    '%s on a key is an object without bytes, and can be locked',
    async (_, make) => {
      await make('a');
      const head = await store.head('a');
      expect(head).toMatchObject({ size: 0, sha256: null, retention: null });
      const { versionId } = head!;
      expect(await store.listVersions('a')).toMatchObject([{ versionId, size: 0 }]);
      expect((await store.get('a', { versionId }))!.bytes).toHaveLength(0);
      await expect(store.putNew('a', bytes('x'), locked)).rejects.toMatchObject({
        code: 'object_exists',
      });
      await store.extendRetention('a', versionId, retention);
      expect(await (await open()).head('a')).toMatchObject({ versionId, sha256: null, retention });
    },
  );

  test.each(strangers.slice(1))('%s in the place of metadata is none', async (_, make) => {
    const { versionId } = await store.putNew('a', bytes('x'), locked);
    const name = `.meta/a.${versionId}.json`;
    await fs.rm(inFolder(name));
    await make(name);
    store = await open();
    expect(await store.head('a')).toMatchObject({ versionId, sha256: null, retention: null });
    await store.extendRetention('a', versionId, retention);
    expect(await store.head('a')).toMatchObject({ versionId, retention });
  });

  test.each(strangers)('%s among the generations is nobody’s', async (_, make) => {
    const options = { contentType: 'text/plain' };
    await store.replace('c', bytes('1'), { ...options, etag: null });
    await fs.mkdir(inFolder('.cas/c'), { recursive: true });
    await make('.cas/c/0000000000000007');
    await store.replace('c', bytes('2'), { ...options, etag: tagOf('1') });
    expect(await fs.readFile(inFolder('c'), 'utf8')).toBe('2');
  });

  test('a file larger than any object is told by its size, read in parts and never whole', async () => {
    const size = 5 * 2 ** 30;
    const handle = await fs.open(inFolder('a'), 'w');
    await handle.truncate(size);
    await handle.close();
    const before = process.memoryUsage().rss;
    const head = await store.head('a');
    expect(head).toMatchObject({ size, sha256: null });
    const { versionId } = head!;
    await store.extendRetention('a', versionId, retention);
    expect(await (await open()).head('a')).toMatchObject({ versionId, size, retention });
    const range = { start: size - 3, end: size };
    expect((await store.get('a', { versionId, range }))!.bytes).toEqual(Buffer.alloc(3));
    await expect(store.get('a')).rejects.toMatchObject({ code: 'object_too_large' });
    await store.replace('a', bytes('x'), { etag: versionId, contentType: 'text/plain' });
    expect(await fs.readFile(inFolder('a'), 'utf8')).toBe('x');
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });

  test('a file of more than one piece is hashed whole', async () => {
    const large = randomBytes(3 * 2 ** 20 + 5);
    const { versionId } = await store.putNew('a', large, locked);
    expect(await (await open()).head('a')).toMatchObject({ versionId, size: large.length });
    await fs.chmod(inFolder('a'), 0o600);
    large[large.length - 1]! ^= 1;
    await fs.writeFile(inFolder('a'), large);
    const { bytes: read } = (await (await open()).get('a'))!;
    expect(Buffer.compare(read, large)).toBe(0);
    expect((await (await open()).head('a'))!.versionId).toBe(versionId);
  });
});

describe('a folder of generations whose numbers somebody has used up', () => {
  test('says what to do, and goes on when it was done', async () => {
    const options = { contentType: 'text/plain' };
    await store.replace('c', bytes('1'), { ...options, etag: null });
    await fs.mkdir(inFolder('.cas/c'), { recursive: true });
    await fs.writeFile(inFolder('.cas/c/0999999999999999'), 'junk');
    const etag = tagOf('junk');
    await expect(store.replace('c', bytes('2'), { ...options, etag })).rejects.toMatchObject({
      code: 'store_denied',
      message: expect.stringContaining('move it away'),
    });
    await fs.rm(inFolder('.cas/c'), { recursive: true });
    await store.replace('c', bytes('2'), { ...options, etag });
    expect(await fs.readFile(inFolder('c'), 'utf8')).toBe('2');
  });
});

describe('permissions', () => {
  const modeOf = async (name: string): Promise<string> =>
    ((await fs.stat(inFolder(name))).mode & 0o777).toString(8);
  const replace = async (key: string, etag: string | null): Promise<{ etag: string }> =>
    store.replace(key, bytes(`x${etag ?? ''}`), { etag, contentType: 'text/plain' });
  const openTo = async (readers: ViewReaders): Promise<void> => {
    const clock = (): number => Date.now();
    const random = (count: number): Uint8Array => randomBytes(count);
    store = await openFileStore({ folder, clock, random, readers });
  };
  beforeEach(() => {
    folder = path.join(folder, 'made');
  });
  afterEach(() => {
    folder = path.dirname(folder);
  });

  // prettier-ignore
  test.each<[ViewReaders, string, string]>([
    // Readers     Files of the view   Its folders
    ['owner',      '400',              '700'],
    ['group',      '440',              '750'],
    ['everyone',   '444',              '755'],
  ])('the view is open to %s, and nothing else is', async (readers, file, directory) => {
    const umask = process.umask(0o077);
    await openTo(readers);
    await store.putNew('demo/batch/0', bytes('x'), locked);
    await store.putNew('demo/payload/0', bytes('x'), unlocked);
    await replace('demo/tile/0/000', null);
    const { etag } = await replace('demo/checkpoint', null);
    await replace('demo/checkpoint', etag);
    process.umask(umask);
    for (const name of ['demo/tile/0/000', 'demo/checkpoint']) expect(await modeOf(name)).toBe(file);
    for (const name of ['.', 'demo', 'demo/tile', 'demo/tile/0']) {
      expect([name, await modeOf(name)]).toEqual([name, directory]);
    }
    for (const name of ['demo/batch', 'demo/payload', '.meta', '.meta/demo', '.cas', '.tmp']) {
      expect([name, await modeOf(name)]).toEqual([name, '700']);
    }
    for (const name of ['demo/batch/0', 'demo/payload/0', `.meta/demo/batch/0.${tagOf('x')}.json`]) {
      expect([name, await modeOf(name)]).toEqual([name, '400']);
    }
  });

  test('a view that was private is opened by the setting, and a folder’s other bits stay', async () => {
    await openTo('owner');
    await replace('demo/checkpoint', null);
    await fs.chmod(inFolder('demo'), 0o1700);
    await openTo('group');
    await replace('demo/tile/0/000', null);
    expect((await fs.stat(inFolder('demo'))).mode & 0o7777).toBe(0o1750);
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
