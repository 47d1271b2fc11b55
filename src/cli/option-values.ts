/** What people type and the files that they name, read so that a slip says which option it was. */
import { readFile } from 'node:fs/promises';
import { SteleError } from '../core/errors.ts';
import type { JsonValue } from '../core/json/strict-json.ts';

/**
 * Reads a JSON document that an option names. What stands in it is for the caller to judge.
 *
 * @param what - The file should have been, as in `an approval`.
 * @throws {@link SteleError} `option_malformed` where it is no JSON; the system's error where it cannot be read.
 */
export async function readJsonFile(path: string, what: string): Promise<JsonValue> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // The cause would quote the file, which may be a key.
    throw malformed(`${path} is not ${what}: it is no JSON`);
  }
}

/**
 * Reads a number that an option gives.
 *
 * @param unit - For whoever typed something else, as in `hours`.
 * @throws {@link SteleError} `option_malformed` for what is no number from 0 on, or is more than `most`.
 */
export function numberOf(text: string, option: string, unit: string, most: number): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw malformed(`${option} wants ${unit} as a number, at most ${most}, not ${text}`);
}

/** An option, or the file that it names, is not what is wanted. The command ends with the exit code for usage. */
export function malformed(message: string): SteleError {
  return new SteleError('option_malformed', message, { disposition: 'fix-configuration' });
}
