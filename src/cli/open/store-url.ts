import { fileURLToPath } from 'node:url';
import type { ObjectStore } from '../../storage/object-store.ts';
import { resolveConfiguration } from '../settings/configuration.ts';
import type { Configuration } from '../settings/configuration.ts';
import { malformed } from '../option-values.ts';
import { openStore } from './store.ts';

/** Whether a text names a ledger in a store. */
export function isStoreUrl(text: string): boolean {
  return /^(file|s3):/.test(text);
}

/**
 * Opens the store of a ledger for as long as `use` needs it.
 *
 * @param url - Undefined: as configured.
 * @throws {@link SteleError} `option_malformed` for what is no URL of a store.
 */
export async function withStore<T>(
  url: string | undefined,
  configuration: Configuration,
  use: (store: ObjectStore, settings: Configuration) => Promise<T>,
): Promise<T> {
  const settings = url === undefined ? configuration : storeSettings(url, configuration);
  const store = await openStore(settings);
  try {
    return await use(store, settings);
  } finally {
    await store.close();
  }
}

/** `file:///folder/ledger` and `s3://bucket/ledger` as settings; credentials and endpoint stay as configured. */
function storeSettings(target: string, configuration: Configuration): Configuration {
  if (!isStoreUrl(target) || !URL.canParse(target)) {
    throw malformed(
      `${target} names no store: file:///<folder>/<ledger> or s3://<bucket>/<ledger>`,
    );
  }
  const url = new URL(target);
  const [ledger = '', ...parents] = url.pathname.split('/').filter(Boolean).reverse();
  const place: Record<string, string> =
    url.protocol === 'file:'
      ? {
          'store.kind': 'file',
          'store.path': fileURLToPath(`file:///${parents.reverse().join('/')}`),
        }
      : { 'store.kind': 's3', 'store.bucket': url.hostname };
  const kept = ['store.endpoint', 'store.region', 'store.accessKeyId', 'store.secretAccessKey'];
  const flags = Object.fromEntries(
    kept.flatMap((key) => {
      const value = configuration.optionalText(key);
      return value === null ? [] : [[key, value] as const];
    }),
  );
  return resolveConfiguration({ flags: { ...flags, ...place, ledger }, environment: {} });
}
