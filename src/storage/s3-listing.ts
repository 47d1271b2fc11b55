/** Listings of a bucket, page by page, in the order that the port promises. */
import { ListObjectVersionsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { DeleteMarkerEntry, S3Client } from '@aws-sdk/client-s3';
import type { ListOptions, ObjectVersion } from './object-store.ts';
import { StoreUnavailableError } from './errors.ts';

const PAGE_KEYS_MAX = 1000;

/**
 * A place in a listing of versions. Some stores give the version of the marker again on the next
 * page.
 */
interface Marker {
  readonly key: string | undefined;
  readonly versionId: string | undefined;
}

/**
 * All versions of exactly one key, oldest first. S3 lists newest first; versions and markers come
 * in two rows, each in order, which are merged by date, a version before a marker of the same
 * instant.
 */
export async function listKeyVersions(
  client: S3Client,
  bucket: string,
  key: string,
): Promise<readonly ObjectVersion[]> {
  const versions = new Map<string, ObjectVersion>();
  const markers = new Map<string, ObjectVersion>();
  let from: Marker | null = { key: undefined, versionId: undefined };
  while (from !== null) {
    const page: VersionPage = await versionPage(client, bucket, key, from);
    const known = versions.size + markers.size;
    for (const version of page.versions) versions.set(version.versionId, version);
    for (const marker of page.markers) markers.set(marker.versionId, marker);
    if (page.next !== null && versions.size + markers.size === known) {
      // The object of record is the oldest version: a listing that does not come to its end proves
      // nothing.
      throw new StoreUnavailableError(`listing of the versions of ${key} does not advance`);
    }
    from = page.next;
  }
  return mergeOldestFirst([...versions.values()].reverse(), [...markers.values()].reverse());
}

/**
 * Current keys with a prefix, ascending.
 *
 * One store (SeaweedFS) sorts versioned keys as if each ended in `.versions`: `a` then comes after
 * `a.b`, also on a page that starts after `a-`. So pages are whole and followed by token, what was
 * found is sorted here, and a page more is read where its last key could stand before a shorter one
 * that belongs into the answer.
 */
export async function listKeys(
  client: S3Client,
  bucket: string,
  prefix: string,
  options: ListOptions,
): Promise<readonly string[]> {
  const { after = '', max = Infinity } = options;
  const keys = new Set<string>();
  if (max <= 0) return [];
  let token: string | undefined;
  for (;;) {
    const page: KeyPage = await keyPage(client, bucket, prefix, after, token);
    for (const key of page.keys) if (key > after) keys.add(key);
    const isEnough = keys.size >= max && !isOvertaking(page.keys.at(-1), keys, max, prefix);
    if (isEnough || page.next === undefined) break;
    if (page.next === token) throw new StoreUnavailableError(`list of ${prefix} does not advance`);
    token = page.next;
  }
  return [...keys].sort().slice(0, max);
}

/**
 * Whether a key that is not listed yet, a beginning of `last`, may sort before the last of the
 * answer.
 */
function isOvertaking(
  last: string | undefined,
  keys: ReadonlySet<string>,
  max: number,
  prefix: string,
): boolean {
  const end = [...keys].sort().at(max - 1);
  if (last === undefined || end === undefined) return false;
  for (let at = prefix.length; at < last.length && at <= end.length; at += 1) {
    if ('.-+'.includes(last.charAt(at))) return true;
    if (last.charAt(at) !== end.charAt(at)) return false;
  }
  return false;
}

interface VersionPage {
  readonly versions: readonly ObjectVersion[];
  readonly markers: readonly ObjectVersion[];
  readonly next: Marker | null;
}

async function versionPage(
  client: S3Client,
  bucket: string,
  key: string,
  from: Marker,
): Promise<VersionPage> {
  const page = await client.send(
    new ListObjectVersionsCommand({
      Bucket: bucket,
      Prefix: key,
      KeyMarker: from.key,
      VersionIdMarker: from.versionId,
    }),
  );
  // The prefix may also match longer keys; they sort behind, so a page that ends in one is the
  // last.
  const isOurs = (entry: DeleteMarkerEntry): boolean => entry.Key === key;
  const isDone = page.IsTruncated !== true || (page.NextKeyMarker ?? key) !== key;
  return {
    versions: (page.Versions ?? []).filter(isOurs).map((each) => toVersion(each, each.Size ?? 0)),
    markers: (page.DeleteMarkers ?? []).filter(isOurs).map((each) => toVersion(each, null)),
    next: isDone ? null : { key: page.NextKeyMarker, versionId: page.NextVersionIdMarker },
  };
}

function toVersion(entry: DeleteMarkerEntry, size: number | null): ObjectVersion {
  return {
    versionId: entry.VersionId ?? 'null',
    isDeleteMarker: size === null,
    isLatest: entry.IsLatest ?? false,
    size: size ?? 0,
    lastModified: entry.LastModified?.getTime() ?? 0,
  };
}

function mergeOldestFirst(
  versions: readonly ObjectVersion[],
  markers: readonly ObjectVersion[],
): ObjectVersion[] {
  const merged: ObjectVersion[] = [];
  let at = 0;
  for (const version of versions) {
    for (let marker = markers[at]; marker !== undefined; marker = markers[at]) {
      if (!comesBefore(marker, version)) break;
      merged.push(marker);
      at += 1;
    }
    merged.push(version);
  }
  return [...merged, ...markers.slice(at)];
}

/** Dates may be cut to seconds; at least the newest of all is known for sure. */
function comesBefore(marker: ObjectVersion, version: ObjectVersion): boolean {
  if (marker.isLatest || version.isLatest) return version.isLatest;
  return marker.lastModified < version.lastModified;
}

interface KeyPage {
  readonly keys: readonly string[];
  readonly next: string | undefined;
}

async function keyPage(
  client: S3Client,
  bucket: string,
  prefix: string,
  after: string,
  token: string | undefined,
): Promise<KeyPage> {
  const page = await client.send(
    new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      MaxKeys: PAGE_KEYS_MAX,
      ...(after === '' || token !== undefined ? {} : { StartAfter: after }),
      ContinuationToken: token,
    }),
  );
  const keys = (page.Contents ?? []).flatMap((entry) => entry.Key ?? []);
  return { keys, next: page.IsTruncated === true ? page.NextContinuationToken : undefined };
}
