/**
 * What a candidate would have decided where another policy did: one recorded decision against one verdict. Pure over an
 * evaluator. A change is named by its group; entries of one group are told apart by their ids.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { changedMembers, changedText, cutText, textOf } from './change-text.ts';
import { ENTRYPOINTS } from '../contract/decision.ts';
import type { AppendResult, ReadResult } from '../contract/decision.ts';
import { effectOf, failure, readEffectOf } from '../decide/effect.ts';
import type { Effect, LedgerTable } from '../decide/effect.ts';
import type { Evaluator } from '../engine/engine.ts';
import type { Canonical } from '../decide/input.ts';
import { judgeAppend, judgeRead } from '../decide/verdict.ts';
import type { Verdict } from '../decide/verdict.ts';

/** What of a leaf tells what was decided. */
export interface LeafFacts {
  /** Of the leaf in the log. */
  readonly index: number;
  readonly jti: string;
  readonly at: number;
  readonly kind: string;
  readonly policy: string | null;
  readonly entrypoint: string;
  readonly allow: boolean;
  readonly err?: string;
  readonly class: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Why changes of policy are not replayed: they are for people to approve, not for the candidate to judge about itself. */
export const NOT_ASKED = 'a candidate is not asked about changes of policy';

/** Kinds of change, the gravest first. The two first are flips. */
export const CHANGE_KINDS = [
  'allow_to_deny',
  'deny_to_allow',
  'error',
  'class',
  'labels',
  'mask',
  'redact',
  'other',
  'reasons',
] as const;

/** One of {@link CHANGE_KINDS}. */
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** One difference between what was decided and what the candidate decides. */
export interface Change {
  readonly kind: ChangeKind;
  /** What changed to what, of lists what they lost (`-`) and gained (`+`); entries with the same text are one group. */
  readonly detail: string;
}

/**
 * Decides again by a candidate, as a gateway would: mask, second evaluation, table of the ledger.
 *
 * @param recorded - `text` is the RFC 8785 text of the input, where it is at hand.
 * @param table - Of the ledger where the entry stands.
 * @returns nothing where all is as it was.
 */
export function compareDecision(
  evaluator: Evaluator,
  leaf: LeafFacts,
  recorded: { readonly input: JsonObject; readonly result: JsonValue; readonly text?: string },
  table: LedgerTable,
): Change[] {
  const { input: value, text = canonicalJson(value) } = recorded;
  const input = { value, text };
  const isAppend = leaf.entrypoint === ENTRYPOINTS.append;
  const verdict = isAppend ? judgeAppend(evaluator, input) : judgeRead(evaluator, input);
  return compareVerdict(leaf, recorded.result, verdict, table);
}

/**
 * Holds a candidate's verdict against what was decided.
 *
 * @param was - The result that was recorded.
 * @returns nothing where all is as it was.
 */
export function compareVerdict(
  leaf: LeafFacts,
  was: JsonValue,
  verdict: Verdict<AppendResult> | Verdict<ReadResult>,
  table: LedgerTable,
): Change[] {
  const same = verdict.result.text === canonicalJson(was);
  if (leaf.err === undefined && verdict.err === undefined && same) return [];
  const isAppend = leaf.entrypoint === ENTRYPOINTS.append;
  const effect = isAppend ? appendEffect(verdict, table) : readEffect(verdict, table);
  return changes(leaf, effect, was, verdict.result);
}

function changes(
  leaf: LeafFacts,
  effect: Effect,
  was: JsonValue,
  { value: now }: Canonical,
): Change[] {
  const found: Change[] = [];
  const note = (kind: ChangeKind, before: string, after: string): void => {
    if (before !== after) found.push({ kind, detail: changedText(before, after) });
  };
  const lists = (kind: ChangeKind, ...names: readonly string[]): void => {
    const details = names.flatMap((name) => {
      const detail = changedMembers(member(was, name), member(now, name));
      return detail === '' ? [] : [names.length === 1 ? detail : `${name} ${detail}`];
    });
    if (details.length > 0) found.push({ kind, detail: details.join('; ') });
  };
  const reason = (value: JsonValue): string => textOf(member(value, 'reasons'));
  if (leaf.allow !== effect.allow) {
    const why = effect.err ?? reason(now);
    found.push({ kind: effect.allow ? 'deny_to_allow' : 'allow_to_deny', detail: cutText(why) });
  }
  note('error', leaf.err ?? 'none', effect.err ?? 'none');
  note('class', leaf.class, effect.class);
  for (const name of labelNames(leaf.labels, effect.labels ?? {})) {
    note('labels', labelText(name, leaf.labels), labelText(name, effect.labels ?? {}));
  }
  lists('mask', 'mask');
  lists('redact', 'redact', 'disclose');
  for (const name of ['ack', 'erasure', 'hold', 'record', 'obligations']) {
    note('other', `${name} ${textOf(member(was, name))}`, `${name} ${textOf(member(now, name))}`);
  }
  if (leaf.allow === effect.allow) note('reasons', reason(was), reason(now));
  return found;
}

function appendEffect({ parsed, err }: Verdict<AppendResult>, table: LedgerTable): Effect {
  return parsed === null ? failure(err ?? 'policy_error', table) : effectOf(parsed, table);
}

function readEffect({ parsed, input, err }: Verdict<ReadResult>, table: LedgerTable): Effect {
  if (parsed === null) return failure(err ?? 'policy_error', table);
  return readEffectOf(parsed, input.value, table);
}

function labelNames(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
}

function labelText(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}=${Object.hasOwn(labels, name) ? labels[name] : '(none)'}`;
}

function member(value: JsonValue, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined;
}
