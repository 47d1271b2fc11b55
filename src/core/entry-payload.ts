/**
 * The payload of an entry: its shape, and the check of it that runs for every leaf. `entry-schema.ts` states the same
 * shape as a schema, from which the documentation is made; a property test holds the two against each other.
 */
import { utf8Bytes } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { MalformedError } from './errors.ts';
import { formatPointer, isJsonObject } from './json-pointer.ts';
import type { JsonObject, JsonValue } from './strict-json.ts';
import { uuid7Time } from './uuid7.ts';

/** Kinds of entry that this version knows. Another kind is verified, let through and reported. */
export const ENTRY_KINDS = [
  'event',
  'access',
  'denial',
  'decision',
  'policy',
  'config',
  'key',
  'hold',
  'erasure',
  'purge',
  'alert',
  'summary',
  'finding',
  'boot',
  'close',
  'gap',
  'heartbeat',
] as const;

/** A kind that this version knows. */
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** Where an entry stands in its writer's chain. */
export interface WriterPosition {
  /** Base64url of 16 random bytes, born with the journal folder. */
  readonly id: string;
  /** Base64url of 16 random bytes, new at every start. */
  readonly boot: string;
  /** From 0 in each boot, without gaps. */
  readonly seq: number;
  /** Base64url SHA-256 of this writer's previous signing input, across boots; the first has `gen`. */
  readonly prev: string;
}

/** Which policy decided, and how. */
export interface PolicyOutcome {
  /** Identity of the policy (base64url SHA-256), null where nothing could be evaluated. */
  readonly id: string | null;
  readonly entrypoint: string;
  readonly allow: boolean;
  /** Why nothing was decided; then `allow` is false. */
  readonly err?: string;
}

/** How long the record is kept. */
export interface EntryRetention {
  readonly class: string;
  readonly mode: 'compliance' | 'governance' | 'none';
  /** Epoch ms; null for a retention that an event will start. */
  readonly until: number | null;
}

/** What an entry says. Specification: docs/formats.md, Entry. */
export interface EntryPayload {
  readonly v: 1;
  /** Origin of the ledger. */
  readonly iss: string;
  /** Base64url SHA-256 of the genesis object. */
  readonly gen: string;
  /** UUIDv7 of the time `at`, lower case. */
  readonly jti: string;
  /** `at` in whole seconds, rounded down. */
  readonly iat: number;
  /** Admission, epoch ms. */
  readonly at: number;
  /** One of {@link ENTRY_KINDS}, or a later version's. */
  readonly kind: string;
  readonly wtr: WriterPosition;
  /** Absent on entries of the system itself. */
  readonly pol?: PolicyOutcome;
  readonly ret: EntryRetention;
  /** Sealed by this time (epoch ms), or the promise is broken and shows. */
  readonly sby: number;
  /** `<secret id>.<HMAC>` of the caller's idempotency identity; with `idb` or not at all. */
  readonly idk?: string;
  /** `<secret id>.<HMAC>` of the event before masking. */
  readonly idb?: string;
  /** Labels of the genesis vocabulary; at most 512 bytes of canonical JSON. */
  readonly lbl?: Readonly<Record<string, string>>;
  /** Facts of a control kind, in clear. */
  readonly ctl?: JsonObject;
  /** Base64url SHA-256 of the signing input that this entry reissues. */
  readonly was?: string;
  /** `1:<input>.<result>.<source>`: disclosure scheme and the depth of each part. */
  readonly dsc?: string;
  /** Digests of the three parts, ascending. */
  readonly _sd?: readonly string[];
  readonly _sd_alg?: 'sha-256';
}

/** The patterns of the payload's texts, shared with the schema. */
export const PATTERNS = {
  /** Printable ASCII without space and plus, as a signed note's key name has to be. */
  origin: /^[!-*,-~]{1,255}$/,
  /** Base64url of 32 bytes. */
  hash: /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/,
  /** Base64url of 16 bytes. */
  id: /^[A-Za-z0-9_-]{21}[AQgw]$/,
  kind: /^[a-z][a-z0-9_]{0,31}$/,
  entrypoint: /^[a-z][a-z0-9_]*(?:\/[a-z][a-z0-9_]*){0,7}$/,
  code: /^[a-z][a-z0-9_]{0,63}$/,
  class: /^[a-z0-9][a-z0-9_-]{0,63}$/,
  identity: /^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/,
  dsc: /^1:[1-9]\.[1-9]\.[1-9]$/,
} as const;

/** Longest canonical form of `lbl` in bytes: the leaf stays public for ever, and small. */
export const LABEL_BYTES_MAX = 512;
/** Digests in `_sd`: one for each part of the record. */
export const PART_COUNT = 3;

type Check = (value: JsonValue) => boolean;

const WRITER_CHECKS = closed({
  id: matches(PATTERNS.id),
  boot: matches(PATTERNS.id),
  seq: isCount,
  prev: matches(PATTERNS.hash),
});
const POLICY_CHECKS = closed(
  {
    id: (value) => value === null || matches(PATTERNS.hash)(value),
    entrypoint: matches(PATTERNS.entrypoint),
    allow: (value) => typeof value === 'boolean',
    err: matches(PATTERNS.code),
  },
  ['err'],
);
const RETENTION_CHECKS = closed({
  class: matches(PATTERNS.class),
  mode: (value) => value === 'compliance' || value === 'governance' || value === 'none',
  until: (value) => value === null || isCount(value),
});
const OPTIONAL = ['pol', 'idk', 'idb', 'lbl', 'ctl', 'was', 'dsc', '_sd', '_sd_alg'];
const CHECKS: Readonly<Record<string, Check>> = {
  v: (value) => value === 1,
  iss: matches(PATTERNS.origin),
  gen: matches(PATTERNS.hash),
  jti: (value) => typeof value === 'string' && uuid7Time(value) >= 0,
  iat: isCount,
  at: isCount,
  kind: matches(PATTERNS.kind),
  wtr: WRITER_CHECKS,
  pol: (value) => POLICY_CHECKS(value) && isPolicyOutcome(value as unknown as PolicyOutcome),
  ret: RETENTION_CHECKS,
  sby: isCount,
  idk: matches(PATTERNS.identity),
  idb: matches(PATTERNS.identity),
  lbl: isLabels,
  ctl: (value) => isJsonObject(value),
  was: matches(PATTERNS.hash),
  dsc: matches(PATTERNS.dsc),
  _sd: isDigests,
  _sd_alg: (value) => value === 'sha-256',
};
const REQUIRED_COUNT = Object.keys(CHECKS).length - OPTIONAL.length;

/**
 * Checks a payload, closed: every member known, of its shape, and in agreement with the others.
 *
 * @throws {@link MalformedError} code `bad_entry` (or `unsupported_version`) with the pointer of the member.
 */
export function parseEntryPayload(value: JsonValue): EntryPayload {
  if (!isJsonObject(value)) throw new MalformedError('payload is not an object', 'bad_entry', '');
  // A later version may change any other member, so it is named before anything else is judged.
  if (typeof value['v'] === 'number' && value['v'] !== 1) {
    throw new MalformedError(`version ${value['v']} is not known`, 'unsupported_version', '/v');
  }
  let required = 0;
  for (const name of Object.keys(value)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
    if (check === undefined) throw badMember(name, 'is not known');
    if (!check(value[name] as JsonValue)) throw badMember(name, 'is not of its form');
    if (!OPTIONAL.includes(name)) required++;
  }
  if (required !== REQUIRED_COUNT) {
    throw new MalformedError('payload lacks a required member', 'bad_entry', '');
  }
  const payload = value as unknown as EntryPayload;
  checkAgreement(payload);
  return payload;
}

/** Whether a kind is one that this version knows. */
export function isKnownKind(kind: string): kind is EntryKind {
  return (ENTRY_KINDS as readonly string[]).includes(kind);
}

/** Whether the members say the same thing. Shared with the schema, which refines by it. @returns the wrong one. */
export function findContradiction(payload: EntryPayload): string | undefined {
  if (uuid7Time(payload.jti) !== payload.at) return 'jti';
  if (payload.iat !== Math.floor(payload.at / 1000)) return 'iat';
  if ((payload.idk === undefined) !== (payload.idb === undefined)) return 'idb';
  const digests = payload._sd === undefined;
  if (digests !== (payload._sd_alg === undefined)) return '_sd_alg';
  if (digests !== (payload.dsc === undefined)) return 'dsc';
  return undefined;
}

/** Where nothing was evaluated there is a reason, and where there is a reason nothing was allowed. */
export function isPolicyOutcome(outcome: PolicyOutcome): boolean {
  return outcome.err === undefined ? outcome.id !== null : !outcome.allow;
}

/** Whether labels fit: texts by name, at most {@link LABEL_BYTES_MAX} bytes. */
export function isLabels(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  if (!Object.values(value).every((label) => typeof label === 'string')) return false;
  return utf8Bytes(canonicalJson(value)).length <= LABEL_BYTES_MAX;
}

/** Whether a value is the three digests in ascending order, no two alike. */
export function isDigests(value: JsonValue): boolean {
  if (!Array.isArray(value) || value.length !== PART_COUNT) return false;
  let previous = '';
  for (const digest of value as readonly JsonValue[]) {
    if (typeof digest !== 'string' || digest <= previous || !PATTERNS.hash.test(digest)) {
      return false;
    }
    previous = digest;
  }
  return true;
}

function checkAgreement(payload: EntryPayload): void {
  const wrong = findContradiction(payload);
  if (wrong !== undefined) throw badMember(wrong, 'contradicts another member');
}

function badMember(name: string, what: string): MalformedError {
  return new MalformedError(`member of the payload ${what}`, 'bad_entry', formatPointer([name]));
}

function matches(pattern: RegExp): Check {
  return (value) => typeof value === 'string' && pattern.test(value);
}

/** Zero or a positive safe integer: a time in ms, a counter. */
function isCount(value: JsonValue): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function closed(checks: Readonly<Record<string, Check>>, optional: readonly string[] = []): Check {
  const rules = Object.entries(checks);
  return (value) => {
    if (!isJsonObject(value)) return false;
    let found = 0;
    for (const [name, check] of rules) {
      const member = Object.hasOwn(value, name) ? value[name] : undefined;
      if (member === undefined) {
        if (!optional.includes(name)) return false;
      } else {
        found++;
        if (!check(member)) return false;
      }
    }
    return found === Object.keys(value).length;
  };
}
