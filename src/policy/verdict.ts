/** What the policy says to one input: evaluated, checked for shape, and for an append evaluated again after masking. */
import { canonicalJson } from '../core/canonical-json.ts';
import type { JsonObject, JsonValue } from '../core/strict-json.ts';
import { ENTRYPOINTS, parseAppendResult, parseReadResult } from './decision.ts';
import type { AppendResult, DenialCode, ReadResult } from './decision.ts';
import type { Evaluator } from './engine.ts';
import type { Canonical } from './input.ts';
import { applyMask } from './mask.ts';
import { PolicyError } from './policy-error.ts';

/** An answer of the policy with the input that gave it, or why there is none. */
export interface Verdict<R> {
  readonly input: Canonical<JsonObject>;
  readonly result: Canonical;
  /** Null exactly where `err` is set. */
  readonly parsed: R | null;
  readonly err?: DenialCode;
  /** Whether the policy named what must not be stored, and it was there; `input` is what remains. */
  readonly masked: boolean;
}

/** A record's `result` where there is none. */
export const NO_RESULT: Canonical = { value: null, text: 'null' };

const PART = '/input';

/** Asks `stele/read`. */
export function judgeRead(evaluator: Evaluator, input: Canonical<JsonObject>): Verdict<ReadResult> {
  return ask(evaluator, ENTRYPOINTS.read, input, parseReadResult);
}

/**
 * Asks `stele/append`. When the policy masks something that is there, it is asked again about what remains, and that is
 * the verdict: what is recorded is what gave the recorded result, and can be executed again.
 */
export function judgeAppend(
  evaluator: Evaluator,
  input: Canonical<JsonObject>,
): Verdict<AppendResult> {
  const first = askAppend(evaluator, input);
  const value = withoutMasked(input.value, first.parsed?.mask ?? []);
  if (first.parsed === null || value === input.value) return first;
  const masked = { value, text: canonicalJson(value) };
  const second = askAppend(evaluator, masked);
  if (second.parsed !== null && isStable(first.parsed, second.parsed)) {
    return { ...second, masked: true };
  }
  return withoutAnswer(masked, 'mask_unstable');
}

/** An input without what a result's mask names; the input itself where nothing of it is there. */
export function withoutMasked(input: JsonObject, mask: readonly string[]): JsonObject {
  const pointers = mask.map((pointer) => pointer.slice(PART.length));
  return applyMask(input, pointers);
}

function askAppend(evaluator: Evaluator, input: Canonical<JsonObject>): Verdict<AppendResult> {
  return ask(evaluator, ENTRYPOINTS.append, input, parseAppendResult);
}

function ask<R>(
  evaluator: Evaluator,
  entrypoint: string,
  input: Canonical<JsonObject>,
  parse: (value: JsonValue) => R | undefined,
): Verdict<R> {
  let value: JsonValue;
  try {
    value = evaluator.evaluate(entrypoint, input.text);
  } catch (error) {
    if (error instanceof PolicyError) return withoutAnswer(input, error.code);
    throw error;
  }
  const parsed = parse(value);
  if (parsed === undefined) {
    const result = { value, text: canonicalJson(value) };
    return { ...withoutAnswer(input, 'policy_bad_output'), result };
  }
  return { input, result: { value, text: canonicalJson(value) }, parsed, masked: false };
}

function withoutAnswer(input: Canonical<JsonObject>, err: DenialCode): Verdict<never> {
  return { input, result: NO_RESULT, parsed: null, err, masked: false };
}

/** Nothing but the reasons may differ, and what is masked may only have become less. */
function isStable(first: AppendResult, second: AppendResult): boolean {
  const rest = (result: AppendResult): string =>
    canonicalJson({ ...result, mask: [], reasons: [] } as unknown as JsonValue);
  const before = new Set(first.mask);
  return rest(first) === rest(second) && (second.mask ?? []).every((place) => before.has(place));
}
