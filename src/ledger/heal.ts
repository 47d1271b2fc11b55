import type { ObjectHead, Retention } from '../storage/object-store.ts';
import { coversRetention } from '../storage/retention.ts';
import { lockClock } from './context.ts';
import type { LedgerContext } from './context.ts';
import { HaltError } from './errors.ts';

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
  context: LedgerContext,
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
