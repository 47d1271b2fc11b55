/**
 * The stored record: one line of NDJSON from which every disclosure of its entry can be made again. The key in it
 * never leaves the store; answers carry disclosures only.
 */
import { parseBase64Url } from '../platform/bytes.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { endOfValue } from '../json/canonical-text.ts';
import { discloseRecord, RECORD_KEY_BYTES } from './disclosure.ts';
import type { DisclosedRecord, HiddenSet, SealedSet } from './disclosure.ts';
import type { EntryPayload } from '../entry/payload.ts';
import { PATTERNS } from '../entry/payload.ts';
import { MalformedError } from '../errors.ts';
import { formatPointer, isJsonObject, parsePointer } from '../json/json-pointer.ts';
import { refuseNewer } from '../json/newer-format.ts';
import { parseDsc, PART_NAMES } from './nodes.ts';
import type { PartDepths, RecordParts } from './nodes.ts';
import { isSealedJwe, placeValues } from './sealed-values.ts';
import { readStrictJson } from '../json/strict-json.ts';
import type { JsonLimits, JsonObject, JsonValue } from '../json/strict-json.ts';
import { uuid7Time } from '../entry/uuid7.ts';

export { placeValues, takeValues } from './sealed-values.ts';

/** What is sealed to one subject: where, what the digests are, and the values under a key that can be destroyed. */
export interface SealedValues {
  /** Each at a node of the record, none below another. */
  readonly pointers: readonly string[];
  /** Base64url, parallel to `pointers`. */
  readonly digests: readonly string[];
  /** Compact JWE (`dir`, `A256GCM`) over `{key, values}`; `values` is parallel to `pointers`. */
  readonly jwe: string;
}

/** A record as it is stored. Sealed values are absent from the parts. */
export interface StoredRecord extends RecordParts {
  readonly v: 1;
  readonly jti: string;
  /** Base64url of 32 random bytes. */
  readonly key: string;
  readonly sealed: readonly SealedValues[];
}

/** What the JWE of a sealed set holds. */
export interface OpenedSet {
  /** Index in the record's `sealed`. */
  readonly set: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Parallel to the set's `pointers`. */
  readonly values: readonly JsonValue[];
}

/** Whether a record is the one that an entry commits to. */
export type FullOpening =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason:
        /** The entry commits to no record, or the record is of another entry. */
        | 'not_committed'
        | 'other_entry'
        /** A part differs from what was committed, or an opened sealed value from its digest. */
        | 'digest_mismatch'
        | 'sealed_mismatch'
        /** A sealed pointer is at no node, so no digest can be made. */
        | 'not_a_node';
    };

/** Bounds of one line; what a policy may be given is far below them. */
export const RECORD_LIMITS: JsonLimits = {
  bytes: 16 * 1024 * 1024,
  depth: 64,
  members: 1_000_000,
  stringLength: 8 * 1024 * 1024,
};

const MEMBERS = ['input', 'jti', 'key', 'result', 'sealed', 'source', 'v'].join();

/** Formats a record as its line, with the line feed. */
export function formatRecord(record: StoredRecord): string {
  return `${canonicalJson(record as unknown as JsonValue)}\n`;
}

/**
 * Parses a record's line; the line feed may be left off, as readers of NDJSON do.
 *
 * @throws {@link MalformedError} code `bad_record`, `unsupported_version`, `not_canonical`, or one of strict JSON.
 */
export function parseRecord(line: string): StoredRecord {
  const text = line.endsWith('\n') ? line.slice(0, -1) : line;
  const { value, isCanonical } = readStrictJson(text, RECORD_LIMITS, 'nested');
  if (!isJsonObject(value)) throw badRecord('record is not an object');
  refuseNewer(value, 'record');
  if (Object.keys(value).sort().join() !== MEMBERS)
    throw badRecord('members are not the known ones');
  if (!isCanonical) {
    throw new MalformedError('record is not in its canonical form', 'not_canonical');
  }
  checkMembers(value);
  return value as unknown as StoredRecord;
}

/** The RFC 8785 text of a record's input. @param line - One that {@link parseRecord} takes: its first member is the input. */
export function inputText(line: string): string {
  const start = '{"input":'.length;
  return line.slice(start, endOfValue(line, start));
}

/**
 * Finds the record of an entry among the lines of a member; null where there is none that is well-formed. Its id is read,
 * not looked for in the text: an event may quote the id of another entry.
 */
export function findRecord(lines: string, jti: string): StoredRecord | null {
  for (const line of lines.split('\n')) {
    // Only spares work.
    if (!line.includes(jti)) continue;
    try {
      const record = parseRecord(line);
      if (record.jti === jti) return record;
    } catch {
      // No record, so not this one; that it is none is for the check of the ledger to say.
    }
  }
  return null;
}

/**
 * Makes a record's disclosures again.
 *
 * @param depth - Of the entry's `dsc`.
 * @param opened - Sealed sets at hand; of the others only the digests are known.
 * @throws {@link MalformedError} code `not_a_node`.
 */
export function discloseStored(
  record: StoredRecord,
  depth: PartDepths,
  opened: readonly OpenedSet[] = [],
): DisclosedRecord {
  const sealed: (SealedSet | HiddenSet)[] = record.sealed.map(({ pointers, digests }) => ({
    pointers,
    digests,
  }));
  let parts: RecordParts = record;
  for (const { set, key, values } of opened) {
    const pointers = record.sealed[set]?.pointers;
    if (pointers?.length !== values.length || key.length !== RECORD_KEY_BYTES) {
      throw notANode('opened set is none of the record');
    }
    sealed[set] = { pointers, key };
    parts = placeValues(parts, pointers, values);
  }
  const { jti } = record;
  return discloseRecord({ jti, key: parseBase64Url(record.key), depth, parts, sealed });
}

/**
 * Rebuilds every disclosure of a record and compares all digests, so that no name has a second value. What is sealed
 * and not opened is compared by its digest, and so stays unproven.
 */
export function checkFullOpening(
  payload: Pick<EntryPayload, 'jti' | '_sd' | 'dsc'>,
  record: StoredRecord,
  opened: readonly OpenedSet[] = [],
): FullOpening {
  if (payload.dsc === undefined || payload._sd === undefined) {
    return { ok: false, reason: 'not_committed' };
  }
  if (payload.jti !== record.jti) return { ok: false, reason: 'other_entry' };
  let disclosed: DisclosedRecord;
  try {
    disclosed = discloseStored(record, parseDsc(payload.dsc), opened);
  } catch (error) {
    // Pointers of a record are facts of its maker: a wrong one refutes the record, it is no fault of the caller.
    if (error instanceof MalformedError) return { ok: false, reason: 'not_a_node' };
    throw error;
  }
  if (disclosed.sd.join() !== payload._sd.join()) return { ok: false, reason: 'digest_mismatch' };
  for (const { set } of opened) {
    if (disclosed.sealed[set]?.join() !== record.sealed[set]?.digests.join()) {
      return { ok: false, reason: 'sealed_mismatch' };
    }
  }
  return { ok: true };
}

function checkMembers(record: JsonObject): void {
  const { v, jti, key, sealed } = record;
  if (v !== 1) throw badRecord('not a version', '/v');
  if (typeof jti !== 'string' || uuid7Time(jti) < 0) throw badRecord('not a UUIDv7', '/jti');
  if (!isHash(key)) throw badRecord('not 32 bytes', '/key');
  for (const name of PART_NAMES) {
    const part = record[name];
    // At the top of a part the name would stand at the top of what an SD-JWT library makes of it.
    if (isJsonObject(part) && Object.hasOwn(part, '_sd_alg')) {
      throw new MalformedError('member name is reserved', 'reserved_member', `/${name}/_sd_alg`);
    }
  }
  if (!Array.isArray(sealed)) throw badRecord('not an array', '/sealed');
  (sealed as readonly JsonValue[]).forEach((set, i) => {
    if (!isSealedValues(set)) throw badRecord('not a sealed set', `/sealed/${i}`);
  });
}

function isSealedValues(value: JsonValue): boolean {
  if (!isJsonObject(value) || Object.keys(value).sort().join() !== 'digests,jwe,pointers') {
    return false;
  }
  const { pointers, digests, jwe } = value;
  if (!Array.isArray(pointers) || !Array.isArray(digests)) return false;
  if (pointers.length === 0 || pointers.length !== digests.length) return false;
  const pointersGood = (pointers as readonly JsonValue[]).every(
    (pointer) => typeof pointer === 'string' && isPlainPointer(pointer),
  );
  const digestsGood = (digests as readonly JsonValue[]).every(isHash);
  return pointersGood && digestsGood && typeof jwe === 'string' && isSealedJwe(jwe);
}

/** Whether a text is a pointer that formatting gives back. */
function isPlainPointer(text: string): boolean {
  try {
    return formatPointer(parsePointer(text)) === text;
  } catch {
    return false;
  }
}

function isHash(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && PATTERNS.hash.test(value);
}

function badRecord(message: string, pointer = ''): MalformedError {
  return new MalformedError(message, 'bad_record', pointer);
}

function notANode(message: string): MalformedError {
  return new MalformedError(message, 'not_a_node');
}
