/** What a store shows of the objects of a ledger: their versions, their bytes and their locks. */
import { equalBytes, toBase64Url } from '../../core/platform/bytes.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding, FindingPlace } from '../../core/verify/findings.ts';
import { sha256 } from '#platform';
import { StoreUnavailableError } from '../../storage/errors.ts';
import type { ObjectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore, Retention } from '../../storage/object-store.ts';
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

/** A lock may end so much later than declared, ms: some stores round to days. What somebody adds is years. */
const LONG_LOCK_MARGIN_MS = 86_400_000;

/**
 * Whether a version is locked as declared. What a lock should have been whose time is over is none of our business any
 * more.
 * @param isCeiling - More than declared is a finding too: nobody could erase what is in it when its time is over. Legal
 *   holds are not seen: the port tells retention alone.
 */
export async function lockFindings(
  { store, now, locks }: FsckContext,
  object: { readonly key: string; readonly versionId: string },
  declared: DeclaredLock,
  at: FindingPlace,
  isCeiling = false,
): Promise<Finding[]> {
  const wanted = retentionOf(declared);
  const isDue = wanted !== null && wanted.until > now;
  const hasCeiling = isCeiling && (wanted !== null || declared.mode === 'none');
  if (!locks || !(isDue || hasCeiling)) return [];
  const { key, versionId } = object;
  const head = await store.head(key, versionId);
  if (head === null) return [];
  const held = head.retention;
  const place = { ...at, key };
  if (isDue && !coversRetention(held, wanted)) return [weakLock(held, wanted, place)];
  const isMore = hasCeiling && held !== null && exceeds(held, wanted, now);
  return isMore ? [longLock(held, wanted, place)] : [];
}

function weakLock(held: Retention | null, wanted: Retention, place: FindingPlace): Finding {
  const asked = `declared ${lockText(wanted)}`;
  if (held === null) return finding('missing_lock', place, `${asked}, has none`);
  return finding('short_lock', place, `${asked}, has ${lockText(held)}`);
}

function longLock(held: Retention, wanted: Retention | null, place: FindingPlace): Finding {
  const asked = wanted === null ? 'declared without a lock' : `declared ${lockText(wanted)}`;
  return finding('long_lock', place, `${asked}, has ${lockText(held)}`);
}

/** Whether a lock that holds is of more than was declared: longer, or such that nobody lifts it where somebody could. */
function exceeds(held: Retention, wanted: Retention | null, now: number): boolean {
  if (held.until <= now) return false;
  if (wanted === null || held.until > wanted.until + LONG_LOCK_MARGIN_MS) return true;
  return held.mode === 'compliance' && wanted.mode === 'governance';
}

function lockText({ mode, until }: Retention): string {
  return `${mode} until ${formatTime(until)}`;
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
