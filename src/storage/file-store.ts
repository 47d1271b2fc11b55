import path from 'node:path';
import { parseSha256Hash } from '../core/hash.ts';
import type { Durability } from '../core/errors.ts';
import { sha256 } from '#platform';
import { DurableFiles } from './durable-files.ts';
import {
  ObjectExistsError,
  ObjectMissingError,
  PreconditionError,
  RetentionRefusedError,
  StoreDeniedError,
} from './errors.ts';
import { fileError } from './file-errors.ts';
import { walkKeys } from './file-list.ts';
import { growMetadata, placeMetadata } from './file-locks.ts';
import { metadataRegister, readMetadata } from './file-metadata.ts';
import type { FileMetadata } from './file-metadata.ts';
import { FileObjects, readRange } from './file-objects.ts';
import { contentTag, hashTag, swapRegister } from './file-register.ts';
import { assertObjectKey } from './object-keys.ts';
import type * as port from './object-store.ts';
import { assertRetention, coversRetention, mayFollow } from './retention.ts';

/** Where the files are, and what the store asks from outside. */
export interface FileStoreComponents {
  /** Made where it is missing. Relative to the working directory, if not absolute. */
  readonly folder: string;
  /** Epoch ms; tells whether a lock date is past and which temporary files are stale. */
  readonly clock: () => number;
  /** Random bytes, for names of temporary files. */
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Opens a file store: makes its folders durably, and clears away what dead processes left.
 *
 * @throws {@link StoreDeniedError} when the root cannot be written, {@link StoreUnavailableError}
 *   for other faults.
 */
export async function openFileStore(components: FileStoreComponents): Promise<FileStore> {
  const files = new DurableFiles(components.folder, components.random);
  await converted(files.root, 'not-durable', async () => files.open(components.clock()));
  return new FileStore(files, components.clock);
}

/**
 * Objects as plain files: the file's bytes are the object's bytes, at the path that its key says,
 * so any tool reads the directory as it stands. Several processes of one machine may share a
 * directory.
 *
 * **Tamper-evident, not WORM.** It protects against accidents, crashes, power cuts and this
 * program's own mistakes: the port offers no way to change or delete an object, and files are
 * read-only. Whoever may write to the directory can still do anything; retention is recorded, and
 * nobody enforces it. What was done shows when the ledger is verified against a checkpoint that is
 * held elsewhere. Use S3 Object Lock where a store must refuse its owner.
 *
 * **A create**: metadata are written and synced; bytes are written to a temporary file and synced;
 * `link(2)` makes the name, which exactly one process can; the directory is synced; the temporary
 * name goes. A crash leaves a temporary file, which a later start removes, or metadata without an
 * object, which describe bytes that are not there, so that nobody reads them. The object is there
 * whole or not at all, and never without its lock, since metadata are durable before the name is
 * made. A key has one version, its id made from its bytes. Unlocked objects have no metadata.
 *
 * Identifying a file costs one read of it; the answer is remembered while the file stays the same.
 */
export class FileStore implements port.ObjectStore {
  readonly kind = 'file';
  readonly probing: port.StoreProbing = {
    tryDeleteVersion: async () => Promise.resolve('refused'),
    tryOverwrite: async () => Promise.resolve('refused'),
    settings: async () =>
      Promise.resolve({ versioning: 'enabled', objectLock: 'advisory', defaultRetention: 'none' }),
  };
  readonly #files: DurableFiles;
  readonly #objects: FileObjects;
  readonly #clock: () => number;

  /** Use {@link openFileStore}: the folders have to be there. */
  constructor(files: DurableFiles, clock: () => number) {
    this.#files = files;
    this.#clock = clock;
    this.#objects = new FileObjects(files, clock);
  }

  async putNew(
    key: string,
    bytes: Uint8Array,
    options: port.PutOptions,
  ): Promise<{ readonly versionId: string }> {
    assertObjectKey(key);
    this.#assertPutOptions(options);
    const sha256Hash = parseSha256Hash(sha256(bytes));
    const versionId = hashTag(sha256Hash);
    const { contentType, retention } = options;
    const metadata = { versionId, sha256: sha256Hash, contentType, retention };
    const locked = retention === null ? null : metadata;
    // Before the link nothing is visible, so until there a failure is a clean one.
    const temp = await converted(key, 'not-durable', async () => this.#prepare(key, bytes, locked));
    return converted(key, 'unknown', async () => {
      try {
        const file = this.#objects.path(key);
        if (!(await this.#files.linkNew(temp, file))) return await this.#lose(key, locked);
        await this.#objects.remember(file, { versionId, recorded: locked && sha256Hash });
        return { versionId };
      } finally {
        await this.#files.remove(temp);
      }
    });
  }

  async head(key: string, versionId?: string): Promise<port.ObjectHead | null> {
    assertObjectKey(key);
    return converted(key, undefined, async () => {
      const object = await this.#objects.find(key, versionId);
      if (object === null) return null;
      const { identity, size, lastModified } = object;
      const metadata = await readMetadata(this.#files.root, key, identity.versionId);
      return {
        key,
        versionId: identity.versionId,
        size,
        etag: identity.versionId,
        sha256: identity.recorded,
        retention: metadata?.retention ?? null,
        lastModified,
      };
    });
  }

  async get(key: string, options: port.GetOptions = {}): Promise<port.StoredObject | null> {
    assertObjectKey(key);
    return converted(key, undefined, async () => {
      const object = await this.#objects.open(key, options.versionId);
      if (object === null) return null;
      const { handle, identity, size } = object;
      try {
        const { start, end } = options.range ?? { start: 0, end: size };
        const bytes = await readRange(handle, start, Math.min(end, size));
        return { bytes, versionId: identity.versionId, etag: identity.versionId };
      } finally {
        await handle.close();
      }
    });
  }

  async listVersions(key: string): Promise<readonly port.ObjectVersion[]> {
    assertObjectKey(key);
    return converted(key, undefined, async () => {
      const object = await this.#objects.find(key);
      if (object === null) return [];
      const { identity, size, lastModified } = object;
      const { versionId } = identity;
      return [{ versionId, isDeleteMarker: false, isLatest: true, size, lastModified }];
    });
  }

  async list(prefix: string, options: port.ListOptions = {}): Promise<readonly string[]> {
    const { after = '', max = Infinity } = options;
    const keys: string[] = [];
    if (max <= 0) return keys;
    return converted(prefix, undefined, async () => {
      for await (const key of walkKeys(this.#files.root, prefix, after)) {
        if (keys.push(key) >= max) break;
      }
      return keys;
    });
  }

  async extendRetention(key: string, versionId: string, wanted: port.Retention): Promise<void> {
    assertRetention(wanted);
    for (;;) {
      const head = await this.head(key, versionId);
      if (head === null) throw new ObjectMissingError(key, versionId);
      if (coversRetention(head.retention, wanted)) return;
      if (wanted.until <= this.#clock() || !mayFollow(head.retention, wanted)) {
        throw new RetentionRefusedError(`lock of ${key} cannot become ${wanted.mode}`);
      }
      // A loop, for another process may grow the same lock; each round somebody gets further.
      await converted(key, 'unknown', async () => this.#relock(key, head, wanted));
    }
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    options: port.ReplaceOptions,
  ): Promise<{ readonly etag: string }> {
    assertObjectKey(key);
    const file = this.#objects.path(key);
    const register = { file, generations: path.join(this.#files.root, '.cas', key) };
    const swapped = await converted(key, 'unknown', async () => {
      await this.#files.ensureDirectory(path.dirname(file));
      return swapRegister(this.#files, register, options.etag, bytes);
    });
    if (!swapped) throw new PreconditionError(key);
    return { etag: contentTag(bytes) };
  }

  now(): number {
    return this.#clock();
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  #assertPutOptions({ retention }: port.PutOptions): void {
    if (retention === null) return;
    assertRetention(retention);
    if (retention.until <= this.#clock()) throw new StoreDeniedError('lock date is past');
  }

  /**
   * Everything that comes before the name, at once: synced bytes, metadata, folders. @returns the
   * temporary file.
   */
  async #prepare(key: string, bytes: Uint8Array, locked: FileMetadata | null): Promise<string> {
    const [temp, ...others] = await Promise.allSettled([
      this.#files.writeTemp(bytes),
      this.#files.ensureDirectory(path.dirname(this.#objects.path(key))),
      locked === null ? null : placeMetadata(this.#files, key, locked),
    ]);
    if (temp.status === 'rejected') throw temp.reason;
    for (const other of others) {
      if (other.status === 'fulfilled') continue;
      // A disk that is full must not become fuller with every attempt.
      await this.#files.remove(temp.value);
      throw other.reason;
    }
    return temp.value;
  }

  /**
   * The name was taken. What this call wrote about its own bytes goes, unless they are the bytes
   * that are there.
   */
  async #lose(key: string, locked: FileMetadata | null): Promise<never> {
    if (locked !== null && (await this.#objects.isTakenByOther(key, locked.versionId))) {
      await this.#files.remove(metadataRegister(this.#files.root, key, locked.versionId).file);
    }
    throw new ObjectExistsError(key);
  }

  /**
   * One attempt to lock longer. An object without metadata gets some: its hash is then what it has
   * today.
   */
  async #relock(key: string, head: port.ObjectHead, wanted: port.Retention): Promise<void> {
    const { versionId } = head;
    let recorded = head.sha256;
    if (recorded === null) {
      const object = await this.get(key, { versionId });
      if (object === null) throw new ObjectMissingError(key, versionId);
      recorded = parseSha256Hash(sha256(object.bytes));
    }
    const contentType = 'application/octet-stream';
    const metadata = { versionId, sha256: recorded, contentType, retention: wanted };
    const { file } = metadataRegister(this.#files.root, key, versionId);
    await this.#files.ensureDirectory(path.dirname(file));
    await growMetadata(this.#files, key, metadata);
  }
}

/** Runs a step and converts what the file system throws. */
async function converted<T>(
  what: string,
  durability: Durability | undefined,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw fileError(error, what, durability);
  }
}
