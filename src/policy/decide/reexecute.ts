/**
 * A recorded decision, made again: the policy that made it on the input that it had, and the results compared byte by
 * byte. Pure over an evaluator; who made the evaluator says that it runs the policy which the entry names.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { escapeToken, isJsonObject } from '../../core/json/json-pointer.ts';
import type { OpenedRecord } from '../../core/record/open-disclosures.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { ENTRYPOINTS, parseAppendResult, parseReadResult } from '../contract/decision.ts';
import { statesPurpose } from './effect.ts';
import type { Evaluator } from '../engine/engine.ts';
import { withoutMasked } from './verdict.ts';
import { PolicyError } from '../contract/policy-error.ts';

/** What came of making a decision again. `detail` holds places and codes, never values. */
export interface Reexecution {
  readonly verdict: 'identical' | 'different' | 'not_reexecutable';
  /** Where it differs, or why it cannot be made again; empty where it is identical. */
  readonly detail: string;
}

/** What of an entry says how its decision was made: `pol` of its leaf. */
export interface RecordedOutcome {
  readonly entrypoint: string;
  readonly err?: string;
}

/** What of a decision is at hand. */
export interface RecordedDecision extends RecordedOutcome {
  readonly input: JsonObject;
  readonly result: JsonValue;
}

/** Failures that lie in module, data and input alone. All others hang on the machine and its load. */
const REPEATABLE: readonly string[] = ['policy_undefined', 'policy_bad_output', 'purpose_missing'];

/** Makes a decision again and compares. */
export function reexecute(evaluator: Evaluator, decision: RecordedDecision): Reexecution {
  const { entrypoint, err, input, result } = decision;
  const withheld = withheldBy(input);
  if (withheld !== undefined) return cannot(withheld);
  if (err !== undefined && !REPEATABLE.includes(err)) return cannot(`policy failed: ${err}`);
  let again: JsonValue;
  try {
    again = evaluator.evaluate(entrypoint, canonicalJson(input));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (error.code === err && result === null) return { verdict: 'identical', detail: '' };
    return { verdict: 'different', detail: `policy now fails: ${error.code}` };
  }
  if (canonicalJson(again) !== canonicalJson(result)) {
    return { verdict: 'different', detail: `differs at ${firstDifference(again, result)}` };
  }
  const fault = disobedience(decision);
  return fault === null
    ? { verdict: 'identical', detail: '' }
    : { verdict: 'different', detail: fault };
}

/** What the result asks and the gateway did not do; null where it was obeyed. */
function disobedience({ entrypoint, err, input, result }: RecordedDecision): string | null {
  if (entrypoint === ENTRYPOINTS.append && err === undefined) {
    const mask = parseAppendResult(result)?.mask ?? [];
    return withoutMasked(input, mask) === input ? null : 'a mask of the result was not applied';
  }
  if (entrypoint !== ENTRYPOINTS.read) return null;
  const answer = parseReadResult(result);
  const isMet = answer === undefined || !answer.allow || statesPurpose(answer, input);
  if (isMet === (err === 'purpose_missing')) {
    return isMet ? 'the purpose was stated' : 'the purpose was not stated';
  }
  return null;
}

/** The decision of a stored record, or why it is not there in full. */
export function decisionOfRecord(
  outcome: RecordedOutcome,
  { input, result, sealed }: StoredRecord,
): RecordedDecision | Reexecution {
  const [place] = sealed.flatMap(({ pointers }) => pointers).filter(isDecisive);
  if (place !== undefined) return cannot(`${place} is sealed to a subject`);
  return isJsonObject(input) ? { ...outcome, input, result } : cannot('/input is no object');
}

/** The decision of a partial view, or what of it is hidden. */
export function decisionOfView(
  outcome: RecordedOutcome,
  { parts, hidden }: OpenedRecord,
): RecordedDecision | Reexecution {
  const { input, result } = parts;
  if (input === undefined) return cannot('/input is hidden');
  if (result === undefined) return cannot('/result is hidden');
  const [place] = [...hidden.keys()].filter(isDecisive).sort();
  if (place !== undefined) return cannot(`${place} has hidden members`);
  return isJsonObject(input) ? { ...outcome, input, result } : cannot('/input is no object');
}

/** Says that a decision cannot be made again. */
export function cannot(why: string): Reexecution {
  return { verdict: 'not_reexecutable', detail: why };
}

/** Why an input is not the one that was decided on; undefined where it is. */
export function withheldBy(input: JsonObject): string | undefined {
  const { withheld } = input;
  if (withheld === undefined) return undefined;
  const reason = isJsonObject(withheld) ? withheld['reason'] : null;
  return `/input/event is withheld: ${typeof reason === 'string' ? reason : 'unknown'}`;
}

function isDecisive(pointer: string): boolean {
  return /^\/(?:input|result)(?:\/|$)/.test(pointer);
}

/** Pointer of the first place, in the order of names, where two results differ. */
function firstDifference(one: JsonValue, other: JsonValue, at = '/result'): string {
  if (isJsonObject(one) && isJsonObject(other)) {
    const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
    for (const name of names) {
      const [a, b] = [one[name], other[name]];
      const place = `${at}/${escapeToken(name)}`;
      if (a === undefined || b === undefined) return place;
      if (canonicalJson(a) !== canonicalJson(b)) return firstDifference(a, b, place);
    }
  }
  return at;
}
