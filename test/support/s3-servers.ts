/**
 * Real S3 servers for tests: installed pinned by `infra/test-servers/install.sh`, each run on free loopback ports with a
 * temporary folder and a fresh bucket that has Object Lock. Where a server cannot be had, tests are skipped by its name.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openS3Store } from '../../src/storage/s3-store.ts';
import type { S3Store } from '../../src/storage/s3-store.ts';
import type { S3Settings } from '../../src/storage/s3-clients.ts';

export type S3ServerKind = 'seaweedfs' | 'versitygw';

export const S3_SERVER_KINDS: readonly S3ServerKind[] = ['seaweedfs', 'versitygw'];

const BINARIES = { seaweedfs: 'weed-4.48', versitygw: 'versitygw-1.8.0' } as const;
/** Ports besides that of S3 itself. */
const SIDE_PORTS = { seaweedfs: 7, versitygw: 0 } as const;

const READY_MS = 30_000;
const project = path.resolve(import.meta.dirname, '../..');
const scripts = path.join(project, 'infra/test-servers');

/** A running server with one bucket. */
export interface S3Server {
  readonly kind: S3ServerKind;
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  readonly folder: string;
  /** What `openS3Store` takes, with time-outs that suit a busy test machine. */
  settings(changes?: Partial<S3Settings>): S3Settings;
  /** Another client of the bucket. The caller closes it. */
  openStore(changes?: Partial<S3Settings>): S3Store;
  /** Makes another bucket on the same server. */
  createBucket(name: string, options?: { readonly objectLock: boolean }): Promise<void>;
  /** SIGKILL, as a crash of the server; data stay. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same ports and data, and waits until it answers. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/**
 * Why a server cannot be used on this machine, or null when it can. Installs it on the first call, which for VersityGW
 * takes minutes on a cold cache; `make setup` does it beforehand.
 */
export function whyNoServer(kind: S3ServerKind): string | null {
  const binary = path.join(project, '.tools/bin', BINARIES[kind]);
  if (existsSync(binary)) return null;
  const args = [kind];
  execFileSync(path.join(scripts, 'install.sh'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return existsSync(binary) ? null : `skipped: ${kind} is not installed`;
}

/** Starts a server and makes a bucket with Object Lock. */
export async function startS3Server(kind: S3ServerKind): Promise<S3Server> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), `stele-${kind}-`));
  const [port = 0, ...sidePorts] = await freePorts(1 + SIDE_PORTS[kind]);
  const running = new ServerProcess(kind, folder, [port, ...sidePorts]);
  const access = {
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: ACCESS_KEY,
    secretAccessKey: SECRET_KEY,
  };
  const bucket = 'ledger';
  const settings = (changes: Partial<S3Settings> = {}): S3Settings => ({
    bucket,
    ...access,
    requestTimeoutMs: 20_000,
    ...changes,
  });
  const createBucket = async (name: string, options = { objectLock: true }): Promise<void> =>
    retried(running, async () => makeBucket(access, name, options.objectLock));
  await running.start();
  await createBucket(bucket).catch(async (error: unknown) => {
    await running.stop();
    throw error;
  });
  return {
    kind,
    port,
    bucket,
    folder,
    ...access,
    settings,
    openStore: (changes) => openS3Store(settings(changes)),
    createBucket,
    kill: async () => running.kill('SIGKILL'),
    restart: async () => {
      await running.start();
      const store = openS3Store(settings());
      await retried(running, async () => store.list('none/')).finally(async () => store.close());
    },
    stop: async () => running.stop(),
  };
}

const ACCESS_KEY = 'stele-test';
const SECRET_KEY = 'stele-test-secret';

/** The process of one server, and its folder. */
class ServerProcess {
  readonly #kind: S3ServerKind;
  readonly #folder: string;
  readonly #ports: readonly number[];
  #child: ChildProcess | null = null;
  #output = '';

  constructor(kind: S3ServerKind, folder: string, ports: readonly number[]) {
    this.#kind = kind;
    this.#folder = folder;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const args = [this.#kind, this.#folder, ...this.#ports.map(String)];
    const env = {
      PATH: process.env['PATH'],
      ROOT_ACCESS_KEY: ACCESS_KEY,
      ROOT_SECRET_KEY: SECRET_KEY,
    };
    const child = spawn(path.join(scripts, 'start.sh'), args, {
      cwd: this.#folder,
      env: { ...env, HOME: this.#folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString('utf8')).slice(-4000);
      });
    }
    this.#child = child;
    process.once('exit', this.#last);
    return Promise.resolve();
  }

  /** Fails loudly, with the server's last words, once the process is gone. */
  assertAlive(): void {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`${this.#kind} is not running: ${this.#output}`);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    process.removeListener('exit', this.#last);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    await fs.rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  readonly #last = (): void => {
    this.#child?.kill('SIGKILL');
  };
}

async function makeBucket(
  access: Omit<S3Settings, 'bucket'>,
  name: string,
  objectLock: boolean,
): Promise<void> {
  const { region, endpoint, accessKeyId, secretAccessKey } = access;
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const client = new S3Client({
    region,
    endpoint: endpoint ?? '',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? '' },
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 5000, throwOnRequestTimeout: true },
  });
  try {
    await client.send(
      new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: objectLock }),
    );
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'BucketAlreadyOwnedByYou') throw error;
  } finally {
    client.destroy();
  }
}

/** Repeats until the server has come up. */
async function retried(running: ServerProcess, step: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await step();
      return;
    } catch (error) {
      running.assertAlive();
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Free loopback ports, all held at once before they are let go, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports = await Promise.all(
    servers.map(
      async (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            resolve((server.address() as net.AddressInfo).port);
          });
        }),
    ),
  );
  await Promise.all(servers.map(async (server) => new Promise((done) => server.close(done))));
  return ports;
}
