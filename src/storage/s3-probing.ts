/** What the start-up probe may try on a bucket; nothing else may, but for the deletion of a delete marker. */
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import type { StoreProbing, StoreSettings } from './object-store.ts';
import { failureOf, isLockRefusal, s3ReadError } from './s3-errors.ts';

/** The probing of one bucket. A missing right counts as a refusal: it protects as well. */
export function s3Probing(client: S3Client, bucket: string): StoreProbing {
  return {
    tryDeleteVersion: async (key, versionId) => {
      const command = new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
      return refusable('deleted', `delete of ${key}`, async () => client.send(command));
    },
    tryOverwrite: async (key, bytes) => {
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: Buffer.from(bytes),
        ChecksumAlgorithm: 'SHA256',
      });
      return refusable('stored', `overwrite of ${key}`, async () => client.send(command));
    },
    settings: async () => {
      const [versioning, lock] = await Promise.all([
        versioningOf(client, bucket),
        lockOf(client, bucket),
      ]);
      return { versioning, ...lock };
    },
  };
}

async function refusable<T extends string>(
  done: T,
  what: string,
  attempt: () => Promise<unknown>,
): Promise<T | 'refused'> {
  try {
    await attempt();
    return done;
  } catch (error) {
    if (isLockRefusal(error) || failureOf(error).status === 412) return 'refused';
    throw s3ReadError(error, what);
  }
}

async function versioningOf(
  client: S3Client,
  bucket: string,
): Promise<StoreSettings['versioning']> {
  try {
    const answer = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    return answer.Status === 'Enabled' ? 'enabled' : 'disabled';
  } catch (error) {
    if (isUnreadable(error)) return 'unknown';
    throw s3ReadError(error, `versioning of ${bucket}`);
  }
}

async function lockOf(
  client: S3Client,
  bucket: string,
): Promise<Pick<StoreSettings, 'objectLock' | 'defaultRetention'>> {
  try {
    const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }));
    const { ObjectLockEnabled: enabled, Rule: rule } = answer.ObjectLockConfiguration ?? {};
    return {
      objectLock: enabled === 'Enabled' ? 'enabled' : 'disabled',
      // Any member of a rule: what a later release of S3 may put there locks things just as well.
      // One server shows an empty rule where there is none.
      defaultRetention: isEmpty(rule) ? 'none' : 'present',
    };
  } catch (error) {
    if (failureOf(error).code === 'ObjectLockConfigurationNotFoundError') {
      return { objectLock: 'disabled', defaultRetention: 'none' };
    }
    if (isUnreadable(error)) return { objectLock: 'unknown', defaultRetention: 'unknown' };
    throw s3ReadError(error, `object lock of ${bucket}`);
  }
}

function isEmpty(rule: object | undefined): boolean {
  return Object.values(rule ?? {}).every((member) => member === undefined);
}

/** Not permitted, or not implemented. */
function isUnreadable(error: unknown): boolean {
  const { status } = failureOf(error);
  return status === 403 || status === 501;
}
