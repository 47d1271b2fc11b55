/**
 * What a policy may answer (design section 4), and the check of it that runs for every decision. An answer that is not
 * exactly one of these shapes is `policy_bad_output`, which denies: an unknown member is a misspelt one, and a misspelt
 * `mask` stores a secret. `decision-schema.ts` states the same shapes as schemas for the documentation; a property test
 * holds the two against each other.
 */
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { Select } from '../../core/record/redact.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';

/** Why a decision is a denial although, or because, the policy gave no usable answer. `pol.err` of the entry. */
export type DenialCode =
  | 'policy_error'
  | 'policy_timeout'
  | 'policy_undefined'
  | 'policy_bad_output'
  | 'engine_unavailable'
  | 'engine_overloaded'
  | 'mask_unstable'
  | 'class_unknown'
  | 'erasure_unavailable'
  | 'hold_unavailable'
  | 'approvals_missing'
  | 'purpose_missing';

/** The rules that a bundle has to answer, as OPA writes entrypoints. */
export const ENTRYPOINTS = {
  append: 'stele/append',
  read: 'stele/read',
  admin: 'stele/admin',
} as const;

/** What is being asked for: `action.name` of the input. The list for authors is in `rego/README.md`. */
export type ActionName =
  | 'entry.append'
  | 'entry.read'
  | 'entry.proof'
  | 'entry.search'
  | 'ledger.read'
  | 'log.read'
  | 'consistency.read'
  | 'policy.activate'
  | 'policy.evaluate'
  | 'policy.read'
  | 'policy.shadow';

/**
 * The states of a write that a policy can have its caller wait for, weakest first. `witnessed` is none of them while
 * nobody cosigns checkpoints: a policy that demands it gets a denial, not a weaker promise.
 */
export const ACKS = ['durable', 'sealed'] as const;

/** One of {@link ACKS}. */
export type Ack = (typeof ACKS)[number];

/** A subject's data, to be sealed under a key of its own so that it can be erased. */
export interface ErasureClaim {
  readonly subject: string;
  /** Into the record, as `/input/event/actor`. */
  readonly pointers: readonly string[];
}

/** Answer of `stele/append`. */
export interface AppendResult {
  readonly allow: boolean;
  /** For people. */
  readonly reasons: readonly string[];
  /** Retention class; required with `allow`. Absent in a denial: the ledger's fallback class. */
  readonly class?: string;
  /** What the caller's answer waits for; absent: what the caller asked. */
  readonly ack?: Ack;
  /** Public labels, of the ledger's vocabulary. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What is never stored: pointers into the record below `/input/event` or `/input/context`; `*` is any member. */
  readonly mask?: readonly string[];
  readonly erasure?: readonly ErasureClaim[];
  /** Whether what holds the record is put under legal hold. */
  readonly hold?: boolean;
}

/**
 * What is owed with an allowed read. The list is closed: one that this gateway does not know it could not meet, so it
 * denies (`policy_bad_output`).
 */
export type Obligation =
  /** The reader states what it reads for, in `Stele-Purpose`: anything, or one of `of`. Else `purpose_missing` denies. */
  | { readonly id: 'purpose'; readonly of?: readonly string[] }
  /** The access is sealed, not only durable, before anything is answered. */
  | { readonly id: 'sealed' }
  /** The reader sees values and gets no disclosures: nothing that proves them to others. */
  | { readonly id: 'view_only' };

/** Answer of `stele/read`. Never both `redact` and `disclose`; neither: the leaf alone. */
export interface ReadResult {
  readonly allow: boolean;
  readonly reasons: readonly string[];
  /** All but these, by pointers into the record; `*` is any member. */
  readonly redact?: readonly string[];
  /** Only these. */
  readonly disclose?: readonly string[];
  /** False leaves the read out of the log. Default true. */
  readonly record?: boolean;
  /** Each at most once. */
  readonly obligations?: readonly Obligation[];
}

/** Answer of `stele/admin`. */
export interface AdminResult {
  readonly allow: boolean;
  readonly reasons: readonly string[];
  /** How many people have to approve; fewer deny, whatever `allow` says. */
  readonly approvals_needed: number;
}

/** Bounds on an answer, so that a policy cannot fill the ledger. Each is far above what a person would read. */
export const DECISION_LIMITS = {
  reasons: 64,
  reasonCharacters: 1024,
  pointers: 256,
  pointerCharacters: 1024,
  nameCharacters: 64,
  claims: 64,
  subjectCharacters: 256,
  approvals: 32,
  purposes: 64,
  purposeCharacters: 200,
} as const;

/** A pointer into the record. */
export const RECORD_POINTER = /^\/(?:input|result|source)(?:\/(?:[^~/]|~0|~1)*)*$/u;
/** A mask reaches what the caller sent and the request's context, never what identifies the decision. */
export const MASK_POINTER = /^\/input\/(?:event|context)(?:\/(?:[^~/]|~0|~1)*)*$/u;

type Check = (value: JsonValue) => boolean;

const isBoolean: Check = (value) => typeof value === 'boolean';
const isString: Check = (value) => typeof value === 'string';
const isName = text(1, DECISION_LIMITS.nameCharacters);
const isReasons = list(0, DECISION_LIMITS.reasons, text(0, DECISION_LIMITS.reasonCharacters));
const isPointers = list(0, DECISION_LIMITS.pointers, pointer(RECORD_POINTER));
const APPEND_CHECKS: Readonly<Record<string, Check>> = {
  allow: isBoolean,
  reasons: isReasons,
  class: isName,
  ack: (value) => (ACKS as readonly JsonValue[]).includes(value),
  labels: isLabelMap,
  mask: list(0, DECISION_LIMITS.pointers, pointer(MASK_POINTER)),
  erasure: list(0, DECISION_LIMITS.claims, isErasureClaim),
  hold: isBoolean,
};
const READ_CHECKS: Readonly<Record<string, Check>> = {
  allow: isBoolean,
  reasons: isReasons,
  redact: isPointers,
  disclose: isPointers,
  record: isBoolean,
  obligations: isObligations,
};
const OBLIGATION_CHECKS: Readonly<Record<Obligation['id'], Readonly<Record<string, Check>>>> = {
  purpose: {
    id: isString,
    of: list(1, DECISION_LIMITS.purposes, text(1, DECISION_LIMITS.purposeCharacters)),
  },
  sealed: { id: isString },
  view_only: { id: isString },
};
const ADMIN_CHECKS: Readonly<Record<string, Check>> = {
  allow: isBoolean,
  reasons: isReasons,
  approvals_needed: (value) =>
    Number.isSafeInteger(value) &&
    (value as number) >= 0 &&
    (value as number) <= DECISION_LIMITS.approvals,
};
const CLAIM_CHECKS: Readonly<Record<string, Check>> = {
  subject: text(1, DECISION_LIMITS.subjectCharacters),
  pointers: list(1, DECISION_LIMITS.pointers, pointer(RECORD_POINTER)),
};
const DECIDED = ['allow', 'reasons'];

/** @returns the answer, or undefined where it is not of its shape. */
export function parseAppendResult(value: JsonValue): AppendResult | undefined {
  if (!isClosed(value, APPEND_CHECKS, DECIDED)) return undefined;
  const result = value as unknown as AppendResult;
  return result.allow && result.class === undefined ? undefined : result;
}

/** @returns the answer, or undefined where it is not of its shape. */
export function parseReadResult(value: JsonValue): ReadResult | undefined {
  if (!isClosed(value, READ_CHECKS, DECIDED)) return undefined;
  const result = value as unknown as ReadResult;
  if (result.redact !== undefined && result.disclose !== undefined) return undefined;
  // What is not in the log cannot be sealed.
  const sealed = result.obligations?.some(({ id }) => id === 'sealed') === true;
  return sealed && result.record === false ? undefined : result;
}

/** @returns the answer, or undefined where it is not of its shape. */
export function parseAdminResult(value: JsonValue): AdminResult | undefined {
  if (!isClosed(value, ADMIN_CHECKS, [...DECIDED, 'approvals_needed'])) return undefined;
  return value as unknown as AdminResult;
}

/** @returns what an allowed read discloses, as core's `selectDisclosures` takes it. */
export function selectOf(result: ReadResult): Select {
  if (result.redact !== undefined) return { redact: result.redact };
  if (result.disclose !== undefined) return { disclose: result.disclose };
  return 'leaf';
}

function isClosed(
  value: JsonValue,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[],
): value is JsonObject {
  if (!isJsonObject(value)) return false;
  for (const [name, member] of Object.entries(value)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check?.(member) !== true) return false;
  }
  return required.every((name) => Object.hasOwn(value, name));
}

function isObligations(value: JsonValue): boolean {
  if (!Array.isArray(value)) return false;
  const ids = (value as readonly JsonValue[]).map(obligationId);
  return !ids.includes(undefined) && new Set(ids).size === ids.length;
}

/** Undefined where it is none that is known, or not of its shape. */
function obligationId(value: JsonValue): string | undefined {
  const id = isJsonObject(value) ? value['id'] : undefined;
  if (typeof id !== 'string' || !Object.hasOwn(OBLIGATION_CHECKS, id)) return undefined;
  return isClosed(value, OBLIGATION_CHECKS[id as Obligation['id']], ['id']) ? id : undefined;
}

function isErasureClaim(value: JsonValue): boolean {
  return isClosed(value, CLAIM_CHECKS, ['subject', 'pointers']);
}

function isLabelMap(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  return Object.entries(value).every(([name, label]) => isName(name) && typeof label === 'string');
}

function text(charactersMin: number, charactersMax: number): Check {
  return (value) =>
    typeof value === 'string' && value.length >= charactersMin && value.length <= charactersMax;
}

function pointer(pattern: RegExp): Check {
  const isShort = text(1, DECISION_LIMITS.pointerCharacters);
  return (value) => isShort(value) && pattern.test(value as string);
}

function list(countMin: number, countMax: number, check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return false;
    const elements = value as readonly JsonValue[];
    return elements.length >= countMin && elements.length <= countMax && elements.every(check);
  };
}
