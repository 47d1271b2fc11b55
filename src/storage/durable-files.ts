/**
 * Files that survive a power cut. The order of calls is the whole idea: a file's bytes are synced
 * before its name is made, and the directory that holds the name is synced before anybody is told.
 *
 * Only syncs wait for a disk, so only they leave this thread. Opening, linking and the like take 3 to
 * 20 us here, and three times that by way of the thread pool, with a turn of the event loop each
 * (measured).
 */
import * as fs from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { toHex } from '../core/platform/bytes.ts';
import { SteleError } from '../core/errors.ts';
import { openContent } from './file-content.ts';
import { fileError, isFileError, isFileRefusal } from './file-errors.ts';

/**
 * A temporary file this old has no living owner: a put takes milliseconds, and links its file or
 * fails.
 */
const STALE_TEMP_MS = 10 * 60 * 1000;

/** Objects are read-only from birth: it stops accidents, not their owner. Records in clear are nobody else's to read. */
const FILE_MODE = 0o400;
const FOLDER_MODE = 0o700;

/** A folder and nothing else: a pipe of its name would be waited for. */
const FOLDER_ONLY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;

/** Bytes written in one call: what the kernel copies in well under a millisecond. */
const PIECE_BYTES = 1_048_576;

const write = promisify(fs.write);
const syncData = promisify(fs.fdatasync);
const syncAll = promisify(fs.fsync);

/** One `fsync` under way for a directory, and the next one that late comers wait for. */
interface DirectorySync {
  next: Promise<void> | null;
  current: Promise<void>;
}

/** Durable creation of files and directories below one root. */
export class DurableFiles {
  readonly root: string;
  readonly #temp: string;
  /**
   * Distinguishes this opening from any other process that uses the folder, also from other
   * machines' ids.
   */
  readonly #boot: string;
  readonly #known = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, DirectorySync>();
  readonly #entered = new Set<string>();
  #serial = 0;
  #failure: unknown = null;

  constructor(root: string, random: (bytes: number) => Uint8Array) {
    this.root = path.resolve(root);
    this.#boot = toHex(random(8));
    this.#temp = path.join(this.root, '.tmp');
  }

  /** Makes the root, and removes the temporary files that dead processes left behind. */
  async open(nowMs: number): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: FOLDER_MODE });
    await this.#sync(path.dirname(this.root));
    await this.ensureDirectory(this.#temp);
    for (const name of await readdir(this.#temp)) {
      const file = path.join(this.#temp, name);
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      if (stat !== undefined && nowMs - stat.mtimeMs > STALE_TEMP_MS) this.remove(file);
    }
  }

  /**
   * Makes a directory below the root with its parents, durably. The parents are synced once per
   * process even when the directory is there: whoever made it may not have come to that yet.
   */
  async ensureDirectory(directory: string): Promise<void> {
    if (directory === this.root) return;
    const known = this.#known.get(directory);
    if (known !== undefined) return known;
    const made = this.#makeDirectory(directory);
    this.#known.set(directory, made);
    // A failure is not remembered: the next caller tries again.
    made.catch(() => this.#known.delete(directory));
    return made;
  }

  /**
   * Writes bytes to a new temporary file and syncs them. @returns its path, for `linkNew` or
   * `moveOver`.
   */
  async writeTemp(bytes: Uint8Array, mode = FILE_MODE): Promise<string> {
    const file = this.tempPath();
    await this.writeSynced(file, bytes, mode);
    return file;
  }

  /** Creates a file that only its name matters of; not durable yet. @returns false when the name is taken. */
  createEmpty(file: string): boolean {
    this.#assertSound();
    try {
      fs.closeSync(fs.openSync(file, 'wx', FILE_MODE));
      return true;
    } catch (error) {
      if (isFileError(error, 'EEXIST')) return false;
      throw error;
    }
  }

  /**
   * Lets others into a directory and its parents up to the root, so that they reach what they may read there.
   * @param bits - Permissions to add, such as 0o050.
   */
  letIn(directory: string, bits: number): void {
    if (this.#entered.has(directory)) return;
    if (directory !== this.root) this.letIn(path.dirname(directory), bits);
    const mode = fs.statSync(directory).mode & 0o7777;
    if ((mode & bits) !== bits) fs.chmodSync(directory, mode | bits);
    this.#entered.add(directory);
  }

  /** A fresh name in the folder of temporary files. */
  tempPath(): string {
    this.#serial += 1;
    return path.join(this.#temp, `${this.#boot}-${this.#serial}`);
  }

  /**
   * Creates `file` with these bytes and syncs them; the name is not durable yet. A crash leaves a
   * part of it.
   *
   * @throws the system's error; EEXIST when the file is there.
   */
  async writeSynced(file: string, bytes: Uint8Array, mode = FILE_MODE): Promise<void> {
    this.#assertSound();
    const descriptor = fs.openSync(file, 'wx', FILE_MODE);
    try {
      // The umask does not apply to what somebody has asked for.
      if (mode !== FILE_MODE) fs.fchmodSync(descriptor, mode);
      await writeAll(descriptor, bytes);
      await syncData(descriptor);
    } catch (error) {
      // The kernel may have marked the pages clean: this file is given up, never synced again.
      this.remove(file);
      throw error;
    } finally {
      fs.closeSync(descriptor);
    }
  }

  /**
   * Gives a synced file a name that must be free. Durable once resolved, for the loser too: it will
   * act on what is there, so the winner's name must not vanish with the power.
   *
   * @returns false when the name is taken.
   * @throws {@link StoreDeniedError} when the system refuses the name: nothing was written.
   */
  async linkNew(from: string, to: string): Promise<boolean> {
    this.#assertSound();
    let won = true;
    try {
      fs.linkSync(from, to);
    } catch (error) {
      if (isFileRefusal(error)) throw fileError(error, to);
      if (!isFileError(error, 'EEXIST')) throw error;
      won = false;
    }
    await this.syncDirectory(path.dirname(to));
    return won;
  }

  /** Gives a synced file a name that may be taken. Durable once resolved. */
  async moveOver(from: string, to: string): Promise<void> {
    this.#assertSound();
    fs.renameSync(from, to);
    // Renaming onto another link of the same file does nothing at all: the old name has to be taken
    // away by hand.
    this.remove(from);
    await this.syncDirectory(path.dirname(to));
  }

  /** Syncs a file that another process may have left unsynced. */
  async syncFile(file: string): Promise<void> {
    const content = await openContent(file);
    try {
      await content?.handle?.datasync();
    } finally {
      await content?.handle?.close();
    }
  }

  /** Removes a file if it is there; not durable, for temporary files. */
  remove(file: string): void {
    try {
      fs.unlinkSync(file);
    } catch {
      // It is not there, or it stays as long as it cannot be removed: nobody reads it.
    }
  }

  /**
   * Syncs a directory. Callers who come while a sync is under way share the next one: it began
   * after their change.
   *
   * @throws {@link SteleError} `store_failed` when a sync failed, now and for ever after: a second
   *   sync would say yes although the change is gone.
   */
  async syncDirectory(directory: string): Promise<void> {
    this.#assertSound();
    const running = this.#syncs.get(directory);
    if (running !== undefined) {
      running.next ??= running.current
        .catch(() => undefined)
        .then(async () => this.#startSync(directory));
      return running.next;
    }
    return this.#startSync(directory);
  }

  async #startSync(directory: string): Promise<void> {
    this.#assertSound();
    const current = this.#sync(directory);
    const state: DirectorySync = { next: null, current };
    this.#syncs.set(directory, state);
    const done = (): void => {
      if (state.next === null && this.#syncs.get(directory) === state)
        this.#syncs.delete(directory);
    };
    current.then(done, done);
    return current;
  }

  async #sync(directory: string): Promise<void> {
    const descriptor = fs.openSync(directory, FOLDER_ONLY);
    try {
      await syncAll(descriptor);
    } catch (error) {
      this.#failure = error;
      throw this.#failed();
    } finally {
      fs.closeSync(descriptor);
    }
  }

  async #makeDirectory(directory: string): Promise<void> {
    const parent = path.dirname(directory);
    await this.ensureDirectory(parent);
    try {
      fs.mkdirSync(directory, FOLDER_MODE);
    } catch (error) {
      if (!isFileError(error, 'EEXIST')) throw fileError(error, directory);
    }
    await this.syncDirectory(parent);
  }

  #assertSound(): void {
    if (this.#failure !== null) throw this.#failed();
  }

  #failed(): SteleError {
    return new SteleError('store_failed', 'a directory could not be synced; restart and check', {
      disposition: 'halt',
      durability: 'unknown',
      cause: this.#failure,
    });
  }
}

async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  // What is short is copied at once; of what is long each piece leaves room for others.
  if (bytes.length <= PIECE_BYTES) {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(descriptor, bytes, at);
    return;
  }
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await write(
      descriptor,
      bytes,
      at,
      Math.min(PIECE_BYTES, bytes.length - at),
    );
    at += bytesWritten;
  }
}
