/** Archives that a bundle's reader refuses, and what identifies the policy that it takes. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { packTar, unpackTar } from 'modern-tar';
import { DEFAULT_BUNDLE_LIMITS, readBundle } from '../../../src/policy/bundle/bundle.ts';
import type { PolicyBundle } from '../../../src/policy/bundle/bundle.ts';
import { preparePolicy } from '../../../src/policy/bundle/prepare.ts';
import { DEFAULT_BUNDLE } from './support.ts';

type Entry = Parameters<typeof packTar>[0][number];

let archive: Buffer;
let entries: Entry[];
beforeAll(async () => {
  archive = readFileSync(DEFAULT_BUNDLE);
  entries = await unpackTar(gunzipSync(archive));
});

function file(name: string, body: string | Uint8Array): Entry {
  const bytes = Buffer.from(body);
  return { header: { name, size: bytes.length, type: 'file' }, body: bytes };
}

async function packed(changed: readonly Entry[]): Promise<Uint8Array> {
  return gzipSync(await packTar(changed));
}

const named = (name: string) => entries.find(({ header }) => header.name === `/${name}`)!;
const without = (name: string) => entries.filter((entry) => entry !== named(name));
const replaced = (name: string, body: string | Uint8Array) => [
  ...without(name),
  file(`/${name}`, body),
];
const manifest = (change: (m: Record<string, unknown>) => unknown) => {
  const now = JSON.parse(Buffer.from((named('.manifest') as { data: Uint8Array }).data).toString());
  return replaced('.manifest', JSON.stringify(change(now)));
};

describe('the reader of bundles', () => {
  test('takes what opa build makes', async () => {
    const bundle = await readBundle(archive);
    expect(bundle.entrypoints).toEqual(['stele/admin', 'stele/append', 'stele/read']);
    expect(bundle.revision).toMatch(/^default-[0-9a-f]{12}$/);
    expect([...bundle.files.keys()]).toContain('policy/append.rego');
    expect(JSON.parse(bundle.data)).toHaveProperty('settings.personal');
  });

  test.each<[string, () => Entry[], RegExp]>([
    ['a symbolic link', () => [...entries, link('symlink')], /holds a symlink/],
    ['a hard link', () => [...entries, link('link')], /holds a link/],
    ['a device', () => [...entries, special('character-device')], /holds a character-device/],
    ['a name twice', () => [...entries, file('/policy.wasm', 'x')], /policy.wasm twice/],
    ['a name twice, once without slash', () => [...entries, file('data.json', '{}')], /twice/],
    ['a way out of the folder', () => [...entries, file('/../x', 'x')], /unsafe name/],
    ['a way out inside a name', () => [...entries, file('/a/../../x', 'x')], /unsafe name/],
    ['a name with a backslash', () => [...entries, file('/a\\b', 'x')], /unsafe name/],
    ['no module', () => without('policy.wasm'), /not one module/],
    ['a second module', () => [...entries, file('/other.wasm', 'x')], /not one module/],
    ['no manifest', () => without('.manifest'), /no .manifest/],
    ['a manifest that is no JSON', () => replaced('.manifest', '{'), /not strict JSON/],
    ['a manifest with a name twice', () => replaced('.manifest', '{"a":1,"a":2}'), /strict JSON/],
    ['a manifest that is a list', () => replaced('.manifest', '[]'), /not an object/],
    ['a manifest without entrypoints', () => manifest((m) => ({ ...m, wasm: [] })), /schema/],
    ['a manifest that names another module', () => manifest(otherModule), /another module/],
    ['a manifest that names an entrypoint twice', () => manifest(twice), /twice/],
    ['data that is no JSON', () => replaced('data.json', '{'), /not strict JSON/],
    ['data that is not UTF-8', () => replaced('data.json', Buffer.of(0xff)), /not strict JSON/],
    ['data in another place', () => [...entries, file('/lib/data.json', '{}')], /OPA would read/],
    ['data in another form', () => [...entries, file('/data.yaml', 'a: 1')], /OPA would read/],
    ['a second manifest', () => [...entries, file('/lib/.manifest', '{}')], /OPA would read/],
    ['what OPA takes for one', () => [...entries, file('/a.manifest', '{}')], /OPA would read/],
    ['a plan', () => [...entries, file('/plan.json', '{}')], /OPA would read/],
    ['a signature below', () => [...entries, file('/a/.signatures.json', '{}')], /OPA would read/],
  ])('refuses %s', async (_, change, message) => {
    await expect(readBundle(await packed(change()))).rejects.toThrow(message);
    await expect(readBundle(await packed(change()))).rejects.toMatchObject({
      code: 'bundle_invalid',
    });
  });

  test('refuses a delta by a code of its own', async () => {
    const delta = await packed([file('/patch.json', '{"data":[]}')]);
    await expect(readBundle(delta)).rejects.toMatchObject({ code: 'bundle_delta' });
  });

  test('refuses more than its limits', async () => {
    const limits = DEFAULT_BUNDLE_LIMITS;
    const files = { ...limits, files: 3 };
    await expect(readBundle(archive, files)).rejects.toThrow(/within its limits/);
    const packedBytes = { ...limits, packedBytes: 1000 };
    await expect(readBundle(archive, packedBytes)).rejects.toThrow(/at most 1000/);
    const bomb = gzipSync(Buffer.alloc(limits.unpackedBytes + 1));
    expect(bomb.length).toBeLessThan(limits.packedBytes);
    await expect(readBundle(bomb)).rejects.toThrow(/within its limits/);
  });

  test('refuses what is cut, not gzipped or damaged', async () => {
    await expect(readBundle(archive.subarray(0, 30_000))).rejects.toThrow(/within its limits/);
    await expect(readBundle(gunzipSync(archive))).rejects.toThrow(/within its limits/);
    const tar = gunzipSync(archive);
    tar[100] = tar[100]! ^ 1;
    await expect(readBundle(gzipSync(tar))).rejects.toThrow(/within its limits/);
    const cut = gzipSync(gunzipSync(archive).subarray(0, 2000));
    await expect(readBundle(cut)).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('takes folders, and data may be missing', async () => {
    const folder: Entry = { header: { name: '/lib/', size: 0, type: 'directory' } };
    const bundle = await readBundle(await packed([folder, ...without('data.json')]));
    expect(bundle.data).toBe('{}');
  });
});

describe('the identity of a policy', () => {
  const idOf = (bundle: PolicyBundle) => preparePolicy(bundle).identity.id;

  test('is that of what decides, not of its archive', async () => {
    const bundle = await readBundle(archive);
    const again = await readBundle(await packed([...entries].reverse()));
    expect(again.sha256).not.toBe(bundle.sha256);
    expect(idOf(again)).toBe(idOf(bundle));
    expect(idOf(bundle)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('changes with the data, the manifest and the module', async () => {
    const bundle = await readBundle(archive);
    const hostile = await readBundle(readFileSync('test/policy/fixtures/hostile.tar.gz'));
    const ids = [
      idOf(bundle),
      idOf({ ...bundle, data: '{}' }),
      idOf({ ...bundle, manifest: { ...bundle.manifest, revision: 'other' } }),
      idOf({ ...bundle, wasm: hostile.wasm, entrypoints: hostile.entrypoints }),
    ];
    expect(new Set(ids).size).toBe(4);
  });

  test('is not given to a bundle whose manifest promises what the module has not', async () => {
    const bundle = await readBundle(archive);
    const entrypoints = ['stele/append', 'stele/other', 'stele/read'];
    expect(() => preparePolicy({ ...bundle, entrypoints })).toThrow(/module has entrypoints/);
  });
});

function link(type: 'symlink' | 'link'): Entry {
  return { header: { name: '/x', size: 0, type, linkname: '/etc/passwd' } };
}

function special(type: 'character-device'): Entry {
  return { header: { name: '/x', size: 0, type } };
}

function otherModule(now: Record<string, unknown>): unknown {
  return { ...now, wasm: [{ entrypoint: 'stele/append', module: '/other.wasm' }] };
}

function twice(now: Record<string, unknown>): unknown {
  const one = { entrypoint: 'stele/append', module: '/policy.wasm' };
  return { ...now, wasm: [one, one] };
}
