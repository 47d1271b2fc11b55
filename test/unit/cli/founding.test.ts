import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { resolveConfiguration } from '../../../src/cli/settings/configuration.ts';
import { foundLedger } from '../../../src/cli/founding.ts';
import { exitCodeOf, exitCodes } from '../../../src/cli/exit.ts';
import { exists, homeOf } from '../../../src/cli/open/home.ts';
import { genesisToServe } from '../../../src/cli/open/own-ledger.ts';
import { readGenesis } from '../../../src/ledger/log/init.ts';
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

function configurationOf(name: string, flags: Readonly<Record<string, string>> = {}) {
  return resolveConfiguration({ flags: { data: join(folder, name), ...flags }, environment: {} });
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

describe('the origin of a ledger is fixed for ever', () => {
  const ORIGIN = 'audit.example/log';

  test.each([
    ['another origin', 'other.example/log'],
    ['the origin with a scheme', `https://${ORIGIN}`],
  ])('%s is refused by init and by serve, and leaves no key', async (_what, origin) => {
    const bucket = store();
    const founded = await foundLedger(configurationOf('a', { origin: ORIGIN }), bucket, POLICY);
    expect(founded.genesis.origin).toBe(ORIGIN);
    const refusal = { code: 'configuration_invalid', message: expect.stringContaining(ORIGIN) };
    const joining = configurationOf('b', { origin });
    for (const wrong of [configurationOf('a', { origin }), joining]) {
      const refused = await foundLedger(wrong, bucket, POLICY).catch((error: unknown) => error);
      expect(refused).toMatchObject(refusal);
      expect(exitCodeOf(refused)).toBe(exitCodes.usage);
      await expect(genesisToServe(wrong, bucket)).rejects.toMatchObject(refusal);
    }
    expect(await exists(homeOf(joining).folder)).toBe(false);
  });

  test.each([
    ['its own origin', { origin: ORIGIN }],
    ['none', {}],
  ])('%s is taken by init and by serve', async (_what, flags) => {
    const bucket = store();
    await foundLedger(configurationOf('a', { origin: ORIGIN }), bucket, POLICY);
    const again = await foundLedger(configurationOf('a', flags), bucket, POLICY);
    expect(again).toMatchObject({ created: false, known: true, genesis: { origin: ORIGIN } });
    const { genesis } = await genesisToServe(configurationOf('a', flags), bucket);
    expect(genesis.origin).toBe(ORIGIN);
  });

  test('nothing is founded under an origin with a scheme', async () => {
    const bucket = store();
    const wrong = configurationOf('a', { origin: `https://${ORIGIN}` });
    const refused = await foundLedger(wrong, bucket, POLICY).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('without its scheme'),
    });
    expect(exitCodeOf(refused)).toBe(exitCodes.usage);
    expect(await readGenesis(bucket, 'demo')).toBeNull();
    expect(await exists(homeOf(wrong).folder)).toBe(false);
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
