import type { Genesis } from '../core/genesis.ts';
import type { ObjectHead, Retention, RetentionMode } from '../storage/object-store.ts';
import { coversRetention, retentionOf } from '../storage/retention.ts';
import { lockClock } from './context.ts';
import type { LedgerContext } from './context.ts';
import { HaltError } from './errors.ts';
import { oldestObject } from './slot.ts';

/** What healing needs, also before a ledger is open. */
type HealContext = Pick<LedgerContext, 'store' | 'clock' | 'finding' | 'genesis'>;

/**
 * Makes sure that a version is locked as it was declared: some stores show an object before its lock, and a crash of
 * theirs in between leaves it so.
 *
 * @param wanted - Null where no lock was declared.
 * @param known - What `head` said already, to spare a call.
 * @throws {@link HaltError} `lock_refused` when the store takes the request and still does not lock, unless genesis
 *   says that the store is weak.
 */
export async function healLock(
  context: HealContext,
  key: string,
  versionId: string,
  wanted: Retention | null,
  known?: ObjectHead | null,
): Promise<void> {
  // A date that is past locks nothing, and the store would refuse it.
  if (wanted === null || wanted.until <= lockClock(context)) return;
  const { store } = context;
  const before = known === undefined ? await store.head(key, versionId) : known;
  if (before !== null && coversRetention(before.retention, wanted)) return;
  const code = before?.retention == null ? 'missing_lock' : 'short_lock';
  context.finding(code, { key, versionId });
  await store.extendRetention(key, versionId, wanted);
  const after = await store.head(key, versionId);
  if (after !== null && coversRetention(after.retention, wanted)) return;
  if (context.genesis.weakStore) return;
  throw new HaltError('lock_refused', `${key} cannot be locked`);
}

/** The lock that genesis has to have at least: as long from its own time as it wants for batches. */
export function genesisLock({ time, batchLock }: Pick<Genesis, 'time' | 'batchLock'>): {
  readonly mode: RetentionMode | 'none';
  readonly retainUntil: number;
} {
  const { mode, days } = batchLock;
  return { mode, retainUntil: time - (time % 1000) + days * DAY_MS };
}

/** The same for genesis, on which all else hangs. */
export async function healGenesis(
  context: HealContext & Pick<LedgerContext, 'keys'>,
): Promise<void> {
  const { store, keys, genesis } = context;
  const oldest = oldestObject(await store.listVersions(keys.genesis));
  if (oldest === undefined) return;
  const wanted = retentionOf(genesisLock(genesis));
  await healLock(context, keys.genesis, oldest.versionId, wanted);
}

const DAY_MS = 86_400_000;
