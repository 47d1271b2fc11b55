/** Times as Go's `time` reads and writes them in UTC: nanoseconds since 1970 in 64 bits, and layouts by example. */
import { BuiltinLimitError } from './builtin.ts';
import { fail } from './operand.ts';

/** Nanoseconds of one second. */
export const SECOND = 1_000_000_000n;
const DAY_SECONDS = 86_400n;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** A moment of UTC, taken apart. Months count from 1. */
export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** Sunday is 0. */
  readonly weekday: number;
}

const LAYOUTS: Readonly<Record<string, string>> = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: '2006-01-02T15:04:05Z07:00',
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
};
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
/** Names of the days, from Sunday. */
export const DAYS = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
] as const;
/** The parts of a layout that stand for something, longer ones before what they begin with. */
const CHUNK =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|0[1-6]|002|15|[1-5]|PM|pm|[Z-](?:070000|07:00:00|0700|07:00|07)|[.,](?:0+|9+)(?!\d)/g;
const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** A named layout as the example it stands for. */
export function layoutOf(name: string): string {
  if (name === '') return LAYOUTS['RFC3339Nano'] ?? '';
  return Object.hasOwn(LAYOUTS, name) ? (LAYOUTS[name] ?? name) : name;
}

/** The moment that an epoch of nanoseconds names. */
export function civilOf(nanoseconds: bigint): Civil {
  const seconds = floorDivide(nanoseconds, SECOND);
  const days = floorDivide(seconds, DAY_SECONDS);
  const date = new Date(Number(days * DAY_SECONDS) * 1000);
  const ofDay = Number(seconds - days * DAY_SECONDS);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: Math.floor(ofDay / 3600),
    minute: Math.floor((ofDay % 3600) / 60),
    second: ofDay % 60,
    nanosecond: Number(nanoseconds - seconds * SECOND),
    weekday: date.getUTCDay(),
  };
}

/** The epoch of a moment whose members may be beyond their range. Undefined outside of 64 bits. */
export function epochOf(civil: Omit<Civil, 'weekday'>): bigint {
  const { year, month, day } = civil;
  if (![year, month, day].every((part) => Math.abs(part) < 1_000_000)) fail();
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (Number.isNaN(date.getTime())) fail();
  const seconds =
    BigInt(date.getTime() / 1000) +
    BigInt(civil.hour) * 3600n +
    BigInt(civil.minute) * 60n +
    BigInt(civil.second);
  return safe(seconds * SECOND + BigInt(civil.nanosecond));
}

/** Undefined for what 64 bits do not hold. */
export function safe(nanoseconds: bigint): bigint {
  return nanoseconds > INT64_MAX || nanoseconds < INT64_MIN ? fail() : nanoseconds;
}

/** Days of a month, counted from 1. */
export function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

/** Reads RFC 3339 as Go does: also with a comma, and never a day or an offset that does not exist. */
export function parseRfc3339(text: string): bigint {
  const found = RFC3339.exec(text) ?? fail();
  const part = (at: number): number => Number(found[at] ?? 0);
  const date = { year: part(1), month: part(2), day: part(3) };
  const clock = { hour: part(4), minute: part(5), second: part(6) };
  const offset = offsetOf(part(9), part(10));
  if (!isDate(date.year, date.month, date.day)) fail();
  if (clock.hour > 23 || clock.minute > 59 || clock.second > 59) fail();
  const nanosecond = Number((found[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const minute = found[8] === '-' ? clock.minute + offset : clock.minute - offset;
  return epochOf({ ...date, ...clock, minute, nanosecond });
}

function isDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

function offsetOf(hours: number, minutes: number): number {
  return hours > 24 || minutes > 59 ? fail() : hours * 60 + minutes;
}

/** Writes a moment by a layout. */
export function formatTime(civil: Civil, layout: string): string {
  if (civil.year < 0 || civil.year > 9999) throw new BuiltinLimitError('year has not four digits');
  return layout.replace(CHUNK, (chunk) =>
    /^[.,]/.test(chunk) ? fractionOf(civil.nanosecond, chunk) : partOf(civil, chunk),
  );
}

function fractionOf(nanosecond: number, chunk: string): string {
  if (chunk.length > 10) throw new BuiltinLimitError('fraction has more than nine digits');
  const digits = String(nanosecond)
    .padStart(9, '0')
    .slice(0, chunk.length - 1);
  if (chunk.charAt(1) === '0') return chunk.charAt(0) + digits;
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '' : chunk.charAt(0) + kept;
}

function partOf(civil: Civil, chunk: string): string {
  const zone = /^[Z-]07(:?)(00)?(:?)(00)?/.exec(chunk);
  if (zone !== null) return chunk.startsWith('Z') ? 'Z' : chunk.replace('-07', '+00');
  const { year, month, day, hour, minute, second } = civil;
  const name = MONTHS[month - 1] ?? '';
  const weekday = DAYS[civil.weekday] ?? '';
  const two = (value: number): string => String(value).padStart(2, '0');
  const half = hour % 12 === 0 ? 12 : hour % 12;
  const parts: Readonly<Record<string, string>> = {
    January: name,
    Jan: name.slice(0, 3),
    Monday: weekday,
    Mon: weekday.slice(0, 3),
    MST: 'UTC',
    '2006': String(year).padStart(4, '0'),
    '06': two(year % 100),
    '01': two(month),
    '1': String(month),
    '02': two(day),
    '2': String(day),
    _2: String(day).padStart(2),
    '002': String(dayOfYear(civil)).padStart(3, '0'),
    __2: String(dayOfYear(civil)).padStart(3),
    '15': two(hour),
    '03': two(half),
    '3': String(half),
    '04': two(minute),
    '4': String(minute),
    '05': two(second),
    '5': String(second),
    PM: hour < 12 ? 'AM' : 'PM',
    pm: hour < 12 ? 'am' : 'pm',
  };
  return parts[chunk] ?? chunk;
}

function dayOfYear({ year, month, day }: Civil): number {
  let days = day;
  for (let before = 1; before < month; before++) days += daysIn(year, before);
  return days;
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}
