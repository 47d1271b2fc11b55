/** Two gateways on one ledger, each with a checkpoint key of its own: who knows one of the keys can verify. */
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { composeGateway } from '../../../src/cli/open/gateway.ts';
import type { Composition } from '../../../src/cli/open/gateway.ts';
import { resolveConfiguration } from '../../../src/cli/settings/configuration.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { openCheckpoint } from '../../../src/core/checkpoint.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../../../src/core/signed-note.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let one = '';
let two = '';
let said = '';
let vkeys: string[] = [];
const open: Composition[] = [];

const storeOf = (): string => join(one, 'demo', 'store');
const flagsOf = (folder: string): Record<string, string> => ({
  data: folder,
  'store.path': storeOf(),
  'log.level': 'silent',
  'listen.port': '0',
  'sealing.publishMs': '100',
  'sealing.followMs': '100',
  'callers.anonymous': 'true',
});

async function stele(folder: string, ...words: string[]): Promise<string> {
  said = '';
  const set = Object.entries(flagsOf(folder)).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  await createProgram().parseAsync(['node', 'stele', ...words, ...set]);
  return said.trim();
}

async function serve(folder: string): Promise<Composition> {
  const configuration = resolveConfiguration({ flags: flagsOf(folder), environment: {} });
  const gateway = await composeGateway(configuration);
  open.push(gateway);
  await gateway.ledger.ready();
  return gateway;
}

async function published(): Promise<string> {
  return readFile(join(storeOf(), 'demo', 'checkpoint'), 'utf8');
}

async function verdictWith(...keys: string[]): Promise<string> {
  const anchors = keys.flatMap((key) => ['--vkey', key]);
  const url = `file://${storeOf()}/demo`;
  return (JSON.parse(await stele(one, '--json', 'verify', url, ...anchors)) as { verdict: string })
    .verdict;
}

beforeAll(async () => {
  [one, two] = [await tempFolder(), await tempFolder()];
});
beforeEach(() => {
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});
afterAll(async () => {
  for (const gateway of open) await gateway.close();
});

test('the published checkpoint of a ledger at rest has a line of each, so one key is enough for any reader', async () => {
  const first = await stele(one, 'init');
  const keys = (folder: string): string => join(folder, 'demo', 'keys');
  await mkdir(keys(two), { recursive: true });
  for (const name of ['root.json', 'ledger-secret.json']) {
    await cp(join(keys(one), name), join(keys(two), name));
  }
  vkeys = [first, await stele(two, 'init')];
  expect(vkeys[0]).not.toBe(vkeys[1]);
  await serve(one);
  await serve(two);
  await open[0]!.ledger.appendSystem('heartbeat', {});
  const lines = async (): Promise<number> => parseSignedNote(await published()).signatures.length;
  while ((await lines().catch(() => 0)) < 2) await new Promise((done) => setTimeout(done, 20));

  const note = await published();
  const { origin } = open[0]!.ledger.genesis;
  for (const vkey of vkeys) {
    expect(openCheckpoint(note, origin, [verifierOf(parseVkey(vkey))]).verified).toHaveLength(1);
    expect(await verdictWith(vkey)).toBe('valid');
  }
}, 60_000);

test('a store whose last checkpoint is of one gateway is verified by who knows the key of the other', async () => {
  for (const gateway of open) await gateway.close();
  const note = await published();
  expect(parseSignedNote(note).signatures).toHaveLength(1);
  for (const vkey of vkeys) expect(await verdictWith(vkey)).toBe('valid');
  expect(await verdictWith(...vkeys)).toBe('valid');
}, 60_000);

test('a served log is verified with the keys of all who may answer', async () => {
  const gateway = await serve(two);
  const keys = vkeys.flatMap((key) => ['--vkey', key]);
  const report = await stele(one, '--json', 'verify', `${gateway.url}/log/demo`, ...keys);
  expect(JSON.parse(report)).toMatchObject({ verdict: 'valid' });
  await gateway.close();
});
