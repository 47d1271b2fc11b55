/** Amounts with units (`10Mi`, `1.5kb`), computed as OPA does: one with exact fractions, one with 64 bits of mantissa. */
import { RegoNumber } from '../../contract/rego-value.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { fail, textOf } from './operand.ts';

/** Host functions of amounts. */
export const UNITS = family(1, {
  'units.parse': (amount) => new RegoNumber(parseUnits(textOf(amount))),
  'units.parse_bytes': (amount) => RegoNumber.of(parseBytes(textOf(amount))),
});

/** A fraction; the denominator is positive. */
interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** OPA computes with exponents to 999,999, which is a way to fill a memory; nobody means one above this. */
const EXPONENT_MAX = 55;
const MANTISSA_BITS = 64;
const DECIMALS = 10;
/** What a double holds for 0.001: OPA takes that instead of the number meant. */
const MILLI: Fraction = { numerator: 1152921504606847n, denominator: 1152921504606846976n };

const POWERS = ['k', 'm', 'g', 't', 'p', 'e'];
const BYTES = new Map<string, bigint>([['', 1n]]);
const SI = new Map<string, Fraction>([['', whole(1n)]]);
for (const [i, letter] of POWERS.entries()) {
  const decimal = 1000n ** BigInt(i + 1);
  const binary = 1024n ** BigInt(i + 1);
  for (const name of [letter, `${letter}b`]) BYTES.set(name, decimal);
  for (const name of [`${letter}i`, `${letter}ib`]) BYTES.set(name, binary);
  for (const name of [letter, letter.toUpperCase()]) {
    SI.set(name, whole(decimal));
    SI.set(`${name}i`, whole(binary));
  }
}
SI.set('m', MILLI);

function parseUnits(text: string): string {
  const [amount, unit] = split(text.replaceAll('"', ''));
  const factor = SI.get(unit.slice(0, 1) + lower(unit.slice(1))) ?? fail();
  const { numerator, denominator } = times(fractionOf(amount), factor);
  return numerator % denominator === 0n
    ? String(numerator / denominator)
    : decimals(numerator, denominator);
}

function parseBytes(text: string): bigint {
  const [amount, unit] = split(lower(text).replaceAll('"', ''));
  const factor = BYTES.get(unit) ?? fail();
  const { numerator, denominator } = rounded(times(rounded(fractionOf(amount)), whole(factor)));
  return numerator / denominator;
}

/** Go maps the dotted capital I to a plain one, JavaScript to two characters. */
function lower(text: string): string {
  return text.replaceAll('\u0130', 'i').toLowerCase();
}

function split(text: string): [string, string] {
  if (text.includes(' ')) fail();
  const end = endOfNumber(text);
  return end === 0 ? fail() : [text.slice(0, end), text.slice(end)];
}

/** An `e` belongs to the number when a digit or a sign follows. */
function endOfNumber(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const mark = text.charAt(i);
    if (!/[\d.eE+-]/.test(mark)) return i;
    if (mark !== 'e' && mark !== 'E') continue;
    if (!/[\d+-]/.test(text.charAt(i + 1))) return i;
    if (/[+-]/.test(text.charAt(i + 1))) i++;
    if (/^\d{7}/.test(text.slice(i + 1, i + 8))) fail();
  }
  return text.length;
}

function fractionOf(text: string): Fraction {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) fail();
  const [, sign = '', integer = '', fraction = '', exponent = '0'] = parts;
  if (integer + fraction === '') fail();
  const places = Number(exponent) - fraction.length;
  const digits = BigInt(integer + fraction) * (sign === '-' ? -1n : 1n);
  if (Math.abs(places) > EXPONENT_MAX) throw new BuiltinLimitError('amount is too large');
  return places >= 0
    ? whole(digits * 10n ** BigInt(places))
    : { numerator: digits, denominator: 10n ** BigInt(-places) };
}

function whole(numerator: bigint): Fraction {
  return { numerator, denominator: 1n };
}

function times(a: Fraction, b: Fraction): Fraction {
  return {
    numerator: a.numerator * b.numerator,
    denominator: a.denominator * b.denominator,
  };
}

/** The nearest number of 64 bits of mantissa, to even when between two. */
function rounded({ numerator, denominator }: Fraction): Fraction {
  if (numerator === 0n) return whole(0n);
  const size = numerator < 0n ? -numerator : numerator;
  const sign = numerator < 0n ? -1n : 1n;
  let shift = bits(size) - bits(denominator) - MANTISSA_BITS;
  let mantissa = divide(size, denominator, shift);
  if (bits(mantissa) > MANTISSA_BITS) mantissa = divide(size, denominator, ++shift);
  return shift >= 0
    ? whole((sign * mantissa) << BigInt(shift))
    : { numerator: sign * mantissa, denominator: 1n << BigInt(-shift) };
}

/** `size / (denominator * 2^shift)`, rounded to even. */
function divide(size: bigint, denominator: bigint, shift: number): bigint {
  const top = shift < 0 ? size << BigInt(-shift) : size;
  const bottom = shift > 0 ? denominator << BigInt(shift) : denominator;
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  const up = twice > bottom || (twice === bottom && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

function bits(value: bigint): number {
  return value.toString(2).length;
}

/** Ten decimals, a half rounded away from zero. */
function decimals(numerator: bigint, denominator: bigint): string {
  const size = numerator < 0n ? -numerator : numerator;
  const scaled = size * 10n ** BigInt(DECIMALS);
  const digits = (scaled * 2n + denominator) / (denominator * 2n);
  const text = String(digits).padStart(DECIMALS + 1, '0');
  const sign = numerator < 0n ? '-' : '';
  return `${sign}${text.slice(0, -DECIMALS)}.${text.slice(-DECIMALS)}`;
}
