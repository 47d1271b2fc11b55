/** The one place where errors of S3 and of its SDK are read; nothing foreign passes it. */
import { SteleError } from '../core/errors.ts';
import {
  ObjectExistsError,
  PreconditionError,
  StoreConflictError,
  StoreDeniedError,
  StoreUnavailableError,
} from './errors.ts';
import { s3Advice } from './s3-advice.ts';

/** What S3 answered: `status` is null when no answer came. */
export interface S3Failure {
  readonly status: number | null;
  readonly code: string;
}

/**
 * Answers of the 4xx kind that say nothing against the request: the next attempt may well succeed.
 */
const TRANSIENT = new Set([
  'BadDigest',
  'ExpiredToken',
  'IncompleteBody',
  'RequestTimeout',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** Answers of the 404 kind that are about something else than the object. */
const NOT_OF_THE_OBJECT = new Set(['NoSuchBucket', 'XAdminUserNotFound']);

/** What became of a create or a replacement that failed. */
export type Condition = 'if-none-match' | 'if-match';

/** Reads status and code out of anything that the SDK throws. */
export function failureOf(error: unknown): S3Failure {
  if (typeof error !== 'object' || error === null) return { status: null, code: 'unknown' };
  const { name, code, $metadata } = error as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  // System errors carry the telling word in `code` and the name "Error"; S3's carry it in `name`.
  const word = typeof code === 'string' ? code : name;
  const status = $metadata?.httpStatusCode ?? null;
  return { status, code: typeof word === 'string' ? word : 'unknown' };
}

/**
 * Converts the failure of a conditional write. 412: taken or changed. 409: undecided. Refusals:
 * nothing was written. Everything else, and no answer at all: unknown.
 */
export function s3WriteError(error: unknown, key: string, condition: Condition): SteleError {
  if (error instanceof SteleError) return error;
  const { status, code } = failureOf(error);
  if (status === 412) {
    return condition === 'if-match'
      ? new PreconditionError(key, error)
      : new ObjectExistsError(key, error);
  }
  if (status === 404 && condition === 'if-match' && !NOT_OF_THE_OBJECT.has(code)) {
    return new PreconditionError(key, error);
  }
  if (isRefusal(status, code)) return denied(`write of ${key}`, status, code, error);
  if (status === 409) {
    const advice = s3Advice(code, error);
    return new StoreConflictError(key, error, advice === '' ? '' : `: ${code}: ${advice}`);
  }
  return new StoreUnavailableError(`write of ${key}: ${inWords(code, error)}`, {
    durability: 'unknown',
    cause: error,
  });
}

/** Converts the failure of a read or of a change of settings that can be repeated freely. */
export function s3ReadError(error: unknown, what: string): SteleError {
  if (error instanceof SteleError) return error;
  const { status, code } = failureOf(error);
  if (isRefusal(status, code)) return denied(what, status, code, error);
  return new StoreUnavailableError(`${what}: ${inWords(code, error)}`, { cause: error });
}

/**
 * Whether an answer says that there is no such object, version or body to read. 405 is a delete
 * marker read by its id; 400 with a version id is an id that this store cannot have given. A
 * missing bucket or user and an old session are something else.
 */
export function isAbsence(error: unknown, hasVersionId: boolean): boolean {
  const { status, code } = failureOf(error);
  if (NOT_OF_THE_OBJECT.has(code) || TRANSIENT.has(code)) return false;
  return status === 404 || status === 405 || (hasVersionId && status === 400);
}

/** Whether a store refused on account of a lock: 403, or 400 from some. */
export function isLockRefusal(error: unknown): boolean {
  const { status, code } = failureOf(error);
  return (
    status === 403 || (status === 400 && (code === 'InvalidRequest' || code === 'ObjectLocked'))
  );
}

function isRefusal(status: number | null, code: string): boolean {
  // Nothing was sent.
  if (code === 'CredentialsProviderError') return true;
  if (status === null || TRANSIENT.has(code) || status === 408 || status === 429) return false;
  // Writers in each other's way; but that a bucket has no Object Lock comes with 409 too, and no
  // repetition cures it.
  if (status === 409) return code === 'InvalidBucketState';
  return (status >= 400 && status < 500) || status === 501;
}

function denied(what: string, status: number | null, code: string, cause: unknown): SteleError {
  const words = inWords(code, cause);
  return new StoreDeniedError(`${what}: ${status === null ? '' : `${status} `}${words}`, cause);
}

function inWords(code: string, error: unknown): string {
  const advice = s3Advice(code, error);
  return advice === '' ? code : `${code}: ${advice}`;
}
