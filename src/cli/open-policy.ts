import { createHash, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SteleError } from '../core/errors.ts';
import type { PublicJwk } from '../core/jws.ts';
import { BundleVerifier, SIGNATURES_FILE } from '../keys/bundle-signatures.ts';
import { verificationKey } from '../keys/verification-keys.ts';
import { DEFAULT_BUNDLE_LIMITS } from '../policy/bundle.ts';
import { SourceError } from '../policy/sources/source.ts';
import { stageBundle } from '../policy/stage.ts';
import type { SignatureCheck } from '../policy/stage.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import type { Configuration } from './configuration.ts';
import { openSource, openStager } from './open-source.ts';
import { packageRoot } from './version.ts';

const DEFAULT_BUNDLE = new URL('bundles/default/bundle.tar.gz', packageRoot);
const DEFAULT_BUILD = new URL('bundles/default/BUILD.json', packageRoot);

/** The most that `policy.bundleBytes` allows: what was archived once has to be read for ever. */
export const ARCHIVE_LIMITS = {
  ...DEFAULT_BUNDLE_LIMITS,
  packedBytes: 1 << 28,
  unpackedBytes: 1 << 30,
};

/**
 * Milliseconds for a bundle that is known already. It decided before, so it ends; giving up would only keep a gateway on an
 * overloaded machine from starting.
 */
const KNOWN_STAGE_MS = 300_000;

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
  return stageBundle(archive, unsigned, { stageMs: KNOWN_STAGE_MS });
}

/**
 * Stages a bundle of a ledger's own archive. No signature is needed: the log names its digest, and its identity says
 * that it is the one that was asked for.
 */
export async function stageArchived(archive: Uint8Array): Promise<StagedPolicy> {
  return stageBundle(archive, unsigned, { limits: ARCHIVE_LIMITS, stageMs: KNOWN_STAGE_MS });
}

/** Stages a bundle that is to decide in the shadow: whoever brought it, for nothing comes of it. */
export async function stageShadow(
  archive: Uint8Array,
  configuration: Configuration,
): Promise<StagedPolicy> {
  const packedBytes = configuration.whole('policy.bundleBytes');
  return stageBundle(archive, unsigned, { limits: { ...DEFAULT_BUNDLE_LIMITS, packedBytes } });
}

/**
 * Stages a bundle that is to be activated: signed by one of the authors that the request brings, or by nobody, which
 * the policy in charge may refuse.
 */
export async function stageSubmitted(
  archive: Uint8Array,
  authors: readonly PublicJwk[],
  configuration: Configuration,
): Promise<StagedPolicy> {
  const packedBytes = configuration.whole('policy.bundleBytes');
  const limits = { ...DEFAULT_BUNDLE_LIMITS, packedBytes };
  const keys = await Promise.all(
    authors.map(async (jwk) => {
      return verificationKey(createPublicKey({ key: { ...jwk }, format: 'jwk' }), 'a certificate');
    }),
  );
  const verifier = new BundleVerifier(keys, configuration.text('policy.scope'));
  const check: SignatureCheck = async (files) =>
    files.has(SIGNATURES_FILE) ? verifier.verify(files) : null;
  return stageBundle(archive, check, { limits });
}
