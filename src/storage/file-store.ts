import path from 'node:path';
import { parseSha256Hash } from '../core/tree/hash.ts';
import type { Durability } from '../core/errors.ts';
import { sha256 } from '#platform';
import { DurableFiles } from './durable-files.ts';
import {
  ObjectExistsError,
  ObjectMissingError,
  ObjectTooLargeError,
  PreconditionError,
  RetentionRefusedError,
  StoreDeniedError,
  StoreUnavailableError,
} from './errors.ts';
import { fileError } from './file-errors.ts';
import { walkKeys } from './file-list.ts';
import { growMetadata, placeMetadata } from './file-locks.ts';
import { contentTag, hashTag, readRange } from './file-content.ts';
import { attemptMark, metadataRegister, readMetadata } from './file-metadata.ts';
import type { FileMetadata } from './file-metadata.ts';
import { FileObjects } from './file-objects.ts';
import { ROUNDS_MAX, swapRegister } from './file-register.ts';
import { assertKeyPrefix, assertObjectKey } from './object-keys.ts';
import { OBJECT_BYTES_MAX } from './object-store.ts';
import type * as port from './object-store.ts';
import { assertRetention, coversRetention, mayFollow } from './retention.ts';

/**
 * Who else may read the static view in place, as any reader of tiles would: the group of the folder, or everybody on
 * the machine. Records and batches are the owner's alone.
 */
export type ViewReaders = 'owner' | 'group' | 'everyone';

const VIEW_MODES = {
  owner: null,
  group: { file: 0o440, folder: 0o050 },
  everyone: { file: 0o444, folder: 0o055 },
} as const;

/** Where the files are, and what the store asks from outside. */
export interface FileStoreComponents {
  /** Made where it is missing. Relative to the working directory, if not absolute. */
  readonly folder: string;
  /** Epoch ms; tells whether a lock date is past and which temporary files are stale. */
  readonly clock: () => number;
  /** Random bytes, for names of temporary files. */
  readonly random: (bytes: number) => Uint8Array;
  /** Default: `owner`. */
  readonly readers?: ViewReaders;
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
  return new FileStore(files, components.clock, components.readers);
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
 * What stands on a key and is no plain file is an object without bytes; what is larger than any
 * object is not read: neither is followed or waited for.
 *
 * **Permissions**: files 0400, folders 0700. The static view (what `replace` makes) can be opened
 * to a group or to everybody; its folders are then listed to them, and only what is in it is read.
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
  readonly #view: (typeof VIEW_MODES)[ViewReaders];

  /** Use {@link openFileStore}: the folders have to be there. */
  constructor(files: DurableFiles, clock: () => number, readers: ViewReaders = 'owner') {
    this.#files = files;
    this.#clock = clock;
    this.#view = VIEW_MODES[readers];
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
    const { temp, isAttempt } = await converted(key, 'not-durable', async () =>
      this.#prepare(key, bytes, locked),
    );
    return converted(key, 'unknown', async () => {
      try {
        const isNew = await this.#files.linkNew(temp, this.#objects.path(key));
        if (!isNew) return await this.#lose(key, versionId, isAttempt);
        if (isAttempt) this.#files.remove(attemptMark(this.#files.root, key, versionId));
        this.#objects.remember(key, { versionId, recorded: locked && sha256Hash });
        return { versionId };
      } finally {
        this.#files.remove(temp);
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
      const { versionId } = identity;
      try {
        const { start, end } = options.range ?? { start: 0, end: size };
        const last = Math.min(end, size);
        if (last - start > OBJECT_BYTES_MAX) throw new ObjectTooLargeError(key, size);
        const bytes = handle === null ? new Uint8Array() : await readRange(handle, start, last);
        return { bytes, versionId, etag: versionId };
      } finally {
        await handle?.close();
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
    assertKeyPrefix(prefix);
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
    // A loop, for another process may grow the same lock; each round somebody gets further.
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const head = await this.head(key, versionId);
      if (head === null) throw new ObjectMissingError(key, versionId);
      if (coversRetention(head.retention, wanted)) return;
      if (wanted.until <= this.#clock() || !mayFollow(head.retention, wanted)) {
        throw new RetentionRefusedError(`lock of ${key} cannot become ${wanted.mode}`);
      }
      await converted(key, 'unknown', async () => this.#relock(key, head, wanted));
    }
    throw new StoreUnavailableError(`lock of ${key} does not come to rest`);
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    options: port.ReplaceOptions,
  ): Promise<{ readonly etag: string }> {
    assertObjectKey(key);
    const file = this.#objects.path(key);
    const generations = path.join(this.#files.root, '.cas', key);
    const view = this.#view;
    const register = { file, generations, ...(view === null ? {} : { mode: view.file }) };
    const swapped = await converted(key, 'unknown', async () => {
      await this.#files.ensureDirectory(path.dirname(file));
      if (view !== null) this.#files.letIn(path.dirname(file), view.folder);
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

  /** Everything that comes before the name, at once: synced bytes, metadata, folders. */
  async #prepare(
    key: string,
    bytes: Uint8Array,
    locked: FileMetadata | null,
  ): Promise<{ readonly temp: string; readonly isAttempt: boolean }> {
    const [temp, folder, metadata] = await Promise.allSettled([
      this.#files.writeTemp(bytes),
      this.#files.ensureDirectory(path.dirname(this.#objects.path(key))),
      locked === null ? false : placeMetadata(this.#files, key, locked),
    ]);
    if (temp.status === 'rejected') throw temp.reason;
    for (const other of [folder, metadata]) {
      if (other.status === 'fulfilled') continue;
      // A disk that is full must not become fuller with every attempt.
      this.#files.remove(temp.value);
      throw other.reason;
    }
    return { temp: temp.value, isAttempt: metadata.status === 'fulfilled' && metadata.value };
  }

  /**
   * The name was taken. What this call wrote about its own bytes goes, unless they are the bytes
   * that are there: it would be taken for the metadata of whatever is.
   */
  async #lose(key: string, versionId: string, isAttempt: boolean): Promise<never> {
    if (isAttempt) {
      const { root } = this.#files;
      if ((await this.#objects.tag(key)) !== versionId) {
        this.#files.remove(metadataRegister(root, key, versionId).file);
      }
      this.#files.remove(attemptMark(root, key, versionId));
    }
    throw new ObjectExistsError(key);
  }

  /**
   * One attempt to lock longer. An object without metadata gets some: its hash is then what it has
   * today.
   */
  async #relock(key: string, head: port.ObjectHead, wanted: port.Retention): Promise<void> {
    const { versionId } = head;
    const hash = head.sha256 ?? (await this.#objects.hash(key));
    const contentType = 'application/octet-stream';
    const metadata = { versionId, sha256: hash, contentType, retention: wanted };
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
