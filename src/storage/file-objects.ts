/** Reading the objects of the file store: which version a file is, and its bytes. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Sha256Hash } from '../core/hash.ts';
import type { DurableFiles } from './durable-files.ts';
import { isFileError } from './file-errors.ts';
import { readAllMetadata, readMetadata } from './file-metadata.ts';
import { contentTag } from './file-register.ts';

/**
 * Identities remembered so that a file is hashed once: enough for the objects in work, a few
 * hundred bytes each.
 */
const REMEMBERED_MAX = 4096;

/**
 * A name this young may not be durable yet: its writer can be between `link` and the sync of the
 * directory.
 */
const YOUNG_MS = 60_000;

/** Which version a file is. */
export interface FileIdentity {
  readonly versionId: string;
  /** The hash recorded when the object was put; null for a file without metadata. */
  readonly recorded: Sha256Hash | null;
}

/** A file of an object, and which version it is. */
export interface FoundObject {
  readonly size: number;
  /** Epoch ms. */
  readonly lastModified: number;
  readonly identity: FileIdentity;
}

/** An open file of an object. Whoever got it closes the handle. */
export interface OpenObject extends FoundObject {
  readonly handle: fs.FileHandle;
}

/** The objects below one root, and what is remembered of them. */
export class FileObjects {
  readonly #files: DurableFiles;
  readonly #clock: () => number;
  readonly #identities = new LRUCache<string, FileIdentity>({ max: REMEMBERED_MAX });

  constructor(files: DurableFiles, clock: () => number) {
    this.#files = files;
    this.#clock = clock;
  }

  /** Where the bytes of a key are. */
  path(key: string): string {
    return path.join(this.#files.root, key);
  }

  /**
   * Opens the object of a key, if it is there and is `versionId` where one is asked for. What it
   * shows is durable: for a young file the directory is synced first, lest somebody builds on what
   * a power cut takes back.
   */
  async open(key: string, versionId?: string): Promise<OpenObject | null> {
    const file = this.path(key);
    const handle = await fs.open(file, 'r').catch(nullIfMissing);
    if (handle === null) return null;
    let isHandedOver = false;
    try {
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) return null;
      const stamp = stampOf(file, stat);
      const identity =
        this.#identities.get(stamp) ?? (await this.#identify(key, handle, stamp, stat));
      if (versionId !== undefined && versionId !== identity.versionId) return null;
      isHandedOver = true;
      const lastModified = Number(stat.mtimeMs);
      return { handle, size: Number(stat.size), lastModified, identity };
    } finally {
      if (!isHandedOver) await handle.close();
    }
  }

  /** The same without the bytes: of a file that is remembered, for the price of one look at it. */
  async find(key: string, versionId?: string): Promise<FoundObject | null> {
    const file = this.path(key);
    const stat = await fs.stat(file, { bigint: true }).catch(nullIfMissing);
    if (stat === null) return null;
    const identity = this.#identities.get(stampOf(file, stat));
    if (identity !== undefined) {
      if (versionId !== undefined && versionId !== identity.versionId) return null;
      return { size: Number(stat.size), lastModified: Number(stat.mtimeMs), identity };
    }
    const object = await this.open(key, versionId);
    await object?.handle.close();
    return object;
  }

  /**
   * Remembers which version a file is that was just put, so that it need not be read again to tell.
   */
  async remember(file: string, identity: FileIdentity): Promise<void> {
    this.#identities.set(stampOf(file, await fs.stat(file, { bigint: true })), identity);
  }

  /**
   * Whether `key` holds, intact, bytes that were put under a lock as another version than
   * `versionId`.
   */
  async isTakenByOther(key: string, versionId: string): Promise<boolean> {
    const bytes = await fs.readFile(this.path(key)).catch(nullIfMissing);
    if (bytes === null) return false;
    const tag = contentTag(bytes);
    return tag !== versionId && (await readMetadata(this.#files.root, key, tag)) !== null;
  }

  /**
   * The version is the one whose metadata name the hash of the bytes. Where metadata are there but
   * name another hash, the file was damaged: it is still that version, and the recorded hash will
   * tell on it.
   */
  async #identify(
    key: string,
    handle: fs.FileHandle,
    stamp: string,
    stat: { readonly ctimeMs: bigint; readonly size: bigint },
  ): Promise<FileIdentity> {
    const file = this.path(key);
    if (Math.abs(this.#clock() - Number(stat.ctimeMs)) < YOUNG_MS) {
      await this.#files.syncDirectory(path.dirname(file));
    }
    const tag = contentTag(await readRange(handle, 0, Number(stat.size)));
    const root = this.#files.root;
    const metadata =
      (await readMetadata(root, key, tag)) ?? (await readAllMetadata(root, key)).at(0) ?? null;
    const identity =
      metadata === null
        ? { versionId: tag, recorded: null }
        : { versionId: metadata.versionId, recorded: metadata.sha256 };
    this.#identities.set(stamp, identity);
    return identity;
  }
}

/** Reads the bytes `[start, end)`, fewer where the file ends before. */
export async function readRange(
  handle: fs.FileHandle,
  start: number,
  end: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(Math.max(0, end - start));
  let filled = 0;
  while (filled < bytes.length) {
    const left = bytes.length - filled;
    const { bytesRead } = await handle.read(bytes, filled, left, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** What changes when another file takes the name, or the bytes of this one are written. */
function stampOf(
  file: string,
  stat: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint },
): string {
  return `${file}\n${stat.ino}\n${stat.size}\n${stat.mtimeNs}`;
}

function nullIfMissing(error: unknown): null {
  // A directory where a key should be (EISDIR comes with the first read) or a file where a
  // directory should be.
  if (isFileError(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return null;
  throw error;
}
