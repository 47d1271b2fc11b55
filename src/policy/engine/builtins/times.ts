/**
 * Times that a policy was given. There is no clock, and no zone but UTC: the rules of the others change with the machine,
 * and so would a decision that is executed again.
 */
import { RegoNumber, isArray } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import {
  civilOf,
  DAYS,
  daysIn,
  epochOf,
  formatTime,
  layoutOf,
  parseRfc3339,
  safe,
  SECOND,
} from './go-time.ts';
import { fail, int64Of, integerOf, textOf } from './operand.ts';

/** Host functions of times. */
export const TIMES = family(1, {
  'time.parse_rfc3339_ns': (text) => RegoNumber.of(parseRfc3339(textOf(text))),
  'time.parse_duration_ns': (text) => RegoNumber.of(parseDuration(textOf(text))),
  'time.format': (time) => formatTime(civilOf(momentOf(time)), layoutOf(layoutIn(time))),
  'time.date': (time) => {
    const { year, month, day } = civilOf(momentOf(time));
    return numbers([year, month, day]);
  },
  'time.clock': (time) => {
    const { hour, minute, second } = civilOf(momentOf(time));
    return numbers([hour, minute, second]);
  },
  'time.weekday': (time) => DAYS[civilOf(momentOf(time)).weekday] ?? fail(),
  'time.add_date': (time, years, months, days) =>
    RegoNumber.of(addDate(momentOf(time), [years, months, days].map(int64Of).map(Number))),
  'time.diff': (one, other) => numbers(difference(momentOf(one), momentOf(other))),
});

/** Nanoseconds of each unit of a duration. Days, weeks and years are OPA's own. */
const UNITS = new Map<string, bigint>([
  ['ns', 1n],
  ['us', 1000n],
  ['\u00b5s', 1000n],
  ['\u03bcs', 1000n],
  ['ms', 1_000_000n],
  ['s', SECOND],
  ['m', 60n * SECOND],
  ['h', 3600n * SECOND],
]);
const FRACTION_DIGITS_MAX = 15;

/** Nanoseconds, or an array of them with a zone and a layout. */
function momentOf(time: RegoValue | undefined): bigint {
  if (!isArray(time)) return int64(time);
  const zone = time.length > 1 ? textOf(time[1]) : '';
  if (zone !== '' && zone !== 'UTC') {
    throw new BuiltinLimitError('times are in UTC: the rules of zones change with the machine');
  }
  return int64(time[0]);
}

function int64(value: RegoValue | undefined): bigint {
  return safe(integerOf(value));
}

function layoutIn(time: RegoValue | undefined): string {
  return isArray(time) && time.length > 2 ? textOf(time[2]) : '';
}

function numbers(values: readonly number[]): RegoNumber[] {
  return values.map((value) => RegoNumber.of(value));
}

function addDate(moment: bigint, [years = 0, months = 0, days = 0]: readonly number[]): bigint {
  const civil = civilOf(moment);
  return epochOf({
    ...civil,
    year: civil.year + years,
    month: civil.month + months,
    day: civil.day + days,
  });
}

/** Years, months, days, hours, minutes and seconds between two moments, as OPA borrows for them. */
function difference(one: bigint, other: bigint): number[] {
  const [from, to] = one > other ? [civilOf(other), civilOf(one)] : [civilOf(one), civilOf(other)];
  const parts = [
    to.year - from.year,
    to.month - from.month,
    to.day - from.day,
    to.hour - from.hour,
    to.minute - from.minute,
    to.second - from.second,
  ];
  const room = [0, 12, daysIn(from.year, from.month), 24, 60, 60];
  for (let i = parts.length - 1; i > 0; i--) {
    if ((parts[i] ?? 0) >= 0) continue;
    parts[i] = (parts[i] ?? 0) + (room[i] ?? 0);
    parts[i - 1] = (parts[i - 1] ?? 0) - 1;
  }
  return parts;
}

/** Go's durations. OPA's days, weeks and years go through its own grammar and doubles, and are not answered. */
function parseDuration(text: string): bigint {
  const found = /^([+-]?)((?:\d+\.?\d*|\.\d+)[a-z\u00b5\u03bc]+.*|0)$/u.exec(text);
  if (found?.[2] === undefined) fail();
  const [, sign, rest] = found;
  if (rest === '0') return 0n;
  const parts = rest.match(/(?:\d+\.?\d*|\.\d+)[^\d.]+/gu) ?? fail();
  if (parts.join('') !== rest) fail();
  const sum = parts.map(partOf).reduce((total, part) => total + part, 0n);
  return safe(sign === '-' ? -sum : safeMagnitude(sum));
}

function partOf(part: string): bigint {
  const [, whole = '', fraction = '', name = ''] = /^(\d*)\.?(\d*)(\D+)$/u.exec(part) ?? fail();
  if (/^[dwy]$/.test(name)) {
    throw new BuiltinLimitError('durations are in units up to the hour: write 24h for a day');
  }
  const unit = UNITS.get(name) ?? fail();
  if (fraction.length > FRACTION_DIGITS_MAX) throw new BuiltinLimitError('fraction is too long');
  const scale = 10n ** BigInt(fraction.length);
  // Go computes the fraction in a double; below 15 digits the product truncates to the same.
  const added = BigInt(Math.trunc(Number(fraction || '0') * (Number(unit) / Number(scale))));
  return safeMagnitude(BigInt(whole || '0') * unit + added);
}

function safeMagnitude(nanoseconds: bigint): bigint {
  return safe(nanoseconds);
}
