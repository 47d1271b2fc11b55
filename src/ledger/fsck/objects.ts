/** What a store shows of the objects of a ledger: their versions, their bytes and their locks. */
import { equalBytes, toBase64Url } from '../../core/platform/bytes.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding, FindingPlace } from '../../core/verify/findings.ts';
import { sha256 } from '#platform';
import { StoreUnavailableError } from '../../storage/errors.ts';
import type { ObjectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { coversRetention, retentionOf } from '../../storage/retention.ts';
import { oldestObject } from '../log/slot.ts';

/** What every part of the check works with. */
export interface FsckContext {
  readonly store: ObjectStore;
  readonly keys: ObjectKeys;
  /** Epoch ms: a lock that ended before is none of our business any more. */
  readonly now: number;
  /** False where genesis says that the store keeps no locks. */
  readonly locks: boolean;
  /** Whether payload objects are read and their records opened. */
  readonly open: boolean;
}

/** The object of record of a key, with what its versions showed. */
export interface RecordedObject {
  /** Null when the key has no object at all. */
  readonly versionId: string | null;
  readonly size: number;
  /** Null when there is none, or it was not to be read. */
  readonly bytes: Uint8Array | null;
  /** Other versions and delete markers of the key. */
  readonly findings: readonly Finding[];
}

/** A lock as a header declares it. */
export interface DeclaredLock {
  readonly mode: 'compliance' | 'governance' | 'none';
  readonly retainUntil: number | null;
}

/**
 * Reads a key that is written once: its oldest object, by version id. Whatever else stands on the key is a finding.
 * @param bytesMax - Larger objects are not read: no valid one is. Negative: none is.
 */
export async function readRecorded(
  store: ObjectStore,
  key: string,
  at: FindingPlace,
  bytesMax: number,
): Promise<RecordedObject> {
  const versions = await store.listVersions(key);
  const oldest = oldestObject(versions);
  const findings = versions
    .filter((version) => version !== oldest)
    .map(({ isDeleteMarker, versionId }) =>
      finding(
        isDeleteMarker ? 'delete_marker' : 'extra_version',
        { ...at, key },
        `version ${versionId}`,
      ),
    );
  if (oldest === undefined) return { versionId: null, size: 0, bytes: null, findings };
  const { versionId, size } = oldest;
  if (size > bytesMax) return { versionId, size, bytes: null, findings };
  const found = await store.get(key, { versionId });
  return { versionId, size, bytes: found?.bytes ?? null, findings };
}

/**
 * Makes sure that bytes which are about to be called wrong are what the store holds, not one torn answer.
 * @throws {@link StoreUnavailableError} when a second look shows others.
 */
export async function confirmBytes(
  store: ObjectStore,
  key: string,
  object: Pick<RecordedObject, 'versionId' | 'bytes'>,
): Promise<void> {
  const { versionId, bytes } = object;
  if (versionId === null || bytes === null) return;
  const again = await store.get(key, { versionId });
  if (again !== null && equalBytes(again.bytes, bytes)) return;
  throw new StoreUnavailableError(`${key} is not read twice alike`);
}

/** Whether a version is locked as declared. A lock whose time is over is none of our business any more. */
export async function lockFindings(
  { store, now, locks }: FsckContext,
  object: { readonly key: string; readonly versionId: string },
  declared: DeclaredLock,
  at: FindingPlace,
): Promise<Finding[]> {
  const wanted = retentionOf(declared);
  if (!locks || wanted === null || wanted.until <= now) return [];
  const { key, versionId } = object;
  const head = await store.head(key, versionId);
  if (head === null || coversRetention(head.retention, wanted)) return [];
  const place = { ...at, key };
  const asked = `declared ${wanted.mode} until ${formatTime(wanted.until)}`;
  if (head.retention === null) return [finding('missing_lock', place, `${asked}, has none`)];
  const { mode, until } = head.retention;
  return [finding('short_lock', place, `${asked}, has ${mode} until ${formatTime(until)}`)];
}

/** Whether bytes hash to what a header says of them. */
export function hashesTo(bytes: Uint8Array, base64Url: string): boolean {
  return toBase64Url(sha256(bytes)) === base64Url;
}

/** A time for people; as a number where no calendar has it. */
function formatTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
