import type { Genesis } from '../../core/ledger/genesis.ts';
import type { ObjectHead, Retention, RetentionMode } from '../../storage/object-store.ts';
import { coversRetention, retentionOf, wholeSecond } from '../../storage/retention.ts';
import { lockClock } from '../context/context.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError } from '../context/errors.ts';
import {
  ObjectMissingError,
  RetentionRefusedError,
  StoreDeniedError,
  StoreUnavailableError,
} from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
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
  // Somebody else's lock may be weaker and longer: none ever shrinks.
  const until = Math.max(wanted.until, wholeSecond(before?.retention?.until ?? 0));
  await store.extendRetention(key, versionId, { ...wanted, until });
  const after = await store.head(key, versionId);
  if (after !== null && coversRetention(after.retention, wanted)) return;
  if (context.genesis.weakStore) return;
  throw new HaltError('lock_refused', `${key} cannot be locked`);
}

/**
 * Sees to the lock of a void slot: garbage under a lock of somebody else, who must not stop the ledger with it. What can
 * be had is taken, and the rest is a finding: the next batch commits to the slot, so one that opens again shows.
 *
 * @throws {@link StoreUnavailableError} also when the object has gone meanwhile: the slot is to be read again.
 */
export async function lockVoid(
  context: HealContext,
  key: string,
  versionId: string,
  wanted: Retention | null,
): Promise<void> {
  if (wanted === null || wanted.until <= lockClock(context)) return;
  const head = await context.store.head(key, versionId);
  if (head === null) throw new StoreUnavailableError(`${key} has gone while it was looked at`);
  const { retention } = head;
  if (coversRetention(retention, wanted)) return;
  context.finding(retention === null ? 'missing_lock' : 'short_lock', { key, versionId });
  await strengthenLock(context.store, key, versionId, wanted, retention);
}

/**
 * Makes a lock as strict and as long as the store lets: as wanted and never shorter than it is, else longer in its own
 * mode, for many stores refuse to change a governance lock into another. Where they refuse both, it stays as it is.
 */
export async function strengthenLock(
  store: ObjectStore,
  key: string,
  versionId: string,
  wanted: Retention,
  held: Retention | null,
): Promise<void> {
  const until = Math.max(wanted.until, wholeSecond(held?.until ?? 0));
  const modes = new Set([wanted.mode, held?.mode ?? wanted.mode]);
  for (const mode of modes) {
    try {
      await store.extendRetention(key, versionId, { mode, until });
      return;
    } catch (error) {
      if (error instanceof ObjectMissingError) {
        throw new StoreUnavailableError(`${key} has gone while it was locked`, { cause: error });
      }
      if (error instanceof StoreDeniedError || error instanceof RetentionRefusedError) continue;
      throw error;
    }
  }
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
