import { SteleError } from '../core/errors.ts';

/** Exit codes of every command. */
export const exitCodes = {
  /** Done, or valid. */
  ok: 0,
  /** Invalid, or refused. */
  invalid: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Not everything could be checked or done: a part of it, or what it is about, is not there, busy or silent. */
  incomplete: 3,
  /** Valid as far as it goes, but nobody except the operator vouches for the key. */
  selfAttested: 4,
} as const;

/** What was named is not there or too large, or another process has it: nothing was judged, and a script may try again. */
const absent = new Set([
  'caller_unknown',
  'entry_missing',
  'entry_unknown',
  'evidence_too_large',
  'file_missing',
  'folder_in_use',
  'folder_missing',
  'key_file_missing',
  'key_unknown',
  'ledger_missing',
  'ledger_unknown',
  'not_initialised',
  'policy_missing',
  'policy_unknown',
]);

/** Files that the configuration names: what stands in them is part of it. */
const misconfigured = new Set(['api_key_file_malformed', 'jwks_malformed', 'key_file_malformed']);

/** What was typed makes no request that a gateway could read: nothing was asked, so nothing was refused. */
const mistyped = new Set(['bad_parameter', 'bad_path', 'cursor_invalid', 'url_too_long']);

/** The exit code that an error deserves: one for each code. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SteleError)) return exitCodes.invalid;
  if (absent.has(error.code)) return exitCodes.incomplete;
  const isConfigured = error.disposition === 'fix-configuration' || misconfigured.has(error.code);
  if (isConfigured || mistyped.has(error.code)) return exitCodes.usage;
  return error.disposition === 'retry' || error.disposition === 'reload'
    ? exitCodes.incomplete
    : exitCodes.invalid;
}
