import type { Sha256Hash } from '../core/tree/hash.ts';

/**
 * `compliance`: nobody shortens or lifts the lock. `governance`: who holds a special right does.
 */
export type RetentionMode = 'compliance' | 'governance';

/** A lock on one object version: how strict, and until when (epoch ms, a multiple of 1000). */
export interface Retention {
  readonly mode: RetentionMode;
  readonly until: number;
}

/**
 * What a new object is stored with. `retention: null` leaves it unlocked: for derived objects only.
 */
export interface PutOptions {
  readonly retention: Retention | null;
  readonly contentType: string;
  readonly cacheControl?: string;
}

/** What is stored beside an object's bytes. */
export interface ObjectHead {
  readonly key: string;
  readonly versionId: string;
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  /**
   * The checksum that the store keeps of what it was given, or null where it keeps none. Evidence
   * of damage (bytes read back that hash to something else), never of honesty.
   */
  readonly sha256: Sha256Hash | null;
  /** Null when unlocked, and also when the caller may not see locks. */
  readonly retention: Retention | null;
  /** Epoch ms by the store's clock, as coarse as the store keeps it. */
  readonly lastModified: number;
}

/** One version of a key, or a delete marker that hides the versions before it. */
export interface ObjectVersion {
  readonly versionId: string;
  readonly isDeleteMarker: boolean;
  readonly isLatest: boolean;
  readonly size: number;
  readonly lastModified: number;
}

/** The bytes `[start, end)`. An `end` past the object means its end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Which bytes to read: of a version (default: the current one), and which part of them. */
export interface GetOptions {
  readonly versionId?: string;
  readonly range?: ByteRange;
}

/**
 * Bytes of the largest object: a batch at the highest limit that a genesis may set. What is larger
 * nobody has put; of such an object a store gives its size and parts, never the whole.
 */
export const OBJECT_BYTES_MAX = 1_073_741_824;

/**
 * Bytes read, with what they were read from. Hash them: a store may hand out torn or changed bytes.
 */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly versionId: string;
  readonly etag: string;
}

/** A page of keys: those after `after`, at most `max`. */
export interface ListOptions {
  readonly after?: string;
  readonly max?: number;
}

/**
 * How a mutable object is replaced: only what `etag` names, or, with null, only what is not there.
 */
export interface ReplaceOptions {
  readonly etag: string | null;
  readonly contentType: string;
  readonly cacheControl?: string;
}

/**
 * What the start-up probe must be able to try and nothing else may: an attack on an object of the
 * probe's own, and a look at the settings of the whole bucket.
 */
export interface StoreProbing {
  /**
   * Tries to delete one version for good. A store that keeps its promises answers `refused` for a
   * locked one. Outside of the probe, for delete markers alone.
   */
  tryDeleteVersion(key: string, versionId: string): Promise<'deleted' | 'refused'>;
  /**
   * Tries to put other bytes on a key that is taken, without a condition. The rights of a gateway,
   * or the store, may refuse; where it is accepted it must have made a newer version.
   */
  tryOverwrite(key: string, bytes: Uint8Array): Promise<'stored' | 'refused'>;
  /** The bucket's settings; a member is `unknown` where the caller may not read it. */
  settings(): Promise<StoreSettings>;
}

/** Settings of a bucket as a whole. Locks here are explicit, so a default retention is a fault. */
export interface StoreSettings {
  readonly versioning: 'enabled' | 'disabled' | 'unknown';
  readonly objectLock: 'enabled' | 'advisory' | 'disabled' | 'unknown';
  readonly defaultRetention: 'none' | 'present' | 'unknown';
}

/**
 * Where a ledger's objects live: a flat map from keys to immutable, lockable versions, with a
 * create that exactly one of several writers wins. Every implementation passes `test/contract/`.
 *
 * **Trust.** The store is not trusted. Whoever controls it can withhold objects, hide them behind
 * delete markers, put newer versions over them and stop the ledger; it cannot make the ledger
 * accept bytes that it did not seal, as long as callers keep three rules: the object of record of a
 * key is its **oldest version**; it is read **by version id**; what is read is **hashed** before it
 * is believed. Absence proves nothing: a write whose answer was lost can land later.
 *
 * **Durability.** A write is durable when its promise resolves, and in no other case is anything
 * known: only {@link StoreDeniedError} and {@link MalformedError} say that nothing was written.
 * Reads are strongly consistent with resolved writes, in every process.
 *
 * **Attempts.** `putNew` and `replace` send their request once; who calls owns every retry. Reads
 * may be retried inside.
 *
 * **Bytes.** Callers leave bytes that they pass unchanged until the promise settles; bytes returned
 * are theirs.
 *
 * **Keys** are those of `object-keys.ts`: 1 to 1024 ASCII characters in segments joined by `/`; no
 * key is a directory of another (`a` and `a/b` together), for files could not hold both.
 *
 * **Errors**, of every method: {@link StoreUnavailableError} when no answer came in time or the
 * store failed; {@link StoreDeniedError} when credentials or settings do not permit the request;
 * {@link MalformedError} (`object_key`, `retention`) for a key, prefix or lock date outside the
 * rules here; `store_failed` (disposition `halt`) from a store that can no longer tell what is durable.
 * More at the methods.
 *
 * @see Amazon S3 User Guide, "Conditional writes", "Versioning" and "Object Lock".
 */
export interface ObjectStore {
  /** What this is, for logs and reports: `memory`, `file`, `s3`. */
  readonly kind: string;

  /** What only the start-up probe uses. */
  readonly probing: StoreProbing;

  /**
   * Writes an object whose key has no current version, and locks the version that it makes. One
   * attempt.
   *
   * After it resolved, the version is the object of record only if it is the key's oldest: list the
   * versions. A few stores show an object for an instant, or after a crash for ever, without its
   * lock: `head` it, and heal with `extendRetention`.
   *
   * @param options - `retention.until` is a multiple of 1000 and in the store's future.
   * @throws {@link ObjectExistsError} when the key has a current version. Nothing was written by
   *   this request, yet what is there may be an earlier attempt of the same caller: read the oldest
   *   version and compare.
   * @throws {@link StoreConflictError} when the store could not decide between concurrent writers
   *   (409), and {@link StoreUnavailableError} on time-out, reset and 5xx. In both the write may
   *   have been applied or may still be: send the same bytes to the same key again until somebody's
   *   bytes are there.
   * @throws {@link StoreDeniedError} when refused (400, 401, 403, 404 of the bucket): nothing was
   *   written.
   */
  putNew(
    key: string,
    bytes: Uint8Array,
    options: PutOptions,
  ): Promise<{ readonly versionId: string }>;

  /**
   * Reads what is stored beside the bytes, of the current version or of `versionId`. The one call
   * to read a lock with: some stores leave it out of the answer to a GET.
   *
   * @returns null when there is no such version, or the current one is a delete marker.
   */
  head(key: string, versionId?: string): Promise<ObjectHead | null>;

  /**
   * Reads bytes of the current version or of `versionId`.
   *
   * @returns null when there is no such version, or it is a delete marker; empty bytes for a range
   *   past the end.
   * @throws {@link ObjectTooLargeError} for more than {@link OBJECT_BYTES_MAX} at once.
   */
  get(key: string, options?: GetOptions): Promise<StoredObject | null>;

  /**
   * Lists the versions of exactly this key, **oldest first**, delete markers included, whatever
   * their number. Versions stand in the store's own order of writes, not in that of
   * `lastModified`; where among them a marker stands is only as exact as its date.
   */
  listVersions(key: string): Promise<readonly ObjectVersion[]>;

  /**
   * Lists the current keys that begin with `prefix`, ascending by code unit, after `after`, at most
   * `max` (default: all). Keys behind a delete marker are not in it: a hint, never evidence.
   */
  list(prefix: string, options?: ListOptions): Promise<readonly string[]>;

  /**
   * Locks a version, or locks it longer or more strictly. Does nothing when the present lock covers
   * what is asked.
   *
   * @throws {@link RetentionRefusedError} when it would have to shorten or weaken the lock, or
   *   `until` is past.
   * @throws {@link ObjectMissingError} when there is no such version.
   */
  extendRetention(key: string, versionId: string, retention: Retention): Promise<void>;

  /**
   * Creates or replaces an unlocked, mutable object: the published checkpoint and other derived
   * things. One attempt. Never used on a key that `putNew` made with a lock.
   *
   * @throws {@link PreconditionError} when the current object is not the one that `options.etag`
   *   names.
   * @throws {@link StoreUnavailableError} when it may or may not have been applied: read and
   *   compare.
   */
  replace(
    key: string,
    bytes: Uint8Array,
    options: ReplaceOptions,
  ): Promise<{ readonly etag: string }>;

  /**
   * The store's clock as of its last answer, epoch ms; null before the first. A file store has this
   * machine's.
   */
  now(): number | null;

  /**
   * Releases sockets and descriptors. Calls under way may fail as unavailable. May be called twice.
   */
  close(): Promise<void>;
}
