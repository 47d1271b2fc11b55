// A real S3 server on loopback with one bucket that has Object Lock, for the time of one run.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const SIDE_PORTS = { versitygw: 0, seaweedfs: 7 };
const BUCKET = 'ledger';
const READY_MS = 30_000;

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/**
 * Starts `versitygw` or `seaweedfs` with its data in a folder.
 *
 * @returns {Promise<{settings: Record<string, string>, stop: () => Promise<void>}>} the gateway's settings for it
 */
export async function startS3Server(kind, folder) {
  const ports = await freePorts(1 + SIDE_PORTS[kind]);
  const credentials = { accessKeyId: 'crash', secretAccessKey: 'crash-and-recover' };
  const endpoint = `http://127.0.0.1:${ports[0]}`;
  mkdirSync(folder, { recursive: true });
  const script = resolve(import.meta.dirname, '../test-servers/start.sh');
  const child = spawn(script, [kind, folder, ...ports.map(String)], {
    stdio: 'ignore',
    env: {
      ...process.env,
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
  });
  const ended = new Promise((done) => child.once('exit', done));
  const client = new S3Client({
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
  for (
    const until = Date.now() + READY_MS;
    ;
    await new Promise((later) => setTimeout(later, 100))
  ) {
    try {
      await client.send(
        new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }),
      );
      break;
    } catch (error) {
      if (error.name === 'BucketAlreadyOwnedByYou') break;
      if (child.exitCode !== null) throw new Error(`${kind} ended with ${child.exitCode}`);
      if (Date.now() > until) throw error;
    }
  }
  client.destroy();
  return {
    settings: {
      'store.kind': 's3',
      'store.bucket': BUCKET,
      'store.endpoint': endpoint,
      'store.accessKeyId': credentials.accessKeyId,
      'store.secretAccessKey': credentials.secretAccessKey,
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
