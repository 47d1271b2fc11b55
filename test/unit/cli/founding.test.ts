import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { resolveConfiguration } from '../../../src/cli/settings/configuration.ts';
import { foundLedger } from '../../../src/cli/founding.ts';
import { homeOf } from '../../../src/cli/open/home.ts';
import { addCaller } from '../../../src/cli/key/keygen.ts';
import { openPolicy } from '../../../src/cli/open/policy.ts';
import { generateApiKey } from '../../../src/keys/api-keys.ts';
import { MemoryStore } from '../../../src/storage/memory-store.ts';

const POLICY = await openPolicy(resolveConfiguration({ flags: {}, environment: {} }));
const store = () => new MemoryStore({ clock: () => Date.now() });

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stele-founding-'));
});
afterEach(async () => rm(folder, { recursive: true }));

function configurationOf(name: string) {
  return resolveConfiguration({ flags: { data: join(folder, name) }, environment: {} });
}

describe('a ledger is founded once', () => {
  test('again with the root key put away: certificates and keys stay as they are', async () => {
    const bucket = store();
    const configuration = configurationOf('a');
    const home = homeOf(configuration);
    const first = await foundLedger(configuration, bucket, POLICY);
    const certificate = await readFile(home.writerCertificate, 'utf8');
    await rename(home.rootKey, join(folder, 'offline.json'));
    const second = await foundLedger(configuration, bucket, POLICY);
    expect(first.created).toBe(true);
    expect(second).toMatchObject({ created: false, vkey: first.vkey, writer: first.writer });
    expect(await readFile(home.writerCertificate, 'utf8')).toBe(certificate);
    await expect(readFile(home.rootKey)).rejects.toThrow(/ENOENT/);
  });

  test('joined from a folder without the ledger’s own secrets: refused, and told which', async () => {
    const bucket = store();
    const a = homeOf(configurationOf('a'));
    const b = homeOf(configurationOf('b'));
    await foundLedger(configurationOf('a'), bucket, POLICY);
    const join = async () => foundLedger(configurationOf('b'), bucket, POLICY);
    await expect(join()).rejects.toMatchObject({ code: 'ledger_secret_missing' });
    await foundLedger(configurationOf('b'), store(), POLICY); // Another ledger of the same name.
    await expect(join()).rejects.toMatchObject({ code: 'root_key_foreign' });
    for (const name of ['rootKey', 'ledgerSecret'] as const) {
      await rm(b[name]);
      await writeFile(b[name], await readFile(a[name]), { mode: 0o600 });
    }
    const joined = await join();
    expect(joined.created).toBe(false);
    await rm(b.rootKey);
    await rm(b.writerCertificate);
    await expect(join()).rejects.toMatchObject({ code: 'root_key_missing' });
  });
});

test('a caller is added once; its key can be brought along', async () => {
  const path = join(folder, 'keys.yaml');
  const made = generateApiKey();
  const caller = { id: 'ada', type: 'user', roles: ['auditor'] };
  expect(await addCaller(path, caller, made)).toBe(made.key);
  const text = await readFile(path, 'utf8');
  expect(await addCaller(path, caller, made)).toBe(made.key);
  expect(await readFile(path, 'utf8')).toBe(text);
  await expect(addCaller(path, caller)).rejects.toMatchObject({ code: 'caller_exists' });
  expect(text).not.toContain(made.key);
});
