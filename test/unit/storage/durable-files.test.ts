/** When the disk itself fails: a sync that failed once is never trusted again. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as systemFs from 'node:fs';
import * as realFs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { FileStore } from '../../../src/storage/file-store.ts';

type Step = 'open' | 'write' | 'datasync' | 'sync' | 'link' | 'readdir' | 'stat' | 'read';
/** What fails from now on, with the system's code. */
const failing = new Map<Step, string>();

/** What happens between the next look and the link that follows. */
let beforeLink: (() => void) | null = null;

function failIf(step: Step): void {
  const code = failing.get(step);
  if (code !== undefined) throw Object.assign(new Error(`injected ${code}`), { code });
}

/** A handle for reading with the failures of the moment. */
function wrap(handle: realFs.FileHandle): realFs.FileHandle {
  return new Proxy(handle, {
    get: (target, name: string) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => {
        if (name === 'datasync' || name === 'read') failIf(name);
        return (await Reflect.apply(member, target, args)) as unknown;
      };
    },
  });
}

/** A call of the system that fails as long as `step` does. */
function failingNow<F extends (...args: never[]) => unknown>(step: Step, call: F): F {
  return ((...args: Parameters<F>) => {
    failIf(step);
    return call(...args);
  }) as F;
}

/** The same for one that answers by a callback, its last argument. */
function failingLater(step: Step, call: (fd: number, done: (error: unknown) => void) => void) {
  return (fd: number, done: (error: unknown) => void): void => {
    try {
      failIf(step);
      call(fd, done);
    } catch (error) {
      setImmediate(done, error);
    }
  };
}

jest.unstable_mockModule('node:fs', () => ({
  ...systemFs,
  openSync: failingNow('open', systemFs.openSync),
  writeSync: failingNow('write', systemFs.writeSync as (...args: never[]) => number),
  fdatasync: failingLater('datasync', systemFs.fdatasync),
  fsync: failingLater('sync', systemFs.fsync),
  lstatSync: failingNow('stat', systemFs.lstatSync as (...args: never[]) => unknown),
  linkSync: (from: string, to: string) => {
    failIf('link');
    const meanwhile = beforeLink;
    beforeLink = null;
    meanwhile?.();
    systemFs.linkSync(from, to);
  },
}));
jest.unstable_mockModule('node:fs/promises', () => ({
  ...realFs,
  open: async (...args: Parameters<typeof realFs.open>) => {
    failIf('open');
    return wrap(await realFs.open(...args));
  },
  readdir: async (...args: Parameters<typeof realFs.readdir>) => {
    failIf('readdir');
    return realFs.readdir(...args);
  },
}));
const { openFileStore } = await import('../../../src/storage/file-store.ts');

const until = Math.ceil(Date.now() / 1000) * 1000 + 86_400_000;
const locked = { retention: { mode: 'compliance', until }, contentType: 'text/plain' } as const;
const unlocked = { retention: null, contentType: 'text/plain' };
const bytes = Buffer.from('x');

let folder: string;
let store: FileStore;
const open = async (): Promise<FileStore> =>
  openFileStore({ folder, clock: () => Date.now(), random: (count) => randomBytes(count) });

beforeEach(async () => {
  folder = await realFs.mkdtemp(path.join(os.tmpdir(), 'stele-files-'));
  store = await open();
  await store.putNew('d/first', bytes, locked);
});
afterEach(async () => {
  failing.clear();
  await realFs.rm(folder, { recursive: true, force: true });
});

describe('before the name is made a failure is a clean one', () => {
  // prettier-ignore
  test.each<[string, Step, string, string]>([
    ['a full disk',           'write',    'ENOSPC', 'store_unavailable'],
    ['a quota',               'write',    'EDQUOT', 'store_unavailable'],
    ['a disk that fails',     'datasync', 'EIO',    'store_unavailable'],
    ['too many open files',   'open',     'EMFILE', 'store_unavailable'],
    ['a read-only disk',      'open',     'EROFS',  'store_denied'],
    ['missing rights',        'open',     'EACCES', 'store_denied'],
  ])('%s', async (_, step, systemCode, code) => {
    failing.set(step, systemCode);
    for (const options of [locked, unlocked]) {
      await expect(store.putNew('d/a', bytes, options)).rejects.toMatchObject({
        code,
        durability: 'not-durable',
      });
    }
    failing.clear();
    expect(await store.head('d/a')).toBeNull();
    expect(await realFs.readdir(path.join(folder, '.tmp'))).toEqual([]);
    await store.putNew('d/a', bytes, locked);
    expect(await store.head('d/a')).toMatchObject({ retention: locked.retention });
  });
});

test('a directory that could not be synced stops the store for good: the next sync would lie', async () => {
  failing.set('sync', 'EIO');
  await expect(store.putNew('d/a', bytes, unlocked)).rejects.toMatchObject({
    code: 'store_failed',
    disposition: 'halt',
    durability: 'unknown',
  });
  failing.clear();
  await expect(store.putNew('d/b', bytes, unlocked)).rejects.toMatchObject({
    code: 'store_failed',
  });
  const options = { etag: null, contentType: 'text/plain' };
  await expect(store.replace('d/c', bytes, options)).rejects.toMatchObject({
    code: 'store_failed',
  });
  expect(await (await open()).head('d/first')).toMatchObject({ size: 1 });
});

test('a name that could not be made is of unknown outcome', async () => {
  failing.set('link', 'EIO');
  await expect(store.putNew('d/a', bytes, locked)).rejects.toMatchObject({
    code: 'store_unavailable',
    durability: 'unknown',
  });
  failing.clear();
  await store.putNew('d/a', bytes, locked);
});

test.each(['EACCES', 'EPERM', 'EROFS'])(
  'a name that the system refuses with %s was not made: nothing was written',
  async (code) => {
    failing.set('link', code);
    await expect(store.putNew('d/a', bytes, locked)).rejects.toMatchObject({
      code: 'store_denied',
      durability: 'not-durable',
    });
    failing.clear();
    await store.putNew('d/a', bytes, locked);
  },
);

test.each(['EACCES', 'EMFILE'])(
  'a folder that cannot be opened with %s once the name is made: the outcome is unknown',
  async (code) => {
    await store.putNew('d/b', bytes, locked);
    beforeLink = () => {
      failing.set('open', code);
    };
    await expect(store.putNew('d/a', bytes, locked)).rejects.toMatchObject({
      code: 'store_unavailable',
      durability: 'unknown',
    });
    failing.clear();
    expect(await store.head('d/a')).toMatchObject({ retention: locked.retention });
  },
);

test('reads that fail say so, and are not taken for absence', async () => {
  failing.set('open', 'EIO').set('stat', 'EIO').set('readdir', 'EIO');
  const unavailable = { code: 'store_unavailable' };
  await expect(store.get('d/first')).rejects.toMatchObject(unavailable);
  await expect(store.head('d/first')).rejects.toMatchObject(unavailable);
  await expect(store.listVersions('d/first')).rejects.toMatchObject(unavailable);
  await expect(store.list('d/')).rejects.toMatchObject(unavailable);
  const wanted = { mode: 'compliance', until: until + 1000 } as const;
  await expect(store.extendRetention('d/first', 'v', wanted)).rejects.toMatchObject(unavailable);
  const options = { etag: 'x', contentType: 'text/plain' };
  await expect(store.replace('d/c', bytes, options)).rejects.toMatchObject({
    ...unavailable,
    durability: 'unknown',
  });
});

test('a read that fails on the way is not taken for a short object', async () => {
  const other = await open();
  failing.set('read', 'EIO');
  await expect(other.get('d/first')).rejects.toMatchObject({ code: 'store_unavailable' });
});

test('a process that slept through many replacements cannot tell what became of its own', async () => {
  const options = { contentType: 'text/plain' };
  const one = await store.replace('c', Buffer.from('1'), { ...options, etag: null });
  await store.replace('c', Buffer.from('2'), { ...options, etag: one.etag });
  // While it is between its look and its link, others come as far as number 20 and clear the way behind them.
  const generations = path.join(folder, '.cas/c');
  const read = await store.get('c');
  beforeLink = () => {
    systemFs.writeFileSync(path.join(generations, '0000000000000020'), 'theirs');
  };
  await expect(
    store.replace('c', Buffer.from('mine'), { ...options, etag: read!.etag }),
  ).rejects.toMatchObject({ code: 'store_unavailable', durability: 'unknown' });
  await expect(
    store.replace('c', Buffer.from('again'), { ...options, etag: read!.etag }),
  ).rejects.toMatchObject({ code: 'precondition_failed' });
  expect(await realFs.readFile(path.join(folder, 'c'), 'utf8')).toBe('theirs');
});
