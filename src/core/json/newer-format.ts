/**
 * What a later version made: a reader stops there and is replaced, and never skips it. `docs/formats.md`, "Newer
 * formats".
 */
import { MalformedError } from '../errors.ts';

/** Whether something was refused because a later version made it: then a reader stops, and never skips. */
export function isNewerFormat(error: MalformedError): boolean {
  return error.code.startsWith('unsupported_');
}

/**
 * Refuses what a newer version made. Not a malformed object: the reader must stop, never skip it.
 * @throws {@link MalformedError} `unsupported_version` or `unsupported_critical`.
 */
export function refuseNewer(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) return;
  const { v, crit } = value as { v?: unknown; crit?: unknown };
  if (typeof v === 'number' && Number.isSafeInteger(v) && v > 1) {
    throw new MalformedError(`${what} has version ${v}, want 1`, 'unsupported_version', '/v');
  }
  if (Array.isArray(crit) && crit.length > 0) {
    throw new MalformedError(
      `${what} has critical members that this version does not know`,
      'unsupported_critical',
      '/crit',
    );
  }
}
