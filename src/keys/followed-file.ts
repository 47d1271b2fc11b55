import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Milliseconds between two looks at a file: so long a key that was taken back is still good. */
const LOOK_MS = 2_000;

/** Bytes of a followed file: a million API keys have room, and it is read whole. */
const FILE_BYTES_MAX = 67_108_864;

/** What of a followed file goes to the log. */
export interface FollowLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * A file that is read again when it changes. What cannot be read or parsed changes nothing: the last good content holds,
 * and {@link fault} says so, for a slip of the pen must not lock everybody out.
 */
export class FollowedFile<T> {
  /** What it is, for people. */
  readonly name: string;
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #value: T | null = null;
  #seen: string | null = null;
  #fault: string | null = null;

  /** @param parse - Throws for what is not such a file. */
  constructor(name: string, path: string, parse: (text: string) => T) {
    this.name = name;
    this.#path = path;
    this.#parse = parse;
  }

  /** The last good content; null where there has been none. */
  get value(): T | null {
    return this.#value;
  }

  /** Why what is there now does not hold; null where it does. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Reads what is there at the start, if anything is. @throws what reading and `parse` say. */
  async open(): Promise<void> {
    const now = await this.#identity();
    if (now === null) return;
    this.#value = this.#parse(await readPlain(this.#path));
    this.#seen = now;
  }

  /** Looks whether it has changed. Never throws. @returns whether there is something new to be said. */
  async look(): Promise<boolean> {
    try {
      const now = await this.#identity();
      if (now === this.#seen) return false;
      this.#seen = now;
      if (now === null) throw new Error(`${this.#path} is gone`);
      this.#value = this.#parse(await readPlain(this.#path));
      this.#fault = null;
      return true;
    } catch (error) {
      const { message } = error as Error;
      const isNew = this.#fault !== message;
      this.#fault = message;
      return isNew;
    }
  }

  /** Changes with every write and every replacement; null where there is no file. */
  async #identity(): Promise<string | null> {
    try {
      const { ino, size, mtimeNs } = await stat(this.#path, { bigint: true });
      return `${ino} ${size} ${mtimeNs}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
}

/** The text of a plain file. A pipe or device in its place is not waited for, and no more is read than was seen. */
async function readPlain(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error(`${path} is no file`);
    if (status.size > FILE_BYTES_MAX) {
      throw new Error(`${path} has ${status.size} bytes, at most ${FILE_BYTES_MAX}`);
    }
    const bytes = Buffer.alloc(status.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Looks at files until it is told to stop. @param changed - Runs when one of them has new content. */
export function followFiles(
  files: readonly FollowedFile<unknown>[],
  changed: () => void,
  log: FollowLog,
): { stop(): void } {
  const look = async (): Promise<void> => {
    for (const file of files) {
      if (!(await file.look())) continue;
      const { name, fault } = file;
      if (fault === null) {
        changed();
        log.info('caller_keys_read', { file: name });
      } else {
        log.warn('caller_keys_kept', { file: name, fault });
      }
    }
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, LOOK_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}
