import type { Genesis } from '../core/genesis.ts';
import { ObjectExistsError } from '../storage/errors.ts';
import { objectKeys } from '../storage/object-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { wholeSecond } from '../storage/retention.ts';

const DAY_MS = 86_400_000;

/**
 * Keeps the bundle of a policy in the ledger, locked as its batches are: what decided can be run again when every
 * gateway is gone. Does nothing where it is kept already.
 */
export async function archivePolicy(
  store: ObjectStore,
  ledger: string,
  genesis: Genesis,
  policy: { readonly id: string; readonly archive: Uint8Array },
): Promise<void> {
  const { mode, days } = genesis.batchLock;
  const now = Math.max(Date.now(), store.now() ?? 0);
  const retention =
    mode === 'none' ? null : { mode, until: wholeSecond(now + Math.max(days, 1) * DAY_MS) };
  try {
    await store.putNew(objectKeys(ledger).policy(policy.id, 'bundle.tar.gz'), policy.archive, {
      retention,
      contentType: 'application/gzip',
    });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
}
