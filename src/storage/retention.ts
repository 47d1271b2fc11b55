import { MalformedError } from '../core/errors.ts';
import type { Retention, RetentionMode } from './object-store.ts';

/** Whether `held` locks at least as strictly and as long as `wanted`. */
export function coversRetention(held: Retention | null, wanted: Retention): boolean {
  if (held === null) return false;
  const strict = held.mode === 'compliance' || wanted.mode === 'governance';
  return strict && held.until >= wanted.until;
}

/**
 * The first whole second at or after `ms`: stores cut retain-until dates to seconds, and a lock
 * must not shrink.
 */
export function wholeSecond(ms: number): number {
  return Math.ceil(ms / 1000) * 1000;
}

/**
 * Checks a lock date before it is sent. @throws {@link MalformedError} `retention` unless it is
 * whole seconds.
 */
export function assertRetention(retention: Retention): void {
  if (!Number.isSafeInteger(retention.until) || retention.until % 1000 !== 0) {
    throw new MalformedError(`retain-until ${retention.until} is not whole seconds`, 'retention');
  }
}

/**
 * Whether a lock may become `wanted`: made where there is none, grown, made stricter; a compliance
 * lock never weakens, and no lock shrinks.
 */
export function mayFollow(held: Retention | null, wanted: Retention): boolean {
  if (held === null) return true;
  if (held.mode === 'compliance' && wanted.mode === 'governance') return false;
  return wanted.until >= held.until;
}

/** The lock that an object declares, in its batch or of itself; null where its mode is none. */
export function retentionOf(declared: {
  readonly mode: RetentionMode | 'none';
  readonly retainUntil: number | null;
}): Retention | null {
  const { mode, retainUntil } = declared;
  return mode === 'none' || retainUntil === null ? null : { mode, until: retainUntil };
}
