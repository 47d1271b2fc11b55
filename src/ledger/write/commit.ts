/**
 * The commit protocol: steps 2 to 5 of design 3.5. One slot, one object, one winner; whoever loses learns what won and
 * goes on behind it. Recovery runs this very code, so it is exercised on every batch.
 */
import { assert } from '../../core/errors.ts';
import type { Retention } from '../../storage/object-store.ts';
import { ObjectExistsError, StoreUnavailableError } from '../../storage/errors.ts';
import { equalBytes } from '../../core/platform/bytes.ts';
import type { LedgerContext } from '../context/context.ts';
import type { JudgedBatch } from '../log/judged-batch.ts';
import type { LogView } from '../log/view.ts';
import { oldestObject } from '../log/slot.ts';

/** A batch object for one slot: built once, sent as often as it takes. */
export interface BuiltBatch {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Of these very bytes on the state that they follow: nothing invalid is ever sent. */
  readonly verdict: JudgedBatch;
  readonly retention: Retention | null;
}

/** `committed`: it is in the log. `lost`: something else stands in its slot, and has been learnt. */
export type CommitOutcome = 'committed' | 'lost';

/**
 * Tries to get a batch into its slot. Throws when the outcome is unknown or nothing was done: call it again with the
 * same batch until it returns. A slot is never given up while it may still be filled by our own late request.
 *
 * @throws StoreUnavailableError (also on 409), StoreDeniedError: again, later. {@link HaltError}: stop.
 */
export async function commitBatch(
  context: LedgerContext,
  view: LogView,
  batch: BuiltBatch,
): Promise<CommitOutcome> {
  assert(batch.number === view.next, 'a batch is sent to the slot that it was built for');
  const { store, keys } = context;
  const key = keys.batch(batch.number);
  let versionId: string;
  try {
    // Step 3. A crash before this call leaves payload objects that no batch names: the plan in the journal has their
    // keys, and the next batch lists them as orphans. A crash during it leaves the slot empty, filled, or filled later;
    // the next start learns which, and finds by hash what is in the log.
    const { retention, bytes } = batch;
    ({ versionId } = await store.putNew(key, bytes, { retention, contentType: CONTENT_TYPE }));
  } catch (error) {
    if (error instanceof ObjectExistsError) return resolveTaken(context, view, batch);
    throw error;
  }
  // Step 4, answer 200. A crash from here on loses nothing: the batch is in its slot, and is learnt by whoever comes.
  // Both questions at once: is it locked, and is it the oldest? A delete marker opens a taken slot again, and then this
  // version is the newer of two and not the batch.
  const [head, versions] = await Promise.all([store.head(key, versionId), store.listVersions(key)]);
  if (oldestObject(versions)?.versionId !== versionId) return resolveTaken(context, view, batch);
  await view.accept(batch.verdict, { key, versionId, head });
  return 'committed';
}

/**
 * Step 4, answer 412: somebody's bytes are in the slot. Perhaps ours, of an attempt whose answer was lost, or of an
 * earlier life of this process. Step 2 for anything else.
 */
async function resolveTaken(
  context: LedgerContext,
  view: LogView,
  batch: BuiltBatch,
): Promise<CommitOutcome> {
  const slot = await view.read(batch.number);
  if (slot?.bytes != null && equalBytes(slot.bytes, batch.bytes)) {
    await view.accept(batch.verdict, slot);
    return 'committed';
  }
  // An empty slot after a 412 is a marker on nothing, or a reader behind the writer: the same bytes again.
  if ((await view.learn(slot)) === 'empty') throw await openAgain(context, batch.number);
  return 'lost';
}

/**
 * Some stores answer 412 where only delete markers stand. They hide nothing, nobody can lock them, and to delete one by
 * its own id takes no object away: so they go, as far as the rights of the gateway allow, and the batch is sent again.
 */
async function openAgain({ store, keys }: LedgerContext, number: number): Promise<Error> {
  const key = keys.batch(number);
  const versions = await store.listVersions(key);
  const message = `slot ${number} is taken and reads as empty`;
  if (oldestObject(versions) !== undefined) return new StoreUnavailableError(message);
  let left: string | null = null;
  for (const { versionId } of versions) {
    const done = await store.probing.tryDeleteVersion(key, versionId);
    if (done === 'refused') left ??= versionId;
  }
  if (left === null) return new StoreUnavailableError(message);
  return new StoreUnavailableError(
    `${message}: only delete markers stand on ${key}; delete version ${left}`,
    { code: 'slot_hidden', durability: 'not-durable' },
  );
}

const CONTENT_TYPE = 'application/vnd.stele.batch';
