/** What a bundle's signature says, and every way in which it may not fit the bundle. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CompactSign, decodeProtectedHeader } from 'jose';
import { bundleFileDigest } from '../../../src/keys/bundle-digest.ts';
import {
  BundleVerifier,
  SIGNATURES_FILE,
  signBundleFiles,
} from '../../../src/keys/bundle-signatures.ts';
import { loadVerificationKeys, verificationKey } from '../../../src/keys/verification-keys.ts';
import { changed, defaultFiles, makeKey } from '../../support/bundles.ts';
import type { Files, TestKey } from '../../support/bundles.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const text = (value: string): Uint8Array => Buffer.from(value);
let key: TestKey;
let other: TestKey;
let files: Files;
beforeAll(async () => {
  key = await makeKey();
  other = await makeKey();
  files = await defaultFiles();
});

const verifier = (scope = ''): BundleVerifier => new BundleVerifier([key.verifying], scope);
const signed = async (own: Files = files, by = key, scope = ''): Promise<Files> =>
  new Map(own).set(SIGNATURES_FILE, await signBundleFiles(own, by.signing, scope));
const withSignature = (jws: unknown, more = {}): Files =>
  new Map(files).set(SIGNATURES_FILE, text(JSON.stringify({ signatures: [jws], ...more })));
const jwsOf = (of: Files): string =>
  (JSON.parse(Buffer.from(of.get(SIGNATURES_FILE)!).toString()) as { signatures: string[] })
    .signatures[0]!;
const claimsOf = (of: Files): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwsOf(of).split('.')[1]!, 'base64url').toString()) as Record<
    string,
    unknown
  >;
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
type Listed = { name: string; hash: string; algorithm: string }[];

/** Claims of the good signature, changed and signed again by the trusted key. */
async function reclaimed(change: (files: Listed) => unknown): Promise<Files> {
  const claims = claimsOf(await signed());
  const payload = text(JSON.stringify({ ...claims, files: change(claims['files'] as Listed) }));
  return withSignature(
    await new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA' }).sign(key.signing.key),
  );
}

describe('a bundle signature', () => {
  test.each(['ed25519', 'p256'] as const)('by a key of %s is verified, and names it', async (k) => {
    const by = await makeKey(k);
    const both = new BundleVerifier([key.verifying, by.verifying]);
    expect(await both.verify(await signed(files, by))).toBe(by.verifying.kid);
    expect(await both.verify(await signed())).toBe(key.verifying.kid);
  });

  test('by RSA is verified, by the one algorithm that its key is taken for', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const known = await verificationKey(pair.publicKey, 'test');
    const payload = text(JSON.stringify(claimsOf(await signed())));
    const by = async (alg: string): Promise<Files> =>
      withSignature(
        await new CompactSign(payload).setProtectedHeader({ alg }).sign(pair.privateKey),
      );
    expect(await new BundleVerifier([known]).verify(await by('RS256'))).toBe(known.kid);
    await expect(new BundleVerifier([known]).verify(await by('PS256'))).rejects.toMatchObject({
      code: 'bundle_signature_untrusted',
    });
  });

  test('of the same files has the same bytes, and no time in it', async () => {
    const [first, second] = [await signed(), await signed(new Map([...files].reverse()))];
    expect(first.get(SIGNATURES_FILE)).toEqual(second.get(SIGNATURES_FILE));
    expect(Object.keys(claimsOf(first))).toEqual(['files', 'keyid']);
    expect(decodeProtectedHeader(jwsOf(first))).toEqual({
      alg: 'EdDSA',
      kid: key.verifying.kid,
      typ: 'JWT',
    });
  });

  test('for a scope is for that one only', async () => {
    const scoped = await signed(files, key, 'write');
    expect(await verifier('write').verify(scoped)).toBe(key.verifying.kid);
    for (const scope of ['', 'read', 'Write']) {
      await expect(verifier(scope).verify(scoped)).rejects.toMatchObject({
        code: 'bundle_scope_mismatch',
      });
    }
    await expect(verifier('write').verify(await signed())).rejects.toMatchObject({
      code: 'bundle_scope_mismatch',
    });
  });

  test('holds for documents by what they say: white space and order do not count', async () => {
    const good = await signed();
    const data = JSON.parse(Buffer.from(files.get('data.json')!).toString()) as object;
    good.set('data.json', text(JSON.stringify(data, null, 7)));
    expect(await verifier().verify(good)).toBe(key.verifying.kid);
  });
});

describe('a bundle is refused', () => {
  const untrusted = 'bundle_signature_untrusted';
  const malformed = 'bundle_signature_malformed';
  test.each<[string, () => Promise<Files> | Files, string]>([
    ['that is unsigned', () => files, 'bundle_unsigned'],
    ['that another key signed', async () => signed(files, other), untrusted],
    ['that says alg none', async () => withSignature(await none()), untrusted],
    [
      'that is signed with the public key as a secret',
      async () => withSignature(await hs256()),
      untrusted,
    ],
    [
      'whose header names the algorithm of another key',
      async () => withSignature(await es256()),
      untrusted,
    ],
    ['whose header brings its own key', async () => withSignature(await ownKey()), untrusted],
    ['whose claims were changed', async () => withSignature(await otherClaims()), untrusted],
    [
      'with a file that was changed',
      async () => (await signed()).set('policy/read.rego', text('package a')),
      'bundle_file_altered',
    ],
    [
      'with another module',
      async () => (await signed()).set('policy.wasm', text('\0asm')),
      'bundle_file_altered',
    ],
    [
      'with other data beside the same module',
      async () => changed(await signed(), 'data.json', (d) => ({ ...d, a: 1 })),
      'bundle_file_altered',
    ],
    [
      'with another revision',
      async () => changed(await signed(), '.manifest', (m) => ({ ...m, revision: 'v2' })),
      'bundle_file_altered',
    ],
    [
      'with data that has a second reading',
      async () => (await signed()).set('data.json', text('{"a":1,"a":2}')),
      'bundle_file_altered',
    ],
    [
      'with data of more members than anybody waits for',
      async () => (await signed()).set('data.json', text(`{"a":[${'0,'.repeat(60_000)}0]}`)),
      'bundle_file_altered',
    ],
    [
      'with a file too many',
      async () => (await signed()).set('policy/more.rego', text('package b')),
      'bundle_file_unsigned',
    ],
    [
      'with a file too few',
      async () => without(await signed(), 'lib/event.rego'),
      'bundle_file_missing',
    ],
    ['with a file under another name', async () => renamed(await signed()), 'bundle_file_missing'],
    ['whose signature lists a file twice', async () => reclaimed((f) => [...f, f[0]]), malformed],
    [
      'whose signature lists itself',
      async () => reclaimed((f) => [...f, { ...f[0], name: SIGNATURES_FILE }]),
      'bundle_file_missing',
    ],
    ['whose signature lists nothing', async () => reclaimed(() => []), 'bundle_file_unsigned'],
    ['whose signature has no list', async () => reclaimed(() => null), malformed],
    [
      'that is signed by a weak digest',
      async () => reclaimed((f) => f.map((one) => ({ ...one, algorithm: 'MD5' }))),
      malformed,
    ],
    [
      'whose digest has another name',
      async () => reclaimed((f) => f.map((one) => ({ ...one, algorithm: 'SHA-512' }))),
      'bundle_file_altered',
    ],
    [
      'without a signature in its file',
      () => new Map(files).set(SIGNATURES_FILE, text('{"signatures":[]}')),
      malformed,
    ],
    [
      'with two signatures',
      async () =>
        new Map(files).set(
          SIGNATURES_FILE,
          text(JSON.stringify({ signatures: [jwsOf(await signed()), jwsOf(await signed())] })),
        ),
      malformed,
    ],
    [
      'that wants a plugin of its own',
      async () => withSignature(jwsOf(await signed()), { plugin: 'mine' }),
      malformed,
    ],
    ['whose signature is no JSON', () => new Map(files).set(SIGNATURES_FILE, text('{')), malformed],
    ['whose signature is no JWS', () => withSignature('a.b'), untrusted],
  ])('%s', async (_, make, code) => {
    await expect(verifier().verify(await make())).rejects.toMatchObject({ code });
  });

  const without = (of: Files, name: string): Files => {
    of.delete(name);
    return of;
  };
  const renamed = (of: Files): Files => {
    of.set('lib/other.rego', of.get('lib/event.rego')!);
    return without(of, 'lib/event.rego');
  };
  const claims = async (): Promise<string> => part(claimsOf(await signed()));
  const none = async (): Promise<string> => `${part({ alg: 'none' })}.${await claims()}.`;
  const hs256 = async (): Promise<string> => {
    const input = `${part({ alg: 'HS256' })}.${await claims()}`;
    return `${input}.${createHmac('sha256', key.publicPem).update(input).digest('base64url')}`;
  };
  const es256 = async (): Promise<string> => {
    const [, payload, signature] = jwsOf(await signed()).split('.');
    return `${part({ alg: 'ES256' })}.${payload}.${signature}`;
  };
  const ownKey = async (): Promise<string> =>
    new CompactSign(Buffer.from(await claims(), 'base64url'))
      .setProtectedHeader({ alg: 'EdDSA', jwk: other.signing.jwk, kid: key.verifying.kid })
      .sign(other.signing.key);
  const otherClaims = async (): Promise<string> => {
    const [header, , signature] = jwsOf(await signed()).split('.');
    return `${header}.${part({ ...claimsOf(await signed()), scope: 'x' })}.${signature}`;
  };
});

describe('the digest of a document', () => {
  const digest = (source: string, name = 'data.json'): string | null =>
    bundleFileDigest(name, text(source), 'SHA-256');

  test.each([
    [
      'white space',
      '{"a":[1,2,{"b":null}],"c":true}',
      ' { "c" : true ,\n"a":[ 1,2 , {"b" :null} ] } ',
    ],
    ['escapes', '{"a":"\\u00e9/\\u0001"}', '{"a":"é\\/\\u0001"}'],
  ])('does not depend on %s', (_, one, two) => {
    expect(digest(one)).toBe(digest(two));
  });

  test.each([
    ['how a number is written', '{"a":1}', '{"a":1.0}'],
    ['how large a number is written', '{"a":100}', '{"a":1e2}'],
    ['the order of elements', '[1,2]', '[2,1]'],
    ['the type of a value', '{"a":"1"}', '{"a":1}'],
    ['an empty object for an array', '{"a":{}}', '{"a":[]}'],
  ])('depends on %s', (_, one, two) => {
    expect(digest(one)).not.toBe(digest(two));
  });

  test('is over the bytes for every other file', () => {
    expect(digest('{ }', 'cases/append.json')).not.toBe(digest('{}', 'cases/append.json'));
    expect(digest('{ }', 'lib/data.json')).toBe(digest('{}', '.manifest'));
  });
});

describe('verification keys', () => {
  const load = async (name: string, content: string): ReturnType<typeof loadVerificationKeys> => {
    const path = join(await tempFolder(), name);
    await writeFile(path, content);
    return loadVerificationKeys(path);
  };

  test('are read as PEM, several in a file, as JWK and as JWK Set', async () => {
    const jwk = key.signing.jwk;
    const kids = [key.verifying.kid, other.verifying.kid];
    const pems = await load('keys.pem', `one\n${key.publicPem}\ntwo\n${other.publicPem}`);
    expect(pems.map(({ kid }) => kid)).toEqual(kids);
    expect((await load('key.json', JSON.stringify(jwk)))[0]!.kid).toBe(kids[0]);
    const set = JSON.stringify({ keys: [jwk, other.signing.jwk] });
    expect((await load('keys.json', set)).map(({ kid }) => kid)).toEqual(kids);
  });

  test.each<[string, () => string]>([
    ['a private key', () => key.privatePem],
    ['a private JWK', () => JSON.stringify(key.signing.key.export({ format: 'jwk' }))],
    ['a shared secret', () => JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' })],
    ['nothing', () => ''],
    ['no key', () => '{"kty":"OKP"}'],
    ['no JSON', () => '{'],
    ['a broken PEM', () => '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'],
    ['a short RSA key', () => rsa(1024)],
    ['a curve that is not taken', () => p384()],
    ['more than a key file', () => ' '.repeat(70_000)],
  ])('from %s are refused', async (_, make) => {
    await expect(load('key', make())).rejects.toMatchObject({ code: 'key_file_malformed' });
  });

  test('from a file that is not there are refused by name', async () => {
    await expect(loadVerificationKeys('/nowhere/key.pem')).rejects.toMatchObject({
      code: 'key_file_missing',
    });
  });

  const pemOf = (made: { publicKey: { export(o: object): string | Buffer } }): string =>
    made.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const rsa = (modulusLength: number): string =>
    pemOf(generateKeyPairSync('rsa', { modulusLength }));
  const p384 = (): string => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }));
});
