/**
 * Writing the metadata of the file store: before an object is visible, and later when its lock
 * grows.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { DurableFiles } from './durable-files.ts';
import { isFileError } from './file-errors.ts';
import { formatMetadata, metadataRegister, parseMetadata } from './file-metadata.ts';
import type { FileMetadata } from './file-metadata.ts';
import { contentTag, swapRegister } from './file-register.ts';
import type { Retention } from './object-store.ts';
import { coversRetention } from './retention.ts';

/**
 * Writes the metadata of bytes that are about to be linked. Durable once resolved.
 *
 * A file of that name can be there, from another attempt with the same bytes: complete, then it is
 * synced, for its writer may have died before; torn or still being written, then the whole content
 * is swapped in.
 */
export async function placeMetadata(
  files: DurableFiles,
  key: string,
  metadata: FileMetadata,
): Promise<void> {
  const { file } = metadataRegister(files.root, key, metadata.versionId);
  await files.ensureDirectory(path.dirname(file));
  try {
    await files.writeSynced(file, formatMetadata(metadata));
  } catch (error) {
    if (!isFileError(error, 'EEXIST')) throw error;
    while (!(await growMetadata(files, key, metadata)));
    await files.syncFile(file);
  }
  await files.syncDirectory(path.dirname(file));
}

/**
 * Makes sure that the metadata on disk lock at least as much as `wanted`, by one compare-and-swap.
 *
 * @returns false when another process changed the file meanwhile: try again.
 */
export async function growMetadata(
  files: DurableFiles,
  key: string,
  wanted: FileMetadata,
): Promise<boolean> {
  const register = metadataRegister(files.root, key, wanted.versionId);
  const bytes = await fs.readFile(register.file).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT')) return null;
    throw error;
  });
  const present = bytes === null ? null : parseMetadata(bytes);
  if (present !== null && !needsMore(present.retention, wanted.retention)) return true;
  const grown = formatMetadata({ ...(present ?? wanted), retention: wanted.retention });
  return swapRegister(files, register, bytes === null ? null : contentTag(bytes), grown);
}

function needsMore(held: Retention | null, wanted: Retention | null): boolean {
  return wanted !== null && !coversRetention(held, wanted);
}
