/** The check of a payload that runs for every leaf, by hand: a schema takes several times as long (measured). */
import { findContradiction, isDigests, isLabels, isPolicyOutcome, PATTERNS } from './payload.ts';
import type { EntryPayload, PolicyOutcome } from './payload.ts';
import { MalformedError } from '../errors.ts';
import { formatPointer, isJsonObject } from '../json/json-pointer.ts';
import { refuseNewer } from '../json/newer-format.ts';
import type { JsonValue } from '../json/strict-json.ts';
import { uuid7Time } from './uuid7.ts';

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
 * @throws {@link MalformedError} code `bad_entry` (or one of {@link refuseNewer}) with the pointer of the member.
 */
export function parseEntryPayload(value: JsonValue): EntryPayload {
  if (!isJsonObject(value)) throw new MalformedError('payload is not an object', 'bad_entry', '');
  // A later version may change any other member, so it is named before anything else is judged.
  refuseNewer(value, 'entry');
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
