// A real gateway process that may die at any moment.
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const cli = resolve(
  process.env.DIST_FOLDER ?? join(import.meta.dirname, '../../dist'),
  'cli/main.js',
);
const START_MS = 300_000;
const STOP_MS = 120_000;

/** Lives that nobody has ended yet: none of them outlives this process. */
const alive = new Set();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Ends whatever lives, and waits for it. */
export async function endAll() {
  const ended = [...alive].map((child) => new Promise((done) => child.once('close', done)));
  for (const child of alive) child.kill('SIGKILL');
  await Promise.all(ended);
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * A gateway on one port for all its lives.
 *
 * @param {Record<string, string>} settings - beside ledger and port
 */
export async function gatewayOf(ledger, settings) {
  const port = await freePort();
  const set = Object.entries({
    ledger,
    'listen.port': String(port),
    'log.level': 'error',
    'callers.anonymous': 'true', // who reads the log back has no key
    'gateway.entriesPerMinute': '100000000', // one caller writes all of it
    'gateway.entryBytesPerMinute': '1099511627776',
    ...settings,
  }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const url = `http://127.0.0.1:${port}`;

  /** Runs a command to its end. @returns {Promise<{code: number, stdout: string, stderr: string}>} */
  const run = async (...words) => {
    try {
      const options = { maxBuffer: 1 << 28 };
      const said = await promisify(execFile)(process.execPath, [cli, ...words, ...set], options);
      return { code: 0, ...said };
    } catch (error) {
      if (typeof error.code !== 'number') throw error;
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  };

  const start = () => {
    const child = spawn(process.execPath, [cli, 'serve', ...set], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    alive.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-8000)));
    }
    const ended = new Promise((done) => {
      child.once('close', (code, signal) => {
        alive.delete(child);
        done(code ?? signal);
      });
    });
    return {
      pid: child.pid,
      ended,
      over: () => !alive.has(child),
      said: () => said.trim(),
      kill: (signal) => child.kill(signal),
    };
  };

  /** Waits until a life takes writes. @throws when it ends or does not come up. */
  const ready = async (life) => {
    for (const until = Date.now() + START_MS; Date.now() < until;) {
      if (life.over())
        throw new Error(`the gateway ended with ${await life.ended}: ${life.said()}`);
      const answer = await fetch(`${url}/readyz`).catch(() => null);
      if (answer?.status === 200) return;
      await new Promise((later) => setTimeout(later, 20));
    }
    throw new Error(`the gateway is not ready: ${life.said()}`);
  };

  /** Lets a life drain and end. @throws unless it ends clean. */
  const stop = async (life) => {
    life.kill('SIGTERM');
    const timer = setTimeout(() => life.kill('SIGKILL'), STOP_MS);
    const how = await life.ended;
    clearTimeout(timer);
    if (how !== 0)
      throw new Error(`the gateway ended with ${how} when told to stop: ${life.said()}`);
  };

  return { ledger, url, port, run, start, ready, stop };
}
