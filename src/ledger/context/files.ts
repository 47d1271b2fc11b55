import { close, fdatasync, fstatSync, fsync, open, statSync, write, writeSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { mkdir, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A file open for appending. */
export interface AppendFile {
  /** Which file the descriptor is, whatever its name: device and inode. */
  readonly identity: string;
  /** Appends all the bytes or rejects. What a rejected write left behind is unknown. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written is on the disk. Rejected once, it must never be called again (fsyncgate). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The few operations on a file system that a journal needs: a port, so that tests can make each of them fail. */
export interface JournalFiles {
  /** Makes a folder and its parents; does nothing when it is there. */
  makeFolder(path: string): Promise<void>;
  /** Creates a file that must not exist. @throws with `code` `EEXIST`. */
  create(path: string): Promise<AppendFile>;
  /** Names in a folder, in no order. */
  list(path: string): Promise<readonly string[]>;
  /** All bytes of a file; null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; does nothing when there is none. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** Device and inode of what a name stands for now; null when nothing. Synchronous: it costs a few microseconds. */
  identity(path: string): string | null;
}

/** Bytes that are copied on this thread: well under a millisecond. */
const COPY_BYTES_MAX = 1_048_576;

const openFile = promisify(open);
const closeFile = promisify(close);
const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

/** The real file system. */
export const journalFiles: JournalFiles = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  create: async (path) => appendFile(await openFile(path, 'ax', 0o600)),
  list: async (path) => readdir(path),
  read: async (path) => absentAsNull(readFile(path)),
  rename: async (from, to) => rename(from, to),
  remove: async (path) => {
    await absentAsNull(unlink(path));
  },
  syncFolder: async (path) => {
    const folder = await openFile(path, 'r');
    try {
      await syncAll(folder);
    } finally {
      await closeFile(folder);
    }
  },
  identity: (path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : identityOf(found);
  },
};

function appendFile(descriptor: number): AppendFile {
  return {
    identity: identityOf(fstatSync(descriptor)),
    write: async (bytes) => writeAll(descriptor, bytes),
    sync: async () => syncData(descriptor),
    close: async () => closeFile(descriptor),
  };
}

/** A copy into the kernel's memory: short ones cost less than the way to the thread pool and back (measured). */
async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  if (bytes.length <= COPY_BYTES_MAX) {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    return;
  }
  for (let at = 0; at < bytes.length;) at += await writeSome(descriptor, bytes.subarray(at));
}

async function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

function identityOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** @returns null where the error says that there is no such file. */
export async function absentAsNull<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether an error of the file system has this code. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
