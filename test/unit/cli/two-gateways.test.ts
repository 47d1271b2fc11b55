/** Two gateways on one ledger, each with a checkpoint key of its own: who knows one of the keys can verify. */
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Composition } from '../../../src/cli/open/gateway.ts';
import { openCheckpoint } from '../../../src/core/tree/checkpoint.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../../../src/core/tree/signed-note.ts';
import { TwoFolders } from '../../support/two-folders.ts';

const world = new TwoFolders({
  'sealing.publishMs': '100',
  'sealing.followMs': '100',
  'callers.anonymous': 'true',
});
const stele = world.stele.bind(world);
let one = '';
let two = '';
let vkeys: string[] = [];
const open: Composition[] = [];

async function serve(folder: string): Promise<Composition> {
  const gateway = await world.compose(folder);
  open.push(gateway);
  await gateway.ledger.ready();
  return gateway;
}

async function published(): Promise<string> {
  return readFile(join(world.store, 'demo', 'checkpoint'), 'utf8');
}

async function verdictWith(...keys: string[]): Promise<string> {
  const anchors = keys.flatMap((key) => ['--vkey', key]);
  const url = `file://${world.store}/demo`;
  return (JSON.parse(await stele(one, '--json', 'verify', url, ...anchors)) as { verdict: string })
    .verdict;
}

beforeAll(() => {
  ({ one, two } = world);
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
  // It takes writes once its boot is sealed; its first checkpoint comes a moment later.
  const answers = async (): Promise<boolean> =>
    (await fetch(`${gateway.url}/log/demo/checkpoint`)).ok;
  while (!(await answers())) await new Promise((done) => setTimeout(done, 20));
  const report = await stele(one, '--json', 'verify', `${gateway.url}/log/demo`, ...keys);
  expect(JSON.parse(report)).toMatchObject({ verdict: 'valid' });
  await gateway.close();
});
