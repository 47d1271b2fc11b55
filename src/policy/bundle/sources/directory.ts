import { constants, watch } from 'node:fs';
import type { FSWatcher, Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sleep, SourceError } from './source.ts';
import type { BundleSource } from './source.ts';

/** Plain data that says where a folder's bundle is and how it is read. */
export interface DirectorySettings {
  /** A folder with a `bundle.tar.gz`, or the file itself, which then ends in `.tar.gz`. Links are followed. */
  readonly path: string;
  /** Largest bundle in bytes. */
  readonly maxBytes: number;
  /** Milliseconds for which a file has to have stayed as it is: a copy under way is not read. */
  readonly settleMs: number;
}

const FILE = 'bundle.tar.gz';
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
/** Milliseconds between two looks at a folder that cannot be watched (network file systems tell nobody). */
const LOOK_MS = 5000;
/** Times that a file is waited for to settle before somebody is told. */
const TRIES_MAX = 20;

/**
 * A bundle in a folder. The folder is watched, so a bundle that is renamed into place is seen at once; it is read once it has
 * settled, from one descriptor, and again where it changed meanwhile: what is given was a whole file at one time.
 */
export class DirectorySource implements BundleSource {
  readonly name: string;
  readonly waits = false;
  readonly #path: string;
  readonly #settings: DirectorySettings;
  #given = '';
  #watcher: FSWatcher | undefined;
  #news = new AbortController();

  constructor(settings: DirectorySettings) {
    this.#settings = settings;
    this.#path = settings.path.endsWith('.tar.gz') ? settings.path : join(settings.path, FILE);
    this.name = `file ${this.#path}`;
  }

  async fetch(signal: AbortSignal): Promise<Uint8Array | null> {
    this.#watch();
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      this.#news = new AbortController();
      const before = await this.#look();
      if (before === this.#given) return null;
      await sleep(this.#settings.settleMs, signal);
      if (signal.aborted) return null;
      const bytes = await this.#read(before);
      if (bytes === null) continue;
      this.#given = before;
      return bytes;
    }
    throw new SourceError('source_slow', `${this.#path} changes all the time`);
  }

  async pause(ms: number, signal: AbortSignal): Promise<void> {
    const end = Date.now() + ms;
    const news = this.#news.signal;
    while (!signal.aborted && !news.aborted && Date.now() < end) {
      await sleep(Math.min(LOOK_MS, end - Date.now()), signal, news);
      const now = await this.#look().catch(() => this.#given);
      if (now !== this.#given) return;
    }
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
    return Promise.resolve();
  }

  /** What distinguishes the file that is there now from every other. */
  async #look(): Promise<string> {
    try {
      return markOf(await stat(this.#path));
    } catch (cause) {
      this.#given = '';
      throw new SourceError('bundle_missing', `there is no policy bundle at ${this.#path}`, cause);
    }
  }

  /** @returns null where it is not, or no longer, the file that was looked at. */
  async #read(mark: string): Promise<Uint8Array | null> {
    const { maxBytes } = this.#settings;
    // Whoever can write to the folder can put a pipe there: to open one is not to be waited for.
    const file = await open(this.#path, OPEN_FLAGS).catch((cause: unknown) => {
      throw new SourceError('source_refused', `${this.#path} cannot be read`, cause);
    });
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new SourceError('source_refused', `${this.#path} is no file`);
      if (status.size > maxBytes) {
        const message = `${this.#path} is ${status.size} bytes, at most ${maxBytes}`;
        throw new SourceError('source_oversize', message);
      }
      // One byte more than it had shows that it has grown; a file that grows all the time is not followed.
      const room = new Uint8Array(status.size + 1);
      const size = await readUpTo(file, room);
      const after = markOf(await file.stat());
      return after === mark && size === status.size ? room.slice(0, size) : null;
    } finally {
      await file.close();
    }
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      // The folder, not the file: a rename replaces the file, and a watch of it would stay with the old one.
      this.#watcher = watch(dirname(this.#path), { persistent: false }, (_event, name) => {
        // Mounted configuration replaces a link beside the file (`..data`).
        if (name === null || name === basename(this.#path) || name.startsWith('..')) {
          this.#news.abort();
        }
      });
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = undefined;
      });
    } catch {
      // A folder that is not there yet, or no watches left: looking now and then has to do.
      this.#watcher = undefined;
    }
  }
}

/** Fills `bytes` from the beginning of a file as far as it goes. @returns how far. */
async function readUpTo(file: FileHandle, bytes: Uint8Array): Promise<number> {
  let size = 0;
  while (size < bytes.length) {
    const { bytesRead } = await file.read(bytes, size, bytes.length - size, size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return size;
}

function markOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}
