import { sha256 } from '#platform';
import { equalBytes } from '../../core/platform/bytes.ts';
import type { LedgerLimits } from '../../core/ledger/genesis.ts';
import { StoreDeniedError, StoreUnavailableError } from '../../storage/errors.ts';
import type {
  ObjectHead,
  ObjectStore,
  ObjectVersion,
  StoredObject,
} from '../../storage/object-store.ts';
import type { LedgerContext } from '../context/context.ts';

/** What stands in a slot: the oldest object of the key, which nobody can ever change. */
export interface FilledSlot {
  readonly number: number;
  readonly key: string;
  readonly versionId: string;
  readonly size: number;
  /** Null where it is larger than any batch may be: it is not read. */
  readonly bytes: Uint8Array | null;
  readonly head: ObjectHead | null;
}

/**
 * The object of record of a key: its oldest version that is no delete marker. A marker before it hides nothing, since
 * there was nothing; what comes after it is tampering, whatever it is.
 *
 * @param versions - Oldest first.
 */
export function oldestObject(versions: readonly ObjectVersion[]): ObjectVersion | undefined {
  return versions.find((version) => !version.isDeleteMarker);
}

/**
 * Reads the object of record of a batch's key, by its version id. Reports other versions and delete markers.
 *
 * @returns Null when nobody has put anything there yet; a request still under way may.
 * @throws {@link StoreUnavailableError} also when what was read is not what the store says it holds: a torn answer; and
 *   `slot_unreadable`, with a finding, for what is listed and cannot be read.
 */
export async function readSlot(
  context: LedgerContext,
  number: number,
  limits: LedgerLimits,
): Promise<FilledSlot | null> {
  const { store } = context;
  const key = context.keys.batch(number);
  const versions = await store.listVersions(key);
  const oldest = oldestObject(versions);
  for (const { versionId, isDeleteMarker } of versions) {
    if (versionId === oldest?.versionId) continue;
    context.finding(isDeleteMarker ? 'delete_marker' : 'extra_version', { key, versionId });
  }
  if (oldest === undefined) return null;
  const { versionId, size } = oldest;
  if (size > limits.batchBytes) {
    const head = await store.head(key, versionId);
    return { number, key, versionId, size, bytes: null, head };
  }
  const headed = store.head(key, versionId);
  headed.catch(() => undefined);
  const found = await readListed(store, key, versionId).catch((error: unknown) => {
    if (isUnreadable(error)) context.finding('slot_unreadable', { key, versionId });
    throw error;
  });
  const head = await headed;
  if (found.bytes.length !== size) {
    throw new StoreUnavailableError(`${key} was listed with ${size} bytes and read with others`);
  }
  return { number, key, versionId, size, bytes: found.bytes, head };
}

/**
 * Reads a version that a listing shows. Where the store does not give it, it may be a batch all the same, encrypted or
 * stored so that this caller cannot read it: whoever passed over it would fork the log.
 *
 * @throws {@link StoreUnavailableError} `slot_unreadable`.
 */
export async function readListed(
  store: ObjectStore,
  key: string,
  versionId: string,
): Promise<StoredObject> {
  try {
    const found = await store.get(key, { versionId });
    if (found !== null) return found;
  } catch (error) {
    if (!(error instanceof StoreDeniedError)) throw error;
    throw unreadable(key, versionId, error);
  }
  throw unreadable(key, versionId);
}

/** Whether an error says so of a slot. */
export function isUnreadable(error: unknown): error is StoreUnavailableError {
  return error instanceof StoreUnavailableError && error.code === 'slot_unreadable';
}

function unreadable(key: string, versionId: string, cause?: Error): StoreUnavailableError {
  const why = cause === undefined ? 'the store does not give it' : cause.message;
  const message = `${key}, version ${versionId}, is listed and cannot be read (${why}); it may be a batch, so it is not passed over`;
  return new StoreUnavailableError(message, { code: 'slot_unreadable', cause });
}

/**
 * Whether what was read is what the store holds: read again, the same bytes, and those of the store's own checksum
 * where it keeps one. Only then can bytes that are no valid batch be called void: a torn answer must never be.
 */
export async function isCertain(context: LedgerContext, slot: FilledSlot): Promise<boolean> {
  const { key, versionId, bytes, head } = slot;
  if (bytes === null) return true;
  const again = await context.store.get(key, { versionId });
  if (again === null || !equalBytes(again.bytes, bytes)) return false;
  return head?.sha256 == null || equalBytes(head.sha256, sha256(bytes));
}
