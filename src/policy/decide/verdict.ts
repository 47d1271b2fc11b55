/** What the policy says to one input: evaluated, checked for shape, and for an append evaluated again after masking. */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { parsePointer } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { ENTRYPOINTS, parseAppendResult, parseReadResult } from '../contract/decision.ts';
import type { AppendResult, DenialCode, ReadResult } from '../contract/decision.ts';
import type { Evaluator } from '../engine/engine.ts';
import type { Canonical } from './input.ts';
import { applyMask } from './mask.ts';
import { PolicyError } from '../contract/policy-error.ts';

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

/** What was made of an answer. An engine gives the same object for the same answer. */
interface Understood<R> {
  readonly result: Canonical;
  readonly parsed: R | undefined;
}

const appends = new WeakMap<object, Understood<AppendResult>>();
const reads = new WeakMap<object, Understood<ReadResult>>();
/** Tokens of the pointers of a mask, below the input. */
const masks = new WeakMap<readonly string[], readonly (readonly string[])[]>();

/** Asks `stele/read`. */
export function judgeRead(evaluator: Evaluator, input: Canonical<JsonObject>): Verdict<ReadResult> {
  return ask(evaluator, ENTRYPOINTS.read, input, (value) =>
    understood(value, reads, parseReadResult),
  );
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
  let tokens = masks.get(mask);
  if (tokens === undefined) {
    tokens = mask.map((pointer) => parsePointer(pointer.slice(PART.length)));
    masks.set(mask, tokens);
  }
  return applyMask(input, tokens);
}

function askAppend(evaluator: Evaluator, input: Canonical<JsonObject>): Verdict<AppendResult> {
  return ask(evaluator, ENTRYPOINTS.append, input, (value) =>
    understood(value, appends, parseAppendResult),
  );
}

function ask<R>(
  evaluator: Evaluator,
  entrypoint: string,
  input: Canonical<JsonObject>,
  understand: (value: JsonValue) => Understood<R>,
): Verdict<R> {
  let value: JsonValue;
  try {
    value = evaluator.evaluate(entrypoint, input.text);
  } catch (error) {
    if (error instanceof PolicyError) return withoutAnswer(input, error.code);
    throw error;
  }
  const { result, parsed } = understand(value);
  if (parsed === undefined) return { ...withoutAnswer(input, 'policy_bad_output'), result };
  return { input, result, parsed, masked: false };
}

/** Reads an answer, once as long as it is the same object. */
function understood<R>(
  value: JsonValue,
  known: WeakMap<object, Understood<R>>,
  parse: (value: JsonValue) => R | undefined,
): Understood<R> {
  const found = typeof value === 'object' && value !== null ? known.get(value) : undefined;
  if (found !== undefined) return found;
  const made = { result: { value, text: canonicalJson(value) }, parsed: parse(value) };
  if (typeof value === 'object' && value !== null) known.set(value, made);
  return made;
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
