// A real S3 server for a benchmark: loopback, temporary folder, a fresh bucket with Object Lock.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, start } from './process.mjs';

const KEYS = { ROOT_ACCESS_KEY: 'stele-bench', ROOT_SECRET_KEY: 'stele-bench-secret' };
const binaries = { versitygw: '.tools/bin/versitygw-1.8.0' };

/** @returns what `startStele` is to be told, and how to stop; null where the server is not installed. */
export async function startS3(kind) {
  if (!existsSync(binaries[kind])) return null;
  const folder = mkdtempSync(join(tmpdir(), `stele-bench-${kind}-`));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: KEYS.ROOT_ACCESS_KEY, secretAccessKey: KEYS.ROOT_SECRET_KEY };
  const { stop } = await start({
    command: 'infra/test-servers/start.sh',
    args: [kind, folder, String(port)],
    env: KEYS,
    url: endpoint,
    answers: () => true,
  });
  const client = new S3Client({ region: 'us-east-1', endpoint, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'bench', ObjectLockEnabledForBucket: true }));
  client.destroy();
  return {
    settings: {
      'store.kind': 's3',
      'store.bucket': 'bench',
      'store.endpoint': endpoint,
      'store.accessKeyId': credentials.accessKeyId,
      'store.secretAccessKey': credentials.secretAccessKey,
    },
    stop: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
