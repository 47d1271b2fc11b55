import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, test } from '@jest/globals';
import { S3_SERVER_KINDS, startS3Server, whyNoServer } from '../support/s3-servers.ts';
import { objectStoreContract } from './object-store.ts';

for (const kind of S3_SERVER_KINDS) {
  const reason = whyNoServer(kind);
  if (reason !== null) {
    describe('the object store contract', () => {
      test.skip(reason, () => undefined);
    });
    continue;
  }
  objectStoreContract(kind, async () => {
    const server = await startS3Server(kind);
    const store = server.openStore();
    const other = server.openStore();
    const { region, endpoint, accessKeyId, secretAccessKey, bucket } = server;
    const attacker = new S3Client({
      region,
      endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    return {
      store,
      other,
      // SeaweedFS takes about a second for two writers of one key, and ten for sixteen.
      racers: kind === 'seaweedfs' ? 4 : 16,
      overMarker: kind === 'seaweedfs' ? 'creates' : 'refuses',
      canOverwrite: true,
      markDeleted: async (key) => {
        await attacker.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      },
      close: async () => {
        await Promise.all([store.close(), other.close()]);
        attacker.destroy();
        await server.stop();
      },
    };
  });
}
