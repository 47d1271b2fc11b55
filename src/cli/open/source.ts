import { readFile } from 'node:fs/promises';
import { SteleError } from '../../core/errors.ts';
import { BundleVerifier, SIGNATURES_FILE } from '../../keys/bundle-signatures.ts';
import { readSecretFile } from '../../keys/key-files.ts';
import { loadVerificationKeys } from '../../keys/verification-keys.ts';
import { DEFAULT_BUNDLE_LIMITS } from '../../policy/bundle/bundle.ts';
import { DirectorySource } from '../../policy/bundle/sources/directory.ts';
import { HttpSource } from '../../policy/bundle/sources/http.ts';
import { ObjectSource } from '../../policy/bundle/sources/objects.ts';
import type { BundleObjects } from '../../policy/bundle/sources/objects.ts';
import type { BundleSource } from '../../policy/bundle/sources/source.ts';
import { stageBundle } from '../../policy/bundle/stage.ts';
import type { SignatureCheck } from '../../policy/bundle/stage.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import { isObjectKey } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Configuration } from '../settings/configuration.ts';

/** Milliseconds for which a file must have stayed as it is before it is read. */
const SETTLE_MS = 250;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Stages one bundle as the configuration says: who must have signed it, how large it may be. */
export type Stager = (archive: Uint8Array, signal?: AbortSignal) => Promise<StagedPolicy>;

/**
 * Opens the source of bundles that the configuration names; null where the default policy decides.
 * @throws {@link SteleError} `configuration_invalid`, and what is wrong with key files.
 */
export async function openSource(configuration: Configuration): Promise<BundleSource | null> {
  const place = configuration.optionalText('policy.bundle');
  if (place === null) return null;
  const maxBytes = configuration.whole('policy.bundleBytes');
  if (/^https?:\/\//.test(place)) return openHttp(configuration, place, maxBytes);
  if (place.startsWith('s3://')) return openBucket(configuration, place, maxBytes);
  const path = place.startsWith('file://') ? new URL(place).pathname : place;
  return new DirectorySource({ path, maxBytes, settleMs: SETTLE_MS });
}

/** @throws {@link SteleError} `configuration_invalid` when neither keys nor `policy.unsigned` are set. */
export async function openStager(configuration: Configuration): Promise<Stager> {
  const check = await signatureCheck(configuration);
  const packedBytes = configuration.whole('policy.bundleBytes');
  const limits = { ...DEFAULT_BUNDLE_LIMITS, packedBytes };
  return async (archive, signal) =>
    stageBundle(archive, check, { limits, ...(signal === undefined ? {} : { signal }) });
}

async function signatureCheck(configuration: Configuration): Promise<SignatureCheck> {
  const files = (configuration.optionalText('policy.keys') ?? '').split(',').map((f) => f.trim());
  const loaded = await Promise.all(files.filter(Boolean).map(loadVerificationKeys));
  const keys = loaded.flat();
  const unsigned = configuration.flag('policy.unsigned');
  if (keys.length === 0 && !unsigned) {
    throw invalid('policy.bundle is set and neither policy.keys nor policy.unsigned is');
  }
  const verifier = new BundleVerifier(keys, configuration.text('policy.scope'));
  return async (bundle) =>
    unsigned && !bundle.has(SIGNATURES_FILE) ? null : verifier.verify(bundle);
}

async function openHttp(
  configuration: Configuration,
  place: string,
  maxBytes: number,
): Promise<HttpSource> {
  const url = URL.canParse(place) ? new URL(place) : null;
  if (url === null) throw invalid('policy.bundle is no URL');
  if (url.username !== '' || url.password !== '') {
    throw invalid('policy.bundle holds credentials: use policy.tokenFile');
  }
  const tokenFile = configuration.optionalText('policy.tokenFile');
  if (url.protocol === 'http:' && tokenFile !== null && !LOOPBACK.has(url.hostname)) {
    throw invalid('policy.tokenFile is sent over TLS only: policy.bundle begins with http://');
  }
  const [ca, cert, key] = ['policy.ca', 'policy.clientCert', 'policy.clientKey'].map((name) =>
    configuration.optionalText(name),
  );
  if ((cert === null) !== (key === null)) {
    throw invalid('policy.clientCert and policy.clientKey are set together or not at all');
  }
  return new HttpSource({
    url,
    tokenFile,
    ca: typeof ca === 'string' ? await readFile(ca, 'utf8') : null,
    client:
      typeof cert === 'string' && typeof key === 'string'
        ? { cert: await readFile(cert, 'utf8'), key: await readSecretFile(key) }
        : null,
    maxBytes,
    timeoutMs: configuration.whole('policy.downloadMs'),
    longPollSeconds: configuration.whole('policy.longPollSeconds'),
  });
}

async function openBucket(
  configuration: Configuration,
  place: string,
  maxBytes: number,
): Promise<ObjectSource> {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(place) ?? [];
  if (bucket === '') throw invalid('policy.bundle is not s3://bucket/prefix');
  const { openS3Store } = await import('../../storage/s3-store.ts');
  const store = openS3Store({
    bucket,
    region: configuration.text('store.region'),
    endpoint: configuration.optionalText('store.endpoint'),
    accessKeyId: configuration.optionalText('store.accessKeyId'),
    secretAccessKey: configuration.optionalText('store.secretAccessKey'),
  });
  const timeoutMs = configuration.whole('policy.downloadMs');
  return new ObjectSource(objectsOf(store), { name: place, prefix, maxBytes, timeoutMs });
}

/** The part of a store that a source of bundles needs. */
export function objectsOf(store: ObjectStore): BundleObjects {
  return {
    // Keys of no store of ours are nobody's bundles: whoever can put one there must not stop the others.
    list: async (prefix) => (await store.list(prefix)).filter(isObjectKey),
    head: async (key) => store.head(key),
    get: async (key, maxBytes) => store.get(key, { range: { start: 0, end: maxBytes } }),
    close: async () => store.close(),
  };
}

function invalid(message: string): SteleError {
  return new SteleError('configuration_invalid', message, { disposition: 'fix-configuration' });
}
