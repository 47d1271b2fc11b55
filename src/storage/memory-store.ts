import { parseSha256Hash } from '../core/tree/hash.ts';
import type { Sha256Hash } from '../core/tree/hash.ts';
import { toHex } from '../core/platform/bytes.ts';
import { sha256 } from '#platform';
import {
  ObjectExistsError,
  ObjectMissingError,
  PreconditionError,
  RetentionRefusedError,
  StoreDeniedError,
} from './errors.ts';
import { assertKeyPrefix, assertObjectKey } from './object-keys.ts';
import type * as port from './object-store.ts';
import { assertRetention, coversRetention, mayFollow } from './retention.ts';

/** One version in the simulated bucket. `bytes` is null for a delete marker. */
interface Version {
  readonly versionId: string;
  readonly bytes: Uint8Array | null;
  readonly etag: string;
  readonly sha256: Sha256Hash;
  readonly retention: port.Retention | null;
  readonly lastModified: number;
}

/** The whole state of a memory store, to be put back with {@link MemoryStore.restore}. */
export interface MemoryImage {
  readonly serial: number;
  readonly versions: ReadonlyMap<string, readonly Version[]>;
}

/** The store's clock, epoch ms: it alone decides whether a lock has ended. */
export interface MemoryStoreComponents {
  readonly clock: () => number;
}

/**
 * A versioned bucket with Object Lock in memory, as strict as the strictest real one, for tests and
 * simulations: a condition looks at the current version only, so a delete marker opens a key again;
 * a plain put makes a newer version; locks refuse the deletion of a version and nothing else. Every
 * effect happens in one step, when the call is made.
 *
 * Below the port stand the operations of somebody with credentials of the bucket (`overwrite`,
 * `markDeleted`, `deleteVersion`) and of somebody with the disk (`corrupt`, `eraseVersion`,
 * `restore`), for tests only.
 */
export class MemoryStore implements port.ObjectStore {
  readonly kind = 'memory';
  readonly probing: port.StoreProbing;
  readonly #clock: () => number;
  readonly #versions = new Map<string, Version[]>();
  #serial = 0;

  constructor(components: MemoryStoreComponents) {
    this.#clock = components.clock;
    this.probing = {
      tryDeleteVersion: async (key, versionId) =>
        Promise.resolve(this.#isLocked(key, versionId) ? 'refused' : this.#drop(key, versionId)),
      tryOverwrite: async (key, bytes) => {
        this.overwrite(key, bytes);
        return Promise.resolve('stored');
      },
      settings: async () =>
        Promise.resolve({ versioning: 'enabled', objectLock: 'enabled', defaultRetention: 'none' }),
    };
  }

  async putNew(
    key: string,
    bytes: Uint8Array,
    options: port.PutOptions,
  ): Promise<{ readonly versionId: string }> {
    assertObjectKey(key);
    if (options.retention !== null) {
      assertRetention(options.retention);
      if (options.retention.until <= this.#clock()) throw new StoreDeniedError('lock date is past');
    }
    if (this.#current(key) !== undefined) throw new ObjectExistsError(key);
    return Promise.resolve(this.#add(key, bytes, options.retention));
  }

  async head(key: string, versionId?: string): Promise<port.ObjectHead | null> {
    assertObjectKey(key);
    const version = this.#find(key, versionId);
    if (version?.bytes == null) return Promise.resolve(null);
    const { bytes, etag, sha256, retention, lastModified } = version;
    return Promise.resolve({
      key,
      versionId: version.versionId,
      size: bytes.length,
      etag,
      sha256,
      retention,
      lastModified,
    });
  }

  async get(key: string, options: port.GetOptions = {}): Promise<port.StoredObject | null> {
    assertObjectKey(key);
    const version = this.#find(key, options.versionId);
    if (version?.bytes == null) return Promise.resolve(null);
    const { range } = options;
    const bytes = range ? version.bytes.slice(range.start, range.end) : version.bytes.slice();
    return Promise.resolve({ bytes, versionId: version.versionId, etag: version.etag });
  }

  async listVersions(key: string): Promise<readonly port.ObjectVersion[]> {
    assertObjectKey(key);
    const versions = this.#versions.get(key) ?? [];
    return Promise.resolve(
      versions.map((version, at) => ({
        versionId: version.versionId,
        isDeleteMarker: version.bytes === null,
        isLatest: at === versions.length - 1,
        size: version.bytes?.length ?? 0,
        lastModified: version.lastModified,
      })),
    );
  }

  async list(prefix: string, options: port.ListOptions = {}): Promise<readonly string[]> {
    assertKeyPrefix(prefix);
    const { after = '', max = Infinity } = options;
    const keys = [...this.#versions.keys()].filter(
      (key) => key.startsWith(prefix) && key > after && this.#current(key) !== undefined,
    );
    return Promise.resolve(keys.sort().slice(0, max));
  }

  async extendRetention(key: string, versionId: string, wanted: port.Retention): Promise<void> {
    assertObjectKey(key);
    assertRetention(wanted);
    const version = this.#find(key, versionId);
    if (version?.bytes == null) throw new ObjectMissingError(key, versionId);
    if (coversRetention(version.retention, wanted)) return Promise.resolve();
    if (wanted.until <= this.#clock() || !mayFollow(version.retention, wanted)) {
      throw new RetentionRefusedError(`lock of ${key} cannot become ${wanted.mode}`);
    }
    this.#replaceVersion(key, version, { ...version, retention: wanted });
    return Promise.resolve();
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    options: port.ReplaceOptions,
  ): Promise<{ readonly etag: string }> {
    assertObjectKey(key);
    if ((this.#current(key)?.etag ?? null) !== options.etag) throw new PreconditionError(key);
    this.#add(key, bytes, null);
    return Promise.resolve({ etag: this.#current(key)?.etag ?? '' });
  }

  now(): number {
    return this.#clock();
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Attack: puts a newer version over whatever is there; locks never stop that. @returns its
   * version id.
   */
  overwrite(key: string, bytes: Uint8Array, retention: port.Retention | null = null): string {
    return this.#add(key, bytes, retention).versionId;
  }

  /**
   * Attack: a plain delete, which hides the object behind a marker, locked or not. @returns the
   * marker's id.
   */
  markDeleted(key: string): string {
    return this.#add(key, null, null).versionId;
  }

  /** Attack: deletes one version for good. @throws {@link StoreDeniedError} when it is locked. */
  deleteVersion(key: string, versionId: string): void {
    if (this.#isLocked(key, versionId)) throw new StoreDeniedError(`${key} is locked`);
    this.#drop(key, versionId);
  }

  /** Damage below the store: the same version with other bytes, while the stored checksum stays. */
  corrupt(key: string, change: (bytes: Uint8Array) => Uint8Array, versionId?: string): void {
    const version = this.#find(key, versionId);
    if (version?.bytes == null) throw new Error(`nothing to corrupt at ${key}`);
    this.#replaceVersion(key, version, { ...version, bytes: change(version.bytes.slice()) });
  }

  /** Damage below the store: a version vanishes although it is locked. */
  eraseVersion(key: string, versionId: string): void {
    this.#drop(key, versionId);
  }

  /** Damage below the store: a lock is lost or changed. */
  setRetention(key: string, versionId: string, retention: port.Retention | null): void {
    const version = this.#find(key, versionId);
    if (version === undefined) throw new Error(`no version ${versionId} of ${key}`);
    this.#replaceVersion(key, version, { ...version, retention });
  }

  /** An image of everything, as a backup or a copied disk would be. */
  image(): MemoryImage {
    const versions = new Map([...this.#versions].map(([key, list]) => [key, [...list]]));
    return { serial: this.#serial, versions };
  }

  /**
   * Puts an image back: what came later is gone. Version ids are never given twice all the same.
   */
  restore(image: MemoryImage): void {
    this.#versions.clear();
    for (const [key, list] of image.versions) this.#versions.set(key, [...list]);
  }

  #add(
    key: string,
    bytes: Uint8Array | null,
    retention: port.Retention | null,
  ): { versionId: string } {
    this.#serial += 1;
    const digest = parseSha256Hash(sha256(bytes ?? new Uint8Array()));
    const version: Version = {
      versionId: `m${String(this.#serial).padStart(12, '0')}`,
      bytes: bytes === null ? null : bytes.slice(),
      etag: toHex(digest).slice(0, 32),
      sha256: digest,
      retention,
      lastModified: this.#clock(),
    };
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [version]);
    else versions.push(version);
    return { versionId: version.versionId };
  }

  #current(key: string): Version | undefined {
    const latest = this.#versions.get(key)?.at(-1);
    return latest?.bytes == null ? undefined : latest;
  }

  #find(key: string, versionId: string | undefined): Version | undefined {
    if (versionId === undefined) return this.#current(key);
    return this.#versions.get(key)?.find((version) => version.versionId === versionId);
  }

  #isLocked(key: string, versionId: string): boolean {
    const retention = this.#find(key, versionId)?.retention;
    return retention != null && retention.until > this.#clock();
  }

  #drop(key: string, versionId: string): 'deleted' {
    const left = (this.#versions.get(key) ?? []).filter((each) => each.versionId !== versionId);
    if (left.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, left);
    return 'deleted';
  }

  #replaceVersion(key: string, old: Version, version: Version): void {
    const versions = this.#versions.get(key) ?? [];
    versions[versions.indexOf(old)] = version;
  }
}
