/**
 * What the file store keeps beside the bytes of a locked object: one JSON file in the parallel tree
 * `.meta/`, named by key and version id. The version id comes from the bytes, so a directory copied
 * by any tool still fits together, and a metadata file whose object never came (a crash, a lost
 * race) describes bytes that are not there: nobody reads it.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { parseHex, toHex } from '../core/bytes.ts';
import { parseSha256Hash } from '../core/hash.ts';
import type { Sha256Hash } from '../core/hash.ts';
import { isFileError } from './file-errors.ts';
import type { Register } from './file-register.ts';
import type { Retention } from './object-store.ts';

/** The recorded facts of one version. */
export interface FileMetadata {
  readonly versionId: string;
  readonly sha256: Sha256Hash;
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

/** Formats metadata as the bytes of its file. */
export function formatMetadata(metadata: FileMetadata): Uint8Array {
  const { versionId, sha256, contentType, retention } = metadata;
  const record = { v: 1, versionId, sha256: toHex(sha256), contentType, retention };
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
    const sha256 = parseSha256Hash(parseHex(String(record['sha256'])));
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
  const bytes = await readIfThere(metadataRegister(root, key, versionId).file);
  return bytes === null ? null : parseMetadata(bytes);
}

/**
 * Reads the metadata of all versions that were ever tried for a key: more than one after lost races
 * with a crash.
 */
export async function readAllMetadata(root: string, key: string): Promise<FileMetadata[]> {
  const folder = path.dirname(path.join(root, '.meta', key));
  const base = `${path.posix.basename(key)}.`;
  const names = await fs.readdir(folder).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  });
  const found: FileMetadata[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith(base) || !/^[0-9a-f]{32}\.json$/.test(name.slice(base.length))) continue;
    const bytes = await readIfThere(path.join(folder, name));
    const metadata = bytes === null ? null : parseMetadata(bytes);
    if (metadata !== null) found.push(metadata);
  }
  return found;
}

function parseRetention(value: unknown): Retention | null {
  if (typeof value !== 'object' || value === null) return null;
  const { mode, until } = value as Record<string, unknown>;
  if ((mode !== 'compliance' && mode !== 'governance') || typeof until !== 'number') return null;
  return { mode, until };
}

async function readIfThere(file: string): Promise<Uint8Array | null> {
  return fs.readFile(file).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
}
