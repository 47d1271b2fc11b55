import { SteleError } from '../core/errors.ts';
import type { Durability } from '../core/errors.ts';

/**
 * A create found the key taken. Whose bytes are there is for the caller to read: perhaps its own.
 */
export class ObjectExistsError extends SteleError {
  constructor(key: string, cause?: unknown) {
    super('object_exists', `object ${key} exists`, {
      disposition: 'reload',
      durability: 'unknown',
      cause,
    });
  }
}

/**
 * The store did not answer, or failed. For a write the outcome is unknown: it may have been
 * applied, or may still be. Send the same bytes to the same key again; never conclude anything from
 * not finding the object.
 */
export class StoreUnavailableError extends SteleError {
  constructor(
    message: string,
    facts: { durability?: Durability; cause?: unknown; code?: string } = {},
  ) {
    super(facts.code ?? 'store_unavailable', message, {
      disposition: 'retry',
      ...(facts.durability === undefined ? {} : { durability: facts.durability }),
      cause: facts.cause,
    });
  }
}

/** The store could not order concurrent writers (409). Not a loss: the same bytes again. */
export class StoreConflictError extends StoreUnavailableError {
  constructor(key: string, cause?: unknown, words = '') {
    super(`store met a conflict on ${key}${words}`, {
      code: 'store_conflict',
      durability: 'unknown',
      cause,
    });
  }
}

/**
 * Credentials, policy or settings do not permit the request, or the bucket is not there. Nothing
 * was written.
 */
export class StoreDeniedError extends SteleError {
  constructor(message: string, cause?: unknown) {
    super('store_denied', message, {
      disposition: 'fix-configuration',
      durability: 'not-durable',
      cause,
    });
  }
}

/** The object to be replaced is not the one that the caller read. */
export class PreconditionError extends SteleError {
  constructor(key: string, cause?: unknown) {
    super('precondition_failed', `object ${key} is not the one that was read`, {
      disposition: 'reload',
      durability: 'not-durable',
      cause,
    });
  }
}

/** A lock was asked to shrink, to weaken or to end in the past. It stands as it was. */
export class RetentionRefusedError extends SteleError {
  constructor(message: string, cause?: unknown) {
    super('retention_refused', message, {
      disposition: 'fix-input',
      durability: 'not-durable',
      cause,
    });
  }
}

/** A version that was to be locked is not in the store. */
export class ObjectMissingError extends SteleError {
  constructor(key: string, versionId: string, cause?: unknown) {
    super('object_missing', `object ${key} has no version ${versionId}`, {
      disposition: 'halt',
      durability: 'not-durable',
      cause,
    });
  }
}

/** More was asked for at once than any object has: somebody else has put it there. Nothing was read. */
export class ObjectTooLargeError extends SteleError {
  constructor(key: string, size: number) {
    super('object_too_large', `object ${key} has ${size} bytes, more than any that was put`, {
      disposition: 'halt',
    });
  }
}
