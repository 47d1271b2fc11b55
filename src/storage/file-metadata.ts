/**
 * What the file store keeps beside the bytes of a locked object: one JSON file in the parallel tree
 * `.meta/`, named by key and version id. The version id comes from the bytes, so a directory copied
 * by any tool still fits together, and a metadata file whose object never came (a crash, a lost
 * race) describes bytes that are not there: nobody reads it. A mark beside it says so until its
 * object is there; without one, metadata that fit no bytes tell that the object was damaged.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { parseHex, toHex } from '../core/platform/bytes.ts';
import { parseSha256Hash } from '../core/tree/hash.ts';
import type { Sha256Hash } from '../core/tree/hash.ts';
import { readSmall } from './file-content.ts';
import { isFileError } from './file-errors.ts';
import type { Register } from './file-register.ts';
import type { Retention } from './object-store.ts';

/** Metadata are some 300 bytes; what is larger is none. */
export const METADATA_BYTES_MAX = 65_536;

/** The recorded facts of one version. */
export interface FileMetadata {
  readonly versionId: string;
  /** Null for garbage without bytes that an object may have. */
  readonly sha256: Sha256Hash | null;
  readonly contentType: string;
  readonly retention: Retention | null;
}

/**
 * Where the metadata of one version of a key is, and its generations (locks grow by
 * compare-and-swap).
 */
export function metadataRegister(root: string, key: string, versionId: string): Register {
  const name = `${key}.${versionId}.json`;
  return { file: path.join(root, '.meta', name), generations: path.join(root, '.cas/.meta', name) };
}

/** The mark that says that bytes are on their way to a key, and may never get there. */
export function attemptMark(root: string, key: string, versionId: string): string {
  return path.join(root, '.meta', `${key}.${versionId}.attempt`);
}

/** Formats metadata as the bytes of its file. */
export function formatMetadata(metadata: FileMetadata): Uint8Array {
  const { versionId, sha256, contentType, retention } = metadata;
  const hash = sha256 === null ? null : toHex(sha256);
  const record = { v: 1, versionId, sha256: hash, contentType, retention };
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/**
 * Parses a metadata file. @returns null when it is not one: torn by a crash before its object came,
 * or damaged; then nothing is known about the object but its bytes.
 */
export function parseMetadata(bytes: Uint8Array): FileMetadata | null {
  try {
    const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
    const { versionId, contentType } = record;
    if (record['v'] !== 1 || typeof versionId !== 'string' || typeof contentType !== 'string') {
      return null;
    }
    const hash = record['sha256'];
    const sha256 = hash === null ? null : parseSha256Hash(parseHex(hash as string));
    return { versionId, sha256, contentType, retention: parseRetention(record['retention']) };
  } catch {
    return null;
  }
}

/** Reads the metadata of one version; null when there is none that can be read. */
export async function readMetadata(
  root: string,
  key: string,
  versionId: string,
): Promise<FileMetadata | null> {
  return readFrom(metadataRegister(root, key, versionId).file);
}

/**
 * Reads the metadata of all versions of a key whose bytes were there once: one, or more where somebody took them away.
 */
export async function readAllMetadata(root: string, key: string): Promise<FileMetadata[]> {
  const folder = path.dirname(path.join(root, '.meta', key));
  const base = `${path.posix.basename(key)}.`;
  const names = await fs.readdir(folder).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  });
  const attempts = new Set(names.filter((name) => name.endsWith('.attempt')));
  const found: FileMetadata[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith(base) || !/^[0-9a-f]{32}\.json$/.test(name.slice(base.length))) continue;
    if (attempts.has(name.replace(/json$/, 'attempt'))) continue;
    const metadata = await readFrom(path.join(folder, name));
    if (metadata !== null) found.push(metadata);
  }
  return found;
}

async function readFrom(file: string): Promise<FileMetadata | null> {
  const small = await readSmall(file, METADATA_BYTES_MAX);
  return small?.bytes == null ? null : parseMetadata(small.bytes);
}

function parseRetention(value: unknown): Retention | null {
  if (typeof value !== 'object' || value === null) return null;
  const { mode, until } = value as Record<string, unknown>;
  if ((mode !== 'compliance' && mode !== 'governance') || typeof until !== 'number') return null;
  return { mode, until };
}
