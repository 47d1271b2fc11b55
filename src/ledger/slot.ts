import { sha256 } from '#platform';
import { equalBytes } from '../core/bytes.ts';
import type { LedgerLimits } from '../core/genesis.ts';
import { StoreUnavailableError } from '../storage/errors.ts';
import type { ObjectHead, ObjectVersion } from '../storage/object-store.ts';
import type { LedgerContext } from './context.ts';

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
 * @throws {@link StoreUnavailableError} also when what was read is not what the store says it holds: a torn answer.
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
  const [found, head] = await Promise.all([
    store.get(key, { versionId }),
    store.head(key, versionId),
  ]);
  if (found?.bytes.length !== size) {
    throw new StoreUnavailableError(`${key} was listed with ${size} bytes and read with others`);
  }
  return { number, key, versionId, size, bytes: found.bytes, head };
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
