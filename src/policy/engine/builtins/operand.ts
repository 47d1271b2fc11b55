/** Arguments of the types that OPA's built-ins take. Whatever is another makes the call undefined, as in OPA. */
import { RegoNumber, RegoObject, RegoSet, isArray } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';

/** OPA's built-in fails here: the call is undefined. */
export class BuiltinFailure extends Error {}

const failure = new BuiltinFailure('built-in failed');
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Makes the call undefined. One error serves all: nobody reads its stack. @throws {@link BuiltinFailure} */
export function fail(): never {
  throw failure;
}

/** @throws {@link BuiltinFailure} unless it is a string. */
export function textOf(value: RegoValue | undefined): string {
  return typeof value === 'string' ? value : fail();
}

/** @throws {@link BuiltinFailure} unless it is a number. */
export function numberOf(value: RegoValue | undefined): RegoNumber {
  return value instanceof RegoNumber ? value : fail();
}

/** @throws {@link BuiltinFailure} unless it is an object. */
export function objectOf(value: RegoValue | undefined): RegoObject {
  return value instanceof RegoObject ? value : fail();
}

/** @throws {@link BuiltinFailure} unless it is an array. */
export function arrayOf(value: RegoValue | undefined): readonly RegoValue[] {
  return isArray(value) ? value : fail();
}

/** The members of an array or, ascending, of a set. @throws {@link BuiltinFailure} */
export function membersOf(value: RegoValue | undefined): readonly RegoValue[] {
  return value instanceof RegoSet ? value.items : arrayOf(value);
}

/** A 64-bit integer, which may have a fraction of zeros but no exponent. @throws {@link BuiltinFailure} */
export function int64Of(value: RegoValue | undefined): bigint {
  const digits = /^(-?\d{1,19})(?:\.0*)?$/.exec(numberOf(value).text);
  // OPA counts the digits with those of the fraction, and gives up after 19.
  if (digits?.[1] === undefined || digits[0].replace('-', '').length > 19) fail();
  const integer = BigInt(digits[1]);
  return integer < INT64_MIN || integer > INT64_MAX ? fail() : integer;
}

/** An exact integer in any notation. @throws {@link BuiltinFailure} */
export function integerOf(value: RegoValue | undefined): bigint {
  const { text } = numberOf(value);
  const [mantissa = '', exponent = '0'] = text.split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const places = Number(exponent) - fraction.length;
  if (Math.abs(places) > PLACES_MAX) fail();
  const digits = BigInt(whole + fraction);
  if (places >= 0) return digits * 10n ** BigInt(places);
  const unit = 10n ** BigInt(-places);
  return digits % unit === 0n ? digits / unit : fail();
}

/** OPA's parser admits no number with a larger exponent. */
const PLACES_MAX = 30_103;
