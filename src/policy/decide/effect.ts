/**
 * What follows from a result: kind, class, retention, labels. Pure and small on purpose: a verifier that holds the
 * record applies the same rules and compares (design 3.1, Agreement).
 */
import { isLabels } from '../../core/entry/payload.ts';
import type { EntryRetention } from '../../core/entry/entry.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { AppendResult, DenialCode, ReadResult } from '../contract/decision.ts';

/** One retention class of the ledger, as genesis and later `config` entries have it. */
export interface RetentionClassFacts {
  readonly mode: 'compliance' | 'governance' | 'none';
  /** Null: an event says from when. */
  readonly days: number | null;
  readonly erasable: boolean;
}

/** What a ledger allows a decision to name. Plain data. */
export interface LedgerTable {
  readonly classes: Readonly<Record<string, RetentionClassFacts>>;
  /** Class of denials that name none, of failures, and of reads. Always one of `classes`. */
  readonly fallbackClass: string;
  /** Vocabulary of label keys. */
  readonly labels: readonly string[];
}

/** The public facts of the entry that a result leads to. */
export interface Effect {
  readonly allow: boolean;
  readonly err?: DenialCode;
  readonly class: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;

/**
 * Judges a result against the ledger's table. A name that the table does not have denies, also in a denial, which then
 * falls back: an entry must never say what its ledger cannot keep.
 */
export function effectOf(result: AppendResult, table: LedgerTable): Effect {
  const err = refusal(result, table);
  if (err !== undefined) return failure(err, table);
  const labels = result.labels ?? {};
  return {
    allow: result.allow,
    class: result.class ?? table.fallbackClass,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

/** The effect of a read: an obligation that its input does not meet denies. */
export function readEffectOf(result: ReadResult, input: JsonObject, table: LedgerTable): Effect {
  if (result.allow && !statesPurpose(result, input)) return failure('purpose_missing', table);
  return { allow: result.allow, class: table.fallbackClass };
}

/** The effect where the policy gave no usable answer. */
export function failure(err: DenialCode, table: LedgerTable): Effect {
  return { allow: false, err, class: table.fallbackClass };
}

/** How long an entry of a class is kept that is admitted at `at` (epoch ms). */
export function retentionOf(name: string, table: LedgerTable, at: number): EntryRetention {
  const facts = table.classes[name];
  if (facts === undefined) throw new Error(`class ${name} is not in the table`);
  const until = facts.days === null ? null : at + facts.days * DAY_MS;
  return { class: name, mode: facts.mode, until };
}

/** Whether an input states the purpose that a read is obliged to state. */
export function statesPurpose({ obligations = [] }: ReadResult, { context }: JsonObject): boolean {
  const stated = isJsonObject(context) ? context['purpose'] : undefined;
  return obligations.every((owed) => {
    if (owed.id !== 'purpose') return true;
    return typeof stated === 'string' && (owed.of === undefined || owed.of.includes(stated));
  });
}

function refusal(result: AppendResult, table: LedgerTable): DenialCode | undefined {
  // Sealed sets are not issued by this version, so what is to be erasable must not be stored at all.
  if (result.erasure !== undefined && result.erasure.length > 0) return 'erasure_unavailable';
  if (result.hold === true) return 'hold_unavailable';
  if (result.class !== undefined && !Object.hasOwn(table.classes, result.class)) {
    return 'class_unknown';
  }
  const labels = result.labels ?? {};
  const strange = Object.keys(labels).some((name) => !table.labels.includes(name));
  return strange || !isLabels(labels) ? 'policy_bad_output' : undefined;
}
