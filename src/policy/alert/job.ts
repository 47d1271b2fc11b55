/**
 * One sealed entry, asked about by `stele/fact` and `stele/alert`. The input is what the record has of the decision's: what
 * was masked is not in it, so no alert can tell it.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import { parseRecord } from '../../core/record/record.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import type { RecentFacts } from './facts.ts';
import type { KeptFact } from './facts.ts';
import type { DenialCode } from '../contract/decision.ts';
import type { Evaluator } from '../engine/engine.ts';
import { PolicyError } from '../contract/policy-error.ts';

/** The rules, as OPA writes entrypoints. A policy need not have them; `stele/fact` is of use beside the other only. */
export const ALERT_ENTRYPOINTS = { alert: 'stele/alert', fact: 'stele/fact' } as const;

/** How bad it is, as a leaf can say it. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/** A sealed entry that is to be asked about. */
export interface AlertTask {
  readonly entry: {
    readonly kind: string;
    readonly id: string;
    readonly index: number;
    readonly allow: boolean;
  };
  /** Admission, epoch ms. */
  readonly at: number;
  /** The record's line. */
  readonly record: string;
  /** It was asked about long ago: only what is to be kept of it is wanted. */
  readonly past: boolean;
}

/** What somebody should hear of, in the policy's own words. */
export interface FoundAlert {
  readonly severity: Severity;
  readonly title: string;
}

/** What came of one entry. */
export interface AlertAnswer {
  readonly alerts: readonly FoundAlert[];
  readonly kept: KeptFact | null;
  /** Why a rule gave no usable answer; then the others may have. */
  readonly failed: DenialCode | null;
}

/** Characters of a title: as many as the leaf takes. */
const TITLE_MAX = 256;
/** Alerts of one entry: each is an entry that nobody can take away. */
const ALERTS_MAX = 16;
/** UTF-8 bytes of what is kept of one entry, as canonical JSON. */
const FACT_BYTES_MAX = 2048;

/** What of a policy is asked, and how much it can be asked with. */
export interface AskedPolicy {
  readonly entrypoints: readonly string[];
  /** UTF-8 bytes of an input that its engine takes. */
  readonly inputBytes: number;
}

/** Asks both rules about entries in a row, and keeps what is to be kept. */
export class AlertJob {
  readonly #evaluator: Evaluator;
  readonly #hasFacts: boolean;
  readonly #inputBytes: number;
  readonly #recent: RecentFacts;

  constructor(evaluator: Evaluator, policy: AskedPolicy, recent: RecentFacts) {
    this.#evaluator = evaluator;
    this.#hasFacts = policy.entrypoints.includes(ALERT_ENTRYPOINTS.fact);
    this.#inputBytes = policy.inputBytes;
    this.#recent = recent;
  }

  ask({ entry, at, record, past }: AlertTask): AlertAnswer {
    const { input } = parseRecord(record);
    if (!isJsonObject(input)) return { alerts: [], kept: null, failed: null };
    const asked = { ...input, entry };
    const { recent, kept, failed } = this.#fact(asked, timeOf(input) ?? at);
    if (past) return { alerts: [], kept, failed };
    const found = this.#alerts(asked, recent);
    return { alerts: found.alerts, kept, failed: found.failed ?? failed };
  }

  /** What was kept of the same actor before, and what is kept now. */
  #fact(
    asked: JsonObject,
    ms: number,
  ): Pick<AlertAnswer, 'kept' | 'failed'> & { recent: JsonObject[] } {
    const none = { recent: [], kept: null };
    if (!this.#hasFacts) return { ...none, failed: null };
    const input = canonicalJson({ ...asked, recent: [] });
    const [fact, failed] = this.#tried(ALERT_ENTRYPOINTS.fact, input);
    if (fact === null) return { ...none, failed };
    const actor = isJsonObject(fact) ? fact['actor'] : undefined;
    if (!isJsonObject(fact) || typeof actor !== 'string') {
      return { ...none, failed: 'policy_bad_output' };
    }
    const recent = this.#recent.of(actor, ms);
    const small = cut(fact);
    if (small === null) return { recent, kept: null, failed: 'policy_bad_output' };
    const kept = { actor, ms, fact: small };
    this.#recent.keep(kept);
    return { recent, kept, failed: small === fact ? null : 'policy_bad_output' };
  }

  #alerts(asked: JsonObject, recent: JsonObject[]): Pick<AlertAnswer, 'alerts' | 'failed'> {
    const input = this.#fitted(asked, recent);
    const [value, failed] = this.#tried(ALERT_ENTRYPOINTS.alert, input);
    if (failed === 'policy_error' && recent.length > 0) {
      // What was kept may be what it fails at. Rules about this entry alone are heard all the same.
      return { alerts: this.#alerts(asked, []).alerts, failed };
    }
    if (failed !== null) return { alerts: [], failed };
    const alerts = alertsOf(value);
    return alerts === null ? { alerts: [], failed: 'policy_bad_output' } : { alerts, failed };
  }

  /** With as much of what was kept as the engine takes beside the entry; the oldest is left out first. */
  #fitted(asked: JsonObject, recent: JsonObject[]): string {
    const whole = canonicalJson({ ...asked, recent });
    let over = bytesOf(whole) - this.#inputBytes;
    if (over <= 0) return whole;
    const first = recent.findIndex((fact) => {
      if (over <= 0) return true;
      // And its comma.
      over -= bytesOf(canonicalJson(fact)) + 1;
      return false;
    });
    return canonicalJson({ ...asked, recent: first === -1 ? [] : recent.slice(first) });
  }

  #tried(entrypoint: string, input: string): [JsonValue, DenialCode | null] {
    try {
      return [this.#evaluator.evaluate(entrypoint, input), null];
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return [null, error.code];
    }
  }
}

/**
 * Whoever can make a fact long must not make it nothing: it goes without its longest members.
 *
 * @returns null where the actor alone is too long.
 */
function cut(fact: JsonObject): JsonObject | null {
  if (sizeOf(fact) <= FACT_BYTES_MAX) return fact;
  const { actor = null, ...others } = fact;
  const members = Object.entries(others).sort(([, a], [, b]) => sizeOf(a) - sizeOf(b));
  let small: JsonObject = { actor };
  for (const [name, member] of members) {
    const larger = { ...small, [name]: member };
    if (sizeOf(larger) > FACT_BYTES_MAX) break;
    small = larger;
  }
  return sizeOf(small) > FACT_BYTES_MAX ? null : small;
}

/** @returns null where it is no list of alerts. */
function alertsOf(value: JsonValue): readonly FoundAlert[] | null {
  if (!Array.isArray(value) || value.length > ALERTS_MAX) return null;
  const alerts = new Map<string, FoundAlert>();
  for (const one of value as readonly JsonValue[]) {
    if (!isJsonObject(one)) return null;
    const { title } = one;
    const severity = SEVERITIES.find((known) => known === one['severity']);
    if (typeof title !== 'string' || title === '' || title.length > TITLE_MAX) return null;
    if (severity === undefined) return null;
    // One title names one alert of an entry; of two, the worse is told.
    const known = alerts.get(title);
    if (known !== undefined && rank(known) >= rank({ severity })) continue;
    alerts.set(title, { severity, title });
  }
  return [...alerts.values()];
}

function sizeOf(value: JsonValue): number {
  return bytesOf(canonicalJson(value));
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function rank({ severity }: Pick<FoundAlert, 'severity'>): number {
  return SEVERITIES.indexOf(severity);
}

function timeOf({ time }: JsonObject): number | undefined {
  const ms = isJsonObject(time) ? time['ms'] : undefined;
  return typeof ms === 'number' ? ms : undefined;
}
