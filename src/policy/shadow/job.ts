/**
 * One live decision, made a second time by a candidate, on what the gateway received and not on what was stored of it.
 * What comes back names places and codes, never a value: who may see the comparison need not see the decision.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { formatPointer, isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import type { DecideSettings } from '../decide/decide.ts';
import { ENTRYPOINTS, parseAppendResult } from '../contract/decision.ts';
import type { DenialCode } from '../contract/decision.ts';
import { effectOf } from '../decide/effect.ts';
import type { Evaluator } from '../engine/engine.ts';
import { buildInput, KnownParser, parseEvent } from '../decide/input.ts';
import type { Work } from '../pool/message.ts';
import { compareVerdict } from '../replay/replay.ts';
import type { ChangeKind, LeafFacts } from '../replay/replay.ts';
import { judgeAppend, judgeRead } from '../decide/verdict.ts';

/** What the policy in charge decided. */
export interface LiveDecision {
  readonly allow: boolean;
  readonly err: DenialCode | null;
  readonly class: string;
  /** The record's line. */
  readonly record: string;
}

/** How a candidate's decision differs. */
export interface ShadowDifference {
  readonly kinds: readonly ChangeKind[];
  /** Members of the result that differ, as `/result/class`. */
  readonly pointers: readonly string[];
  /** Why the candidate gave no usable answer; null where it gave one. */
  readonly err: DenialCode | null;
}

/** What a ledger fixes for its decisions, as far as it counts here. */
export type ShadowSettings = Pick<
  DecideSettings,
  'limits' | 'classes' | 'fallbackClass' | 'labels'
>;

/** Decides live jobs again. */
export class ShadowDecider {
  readonly #evaluator: Evaluator;
  readonly #settings: ShadowSettings;
  readonly #known = new KnownParser();

  constructor(evaluator: Evaluator, settings: ShadowSettings) {
    this.#evaluator = evaluator;
    this.#settings = settings;
  }

  /** @returns null where the candidate decides the same. */
  decide({ ask, work }: Work, live: LiveDecision): ShadowDifference | null {
    const { limits } = this.#settings;
    const event = ask === 'append' ? parseEvent(work.event, limits.event) : null;
    const input = buildInput(this.#known.parse(work.known), work.at, event);
    const verdict =
      ask === 'append' ? judgeAppend(this.#evaluator, input) : judgeRead(this.#evaluator, input);
    const was = resultOf(live.record);
    const leaf = this.#leafOf({ ask, work } as Work, live, was);
    const changes = compareVerdict(leaf, was, verdict, this.#settings);
    if (changes.length === 0) return null;
    const kinds = [...new Set(changes.map(({ kind }) => kind))];
    return { kinds, pointers: differing(was, verdict.result.value), err: verdict.err ?? null };
  }

  #leafOf(
    { ask, work }: Work,
    { allow, err, class: name }: LiveDecision,
    was: JsonValue,
  ): LeafFacts {
    const { jti, at } = work;
    const parsed = ask === 'append' ? parseAppendResult(was) : undefined;
    const { labels = {} } = parsed === undefined ? {} : effectOf(parsed, this.#settings);
    const decided = { allow, class: name, labels, ...(err === null ? {} : { err }) };
    return {
      index: -1,
      jti,
      at,
      kind: 'live',
      policy: null,
      entrypoint: ENTRYPOINTS[ask],
      ...decided,
    };
  }
}

function resultOf(record: string): JsonValue {
  return (JSON.parse(record) as { readonly result: JsonValue }).result;
}

/** Members that one result has otherwise than the other; the whole, where one is no object. */
function differing(was: JsonValue, now: JsonValue): string[] {
  if (!isJsonObject(was) || !isJsonObject(now)) return ['/result'];
  const names = [...new Set([...Object.keys(was), ...Object.keys(now)])].sort();
  return names
    .filter((name) => textOf(was, name) !== textOf(now, name))
    .map((name) => formatPointer(['result', name]));
}

function textOf(value: JsonObject, name: string): string | null {
  const member = value[name];
  return member === undefined ? null : canonicalJson(member);
}
