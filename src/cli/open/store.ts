import { randomBytes } from 'node:crypto';
import { SteleError } from '../../core/errors.ts';
import { openFileStore } from '../../storage/file-store.ts';
import type { ViewReaders } from '../../storage/file-store.ts';
import { MemoryStore } from '../../storage/memory-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Configuration } from '../settings/configuration.ts';
import { homeOf } from './home.ts';

/** Opens the store that the configuration names; it is not probed yet. */
export async function openStore(configuration: Configuration): Promise<ObjectStore> {
  const kind = configuration.text('store.kind');
  const clock = (): number => Date.now();
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  if (kind === 'memory') return new MemoryStore({ clock });
  if (kind === 'file') {
    const readers = configuration.text('store.readers') as ViewReaders;
    return openFileStore({ folder: homeOf(configuration).store, clock, random, readers });
  }
  const bucket = configuration.optionalText('store.bucket');
  if (bucket === null) {
    throw new SteleError('configuration_invalid', 'store.kind is s3 and store.bucket is not set', {
      disposition: 'fix-configuration',
    });
  }
  // The SDK is 25 MB of memory and a fifth of a second: only for whom it serves.
  const { openS3Store } = await import('../../storage/s3-store.ts');
  return openS3Store({
    bucket,
    region: configuration.text('store.region'),
    endpoint: configuration.optionalText('store.endpoint'),
    accessKeyId: configuration.optionalText('store.accessKeyId'),
    secretAccessKey: configuration.optionalText('store.secretAccessKey'),
  });
}
