/** Bundle signatures in both directions between this code and the pinned, native OPA. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { dirname, join } from 'node:path';
import { BundleVerifier } from '../../src/keys/bundle-signatures.ts';
import { loadVerificationKeys } from '../../src/keys/verification-keys.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { defaultArchive, makeKey, pack, sign } from '../support/bundles.ts';
import type { Files, TestKey } from '../support/bundles.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { run } from '../support/tools.ts';
import type { Ran } from '../support/tools.ts';
// @ts-expect-error Programs of the build have no types.
import { hasOpa, opaPath } from '../../infra/opa/opa.mjs';

const withOpa = (hasOpa as () => boolean)() ? test : test.skip;
const opa = async (...args: string[]): Promise<Ran> => run(opaPath as string, args);

/** What Go and JavaScript print and sort differently, and numbers whose writing counts. */
const STRANGE = JSON.stringify({
  é: 1,
  z: '<&>\u2028\u2029\u007f\u0000\b\f\n\r\t"\\/',
  '\u{1f600}': { '\uffee': true, '\u{10000}': false },
  B: [],
  a: {},
}).replace(/}$/, ',"numbers":[1.0,1.50,-0,1e2,1E+2,0.1e-3,9007199254740991,-12]}');

const cases = [
  ['ed25519', 'EdDSA'],
  ['p256', 'ES256'],
] as const;

let folder: string;
beforeAll(async () => {
  folder = await tempFolder();
});

async function keyFiles(key: TestKey, name: string): Promise<{ priv: string; pub: string }> {
  const [priv, pub] = [join(folder, `${name}.pem`), join(folder, `${name}.pub`)];
  await writeFile(priv, key.privatePem, { mode: 0o600 });
  await writeFile(pub, key.publicPem);
  return { priv, pub };
}

async function written(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** Strange data beside the default policy, and files that OPA does not know. */
async function strangeBundle(): Promise<Uint8Array> {
  const files = await unpackBundle(defaultArchive());
  files.set('data.json', Buffer.from(STRANGE));
  files.set('.manifest', Buffer.from('{"metadata":{"x":1.0},"roots":[""],"revision":"<é>"}'));
  files.delete('policy.wasm');
  files.set('cases/append.json', Buffer.from('{ "append" : [] }'));
  return pack(files);
}

describe('what is signed here', () => {
  for (const [kind, alg] of cases) {
    withOpa(`native OPA verifies, by ${alg}`, async () => {
      const key = await makeKey(kind);
      const { pub } = await keyFiles(key, kind);
      const args = ['--verification-key', pub, '--signing-alg', alg];
      const archives = { plain: defaultArchive(), strange: await strangeBundle() };
      for (const [name, archive] of Object.entries(archives)) {
        const path = await written(`${kind}-${name}.tar.gz`, await sign(archive, key.signing));
        const good = await opa('build', '-b', path, ...args, '-o', join(folder, 'out.tar.gz'));
        expect(good).toMatchObject({ code: 0 });
        const scoped = [...args, '--scope', 'write', '-o', join(folder, 'out.tar.gz')];
        expect((await opa('build', '-b', path, ...scoped)).stdout).toMatch(/scope mismatch/);
      }
    });
  }

  withOpa('native OPA refuses once a file was changed, added or taken away', async () => {
    const key = await makeKey();
    const { pub } = await keyFiles(key, 'tampered');
    const args = ['--verification-key', pub, '--signing-alg', 'EdDSA', '-o', join(folder, 'o')];
    const files = await unpackBundle(await sign(await strangeBundle(), key.signing));
    const variants: [string, Files, RegExp][] = [
      ['same', files, /^$/],
      ['changed', new Map(files).set('data.json', Buffer.from('{}')), /digest mismatch/],
      ['added', new Map(files).set('cases/b.json', Buffer.from('{}')), /not included/],
      ['missing', new Map([...files].filter(([n]) => n !== 'cases/append.json')), /not found/],
    ];
    for (const [name, variant, message] of variants) {
      const path = await written(`variant-${name}.tar.gz`, await pack(variant));
      expect((await opa('build', '-b', path, ...args)).stdout).toMatch(message);
    }
  });
});

describe('what native OPA signs', () => {
  const rsa = (): TestKey => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return {
      publicPem: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      privatePem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    } as TestKey;
  };
  for (const [kind, alg] of [...cases, ['rsa', 'RS256']] as const) {
    withOpa(`is verified here, by ${alg}`, async () => {
      const key = kind === 'rsa' ? rsa() : await makeKey(kind);
      const { priv, pub } = await keyFiles(key, `opa-${kind}`);
      const source = join(folder, `source-${kind}`);
      for (const [name, bytes] of await unpackBundle(await strangeBundle())) {
        await mkdir(dirname(join(source, name)), { recursive: true });
        await writeFile(join(source, name), bytes);
      }
      const args = ['sign', '-b', '.', '--signing-key', priv, '--signing-alg', alg, '-o', '.'];
      expect(await run(opaPath as string, args, source)).toMatchObject({ code: 0 });
      const files = await unpackBundle(await strangeBundle());
      files.set('.signatures.json', await readFile(join(source, '.signatures.json')));
      const keys = await loadVerificationKeys(pub);
      expect(await new BundleVerifier(keys).verify(files)).toBe(keys[0]!.kid);
      files.set('data.json', Buffer.from(STRANGE.replace('1.50', '1.5')));
      await expect(new BundleVerifier(keys).verify(files)).rejects.toMatchObject({
        code: 'bundle_file_altered',
      });
    });
  }

  withOpa('by building is verified here, whole', async () => {
    const key = await makeKey();
    const { priv, pub } = await keyFiles(key, 'build');
    const out = join(folder, 'built.tar.gz');
    const flags = ['-t', 'wasm', '--ignore', '*_test.rego', '--ignore', 'cases', '-o', out];
    const signing = ['--signing-key', priv, '--signing-alg', 'EdDSA'];
    const args = ['build', '-b', '.', ...flags, ...signing];
    expect(await run(opaPath as string, args, join(process.cwd(), 'rego'))).toMatchObject({
      code: 0,
    });
    const keys = await loadVerificationKeys(pub);
    const files = await unpackBundle(await readFile(out));
    expect(await new BundleVerifier(keys).verify(files)).toBe(keys[0]!.kid);
  });
});
