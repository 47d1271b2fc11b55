/** Commands that page through a gateway, at one that never means to end. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createProgram } from '../../../src/cli/program.ts';

const HUGE = 9_000_000_000_000_000;
const ENTRIES = ['entries', '--all'];
const COUNT = ['entries', '--count'];
const REPLAY = ['policy', 'replay', '--bundle', 'bundles/default/bundle.tar.gz'];

type Page = Readonly<Record<string, unknown>>;
const empty: Page = { size: 5, items: [], count: 0, scanned: 1, next: null, unreadable: [] };

let server: Server;
let url: string;
let genesis: string;
let requests = 0;
/** What the ledger is said to have, and what its n-th page is; null is a refusal. */
let size = 0;
let page: (n: number) => unknown;
let said = '';

beforeAll(async () => {
  genesis = await readFile('test/golden/v1/genesis.json', 'utf8');
  server = createServer((request, response) => {
    if (request.url === '/v1/ledgers/demo') {
      response.end(JSON.stringify({ genesis_object: genesis, size }));
      return;
    }
    requests += 1;
    const answer = request.url!.includes('?') ? page(requests) : null;
    if (answer === null) response.writeHead(403).end('{"code":"denied"}');
    else response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
});
afterAll(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  [requests, size, said] = [0, 5, ''];
});

async function run(...words: readonly string[]): Promise<void> {
  const there = ['--ledger', 'demo', '--url', url, '--key', 'k'];
  await createProgram().parseAsync(['node', 'stele', ...there, ...words]);
}

/** What a command says as JSON. */
async function stele(...words: readonly string[]): Promise<unknown> {
  await run('--json', ...words);
  return JSON.parse(said) as unknown;
}

describe('a gateway whose pages', () => {
  test.each<[string, (n: number) => unknown, number]>([
    ['are no pages', () => ({ items: [], next: 'x' }), 1],
    ['are no JSON objects', () => 'page', 1],
    [
      'look at nothing, and say that there are more',
      () => ({ ...empty, scanned: 0, next: 'x' }),
      1,
    ],
    ['go round in a circle', () => ({ ...empty, next: 'x' }), 6],
    ['have another cursor each, for ever', (n) => ({ ...empty, next: `x${n}` }), 6],
    ['are of a tree that grows', (n) => ({ ...empty, size: 5 + n, next: `x${n}` }), 2],
  ])('%s is left, and named', async (_about, pages, asked) => {
    page = pages;
    for (const words of [ENTRIES, COUNT, REPLAY]) {
      requests = 0;
      await expect(stele(...words)).rejects.toMatchObject({ code: 'gateway_answer_malformed' });
      expect(requests).toBe(asked);
    }
  });

  test('are of items that are none is left by a replay, and named', async () => {
    page = () => ({ ...empty, items: [{ index: 1 }] });
    await expect(stele(...REPLAY)).rejects.toMatchObject({ code: 'gateway_answer_malformed' });
  });

  test('are as many as its log is said to be long is left when the time is over', async () => {
    size = HUGE;
    page = (n) => ({ ...empty, size: HUGE, next: `x${n}` });
    for (const words of [ENTRIES, COUNT, REPLAY]) {
      const ended = run(...words, '--minutes', '0.002');
      await expect(ended).rejects.toMatchObject({ code: 'gateway_slow' });
    }
    expect(said).toMatch(/to go on from here: --after x\d+/);
  });

  test('are refused, as every entry is, is left by a replay when the time is over', async () => {
    size = HUGE;
    page = () => null;
    const ended = stele(...REPLAY, '--minutes', '0.002');
    await expect(ended).rejects.toMatchObject({ code: 'gateway_slow' });
  });
});

test('a log of nine million milliards of entries that nobody is shown is counted in one step', async () => {
  size = HUGE;
  page = () => ({ ...empty, size: HUGE });
  const report = await stele(...REPLAY);
  expect(report).toMatchObject({
    verdict: 'fail',
    decisions: HUGE,
    notReplayed: [{ count: HUGE, entries: Array.from({ length: 100 }, (_, index) => index) }],
  });
  expect(requests).toBe(1);
});

test('a ledger that does not say how long it is is not replayed', async () => {
  for (const none of [-1, 0.5, 2 ** 53]) {
    size = none;
    await expect(stele(...REPLAY)).rejects.toMatchObject({ code: 'gateway_answer_malformed' });
  }
  expect(requests).toBe(0);
});
