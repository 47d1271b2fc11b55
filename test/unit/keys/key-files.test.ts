import { generateKeyPairSync } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { jwkThumbprint, parseJws, signJws, verifyJws } from '../../../src/core/json/jws.ts';
import {
  openNote,
  parseVkey,
  verifierOf,
  formatSignedNote,
} from '../../../src/core/tree/signed-note.ts';
import { generateKey, loadKey, saveKey } from '../../../src/keys/key-files.ts';
import {
  generateLedgerSecret,
  loadLedgerSecret,
  saveLedgerSecret,
} from '../../../src/keys/ledger-secret.ts';
import { jwsSigner, noteSigner } from '../../../src/keys/signers.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function fileWith(text: string, mode = 0o600): Promise<string> {
  const path = join(await tempFolder(), 'file');
  await writeFile(path, text, { mode });
  return path;
}

function p256Pem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

describe('a key file', () => {
  test.each(['key.json', 'key.jwk', 'key.pem'])('%s comes back as it was saved', async (name) => {
    const path = join(await tempFolder(), name);
    const key = generateKey();
    await saveKey(path, key);
    expect((await loadKey(path)).jwk).toEqual(key.jwk);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text.startsWith('{')).toBe(name !== 'key.pem');
  });

  test('is never overwritten', async () => {
    const path = join(await tempFolder(), 'key.json');
    await saveKey(path, generateKey());
    const before = await readFile(path, 'utf8');
    await expect(saveKey(path, generateKey())).rejects.toMatchObject({ code: 'file_exists' });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test.each([0o640, 0o604, 0o660])('of mode %o is refused: others can read it', async (mode) => {
    const path = join(await tempFolder(), 'key.json');
    await saveKey(path, generateKey());
    await chmod(path, mode);
    await expect(loadKey(path)).rejects.toMatchObject({ code: 'key_file_exposed' });
  });

  test('that is not there is named', async () => {
    const path = join(await tempFolder(), 'none');
    await expect(loadKey(path)).rejects.toMatchObject({ code: 'key_file_missing' });
    await expect(saveKey(join(path, 'deeper'), generateKey())).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rows: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['rubbish', 'no key'],
    ['JSON that is no key', '{"kty":"OKP"}'],
    [
      'a public key',
      '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    ],
    ['an RSA key', rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    [
      'a P-384 key',
      generateKeyPairSync('ec', { namedCurve: 'P-384' })
        .privateKey.export({ format: 'pem', type: 'pkcs8' })
        .toString(),
    ],
    ['a large file', 'x'.repeat(20_000)],
  ];
  test.each(rows)('with %s is malformed, and the error does not quote it', async (_about, text) => {
    const path = await fileWith(text);
    const error: unknown = await loadKey(path).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'key_file_malformed' });
    expect((error as Error).cause).toBeUndefined();
    if (text !== '') expect((error as Error).message).not.toContain(text);
  });
});

describe('a signer of JWS', () => {
  test.each([
    ['Ed25519', async () => Promise.resolve(generateKey())],
    ['ES256', async () => loadKey(await fileWith(p256Pem()))],
  ] as const)('of %s signs what core verifies', async (alg, make) => {
    const signer = jwsSigner(await make());
    expect(signer).toMatchObject({ alg, kid: jwkThumbprint(signer.jwk) });
    // ECDSA is randomised: enough of them that a high s would show.
    for (let n = 0; n < 16; n += 1) {
      const jws = parseJws(await signJws('test+jwt', { n }, signer), 'test+jwt');
      expect(verifyJws(jws, signer.jwk, alg)).toBe(true);
    }
  });
});

describe('a signer of notes', () => {
  test('signs under the key that its vkey names', async () => {
    const signer = noteSigner('log.example/x', generateKey());
    expect(parseVkey(signer.vkey)).toMatchObject({ name: 'log.example/x', id: signer.id });
    const note = formatSignedNote('hello\n', [await signer.sign('hello\n')]);
    const { verified } = openNote(note, [verifierOf(parseVkey(signer.vkey))]);
    expect(verified).toHaveLength(1);
    expect(utf8Bytes(note).length).toBeGreaterThan(0);
  });

  test('is Ed25519', async () => {
    const key = await loadKey(await fileWith(p256Pem()));
    expect(() => noteSigner('log.example/x', key)).toThrow(
      expect.objectContaining({ code: 'key_not_ed25519' }),
    );
  });
});

describe('a ledger secret', () => {
  test('comes back as it was saved', async () => {
    const path = join(await tempFolder(), 'secret.json');
    const secret = generateLedgerSecret();
    await saveLedgerSecret(path, secret);
    expect(await loadLedgerSecret(path)).toEqual({
      id: secret.id,
      key: Uint8Array.from(secret.key),
    });
    await expect(saveLedgerSecret(path, secret)).rejects.toMatchObject({ code: 'file_exists' });
  });

  const key = Buffer.alloc(32, 7).toString('base64url');
  const rows = [
    'no JSON',
    'null',
    '{}',
    `{"v":2,"id":"abcdefgh","key":"${key}"}`,
    `{"v":1,"id":"short","key":"${key}"}`,
    `{"v":1,"id":"abc.defgh","key":"${key}"}`,
    '{"v":1,"id":"abcdefgh","key":7}',
    '{"v":1,"id":"abcdefgh","key":"AAAA"}',
    `{"v":1,"id":"abcdefgh","key":"${key.slice(0, -1)}d"}`,
  ];
  test.each(rows)('is not %s', async (text) => {
    await expect(loadLedgerSecret(await fileWith(text))).rejects.toMatchObject({
      code: 'key_file_malformed',
    });
  });

  test('that others can read is refused', async () => {
    await expect(loadLedgerSecret(await fileWith('{}', 0o644))).rejects.toMatchObject({
      code: 'key_file_exposed',
    });
  });
});
