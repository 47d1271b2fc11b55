import { createHash, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SteleError } from '../../core/errors.ts';
import type { PublicJwk } from '../../core/json/jws.ts';
import {
  BundleSignatureError,
  BundleVerifier,
  SIGNATURES_FILE,
} from '../../keys/bundle-signatures.ts';
import { verificationKey } from '../../keys/verification-keys.ts';
import type { SubmittedFrom } from '../../gateway/context/components.ts';
import type { NamedSigner } from '../../ledger/context/components.ts';
import { DEFAULT_BUNDLE_LIMITS, unpackBundle } from '../../policy/bundle/bundle.ts';
import { SourceError } from '../../policy/bundle/sources/source.ts';
import { stageBundle } from '../../policy/bundle/stage.ts';
import type { SignatureCheck } from '../../policy/bundle/stage.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { Configuration } from '../settings/configuration.ts';
import { openSource, openStager } from './source.ts';
import { packageRoot } from '../version.ts';

const DEFAULT_BUNDLE = new URL('bundles/default/bundle.tar.gz', packageRoot);
const DEFAULT_BUILD = new URL('bundles/default/BUILD.json', packageRoot);

/**
 * The most that `policy.bundleBytes` allows: what was archived once has to be read for ever. It unpacks to no more than
 * any other bundle, for it is held in memory several times over.
 */
export const ARCHIVE_LIMITS = { ...DEFAULT_BUNDLE_LIMITS, packedBytes: 1 << 26 };

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
 * Stages a bundle that is to be activated: signed by one of the authors that the request brings. One that nobody signed
 * is taken with `policy.unsigned`, or where it comes back out of the archive, as it was in charge before: else its author
 * could take the signature off and approve it himself.
 */
export async function stageSubmitted(
  archive: Uint8Array,
  { authors, isArchived }: SubmittedFrom,
  configuration: Configuration,
): Promise<StagedPolicy> {
  const packedBytes = configuration.whole('policy.bundleBytes');
  const limits = { ...DEFAULT_BUNDLE_LIMITS, packedBytes };
  const verifier = await verifierOf(authors, configuration.text('policy.scope'));
  const isBareTaken = isArchived || configuration.flag('policy.unsigned');
  const check: SignatureCheck = async (files) =>
    isBareTaken && !files.has(SIGNATURES_FILE) ? null : verifier.verify(files);
  return stageBundle(archive, check, { limits });
}

/**
 * Holds an archived bundle against the signer that its activation names: that key signed it, or nobody did where it
 * names none.
 *
 * @returns why it is not so; undefined where it is.
 * @throws {@link BundleError} where it cannot be unpacked.
 */
export async function signerFault(
  archive: Uint8Array,
  { signer, author }: NamedSigner,
): Promise<string | undefined> {
  const files = await unpackBundle(archive, ARCHIVE_LIMITS);
  const named = signer ?? 'nobody';
  if (!files.has(SIGNATURES_FILE)) {
    return signer === null ? undefined : `nobody signed the bundle, its activation says ${named}`;
  }
  try {
    const verifier = await verifierOf(author === null ? [] : [author], null);
    const kid = await verifier.verify(files);
    return kid === signer ? undefined : `${kid} signed the bundle, its activation says ${named}`;
  } catch (error) {
    if (!(error instanceof BundleSignatureError)) throw error;
    return `${error.message}; its activation says ${named}`;
  }
}

async function verifierOf(
  authors: readonly PublicJwk[],
  scope: string | null,
): Promise<BundleVerifier> {
  const keys = await Promise.all(
    authors.map(async (jwk) => {
      return verificationKey(createPublicKey({ key: { ...jwk }, format: 'jwk' }), 'a certificate');
    }),
  );
  return new BundleVerifier(keys, scope);
}
