/** The keys of a ledger come and go: as an operator types it, with what a verification says afterwards. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Composition } from '../../../src/cli/open/gateway.ts';
import { generateKey, saveKey } from '../../../src/keys/key-files.ts';
import type { KeyHistory, KeyLife } from '../../../src/ledger/fsck/key-history.ts';
import { TwoFolders } from '../../support/two-folders.ts';

const world = new TwoFolders();
let one = '';
let two = '';
let admin = '';
let gateway: Composition | null = null;

beforeAll(() => {
  ({ one, two } = world);
});
afterAll(async () => gateway?.close());

async function stele(folder: string, ...words: string[]): Promise<string> {
  const client = gateway === null ? [] : ['--url', gateway.url, '--key', admin];
  return world.stele(folder, ...words, ...client);
}

async function serve(folder: string): Promise<Composition> {
  gateway = await world.compose(folder);
  await gateway.ledger.ready();
  return gateway;
}

async function close(): Promise<void> {
  await gateway?.close();
  gateway = null;
}

async function append(): Promise<number> {
  const answer = await fetch(`${gateway?.url ?? ''}/v1/ledgers/demo/entries?ack=sealed`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: '{"eventName":"Login","eventSource":"test"}',
  });
  return answer.status;
}

async function keysOf(): Promise<readonly KeyLife[]> {
  return (JSON.parse(await stele(one, '--json', 'key', 'list')) as KeyHistory).keys;
}

async function kidOf(use: string, status = 'certified'): Promise<string> {
  return (await keysOf()).find((key) => key.use === use && key.status === status)?.kid ?? '';
}

async function verdict(vkey: string): Promise<string> {
  const report = JSON.parse(await stele(one, '--json', 'fsck', '--vkey', vkey)) as {
    verdict: string;
  };
  return report.verdict;
}

const keyFile = (folder: string, name: string): string => join(folder, 'demo', 'keys', name);

test('a writer key is replaced and retired: what it signed stays good, and nothing more is taken of it', async () => {
  const vkey = await stele(one, 'init');
  admin = await stele(one, 'keygen', '--id', 'ops', '--role', 'service', '--role', 'admin');
  await serve(one);
  expect(await append()).toBe(201);
  const old = await kidOf('writer');
  await expect(stele(one, 'key', 'retire', old)).rejects.toMatchObject({ code: 'key_in_use' });
  await close();

  await rm(keyFile(one, 'writer.json'));
  await stele(one, 'init');
  await serve(one);
  expect(await append()).toBe(201);
  expect(await stele(one, 'key', 'retire', old)).toMatch(/^entry [0-9]+; it holds from the next/);
  await expect(stele(one, 'key', 'retire', old)).rejects.toMatchObject({ code: 'key_settled' });
  expect(await append()).toBe(201);
  await close();

  const keys = await keysOf();
  expect(keys.find(({ kid }) => kid === old)).toMatchObject({ status: 'retired', use: 'writer' });
  expect(await stele(one, 'key', 'list')).toMatch(new RegExp(`${old}  retired    writer .* last `));
  expect(await verdict(vkey)).toBe('valid');
}, 60_000);

test('a checkpoint key is replaced and revoked, by a statement made where only the root key is', async () => {
  const old = await kidOf('checkpoint');
  const { gen } = JSON.parse(await stele(one, '--json', 'key', 'list')) as KeyHistory;
  await rm(keyFile(one, 'checkpoint.json'));
  const vkey = await stele(one, 'init');
  await serve(one);
  expect(await append()).toBe(201);

  const file = join(one, 'statement.json');
  const offline = ['--use', 'checkpoint', '--genesis', gen, '--root', keyFile(one, 'root.json')];
  await stele(two, 'key', 'revoke', old, ...offline, '--reason', 'stolen', '--out', file);
  expect(await stele(one, 'key', 'send', file)).toMatch(/^entry [0-9]+/);
  expect(await append()).toBe(201);
  await close();
  expect(await kidOf('checkpoint', 'revoked')).toBe(old);
  expect(await verdict(vkey)).toBe('valid');
}, 60_000);

test('the key of another gateway is revoked: it seals nothing more, and the others go on', async () => {
  await mkdir(join(two, 'demo', 'keys'), { recursive: true });
  for (const name of ['root.json', 'ledger-secret.json']) {
    await cp(keyFile(one, name), keyFile(two, name));
  }
  await cp(join(one, 'demo', 'api-keys.yaml'), join(two, 'demo', 'api-keys.yaml'));
  await stele(two, 'init');
  await serve(two);
  expect(await append()).toBe(201);
  await close();
  const stolen = (await keysOf()).filter(({ use }) => use === 'writer').at(-1)?.kid ?? '';

  const { vkey } = await serve(one);
  const other = join(one, 'other-root.json');
  await saveKey(other, generateKey());
  const forged = ['key', 'revoke', stolen, '--root', other];
  await expect(stele(one, ...forged)).rejects.toMatchObject({ code: 'statement_refused' });
  const misnamed = ['key', 'revoke', stolen, '--use', 'approver'];
  await expect(stele(one, ...misnamed)).rejects.toMatchObject({ code: 'statement_refused' });
  expect(await stele(one, 'key', 'revoke', stolen)).toMatch(/^entry [0-9]+/);
  await close();

  const late = await world.compose(two);
  await expect(late.ledger.ready()).rejects.toMatchObject({ code: 'ledger_halted' });
  await late.close();
  await serve(one);
  expect(await append()).toBe(201);
  await close();
  expect(await verdict(vkey)).toBe('valid');
}, 60_000);

test.each([
  ['no statement', '{}', 'statement_malformed'],
  ['no JSON', '{', 'statement_malformed'],
  ['no JWS', '{"statement":["x"]}', 'statement_refused'],
])('%s is no statement about a key', async (_name, body, code) => {
  if (gateway === null) await serve(one);
  const answer = await fetch(`${gateway?.url ?? ''}/v1/ledgers/demo/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body,
  });
  expect(await answer.json()).toMatchObject({ code, durability: 'not-durable' });
});

test('a statement is JSON', async () => {
  const answer = await fetch(`${gateway?.url ?? ''}/v1/ledgers/demo/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'text/plain' },
    body: '{}',
  });
  expect(answer.status).toBe(415);
  await close();
});

test.each([
  [['key', 'retire', 'x'], 'kid_malformed'],
  [['key', 'retire', 'A'.repeat(43)], 'key_unknown'],
  [['key', 'retire', 'A'.repeat(43), '--use', 'writer', '--final', 'x'], 'option_invalid'],
  [['key', 'revoke', 'A'.repeat(43), '--use', 'king', '--out', 'x'], 'option_invalid'],
])('%j is refused before anything is signed', async (words, code) => {
  await expect(stele(one, ...words)).rejects.toMatchObject({ code });
});

test('callers with a key are listed, and a key is taken back', async () => {
  const listed = await stele(one, 'keygen', '--list');
  expect(listed).toBe('ops  service ops  service, admin');
  await stele(one, 'keygen', '--id', 'eve');
  expect(await stele(one, 'keygen', '--remove', 'eve')).toContain('eve is taken out of');
  expect(await stele(one, 'keygen', '--list')).toBe(listed);
  const again = stele(one, 'keygen', '--remove', 'eve');
  await expect(again).rejects.toMatchObject({ code: 'caller_unknown' });
  await writeFile(join(two, 'demo', 'api-keys.yaml'), 'keys: []\n');
  expect(await stele(two, 'keygen', '--list')).toBe('');
});
