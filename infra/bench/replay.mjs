// Replay of sealed history on all cores, against the appending of the same entries to the same machine.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { realEvents } from './events.mjs';
import { perSecond, row } from './row.mjs';
import { manyRequests, startStele } from './stele.mjs';

const RATIO_BAR = 5;
const LINES = 500;
const CONNECTIONS = 4;
const bundle = 'bundles/default/bundle.tar.gz';

/** Appends and seals `replayed` entries, then replays them by the same policy, which must find no change. */
export async function replayHistory({ replayed = 100_000 }) {
  const stele = await startStele();
  try {
    const appendSeconds = await appendAll(stele, replayed);
    const { report, peakMb } = await replay(stele.data);
    const appended = replayed / appendSeconds;
    const rate = report.decisions / (report.elapsedMs / 1000);
    return [
      row('append, sealed, 500 to a request', perSecond(appended)),
      row(`replay of ${report.decisions} decisions`, perSecond(rate)),
      row('  ratio', (rate / appended).toFixed(2), `>= ${RATIO_BAR}`, rate >= RATIO_BAR * appended),
      row('  decisions that changed', String(report.changed), '0', report.changed === 0),
      row('  peak memory of the process', `${Math.round(peakMb)} MB`),
    ];
  } finally {
    await stele.stop();
  }
}

async function appendAll(stele, count) {
  const events = realEvents();
  const requests = manyRequests(stele, events, LINES);
  const total = Math.ceil(count / LINES);
  let next = 0;
  const start = performance.now();
  const client = async () => {
    while (next < total) {
      const { path, headers, body } = requests[next++ % requests.length];
      const url = `${stele.url}${path}?ack=sealed`;
      const response = await fetch(url, { method: 'POST', headers, body });
      const text = await response.text();
      if (!response.ok) throw new Error(`append answered ${response.status}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return (performance.now() - start) / 1000;
}

async function replay(data) {
  const store = `file://${join(data, 'bench', 'store', 'bench')}`;
  const args = ['policy', 'replay', '--json', '--bundle', bundle, '--store', store];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakMb = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has just ended.
    }
  }, 200);
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  return { report: JSON.parse(said), peakMb };
}
