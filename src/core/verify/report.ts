/**
 * What a verification says: a verdict for each step, in the order in which the specifications put them, what follows
 * from a pass, and what does not.
 */
import { hasViolation } from './findings.ts';
import type { Finding } from './findings.ts';

/**
 * `pass` and `fail` are answers. `unverifiable`: what would be needed is hidden or missing. `not_checked`: nobody asked,
 * or nothing was given to check.
 */
export type StepVerdict = 'pass' | 'fail' | 'unverifiable' | 'not_checked';

/** One step of a verification. */
export interface Step {
  /** `lower_snake_case`, listed in `docs/formats.md`. */
  readonly name: string;
  readonly verdict: StepVerdict;
  /** For people. */
  readonly detail: string;
}

/**
 * `valid`; `self_attested`: no step fails, but every key came with what it should prove; `incomplete`: a step that
 * matters could not be made; `invalid`. They are the exit codes 0, 4, 3 and 1 of the command line.
 */
export type ReportVerdict = 'valid' | 'self_attested' | 'incomplete' | 'invalid';

/** The outcome of a verification. */
export interface Report {
  readonly verdict: ReportVerdict;
  readonly steps: readonly Step[];
  readonly findings: readonly Finding[];
  /** What a pass shows, in sentences. */
  readonly establishes: readonly string[];
  /** What nobody should read into it. */
  readonly doesNotEstablish: readonly string[];
}

/** Makes a step. */
export function step(name: string, verdict: StepVerdict, detail: string): Step {
  return { name, verdict, detail };
}

/**
 * The verdict on all steps and findings.
 *
 * @param needed - Names of the steps without which nothing is shown.
 * @param anchored - Whether any key or hash came from elsewhere than the evidence itself.
 */
export function verdictOf(
  steps: readonly Step[],
  findings: readonly Finding[],
  needed: readonly string[],
  anchored: boolean,
): ReportVerdict {
  if (steps.some(({ verdict }) => verdict === 'fail') || hasViolation(findings)) return 'invalid';
  const passed = new Set(steps.filter(({ verdict }) => verdict === 'pass').map(({ name }) => name));
  if (!needed.every((name) => passed.has(name))) return 'incomplete';
  return anchored ? 'valid' : 'self_attested';
}
