import { SteleError } from '../core/errors.ts';

/** Exit codes of every command. */
export const exitCodes = {
  /** Done, or valid. */
  ok: 0,
  /** Invalid, or refused. */
  invalid: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Not everything could be checked or done. */
  incomplete: 3,
  /** Valid as far as it goes, but nobody except the operator vouches for the key. */
  selfAttested: 4,
} as const;

/** The exit code that an error deserves. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SteleError)) return exitCodes.invalid;
  if (error.disposition === 'fix-configuration') return exitCodes.usage;
  return error.disposition === 'retry' || error.disposition === 'reload'
    ? exitCodes.incomplete
    : exitCodes.invalid;
}
