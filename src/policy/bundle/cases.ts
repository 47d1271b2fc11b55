/**
 * Golden cases: inputs with the answers that a policy must give to them, and one line why. They travel in its bundle as
 * `cases/*.json`, files that OPA carries along and gives no meaning to, and are no part of the policy's identity.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { z } from 'zod';
import {
  ENTRYPOINTS,
  parseAdminResult,
  parseAppendResult,
  parseReadResult,
} from '../contract/decision.ts';
import type { Evaluator } from '../engine/engine.ts';
import { BundleError, PolicyError } from '../contract/policy-error.ts';

/** Where cases stand in a bundle. */
export const CASES_FOLDER = 'cases/';

/** Bounds of one file of cases, and of a bundle's cases together. */
const CASES_MAX = 10_000;
const DEPTH = 64;
const MEMBERS = 2_000_000;

/** One golden case. */
export interface GoldenCase {
  /** By name, as in `stele/append`. */
  readonly entrypoint: string;
  readonly about: string;
  readonly input: JsonObject;
  readonly want: JsonValue;
}

/** A case that did not get its answer. */
export interface CaseFailure {
  readonly case: GoldenCase;
  /** The answer; null where there was none. */
  readonly got: JsonValue;
  /** The code of the denial that this would be, where it is none. */
  readonly err: string | null;
}

const parsers: Readonly<Record<string, (value: JsonValue) => unknown>> = {
  [ENTRYPOINTS.append]: parseAppendResult,
  [ENTRYPOINTS.read]: parseReadResult,
  [ENTRYPOINTS.admin]: parseAdminResult,
};

/** `{"append": [{about, input, want}]}`: cases of `stele/append`. `opa test` loads the same file as `data.append`. */
const fileSchema = z.record(
  z.string().regex(/^[a-z_]+$/),
  z.array(
    z.strictObject({
      about: z.string().min(1).max(500),
      input: z.record(z.string(), z.json()),
      want: z.json(),
    }),
  ),
);

/**
 * The cases of a bundle.
 *
 * @param files - By name without leading slash.
 * @throws {@link BundleError} `bundle_case_malformed`: a case that is not run would be a case that passes.
 */
export function casesOf(files: ReadonlyMap<string, Uint8Array>): GoldenCase[] {
  const names = [...files.keys()].filter((name) => name.startsWith(CASES_FOLDER)).sort();
  const cases = names.flatMap((name) => casesOfFile(name, files.get(name) ?? new Uint8Array(0)));
  if (cases.length > CASES_MAX) throw malformed(`bundle has more than ${CASES_MAX} golden cases`);
  return cases;
}

/**
 * Runs cases.
 *
 * @throws {@link BundleError} `bundle_case_failed` at the first whose answer is another, or none; its message names the
 *   case and holds nothing of the input.
 */
export function runCases(evaluator: Evaluator, cases: readonly GoldenCase[]): void {
  for (const { entrypoint, about, input, want } of cases) {
    const given = answerOf(evaluator, entrypoint, input, about);
    if (given !== canonicalJson(want)) throw failed(entrypoint, about, 'another answer');
  }
}

/** Runs one case, for its author. @returns null when the answer is the wanted one, and one that a gateway would take. */
export function tryCase(evaluator: Evaluator, golden: GoldenCase): CaseFailure | null {
  let got: JsonValue;
  try {
    got = evaluator.evaluate(golden.entrypoint, canonicalJson(golden.input));
  } catch (error) {
    if (error instanceof PolicyError) return { case: golden, got: null, err: error.code };
    throw error;
  }
  const parse = parsers[golden.entrypoint];
  if (parse !== undefined && parse(got) === undefined) {
    return { case: golden, got, err: 'policy_bad_output' };
  }
  return canonicalJson(got) === canonicalJson(golden.want)
    ? null
    : { case: golden, got, err: null };
}

function answerOf(
  evaluator: Evaluator,
  entrypoint: string,
  input: JsonObject,
  about: string,
): string {
  try {
    return canonicalJson(evaluator.evaluate(entrypoint, canonicalJson(input)));
  } catch (cause) {
    throw failed(entrypoint, about, 'no answer', cause);
  }
}

function casesOfFile(name: string, bytes: Uint8Array): GoldenCase[] {
  let parsed: z.infer<typeof fileSchema>;
  try {
    const limits = {
      bytes: bytes.length,
      depth: DEPTH,
      members: MEMBERS,
      stringLength: bytes.length,
    };
    // Inputs of cases may have any name that an input may: the engine's own parser judges those.
    parsed = fileSchema.parse(parseStrictJson(utf8Text(bytes), limits, 'signed'));
  } catch (cause) {
    throw malformed(`bundle's ${name} is not a file of golden cases`, cause);
  }
  return Object.entries(parsed).flatMap(([rule, cases]) =>
    cases.map(({ about, input, want }) => ({
      entrypoint: `stele/${rule}`,
      about,
      input: input,
      want: want,
    })),
  );
}

function failed(entrypoint: string, about: string, what: string, cause?: unknown): BundleError {
  return new BundleError(
    `golden case "${about}" of ${entrypoint} got ${what}`,
    cause,
    'bundle_case_failed',
  );
}

function malformed(message: string, cause?: unknown): BundleError {
  return new BundleError(message, cause, 'bundle_case_malformed');
}
