import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SteleError } from '../core/errors.ts';
import { readBundle } from '../policy/bundle.ts';
import { preparePolicy } from '../policy/prepare.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import type { Configuration } from './configuration.ts';
import { packageRoot } from './version.ts';

const DEFAULT_BUNDLE = new URL('bundles/default', packageRoot);

/**
 * Reads and checks the policy bundle that the configuration names.
 * @throws {@link SteleError} `bundle_missing`, and whatever is wrong with the bundle.
 */
export async function openPolicy(configuration: Configuration): Promise<StagedPolicy> {
  const folder = configuration.optionalText('policy.bundle') ?? fileURLToPath(DEFAULT_BUNDLE);
  const path = folder.endsWith('.tar.gz') ? folder : join(folder, 'bundle.tar.gz');
  let archive: Uint8Array;
  try {
    archive = await readFile(path);
  } catch (cause) {
    throw new SteleError('bundle_missing', `there is no policy bundle at ${path}`, {
      disposition: 'fix-configuration',
      cause,
    });
  }
  const bundle = await readBundle(archive);
  const prepared = preparePolicy(bundle);
  const revision = bundle.revision === '' ? null : bundle.revision;
  return { archive, prepared, digest: bundle.sha256, revision, signer: null };
}
