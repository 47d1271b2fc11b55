import { SteleError } from '../core/errors.ts';
import type { Durability } from '../core/errors.ts';
import { StoreDeniedError, StoreUnavailableError } from './errors.ts';

/**
 * What the operating system says when it is not permitted, or when the key collides with a
 * directory.
 */
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR', 'EXDEV', 'EMLINK']);

/** Whether an error is the system's, with one of these codes. */
export function isFileError(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(codeOf(error));
}

/** Whether the system refused, so that what was asked for did not happen. */
export function isFileRefusal(error: unknown): boolean {
  return DENIED.has(codeOf(error));
}

/**
 * Converts an error of the file system; one of ours passes. The one place where such errors are
 * read.
 *
 * @param durability - `unknown` once something may have been written: then not even a refusal says that nothing was.
 */
export function fileError(error: unknown, what: string, durability?: Durability): SteleError {
  if (error instanceof SteleError) return error;
  const code = codeOf(error);
  if (durability !== 'unknown' && DENIED.has(code)) {
    return new StoreDeniedError(`${code} at ${what}`, error);
  }
  return new StoreUnavailableError(`${code} at ${what}`, {
    cause: error,
    ...(durability === undefined ? {} : { durability }),
  });
}

/** By shape, not by class: errors of the system can come from another realm than ours. */
function codeOf(error: unknown): string {
  const isObject = typeof error === 'object' && error !== null;
  return isObject && 'code' in error ? String(error.code) : 'unknown error';
}
