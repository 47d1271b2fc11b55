/** Bundles of policies in the store: what decided can be run again when every gateway is gone. */
import { sha256Base64Url } from '#platform';
import { equalBytes } from '../../core/platform/bytes.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import { ObjectExistsError } from '../../storage/errors.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { coversRetention, wholeSecond } from '../../storage/retention.ts';
import { HaltError } from '../context/errors.ts';
import { strengthenLock } from './heal.ts';
import { oldestObject } from './slot.ts';

const DAY_MS = 86_400_000;
const FILE = 'bundle.tar.gz';
/** Bytes of a bundle that is read: as many as any gateway may be set to take. */
const ARCHIVED_BYTES_MAX = 67_108_864;

/** Key of the bundle of a policy. */
export function policyKey(ledger: string, id: string): string {
  return objectKeys(ledger).policy(id, FILE);
}

/**
 * Keeps the bundle of a policy in the ledger, locked as its batches are. Where it is kept already its lock becomes as
 * long as it would be now, as far as the store lets.
 *
 * @throws {@link HaltError} `policy_archive_altered` when something else stands there.
 */
export async function archivePolicy(
  store: ObjectStore,
  ledger: string,
  genesis: Pick<Genesis, 'batchLock'>,
  policy: { readonly id: string; readonly archive: Uint8Array },
  clock: () => number,
): Promise<void> {
  const { mode, days } = genesis.batchLock;
  const now = Math.max(clock(), store.now() ?? 0);
  const retention =
    mode === 'none' ? null : { mode, until: wholeSecond(now + Math.max(days, 1) * DAY_MS) };
  const key = policyKey(ledger, policy.id);
  try {
    await store.putNew(key, policy.archive, { retention, contentType: 'application/gzip' });
    return;
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  const oldest = oldestObject(await store.listVersions(key));
  const versionId = oldest?.versionId ?? '';
  const found = await store.get(key, { versionId });
  if (found === null || !equalBytes(found.bytes, policy.archive)) {
    throw new HaltError('policy_archive_altered', `${key} holds something else`);
  }
  if (retention === null) return;
  // Whoever put it there first may have locked it in his own way: that stops nobody.
  const head = await store.head(key, versionId);
  const held = head?.retention ?? null;
  if (coversRetention(held, retention)) return;
  await strengthenLock(store, key, versionId, retention, held);
}

/**
 * Reads the bundle of a policy: the oldest version, as of every object that is written once.
 *
 * @param digest - SHA-256 that its activation names, base64url; null for the policy of genesis, which is known by its id.
 * @returns null where it is not there.
 * @throws {@link HaltError} `policy_archive_altered`.
 */
export async function readArchivedPolicy(
  store: ObjectStore,
  ledger: string,
  { id, digest }: { readonly id: string; readonly digest: string | null },
): Promise<Uint8Array | null> {
  const key = policyKey(ledger, id);
  const oldest = oldestObject(await store.listVersions(key));
  if (oldest === undefined) return null;
  const { versionId, size } = oldest;
  if (size > ARCHIVED_BYTES_MAX) {
    throw new HaltError('policy_archive_altered', `${key} has ${size} bytes, a bundle has fewer`);
  }
  const found = await store.get(key, { versionId });
  if (found === null) return null;
  const hash = sha256Base64Url(found.bytes);
  if (digest === null || hash === digest) return found.bytes;
  throw new HaltError('policy_archive_altered', `${key} hashes to ${hash}, want ${digest}`);
}
