/**
 * A gateway that follows a source of policies, as it is run: what decides, what is a candidate, and what is refused; and
 * native OPA as another client of the same server and the same signed bundle.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { composeGateway } from '../../src/cli/open/gateway.ts';
import type { Composition } from '../../src/cli/open/gateway.ts';
import { resolveConfiguration } from '../../src/cli/settings/configuration.ts';
import type { Configuration } from '../../src/cli/settings/configuration.ts';
import { foundLedger } from '../../src/cli/founding.ts';
import { openPolicy } from '../../src/cli/open/policy.ts';
import { objectsOf } from '../../src/cli/open/source.ts';
import { openStore } from '../../src/cli/open/store.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { ObjectSource } from '../../src/policy/bundle/sources/objects.ts';
import { stageBundle } from '../../src/policy/bundle/stage.ts';
import { BundleVerifier } from '../../src/keys/bundle-signatures.ts';
import { startBundleServer } from '../support/bundle-server.ts';
import type { BundleServer } from '../support/bundle-server.ts';
import { changed, defaultArchive, defaultFiles, makeKey, pack, sign } from '../support/bundles.ts';
import type { TestKey } from '../support/bundles.ts';
import { startS3Server, whyNoServer } from '../support/s3-servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
// @ts-expect-error Programs of the build have no types.
import { hasOpa, opaPath } from '../../infra/opa/opa.mjs';

let key: TestKey;
let folder: string;
let keyFile: string;
let first: Uint8Array;
let second: Uint8Array;
beforeAll(async () => {
  key = await makeKey();
  folder = await tempFolder();
  keyFile = join(folder, 'author.pub');
  await writeFile(keyFile, key.publicPem);
  first = await sign(defaultArchive(), key.signing);
  const files = changed(await defaultFiles(), '.manifest', (m) => ({ ...m, revision: 'second' }));
  second = await sign(await pack(files), key.signing);
});

const configured = (data: string, flags: Record<string, string>): Configuration =>
  resolveConfiguration({
    environment: {},
    flags: {
      data: join(folder, data),
      'listen.port': '0',
      'log.level': 'silent',
      'policy.keys': keyFile,
      'policy.pollMinMs': '100',
      'policy.pollMaxMs': '200',
      ...flags,
    },
  });

async function found(configuration: Configuration): Promise<void> {
  const store = await openStore(configuration);
  try {
    await foundLedger(configuration, store, await openPolicy(configuration));
  } finally {
    await store.close();
  }
}

const get = async (gateway: Composition, path: string): Promise<string> =>
  (await fetch(`${gateway.url}${path}`)).text();

/** Asks until the answer is as wanted, and returns it. */
async function until(gateway: Composition, path: string, wanted: RegExp): Promise<string> {
  for (const end = Date.now() + 20_000; ;) {
    const answer = await get(gateway, path);
    if (wanted.test(answer) || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(configuration: Configuration): Promise<Composition> {
  const gateway = await composeGateway(configuration);
  closers.push(async () => gateway.close());
  return gateway;
}

describe('a gateway that follows an HTTP server', () => {
  let server: BundleServer;
  let configuration: Configuration;
  beforeAll(async () => {
    server = await startBundleServer({ longPoll: true });
    server.put(first);
    configuration = configured('http', {
      'policy.bundle': server.url,
      'policy.longPollSeconds': '20',
    });
    await found(configuration);
  });
  afterAll(async () => server.close());

  test('decides by the bundle that it was founded with, and stages the next as a candidate', async () => {
    const gateway = await serve(configuration);
    const ready = await until(gateway, '/readyz?verbose', /^ok$/m);
    expect(ready).toMatch(/^\[\+\]policy\/demo default-/m);
    expect(ready).toMatch(/^\[\+\]policy-source\/demo http:.* \(candidate [\w-]{43}\)$/m);
    server.put(second);
    const metrics = await until(gateway, '/metrics', /^stele_policy_bundles_staged\S* 2$/m);
    expect(metrics).toMatch(/^stele_policy_source_failing\S* 0$/m);
    expect(await get(gateway, '/readyz?verbose')).toMatch(/^\[\+\]policy\/demo default-/m);
  });

  test('whose source has moved on decides by what its ledger has archived', async () => {
    const gateway = await serve(configuration);
    const ready = await until(gateway, '/readyz?verbose', /^ok$/m);
    expect(ready).toMatch(/^\[\+\]policy\/demo default-/m);
    expect(ready).toMatch(/^ok$/m);
  });

  test('whose source is away decides by what its ledger has archived, and says so', async () => {
    server.answer = (response) => response.writeHead(500).end();
    const gateway = await serve(configuration);
    const ready = await until(gateway, '/readyz?verbose', /^ok$/m);
    server.answer = null;
    expect(ready).toMatch(/^\[!\]policy-source\/demo .*no candidate, source_unreachable\)$/m);
    expect(ready).toMatch(/^ok$/m);
    expect(await until(gateway, '/metrics', /_source_failing\S* 0$/m)).toMatch(/_failing\S* 0$/m);
  });

  test('says what it refused, goes on, and seals it; the log stays in order', async () => {
    const gateway = await serve(configuration);
    server.put(defaultArchive());
    const metrics = await until(gateway, '/metrics', /^stele_policy_bundles_refused\S* 1$/m);
    expect(metrics).toMatch(/^stele_policy_source_failing\S* 1$/m);
    const ready = await until(gateway, '/readyz?verbose', /^ok$/m);
    expect(ready).toMatch(/^\[!\]policy-source\/demo .*, bundle_unsigned [\w-]{43}\)$/m);
    expect(ready).toMatch(/^ok$/m);
    const refused = await lastRefusal(gateway);
    const digest = createHash('sha256').update(defaultArchive()).digest('base64url');
    expect(refused).toMatchObject({
      act: 'reject',
      digest,
      code: 'bundle_unsigned',
      id: null,
    });
    await gateway.close();
    const store = await openStore(configuration);
    const { findings } = await fsck(store, 'demo', { now: Date.now() }).finally(async () =>
      store.close(),
    );
    expect(findings).toEqual([]);
  });

  /** The facts of the entry that is made last, once it is there. */
  const lastRefusal = async (gateway: Composition): Promise<Record<string, unknown>> => {
    for (const end = Date.now() + 10_000; Date.now() < end;) {
      const { treeSize } = gateway.ledger.status();
      for (let index = treeSize - 1; index >= 0; index--) {
        const entry = await gateway.ledger.entry(index);
        const payload = JSON.parse(
          Buffer.from(entry?.jws.split('.')[1] ?? 'e30', 'base64url').toString(),
        ) as { kind?: string; ctl: Record<string, unknown> };
        if (payload.kind === 'policy') return payload.ctl;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return {};
  };
});

describe('a gateway that follows a folder', () => {
  test('is founded by what is there, and sees what is renamed into it', async () => {
    const bundles = join(folder, 'bundles');
    await mkdir(bundles);
    await writeFile(join(bundles, 'bundle.tar.gz'), first);
    const configuration = configured('folder', {
      'policy.bundle': bundles,
      'policy.pollMinMs': '60000',
      'policy.pollMaxMs': '60000',
    });
    await found(configuration);
    const gateway = await serve(configuration);
    await writeFile(join(bundles, 'next'), second);
    await rename(join(bundles, 'next'), join(bundles, 'bundle.tar.gz'));
    const metrics = await until(gateway, '/metrics', /^stele_policy_bundles_staged\S* 2$/m);
    expect(metrics).toMatch(/^stele_policy_bundles_staged\S* 2$/m);
  });

  test('is not founded by a bundle that nobody trusted signed', async () => {
    const path = join(folder, 'other.tar.gz');
    await writeFile(path, await sign(defaultArchive(), (await makeKey()).signing));
    await expect(found(configured('other', { 'policy.bundle': path }))).rejects.toMatchObject({
      code: 'bundle_signature_untrusted',
    });
    const scoped = configured('other', { 'policy.bundle': path, 'policy.scope': 'write' });
    await writeFile(path, await sign(defaultArchive(), key.signing));
    await expect(found(scoped)).rejects.toMatchObject({ code: 'bundle_scope_mismatch' });
  });

  test('takes a bundle without a signature only where it is told to', async () => {
    const path = join(folder, 'plain.tar.gz');
    await writeFile(path, defaultArchive());
    const flags = { 'policy.bundle': path };
    await expect(openPolicy(configured('plain', flags))).rejects.toMatchObject({
      code: 'bundle_unsigned',
    });
    const told = configured('plain', { ...flags, 'policy.unsigned': 'true' });
    expect(await openPolicy(told)).toMatchObject({ signer: null });
    await writeFile(path, await sign(defaultArchive(), (await makeKey()).signing));
    await expect(openPolicy(told)).rejects.toMatchObject({ code: 'bundle_signature_untrusted' });
  });
});

describe('a bucket of a real S3 server', () => {
  const why = whyNoServer('versitygw');
  (why === null ? test : test.skip)(
    why ?? 'gives the last bundle by name, once, and it is staged',
    async () => {
      const server = await startS3Server('versitygw');
      closers.push(async () => server.stop());
      const store = server.openStore();
      const settings = { retention: null, contentType: 'application/gzip' };
      await store.putNew('policies/0001.tar.gz', first, settings);
      const name = 's3://ledger/policies/';
      const limits = { maxBytes: 1 << 24, timeoutMs: 20_000 };
      const source = new ObjectSource(objectsOf(store), { name, prefix: 'policies/', ...limits });
      closers.push(async () => source.close());
      const { signal } = new AbortController();
      const verifier = new BundleVerifier([key.verifying]);
      const archive = await source.fetch(signal);
      const staged = await stageBundle(archive!, async (files) => verifier.verify(files));
      expect(staged.signer).toBe(key.verifying.kid);
      expect(await source.fetch(signal)).toBeNull();
      await store.putNew('policies/0002.tar.gz', second, settings);
      expect(Buffer.from((await source.fetch(signal))!).equals(second)).toBe(true);

      const configuration = configured('s3', {
        'policy.bundle': name,
        'store.endpoint': server.endpoint,
        'store.accessKeyId': server.accessKeyId,
        'store.secretAccessKey': server.secretAccessKey,
      });
      expect(await openPolicy(configuration)).toMatchObject({ revision: 'second' });
    },
    60_000,
  );
});

describe('native OPA', () => {
  /** A gateway's bundle without its module: this OPA only compiles to WebAssembly, and does not evaluate it. */
  const interpreted = async (): Promise<Uint8Array> => {
    const files = changed(await defaultFiles(), '.manifest', ({ wasm, ...rest }) => {
      expect(wasm).toBeDefined();
      return rest;
    });
    files.delete('policy.wasm');
    files.delete('stele/entrypoints.rego');
    files.set('cases/append.json', readFileSync('rego/cases/append.json'));
    return pack(files);
  };

  (hasOpa() ? test : test.skip)(
    'as a client of the same server takes a signed bundle with its cases, and no tampered one',
    async () => {
      // The keys of OPA's configuration take ES256 and RS256; EdDSA is taken by its flags only.
      const author = await makeKey('p256');
      const server = await startBundleServer({ longPoll: true });
      closers.push(async () => server.close());
      const signed = await sign(await interpreted(), author.signing);
      server.put(signed);
      const opa = await startOpa(server.url, author.publicPem);
      closers.push(async () => opa.stop());
      expect(await opa.until('active_revision')).toMatch(/^default-/);
      // Any of them: on a busy machine another program may have asked a port that was just its own.
      const preferred = server.asked.map((headers) => headers['prefer']);
      expect(preferred).toContain('modes=snapshot,delta;wait=5');
      expect((await opa.ask('/v1/data/settings/class')).trim()).toBe('{"result":"standard"}');

      const tampered = changed(await unpackBundle(signed), 'data.json', (data) => ({
        settings: { ...(data['settings'] as object), class: 'none' },
      }));
      server.put(await pack(tampered));
      expect(await opa.until('message')).toMatch(/data.json: digest mismatch/);
      expect((await opa.ask('/v1/data/settings/class')).trim()).toBe('{"result":"standard"}');
    },
    60_000,
  );

  interface Opa {
    ask(path: string): Promise<string>;
    /** A member of the bundle's status, once there is one. */
    until(member: string): Promise<string>;
    stop(): Promise<void>;
  }

  async function startOpa(url: string, publicPem: string): Promise<Opa> {
    const port = await freePort();
    const { origin, pathname } = new URL(url);
    const config = {
      services: { bundles: { url: origin } },
      keys: { author: { algorithm: 'ES256', key: publicPem } },
      bundles: {
        stele: {
          service: 'bundles',
          resource: pathname.slice(1),
          signing: { keyid: 'author' },
          polling: { min_delay_seconds: 1, max_delay_seconds: 1, long_polling_timeout_seconds: 5 },
        },
      },
      status: { console: false },
    };
    const path = join(folder, 'opa.json');
    await writeFile(path, JSON.stringify(config));
    const args = ['run', '--server', '--addr', `127.0.0.1:${port}`, '--config-file', path];
    const child = spawn(opaPath as string, [...args, '--disable-telemetry'], { stdio: 'ignore' });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const ask = async (of: string): Promise<string> =>
      fetch(`http://127.0.0.1:${port}${of}`).then(
        async (answer) => answer.text(),
        () => '',
      );
    return {
      ask,
      until: async (member) => {
        for (const end = Date.now() + 20_000; ;) {
          const status = new RegExp(`"${member}":"([^"]+)"`).exec(await ask('/v1/status'))?.[1];
          if (status !== undefined || Date.now() > end) return status ?? '';
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      },
      stop: async () => {
        child.kill('SIGKILL');
        await gone;
      },
    };
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
