/**
 * The payload of an entry: its shape, and the rules that no pattern can state. `check.ts` checks every leaf
 * by them, `entry-schema.ts` describes the same as a schema; a property test holds the two against each other.
 */
import { utf8Bytes } from '../platform/bytes.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isJsonObject } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/strict-json.ts';
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

/**
 * The payload's canonical text without `wtr` and without the closing brace. Not checked against the schema: that is
 * done for the whole by `parseEntry`.
 */
export function entryPrefix(fields: Omit<EntryPayload, 'wtr'>): string {
  return canonicalJson(fields as unknown as JsonValue).slice(0, -1);
}
