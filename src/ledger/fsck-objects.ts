import { equalBytes, toBase64Url } from '../core/bytes.ts';
import { finding } from '../core/findings.ts';
import type { Finding, FindingPlace } from '../core/findings.ts';
import { sha256 } from '#platform';
import type { ObjectStore } from '../storage/object-store.ts';
import { coversRetention } from '../storage/retention.ts';
import { retentionOf } from './payload-writer.ts';
import { oldestObject } from './slot.ts';

/** The object of record of a key, with what its versions showed. */
export interface RecordedObject {
  /** Null when the key has no object at all. */
  readonly versionId: string | null;
  readonly size: number;
  /** Null when there is none, or it is larger than `bytesMax` and was not read. */
  readonly bytes: Uint8Array | null;
  readonly findings: readonly Finding[];
}

/** A lock as a header declares it. */
export interface DeclaredLock {
  readonly mode: 'compliance' | 'governance' | 'none';
  readonly retainUntil: number | null;
}

/**
 * Reads a key that is written once: its oldest object, by version id. Whatever else stands on the key is a finding.
 * @param bytesMax - Larger objects are not read: no valid one is.
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

/** Whether a version is locked as declared. A lock whose time is over is none of our business any more. */
export async function lockFindings(
  store: ObjectStore,
  object: { readonly key: string; readonly versionId: string },
  declared: DeclaredLock,
  at: FindingPlace,
  now: number,
): Promise<Finding[]> {
  const wanted = retentionOf(declared);
  if (wanted === null || wanted.until <= now) return [];
  const { key, versionId } = object;
  const head = await store.head(key, versionId);
  if (head === null || coversRetention(head.retention, wanted)) return [];
  const place = { ...at, key };
  const until = new Date(wanted.until).toISOString();
  return head.retention === null
    ? [finding('missing_lock', place, `declared ${wanted.mode} until ${until}, the store has none`)]
    : [
        finding(
          'short_lock',
          place,
          `declared ${wanted.mode} until ${until}, the store has ${head.retention.mode} until ${new Date(head.retention.until).toISOString()}`,
        ),
      ];
}

/** Whether bytes hash to what a header says of them. */
export function hashesTo(bytes: Uint8Array, base64Url: string): boolean {
  return toBase64Url(sha256(bytes)) === base64Url;
}

/** Whether two possibly missing byte strings are the same. */
export function sameBytes(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && equalBytes(a, b);
}
