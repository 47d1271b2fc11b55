/** A real gateway: the built program as a process of its own, with a folder of its own, on loopback. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { projectRoot, run } from './tools.ts';

const cli = join(process.env['DIST_FOLDER'] ?? join(projectRoot, 'dist'), 'cli/main.js');
const START_MS = 60_000;

/** What `GET /v1/ledgers/{ledger}` says that strangers need. */
export interface LedgerFacts {
  readonly vkeys: readonly string[];
  readonly jwks: unknown;
  readonly size: number;
}

/** A serving gateway. */
export interface GatewayProcess {
  readonly url: string;
  readonly ledger: string;
  /** Requests a path as a caller: `service`, `auditor`, `admin`, or nobody. */
  fetch(
    path: string,
    options?: { as?: Role; accept?: string; body?: string; type?: string },
  ): Promise<Response>;
  /** Resolves when the path is answered with the status. */
  until(path: string, status: number): Promise<void>;
  /** Drains, ends, and fails unless it ended clean. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** A founded ledger that is not served yet. */
export interface FoundedGateway {
  /** Starts the gateway. @param until - What has to be answered with 200 first. */
  serve(until?: string): Promise<GatewayProcess>;
}

/** Roles of the default policy; each has one key. */
export type Role = 'service' | 'auditor' | 'admin';

/** Founds a ledger in `folder` and serves it. @param settings - Beside ledger, folder and port. */
export async function startGateway(
  ledger: string,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  return (await foundGateway(ledger, folder, settings)).serve();
}

/** Founds a ledger in `folder`. @param settings - Beside ledger, folder and port. */
export async function foundGateway(
  ledger: string,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<FoundedGateway> {
  const port = await freePort();
  const set = Object.entries({
    ledger,
    data: folder,
    'listen.port': String(port),
    'log.level': 'error',
    'callers.anonymous': 'true', // strangers read the log without a key
    'policy.deadlineMs': '1000', // a busy machine is no reason to deny
    ...settings,
  }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const command = async (...words: string[]): Promise<Record<string, string>> => {
    const done = await run(process.execPath, [cli, '--json', ...words, ...set]);
    if (done.code !== 0) throw new Error(`stele ${words[0] ?? ''} said ${done.stderr}`);
    return JSON.parse(done.stdout) as Record<string, string>;
  };
  await command('init');
  const keys = new Map<Role, string>();
  for (const role of ['service', 'auditor', 'admin'] as const) {
    keys.set(role, (await command('keygen', '--id', `the-${role}`, '--role', role))['key'] ?? '');
  }
  return {
    serve: async (until = '/readyz') => serve({ ledger, port, set, keys }, until),
  };
}

interface Serving {
  readonly ledger: string;
  readonly port: number;
  readonly set: readonly string[];
  readonly keys: ReadonlyMap<Role, string>;
}

async function serve({ ledger, port, set, keys }: Serving, first: string): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [cli, 'serve', ...set], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const life = watch(child);
  const url = `http://127.0.0.1:${port}`;
  const until = async (path: string, status: number): Promise<void> => {
    await life.until(async () => (await fetch(`${url}${path}`)).status === status);
  };
  await until(first, 200);
  return {
    url,
    ledger,
    until,
    fetch: async (path, { as, accept, body, type = 'application/json' } = {}) =>
      fetch(`${url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(as === undefined ? {} : { authorization: `Bearer ${keys.get(as) ?? ''}` }),
          ...(accept === undefined ? {} : { accept }),
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        ...(body === undefined ? {} : { body }),
      }),
    stop: async () => life.stop(),
    kill: async () => life.kill(),
  };
}

interface Life {
  until(ready: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

function watch(child: ChildProcess): Life {
  let said = '';
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-4000)));
  let over = false;
  const ended = new Promise<number | null>((done) => {
    child.once('close', (code) => {
      over = true;
      done(code);
    });
  });
  const last = (): void => void child.kill('SIGKILL');
  process.once('exit', last);
  return {
    until: async (ready) => {
      for (const end = Date.now() + START_MS; Date.now() < end && !over;) {
        if (await ready().catch(() => false)) return;
        await new Promise((later) => setTimeout(later, 50));
      }
      child.kill('SIGKILL');
      throw new Error(`the gateway did not come up: ${said}`);
    },
    kill: async () => {
      process.removeListener('exit', last);
      child.kill('SIGKILL');
      await ended;
    },
    stop: async () => {
      process.removeListener('exit', last);
      child.kill('SIGTERM');
      const code = await ended;
      if (code !== 0) throw new Error(`the gateway ended with ${code ?? 'a signal'}: ${said}`);
    },
  };
}

/** A port of 127.0.0.1 that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
