/** Where bundles come from: what a source gives, when it gives it again, and what it does not take. */
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { execSync } from 'node:child_process';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { objectsOf } from '../../src/cli/open/source.ts';
import { DirectorySource } from '../../src/policy/bundle/sources/directory.ts';
import { HttpSource } from '../../src/policy/bundle/sources/http.ts';
import type { HttpSettings } from '../../src/policy/bundle/sources/http.ts';
import { ObjectSource } from '../../src/policy/bundle/sources/objects.ts';
import type { BundleObjects } from '../../src/policy/bundle/sources/objects.ts';
import type { BundleSource } from '../../src/policy/bundle/sources/source.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { makeCertificates, startBundleServer } from '../support/bundle-server.ts';
import type { BundleServer, Certificates } from '../support/bundle-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { needs } from '../support/tools.ts';

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const never = new AbortController().signal;
const read = async (source: BundleSource): Promise<string | null> => {
  const bytes = await source.fetch(never);
  return bytes === null ? null : Buffer.from(bytes).toString();
};
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('a folder', () => {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = join(await tempFolder(), 'bundles');
    path = join(folder, 'bundle.tar.gz');
  });
  const open = (more = {}): DirectorySource => {
    const source = new DirectorySource({ path: folder, maxBytes: 100, settleMs: 20, ...more });
    closers.push(async () => source.close());
    return source;
  };
  const replace = async (content: string): Promise<void> => {
    await writeFile(`${path}.draft`, content);
    await rename(`${path}.draft`, path);
  };

  test('that is not there yet is said so, and found once it is', async () => {
    const source = open();
    await expect(read(source)).rejects.toMatchObject({ code: 'bundle_missing' });
    await mkdir(folder);
    await replace('one');
    expect(await read(source)).toBe('one');
    expect(await read(source)).toBeNull();
  });

  test('is seen again at once when a file is renamed into place', async () => {
    const source = open();
    await read(source);
    const began = performance.now();
    const paused = source.pause(20_000, never);
    await replace('two');
    await paused;
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await read(source)).toBe('two');
  });

  test('with the same length and another time of change has another file', async () => {
    const source = open();
    await read(source);
    await replace('abc');
    expect(await read(source)).toBe('abc');
    await utimes(path, new Date(), new Date(0));
    expect(await read(source)).toBe('abc');
  });

  test.each(['mkfifo', 'ln -s /dev/zero', 'mkdir'])(
    'with something that is no file (%s) in the place of its bundle is refused, not waited for',
    async (command) => {
      const place = join(await tempFolder(), 'bundle.tar.gz');
      execSync(`${command} ${place}`);
      await expect(read(open({ path: place }))).rejects.toMatchObject({ code: 'source_refused' });
    },
  );

  test('is read when the copy into it has ended, not before', async () => {
    const source = open({ settleMs: 80 });
    const parts = ['a', 'ab', 'abc', 'abcd'];
    await writeFile(path, '');
    const copy = (async () => {
      for (const part of parts) {
        await writeFile(path, part);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    })();
    expect(await read(source)).toBe('abcd');
    await copy;
  });

  test('with more than it may is refused', async () => {
    await replace('x'.repeat(101));
    await expect(read(open())).rejects.toMatchObject({ code: 'source_oversize' });
  });

  test('may hold a link, which is followed when it is turned', async () => {
    await rm(path);
    for (const name of ['v1', 'v2']) {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, 'bundle.tar.gz'), name);
    }
    await symlink('v1', join(folder, '..data'));
    await symlink('..data/bundle.tar.gz', path);
    const source = open();
    expect(await read(source)).toBe('v1');
    const paused = source.pause(20_000, never);
    await symlink('v2', join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
    await paused;
    expect(await read(source)).toBe('v2');
  });

  test('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const source = open();
    const paused = source.pause(60_000, stop.signal);
    stop.abort();
    await paused;
  });
});

describe('an HTTP server', () => {
  let server: BundleServer;
  const start = async (options = {}): Promise<void> => {
    server = await startBundleServer(options);
    closers.push(async () => server.close());
    server.put(text('one'));
  };
  const open = (more: Partial<HttpSettings> = {}): HttpSource => {
    const source = new HttpSource({
      url: new URL(server.url),
      tokenFile: null,
      ca: null,
      client: null,
      maxBytes: 1000,
      timeoutMs: 5000,
      longPollSeconds: 0,
      ...more,
    });
    closers.push(async () => source.close());
    return source;
  };

  test('is asked with the last ETag, for snapshots only, and gives a bundle once', async () => {
    await start();
    const source = open();
    expect(source.name).toBe(server.url);
    expect(await read(source)).toBe('one');
    expect(await read(source)).toBeNull();
    server.put(text('two'));
    expect(await read(source)).toBe('two');
    const [first, second] = server.asked;
    expect(first).toMatchObject({ prefer: 'modes=snapshot', 'accept-encoding': 'identity' });
    expect(first).not.toHaveProperty('if-none-match');
    expect(first).not.toHaveProperty('authorization');
    expect(second!['if-none-match']).toMatch(/^"[0-9a-f]{16}"$/);
    expect(source.waits).toBe(false);
  });

  test('that waits is waited for, and answers when there is something new', async () => {
    await start({ longPoll: true });
    const source = open({ longPollSeconds: 20 });
    expect(source.waits).toBe(true);
    expect(await read(source)).toBe('one');
    const began = performance.now();
    const next = read(source);
    setTimeout(() => {
      server.put(text('two'));
    }, 100);
    expect(await next).toBe('two');
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(server.asked[1]!['prefer']).toBe('modes=snapshot;wait=20');
  });

  test('that waits in vain says that nothing is new', async () => {
    await start({ longPoll: true });
    const source = open({ longPollSeconds: 1 });
    await read(source);
    expect(await read(source)).toBeNull();
    expect(source.waits).toBe(true);
  });

  test('that does not wait is polled from then on', async () => {
    await start();
    const source = open({ longPollSeconds: 5 });
    await read(source);
    expect(source.waits).toBe(false);
    await read(source);
    expect(server.asked.map((headers) => headers['prefer'])).toEqual([
      'modes=snapshot;wait=5',
      'modes=snapshot',
    ]);
  });

  test('is shown the bearer token of the moment', async () => {
    await start();
    const tokenFile = join(await tempFolder(), 'token');
    const source = open({ tokenFile });
    await writeFile(tokenFile, 'first\n');
    await read(source);
    await writeFile(tokenFile, 'second');
    await read(source);
    expect(server.asked.map((headers) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ]);
    for (const bad of ['', 'a b', 'a\r\nX-Evil: 1']) {
      await writeFile(tokenFile, bad);
      await expect(read(source)).rejects.toMatchObject({ code: 'source_refused' });
    }
    await rm(tokenFile);
    await expect(read(source)).rejects.toMatchObject({ code: 'source_refused' });
  });

  const answers: [string, (response: ServerResponse) => void, string][] = [
    [
      'that leads elsewhere',
      (r) => r.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(),
      'source_redirected',
    ],
    [
      'that leads elsewhere for good',
      (r) => r.writeHead(308, { Location: '/other' }).end(),
      'source_redirected',
    ],
    ['that does not know us', (r) => r.writeHead(401).end(), 'source_refused'],
    ['that fails', (r) => r.writeHead(503).end(), 'source_unreachable'],
    ['that has nothing', (r) => r.writeHead(200).end(), 'bundle_missing'],
    ['that hangs up', (r) => r.destroy(), 'source_unreachable'],
    [
      'that hangs up in the middle',
      (r) => r.writeHead(200, { 'Content-Length': 100 }).write('x', () => r.destroy()),
      'source_unreachable',
    ],
    [
      'that says that it sends too much',
      (r) => r.writeHead(200, { 'Content-Length': 5000 }).write('x'),
      'source_oversize',
    ],
    [
      'that sends too much without saying so',
      (r) => {
        endless(r, 1);
      },
      'source_oversize',
    ],
    [
      'that never ends',
      (r) => {
        endless(r, 0);
      },
      'source_slow',
    ],
    ['that never begins', () => undefined, 'source_slow'],
    [
      'that sends headers and then nothing',
      (r) => {
        r.writeHead(200).flushHeaders();
      },
      'source_slow',
    ],
    [
      'that compresses once more',
      (r) => r.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x'),
      'source_refused',
    ],
  ];
  /** Drips, or pours. */
  const endless = (response: ServerResponse, bytes: number): void => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(bytes === 0 ? 'x' : 'x'.repeat(400)), 20);
    response.on('close', () => {
      clearInterval(timer);
    });
  };
  test.each(answers)('%s is not believed', async (_, answer, code) => {
    await start();
    const source = open({ timeoutMs: 500 });
    await read(source);
    server.answer = answer;
    await expect(read(source)).rejects.toMatchObject({ code });
    // After an error it is asked for what it has, whatever that is.
    server.answer = null;
    expect(await read(source)).toBe('one');
  });

  test('that is not there is said so', async () => {
    await start();
    const url = new URL('http://127.0.0.1:1/b');
    await expect(read(open({ url }))).rejects.toMatchObject({ code: 'source_unreachable' });
  });

  test('is left alone once we stop', async () => {
    await start({ longPoll: true });
    const source = open({ longPollSeconds: 60 });
    await read(source);
    const stop = new AbortController();
    const waiting = source.fetch(stop.signal);
    setTimeout(() => {
      stop.abort();
    }, 50);
    expect(await waiting).toBeNull();
  });

  needs('openssl', 'mutual TLS', () => {
    let own: Certificates;
    let foreign: Certificates;
    beforeAll(async () => {
      const folder = await tempFolder();
      own = makeCertificates(folder, 'own');
      foreign = makeCertificates(folder, 'foreign');
    });
    const mutual = async (): Promise<void> =>
      start({ tls: { ...own.server, ca: own.ca, requestCert: true, rejectUnauthorized: true } });

    test('that asks who is there is shown a certificate', async () => {
      await mutual();
      expect(await read(open({ ca: own.ca, client: own.client }))).toBe('one');
    });

    test.each<[string, () => Partial<HttpSettings>]>([
      ['we show no certificate', () => ({ ca: own.ca })],
      ['we show one of another authority', () => ({ ca: own.ca, client: foreign.client })],
      ['we do not know who vouches for it', () => ({ client: own.client })],
      ['another authority vouches for it', () => ({ ca: foreign.ca, client: own.client })],
      ['it has another name', () => ({ ca: own.ca, client: own.client, url: named() })],
    ])('is not believed, nor believes us, when %s', async (_, settings) => {
      await mutual();
      await expect(read(open(settings()))).rejects.toMatchObject({ code: 'source_unreachable' });
    });

    const named = (): URL => {
      const url = new URL(server.url);
      url.hostname = 'localhost';
      return url;
    };
  });
});

describe('a bucket', () => {
  const bucketOf = (objects: Map<string, string>): BundleObjects => ({
    list: async (prefix) =>
      Promise.resolve([...objects.keys()].filter((key) => key.startsWith(prefix)).sort()),
    head: async (key) => {
      const found = objects.get(key);
      return Promise.resolve(found === undefined ? null : { etag: found, size: found.length });
    },
    get: async (key, maxBytes) => {
      const found = objects.get(key);
      if (found === undefined) return Promise.resolve(null);
      return Promise.resolve({ bytes: text(found.slice(0, maxBytes)), etag: found });
    },
    close: async () => Promise.resolve(),
  });
  const open = (objects: BundleObjects): ObjectSource => {
    const settings = { name: 's3://b/p/', prefix: 'p/', maxBytes: 10, timeoutMs: 200 };
    return new ObjectSource(objects, settings);
  };

  test('gives the last bundle by name, once, and again when it is another', async () => {
    const objects = new Map([
      ['p/2026-01.tar.gz', 'old'],
      ['p/2026-02.tar.gz', 'new'],
      ['p/notes.txt', 'no bundle'],
      ['q/2026-03.tar.gz', 'elsewhere'],
    ]);
    const source = open(bucketOf(objects));
    expect(await read(source)).toBe('new');
    expect(await read(source)).toBeNull();
    objects.set('p/2026-02.tar.gz', 'newer');
    expect(await read(source)).toBe('newer');
    objects.set('p/2026-10.tar.gz', 'newest');
    expect(await read(source)).toBe('newest');
  });

  test('passes over keys that no store of ours can hold, which anybody may have put there', async () => {
    const store = new MemoryStore({ clock: () => Date.now() });
    await store.putNew('p/2026-02.tar.gz', text('good'), { retention: null, contentType: 'x' });
    const odd = ['p/z z.tar.gz', 'p/z&.tar.gz', 'p/z\u0001.tar.gz', `p/${'z'.repeat(201)}.tar.gz`];
    const list = store.list.bind(store);
    const listing = Object.assign(store, {
      list: async (prefix: string) => [...(await list(prefix)), ...odd],
    });
    expect(await read(open(objectsOf(listing)))).toBe('good');
  });

  test('gives the one bundle that is named, whatever else is put beside it', async () => {
    const objects = new Map([
      ['p/live.tar.gz', 'named'],
      ['p/live.tar.gz.zzz.tar.gz', 'garbage'],
      ['p/zzz.tar.gz', 'garbage'],
    ]);
    const settings = { name: 's3://b/p/live.tar.gz', maxBytes: 10, timeoutMs: 200 };
    const source = new ObjectSource(bucketOf(objects), { ...settings, prefix: 'p/live.tar.gz' });
    expect(await read(source)).toBe('named');
  });

  const late = async <T>(value: T): Promise<T> =>
    new Promise((resolve) => setTimeout(resolve, 400, value));
  test.each<[string, (good: BundleObjects) => Partial<BundleObjects>, string]>([
    ['holds nothing', () => ({ list: async () => Promise.resolve(['p/a.txt']) }), 'bundle_missing'],
    ['loses what it listed', () => ({ head: async () => Promise.resolve(null) }), 'bundle_missing'],
    ['loses it later', () => ({ get: async () => Promise.resolve(null) }), 'bundle_missing'],
    [
      'holds too much',
      () => ({ head: async () => Promise.resolve({ etag: '', size: 11 }) }),
      'source_oversize',
    ],
    [
      'gives more than it said',
      () => ({ get: async () => Promise.resolve({ bytes: text('x'.repeat(11)), etag: '' }) }),
      'source_oversize',
    ],
    [
      'cannot be reached',
      () => ({ list: async () => Promise.reject(new Error('no')) }),
      'source_unreachable',
    ],
    [
      'does not answer in time',
      (of) => ({ get: async (key, max) => late(await of.get(key, max)) }),
      'source_slow',
    ],
  ])('that %s is said so', async (_, change, code) => {
    const good = bucketOf(new Map([['p/a.tar.gz', 'bundle']]));
    let bad = true;
    const now = (): BundleObjects => (bad ? { ...good, ...change(good) } : good);
    const both: BundleObjects = {
      list: async (prefix) => now().list(prefix),
      head: async (key) => now().head(key),
      get: async (key, maxBytes) => now().get(key, maxBytes),
      close: async () => Promise.resolve(),
    };
    const source = open(both);
    await expect(read(source)).rejects.toMatchObject({ code });
    bad = false;
    // What arrived too late was not given, so it still has to be.
    expect(await read(source)).toBe('bundle');
  });
});
