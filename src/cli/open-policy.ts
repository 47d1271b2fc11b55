import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SteleError } from '../core/errors.ts';
import { DEFAULT_BUNDLE_LIMITS } from '../policy/bundle.ts';
import { SourceError } from '../policy/sources/source.ts';
import { stageBundle } from '../policy/stage.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import { objectKeys } from '../storage/object-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Configuration } from './configuration.ts';
import { openSource, openStager } from './open-source.ts';
import { packageRoot } from './version.ts';

const DEFAULT_BUNDLE = new URL('bundles/default/bundle.tar.gz', packageRoot);
const DEFAULT_BUILD = new URL('bundles/default/BUILD.json', packageRoot);

/** The most that `policy.bundleBytes` allows: what was archived once has to be read for ever. */
const ARCHIVE_LIMITS = {
  ...DEFAULT_BUNDLE_LIMITS,
  packedBytes: 1 << 28,
  unpackedBytes: 1 << 30,
};

/** Nobody has to have signed what is known by its digest. */
const unsigned = async (): Promise<null> => Promise.resolve(null);

/**
 * Fetches and stages the policy that the configuration names: what a ledger is founded with.
 * @throws {@link SteleError} `bundle_missing`, and whatever is wrong with the source, the signature or the bundle.
 */
export async function openPolicy(configuration: Configuration): Promise<StagedPolicy> {
  const source = await openSource(configuration);
  if (source === null) return openDefaultPolicy();
  try {
    const stage = await openStager(configuration);
    const archive = await source.fetch(new AbortController().signal);
    if (archive !== null) return await stage(archive);
    throw new SourceError('bundle_missing', `${source.name} gave no bundle`);
  } finally {
    await source.close();
  }
}

/** The policy that comes with the program: not signed, but the digest that was committed with it has to hold. */
export async function openDefaultPolicy(): Promise<StagedPolicy> {
  const archive = new Uint8Array(await readFile(DEFAULT_BUNDLE));
  const { bundle } = JSON.parse(await readFile(DEFAULT_BUILD, 'utf8')) as { bundle: string };
  if (createHash('sha256').update(archive).digest('hex') !== bundle) {
    const message = 'the default policy is not the one that this version was released with';
    throw new SteleError('bundle_altered', message, { disposition: 'fix-configuration' });
  }
  return stageBundle(archive, unsigned);
}

/**
 * A policy from the ledger's own archive. Its identity says that it is the one that was asked for, so no signature is
 * needed: whoever changed the archive made another policy of it.
 *
 * @returns null where it is not archived.
 * @throws {@link SteleError} `policy_archive_altered`; and whatever is wrong with what stands there.
 */
export async function openArchivedPolicy(
  store: ObjectStore,
  ledger: string,
  id: string,
): Promise<StagedPolicy | null> {
  const key = objectKeys(ledger).policy(id, 'bundle.tar.gz');
  const oldest = (await store.listVersions(key)).find(({ isDeleteMarker }) => !isDeleteMarker);
  if (oldest === undefined) return null;
  const end = ARCHIVE_LIMITS.packedBytes + 1;
  const { versionId } = oldest;
  const found = await store.get(key, { versionId, range: { start: 0, end } });
  if (found === null) return null;
  const staged = await stageBundle(found.bytes, unsigned, { limits: ARCHIVE_LIMITS });
  if (staged.prepared.identity.id === id) return staged;
  const message = `${key} holds policy ${staged.prepared.identity.id}`;
  throw new SteleError('policy_archive_altered', message, { disposition: 'halt' });
}
