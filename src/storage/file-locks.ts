/**
 * Writing the metadata of the file store: before an object is visible, and later when its lock
 * grows.
 */
import path from 'node:path';
import type { DurableFiles } from './durable-files.ts';
import { StoreUnavailableError } from './errors.ts';
import { readSmall } from './file-content.ts';
import { isFileError } from './file-errors.ts';
import {
  attemptMark,
  formatMetadata,
  METADATA_BYTES_MAX,
  metadataRegister,
  parseMetadata,
} from './file-metadata.ts';
import type { FileMetadata } from './file-metadata.ts';
import { ROUNDS_MAX, swapRegister } from './file-register.ts';
import type { Retention } from './object-store.ts';
import { coversRetention } from './retention.ts';

/**
 * Writes the metadata of bytes that are about to be linked, with the mark of an attempt. Durable once resolved.
 *
 * A file of that name can be there, from another attempt with the same bytes: complete, then it is
 * synced, for its writer may have died before; torn or still being written, then the whole content
 * is swapped in.
 *
 * @returns false when they are those of an object that was there before: then they are not this attempt's to remove.
 */
export async function placeMetadata(
  files: DurableFiles,
  key: string,
  metadata: FileMetadata,
): Promise<boolean> {
  const { file } = metadataRegister(files.root, key, metadata.versionId);
  const mark = attemptMark(files.root, key, metadata.versionId);
  await files.ensureDirectory(path.dirname(file));
  const isFirst = files.createEmpty(mark);
  let isAttempt = true;
  try {
    await files.writeSynced(file, formatMetadata(metadata));
  } catch (error) {
    if (!isFileError(error, 'EEXIST')) throw error;
    isAttempt = !isFirst;
    if (!isAttempt) files.remove(mark);
    await grown(async () => growMetadata(files, key, metadata), file);
    await files.syncFile(file);
  }
  await files.syncDirectory(path.dirname(file));
  return isAttempt;
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
  const small = await readSmall(register.file, METADATA_BYTES_MAX);
  const present = small?.bytes == null ? null : parseMetadata(small.bytes);
  if (present !== null && !needsMore(present.retention, wanted.retention)) return true;
  const bytes = formatMetadata({ ...(present ?? wanted), retention: wanted.retention });
  return swapRegister(files, register, small?.tag ?? null, bytes);
}

/** Repeats a compare-and-swap until it counts. In each round somebody gets further; not so where nobody is honest. */
async function grown(swap: () => Promise<boolean>, file: string): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) if (await swap()) return;
  throw new StoreUnavailableError(`${file} does not come to rest`);
}

function needsMore(held: Retention | null, wanted: Retention | null): boolean {
  return wanted !== null && !coversRetention(held, wanted);
}
