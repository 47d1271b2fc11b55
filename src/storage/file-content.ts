/**
 * Looking at what stands under a name of the file store. Only plain files are opened; nothing is followed, nothing is
 * waited for, and no file is held in memory whole to tell which bytes it has. Whoever can write to the folder can put
 * anything there: a pipe that nobody fills, a link out of the store, a hole of terabytes.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { toHex, utf8Bytes } from '../core/platform/bytes.ts';
import { parseSha256Hash } from '../core/tree/hash.ts';
import type { Sha256Hash } from '../core/tree/hash.ts';
import { sha256 } from '#platform';
import { StoreUnavailableError } from './errors.ts';
import { isFileError } from './file-errors.ts';
import { OBJECT_BYTES_MAX } from './object-store.ts';

/** Bytes read and hashed at once: bounds memory, and how long a hash holds up everything else (about 1 ms). */
const PIECE_BYTES = 1_048_576;

/** Not through a link, and not waiting for the other end of a pipe. */
const SAFELY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The identity of bytes as etag and version id: 128 bits of their SHA-256, in hex. */
export function contentTag(bytes: Uint8Array): string {
  return hashTag(sha256(bytes));
}

/** The same from a SHA-256 that is known already. */
export function hashTag(hash: Uint8Array): string {
  return toHex(hash).slice(0, 32);
}

/** What stands under a name. Whoever got a handle closes it. */
export interface NamedContent {
  /** Null for what is no plain file: it has no bytes. */
  readonly handle: fs.FileHandle | null;
  readonly stat: BigIntStats;
}

/** Opens what stands under a name, if it is a plain file. @returns null when the name is free. */
export async function openContent(file: string): Promise<NamedContent | null> {
  const stat = lookAt(file);
  if (stat === null) return null;
  if (!stat.isFile()) return { handle: null, stat };
  const handle = await fs.open(file, SAFELY).catch(nullIfMissing);
  if (handle === null) return null;
  try {
    const opened = await handle.stat({ bigint: true });
    if (opened.isFile()) return { handle, stat: opened };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw new StoreUnavailableError(`${file} was exchanged while it was opened`);
}

/** The name itself, not what a link leads to. @returns null when it is free, or below something that is no folder. */
export function lookAt(file: string): BigIntStats | null {
  try {
    return lstatSync(file, { bigint: true });
  } catch (error) {
    return nullIfMissing(error);
  }
}

/** Bytes of a content: none of what is no plain file. */
export function sizeOf({ handle, stat }: NamedContent): number {
  return handle === null ? 0 : Number(stat.size);
}

/**
 * SHA-256 of a content, read in pieces. @returns null where there is nothing to hash: no plain file, or more than any
 * object may have, of which nothing is read.
 */
export async function hashOf({ handle, stat }: NamedContent): Promise<Sha256Hash | null> {
  if (handle === null || stat.size > OBJECT_BYTES_MAX) return null;
  const hash = createHash('sha256');
  for (let at = 0; ; at += PIECE_BYTES) {
    const piece = await readRange(handle, at, at + PIECE_BYTES);
    hash.update(piece);
    if (piece.length < PIECE_BYTES) return parseSha256Hash(new Uint8Array(hash.digest()));
  }
}

/**
 * Identity of a content: of its bytes. What is no object of any store is told apart by its kind or its size alone, so
 * that it stays the same version when the folder is copied.
 */
export async function tagOf(content: NamedContent): Promise<string> {
  const hash = await hashOf(content);
  if (hash !== null) return hashTag(hash);
  const { handle, stat } = content;
  return contentTag(utf8Bytes(handle === null ? kindOf(stat) : `${stat.size} bytes, not read`));
}

/** What {@link readSmall} found. */
export interface SmallContent {
  readonly tag: string;
  /** Null for what is larger than asked for, or no plain file. */
  readonly bytes: Uint8Array | null;
}

/**
 * Reads a file that is small if it is ours. At once: by way of the thread pool its five calls took ten times as long, and
 * each seal waits for three such files (measured).
 *
 * @returns null when the name is free.
 */
export async function readSmall(file: string, bytesMax: number): Promise<SmallContent | null> {
  const stat = lookAt(file);
  if (stat === null) return null;
  if (stat.isFile() && stat.size <= bytesMax) {
    const bytes = readAtOnce(file, bytesMax);
    return bytes === null ? null : { tag: contentTag(bytes), bytes };
  }
  const content = await openContent(file);
  if (content === null) return null;
  try {
    return { tag: await tagOf(content), bytes: null };
  } finally {
    await content.handle?.close();
  }
}

/** @returns null when the name is free by now. @throws {@link StoreUnavailableError} when something else has it. */
function readAtOnce(file: string, bytesMax: number): Uint8Array | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, SAFELY);
  } catch (error) {
    return nullIfMissing(error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > bytesMax) {
      throw new StoreUnavailableError(`${file} was exchanged while it was opened`);
    }
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
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

function kindOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return 'a folder';
  return stat.isSymbolicLink() ? 'a link' : 'no file';
}

function nullIfMissing(error: unknown): null {
  // ENOTDIR: a file where a folder should be.
  if (isFileError(error, 'ENOENT', 'ENOTDIR')) return null;
  throw error;
}
