/** Reading the objects of the file store: which version a file is, and its bytes. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Sha256Hash } from '../core/tree/hash.ts';
import type { DurableFiles } from './durable-files.ts';
import { hashOf, lookAt, openContent, sizeOf, tagOf } from './file-content.ts';
import type { NamedContent } from './file-content.ts';
import { readAllMetadata, readMetadata } from './file-metadata.ts';

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
  /** Bytes. */
  readonly size: number;
  /** Epoch ms. */
  readonly lastModified: number;
  readonly identity: FileIdentity;
}

/** An open file of an object. Whoever got it closes the handle. */
export interface OpenObject extends FoundObject {
  /** Null for a folder, link or pipe on the key: an object without bytes, which nobody here has put. */
  readonly handle: FileHandle | null;
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
    const content = await openContent(this.path(key));
    if (content === null) return null;
    const { handle, stat } = content;
    let isHandedOver = false;
    try {
      const identity = this.#remembered(key, stat) ?? (await this.#identify(key, content));
      if (versionId !== undefined && versionId !== identity.versionId) return null;
      isHandedOver = true;
      return { handle, size: sizeOf(content), lastModified: Number(stat.mtimeMs), identity };
    } finally {
      if (!isHandedOver) await handle?.close();
    }
  }

  /** The same without the bytes: of a file that is remembered, for the price of one look at it. */
  async find(key: string, versionId?: string): Promise<FoundObject | null> {
    const stat = lookAt(this.path(key));
    if (stat === null) return null;
    const identity = stat.isFile() ? this.#remembered(key, stat) : undefined;
    if (identity !== undefined) {
      if (versionId !== undefined && versionId !== identity.versionId) return null;
      return { size: Number(stat.size), lastModified: Number(stat.mtimeMs), identity };
    }
    const object = await this.open(key, versionId);
    await object?.handle?.close();
    return object;
  }

  /**
   * Remembers which version a file is that was just put, so that it need not be read again to tell.
   */
  remember(key: string, identity: FileIdentity): void {
    const stat = lookAt(this.path(key));
    if (stat !== null) this.#identities.set(stampOf(key, stat), identity);
  }

  /** Identity of the bytes that are under a key now, whatever was put there; null when it is free. */
  async tag(key: string): Promise<string | null> {
    return this.#with(key, tagOf);
  }

  /** SHA-256 of what is under a key now; null when it is free or has no bytes that an object may have. */
  async hash(key: string): Promise<Sha256Hash | null> {
    return this.#with(key, hashOf);
  }

  async #with<T>(key: string, look: (content: NamedContent) => Promise<T>): Promise<T | null> {
    const content = await openContent(this.path(key));
    if (content === null) return null;
    try {
      return await look(content);
    } finally {
      await content.handle?.close();
    }
  }

  #remembered(key: string, stat: BigIntStats): FileIdentity | undefined {
    return this.#identities.get(stampOf(key, stat));
  }

  /**
   * The version is the one whose metadata name the hash of the bytes. Where metadata of an object
   * that once stood here name another hash, the file was damaged: it is still that version, and the
   * recorded hash will tell on it.
   */
  async #identify(key: string, content: NamedContent): Promise<FileIdentity> {
    const { stat } = content;
    if (Math.abs(this.#clock() - Number(stat.ctimeMs)) < YOUNG_MS) {
      await this.#files.syncDirectory(path.dirname(this.path(key)));
    }
    const tag = await tagOf(content);
    const root = this.#files.root;
    const metadata =
      (await readMetadata(root, key, tag)) ?? (await readAllMetadata(root, key)).at(0) ?? null;
    const identity =
      metadata === null
        ? { versionId: tag, recorded: null }
        : { versionId: metadata.versionId, recorded: metadata.sha256 };
    if (stat.isFile()) this.#identities.set(stampOf(key, stat), identity);
    return identity;
  }
}

/** What changes when another file takes the name, or the bytes of this one are written. */
function stampOf(key: string, { ino, size, mtimeNs }: BigIntStats): string {
  return `${key}\n${ino}\n${size}\n${mtimeNs}`;
}
