// A real gateway process on a fresh ledger, and the requests that the benchmarks send to it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, start } from './process.mjs';

const cli = 'dist/cli/main.js';
/** As `npx stele` starts it: the options are in its first line. */
const nodeOptions = () => readFileSync(cli, 'utf8').split('\n', 1)[0].split(' ').slice(3);

/**
 * Makes a ledger `bench` and serves it.
 * @param {Record<string, string>} settings - beside the data folder and the port
 */
export async function startStele(settings = {}) {
  const data = mkdtempSync(join(tmpdir(), 'stele-bench-'));
  const port = await freePort();
  const set = Object.entries({
    ledger: 'bench',
    data,
    'listen.port': String(port),
    'log.level': 'warn',
    'callers.anonymous': 'true',
    // One caller sends all of it.
    'gateway.entriesPerMinute': '100000000',
    'gateway.entryBytesPerMinute': '1099511627776',
    ...settings,
  }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const run = (...args) =>
    execFileSync(process.execPath, [cli, ...args, ...set], { encoding: 'utf8' });
  run('init');
  const keyOf = (id, role) => JSON.parse(run('keygen', '--json', '--id', id, '--role', role)).key;
  const [key, admin] = [keyOf('bench', 'service'), keyOf('admin', 'admin')];
  const url = `http://127.0.0.1:${port}`;
  const { child, stop } = await start({
    command: process.execPath,
    args: [...nodeOptions(), cli, 'serve', ...set],
    url: `${url}/readyz`,
  });
  return {
    url,
    key,
    admin,
    data,
    pid: child.pid,
    stop: async () => {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** One POST for each event. */
export function singleRequests(stele, events) {
  return events.map((body) => ({
    path: '/v1/ledgers/bench/entries',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${stele.key}` },
    body,
  }));
}

/** NDJSON requests of `size` events each. */
export function manyRequests(stele, events, size) {
  const requests = [];
  for (let first = 0; first + size <= events.length; first += size) {
    requests.push({
      path: '/v1/ledgers/bench/entries',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${stele.key}` },
      body: `${events.slice(first, first + size).join('\n')}\n`,
    });
  }
  return requests;
}

/** One number of the gateway's metrics. */
export async function metric(stele, name) {
  const text = await (await fetch(`${stele.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((row) => row.startsWith(`${name} `) || row.startsWith(`${name}{`));
  return line === undefined ? NaN : Number(line.slice(line.lastIndexOf(' ') + 1));
}
