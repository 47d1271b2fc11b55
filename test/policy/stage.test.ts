/** The whole way of a bundle to a policy that may be activated, and everything that is turned away on it. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { BundleVerifier, SIGNATURES_FILE } from '../../src/keys/bundle-signatures.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { stageBundle } from '../../src/policy/bundle/stage.ts';
import { changed, defaultArchive, defaultFiles, makeKey, pack, sign } from '../support/bundles.ts';
import type { Files, TestKey } from '../support/bundles.ts';

const text = (value: string): Uint8Array => Buffer.from(value);
let key: TestKey;
let other: TestKey;
let files: Files;
let good: Uint8Array;
beforeAll(async () => {
  key = await makeKey();
  other = await makeKey();
  files = await defaultFiles();
  good = await sign(defaultArchive(), key.signing, { added: casesFiles() });
});

const casesFiles = (): Files =>
  new Map(['append', 'read'].map((n) => [`cases/${n}.json`, readFileSync(`rego/cases/${n}.json`)]));
const check = async (of: ReadonlyMap<string, Uint8Array>): Promise<string> =>
  new BundleVerifier([key.verifying]).verify(of);
const stage = async (archive: Uint8Array, settings = {}): ReturnType<typeof stageBundle> =>
  stageBundle(archive, check, settings);
/** Signed by the trusted key, whatever it is. */
const signedPack = async (of: Files): Promise<Uint8Array> => sign(await pack(of), key.signing);
const cases = (rule: string, ...list: unknown[]): Files =>
  new Map(files).set('cases/more.json', text(JSON.stringify({ [rule]: list })));

type TarEntry = Parameters<typeof packTar>[0][number];
const tarOf = async (...entries: TarEntry[]): Promise<Uint8Array> =>
  gzipSync(await packTar(entries));
const entry = (name: string, type: string, more = {}): TarEntry =>
  ({ header: { name, size: 0, type, ...more } }) as TarEntry;

describe('a bundle that is in order', () => {
  test('is staged with who signed it, what it is, and its bytes', async () => {
    const staged = await stage(good);
    expect(staged.signer).toBe(key.verifying.kid);
    expect(staged.revision).toMatch(/^default-/);
    expect(staged.archive).toBe(good);
    expect(staged.prepared.identity.entrypoints).toEqual(
      expect.arrayContaining(['stele/append', 'stele/read']),
    );
  });

  test('is the same policy signed or not, with its cases or without', async () => {
    const plain = await stageBundle(defaultArchive(), async () => Promise.resolve(null));
    const { prepared, digest } = await stage(good);
    expect(plain).toMatchObject({ signer: null });
    expect(plain.prepared.identity).toEqual(prepared.identity);
    expect(plain.digest).not.toBe(digest);
  });

  test('keeps what was built byte for byte behind what was added', () => {
    const built = defaultArchive();
    expect(Buffer.from(good).subarray(-built.length).equals(built)).toBe(true);
  });
});

/** A module that imports a function of its own, and one with nothing in it. */
const OWN_IMPORT = Buffer.from('0061736d01000000010401600000020901036f776e01660000', 'hex');
const EMPTY = Buffer.from('0061736d01000000', 'hex');

describe('a bundle is turned away', () => {
  const tampered = async (change: (of: Files) => Files): Promise<Uint8Array> =>
    pack(change(new Map(await unpackBundle(good))));
  const resigned = async (jws: (claims: string) => string): Promise<Uint8Array> =>
    tampered((of) => {
      const all = JSON.parse(Buffer.from(of.get(SIGNATURES_FILE)!).toString()) as {
        signatures: string[];
      };
      const made = jws(all.signatures[0]!.split('.')[1]!);
      return of.set(SIGNATURES_FILE, text(JSON.stringify({ signatures: [made] })));
    });
  const header = (alg: string): string =>
    Buffer.from(JSON.stringify({ alg })).toString('base64url');

  test.each<[string, () => Promise<Uint8Array> | Uint8Array, string | RegExp]>([
    ['unsigned', defaultArchive, 'bundle_unsigned'],
    [
      'signed by another key',
      async () => sign(defaultArchive(), other.signing),
      'bundle_signature_untrusted',
    ],
    [
      'with alg none',
      async () => resigned((claims) => `${header('none')}.${claims}.`),
      'bundle_signature_untrusted',
    ],
    [
      'signed with the public key as a shared secret',
      async () => resigned(hmac),
      'bundle_signature_untrusted',
    ],
    [
      'signed for another scope',
      async () => sign(defaultArchive(), key.signing, { scope: 'x' }),
      'bundle_scope_mismatch',
    ],
    [
      'with a file that was changed',
      async () => tampered((of) => of.set('policy/read.rego', text('package a'))),
      'bundle_file_altered',
    ],
    [
      'with other data beside the same module',
      async () => tampered((of) => changed(of, 'data.json', (d) => ({ ...d, x: 1 }))),
      'bundle_file_altered',
    ],
    [
      'with another revision',
      async () => tampered((of) => changed(of, '.manifest', (m) => ({ ...m, revision: 'v0' }))),
      'bundle_file_altered',
    ],
    [
      'with a golden case that was changed',
      async () => tampered((of) => of.set('cases/read.json', text('{"read":[]}'))),
      'bundle_file_altered',
    ],
    [
      'with a file that nobody signed',
      async () => tampered((of) => of.set('more.rego', text('package b'))),
      'bundle_file_unsigned',
    ],
    [
      'without a file that was signed',
      async () => tampered((of) => without(of, 'cases/read.json')),
      'bundle_file_missing',
    ],
    ['that is a delta', async () => pack([['patch.json', text('{"data":[]}')]]), 'bundle_delta'],
    [
      'that is a delta among files',
      async () => tampered((of) => of.set('patch.json', text('{"data":[]}'))),
      'bundle_delta',
    ],
    [
      'with a name that leads out',
      async () => pack([...(await unpackBundle(good)), ['../x', text('x')]]),
      /unsafe name/,
    ],
    [
      'with a name that leads out below',
      async () => pack([...(await unpackBundle(good)), ['a/../../x', text('x')]]),
      /unsafe name/,
    ],
    [
      'with a symbolic link',
      async () => tarOf(entry('/data.json', 'symlink', { linkname: '/etc/passwd' })),
      /holds a symlink/,
    ],
    [
      'with a hard link',
      async () => tarOf(entry('/data.json', 'link', { linkname: '/etc/passwd' })),
      /holds a link/,
    ],
    [
      'with a device',
      async () => tarOf(entry('/data.json', 'character-device')),
      /holds a character-device/,
    ],
    [
      'with a name twice',
      async () => pack([...(await unpackBundle(good)), ['policy.wasm', EMPTY]]),
      /policy.wasm twice/,
    ],
    [
      'that unpacks to more than it may',
      () => gzipSync(Buffer.alloc(70 * 1024 * 1024)),
      /within its limits/,
    ],
    [
      'of many members that unpack to more than they may',
      () => Buffer.concat(Array.from({ length: 8 }, () => gzipSync(Buffer.alloc(9 * 1024 * 1024)))),
      /within its limits/,
    ],
    ['that is larger than it may', () => Buffer.alloc(17 * 1024 * 1024), /at most/],
    [
      'of too many files',
      async () => pack(Array.from({ length: 600 }, (_, n) => [`f${n}`, text('')])),
      /within its limits/,
    ],
    ['that is no archive', () => text('<html>login</html>'), /within its limits/],
    ['that is empty', () => new Uint8Array(0), /within its limits/],
    // From here on the trusted key signed it.
    [
      'whose module has imports of its own',
      async () => signedPack(new Map(files).set('policy.wasm', OWN_IMPORT)),
      /imports own.f/,
    ],
    [
      'whose module is empty',
      async () => signedPack(new Map(files).set('policy.wasm', EMPTY)),
      /has no opa_eval/,
    ],
    [
      'whose module is none',
      async () => signedPack(new Map(files).set('policy.wasm', text('module'))),
      /not WebAssembly/,
    ],
    [
      'whose module has other entrypoints than its manifest',
      async () => signedPack(otherEntrypoints()),
      /module has entrypoints/,
    ],
    [
      'without an entrypoint that is asked',
      async () =>
        signedPack(
          new Map(await unpackBundle(readFileSync('test/policy/fixtures/foreign.tar.gz'))),
        ),
      /foreign|built-ins|entrypoint/,
    ],
    [
      'with two manifests',
      async () => signedPack(new Map(files).set('a.manifest', files.get('.manifest')!)),
      /a.manifest/,
    ],
    [
      'with data that has two readings',
      async () => pack(new Map(await unpackBundle(good)).set('data.json', text('{"a":1,"a":2}'))),
      'bundle_file_altered',
    ],
    [
      'that fails a golden case of its own',
      async () => signedPack(cases('append', { about: 'a', input: {}, want: { allow: true } })),
      'bundle_case_failed',
    ],
    [
      'with a golden case of a rule that it has not',
      async () => signedPack(cases('nothing', { about: 'a', input: {}, want: {} })),
      'bundle_case_failed',
    ],
    [
      'with a golden case that cannot be read',
      async () => signedPack(cases('append', { about: 'a', inptu: {}, want: {} })),
      'bundle_case_malformed',
    ],
    [
      'with cases in another form',
      async () => signedPack(new Map(files).set('cases/a.txt', text('case'))),
      'bundle_case_malformed',
    ],
  ])('%s', async (_, make, code) => {
    const tried = stage(await make());
    if (typeof code === 'string') await expect(tried).rejects.toMatchObject({ code });
    else await expect(tried).rejects.toThrow(code);
  });

  const hmac = (claims: string): string => {
    const input = `${header('HS256')}.${claims}`;
    return `${input}.${createHmac('sha256', key.publicPem).update(input).digest('base64url')}`;
  };
  const without = (of: Files, name: string): Files => {
    of.delete(name);
    return of;
  };
  const otherEntrypoints = (): Files =>
    changed(files, '.manifest', (m) => ({
      ...m,
      wasm: [{ entrypoint: 'stele/append', module: '/policy.wasm' }],
    }));

  test('that runs without end when it is tried, and this thread goes on', async () => {
    const hostile = readFileSync('test/policy/fixtures/hostile.tar.gz');
    const asked = { about: 'spin', input: { event: { do: 'spin' } }, want: {} };
    const added = new Map([['cases/append.json', text(JSON.stringify({ append: [asked] }))]]);
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 20);
    const tried = stage(await sign(hostile, key.signing, { added }), { stageMs: 1500 });
    await expect(tried).rejects.toThrow(/was not ready in 1500 ms/);
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(10);
  });

  test('when somebody stops the staging', async () => {
    const stop = new AbortController();
    const tried = stage(good, { signal: stop.signal });
    stop.abort();
    await expect(tried).rejects.toMatchObject({ code: 'bundle_not_ready' });
  });

  test('before its signature is known, nothing of it runs', async () => {
    const never = new URL('file:///nowhere.js');
    await expect(stage(defaultArchive(), { workerUrl: never })).rejects.toMatchObject({
      code: 'bundle_unsigned',
    });
    await expect(stage(good, { workerUrl: never })).rejects.toMatchObject({
      code: 'bundle_not_ready',
    });
  });
});
