/**
 * Rego's values as a host function sees them. JSON is not enough: sets are not arrays, any value may be the key of an
 * object, and a number is its text, because OPA computes with more digits than a double has.
 */

/** Any Rego value. Values are never changed after they were made. */
export type RegoValue =
  null | boolean | string | RegoNumber | readonly RegoValue[] | RegoSet | RegoObject;

/** A number as JSON text, kept as it was written. */
export class RegoNumber {
  readonly text: string;

  /** @param text - A number of JSON's grammar, finite. */
  constructor(text: string) {
    this.text = text;
  }

  /** @returns the number whose text is the shortest that reads back as `value`. */
  static of(value: number | bigint): RegoNumber {
    return new RegoNumber(String(value));
  }

  /** The exact value when the text is that of an integer without fraction or exponent, else null. */
  get integer(): bigint | null {
    return /^-?\d+$/.test(this.text) ? BigInt(this.text) : null;
  }
}

/** A set: distinct values in ascending order. */
export class RegoSet {
  readonly items: readonly RegoValue[];

  constructor(items: Iterable<RegoValue>) {
    this.items = distinct([...items].sort(compareValues), compareValues);
  }

  /** Whether `value` is a member. */
  has(value: RegoValue): boolean {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = compareValues(this.items[middle] as RegoValue, value);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }
}

/** An object: members in ascending order of their keys, which are distinct. */
export class RegoObject {
  readonly entries: readonly (readonly [RegoValue, RegoValue])[];
  readonly #byName: ReadonlyMap<string, RegoValue>;

  /** @param entries - Of two with an equal key the later one holds. */
  constructor(entries: Iterable<readonly [RegoValue, RegoValue]>) {
    const later = [...entries].reverse().sort(([a], [b]) => compareValues(a, b));
    this.entries = distinct(later, ([a], [b]) => compareValues(a, b));
    const named = this.entries.filter(([key]) => typeof key === 'string');
    this.#byName = new Map(named as [string, RegoValue][]);
  }

  /** @returns the object with these members. */
  static of(members: Readonly<Record<string, RegoValue>>): RegoObject {
    return new RegoObject(Object.entries(members));
  }

  /** The member under `key`, undefined where there is none. */
  get(key: RegoValue): RegoValue | undefined {
    if (typeof key === 'string') return this.#byName.get(key);
    return this.entries.find(([other]) => compareValues(other, key) === 0)?.[1];
  }
}

/** @returns whether `value` is an array; the built-in test does not narrow a read-only one. */
export function isArray(value: RegoValue | undefined): value is readonly RegoValue[] {
  return Array.isArray(value);
}

/** OPA's total order: null, booleans, numbers, strings by code point, arrays, objects, sets. */
export function compareValues(a: RegoValue, b: RegoValue): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (typeof a === 'string') return compareText(a, b as string);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (a instanceof RegoNumber) return compareNumbers(a.text, (b as RegoNumber).text);
  if (a instanceof RegoSet) return compareLists(a.items, (b as RegoSet).items);
  if (a instanceof RegoObject) return compareObjects(a, b as RegoObject);
  return a === null ? 0 : compareLists(a, b as readonly RegoValue[]);
}

/** @returns whether the two are one value; numbers by what they are worth. */
export function isEqual(a: RegoValue, b: RegoValue): boolean {
  return compareValues(a, b) === 0;
}

/** Order of two texts by code point, which is the order of their UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    // A surrogate stands for a code point above every other unit.
    if (left !== right) return unitRank(left) - unitRank(right);
  }
  return a.length - b.length;
}

function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** A decimal as `digits` times ten to the `exponent`; the digits don't end in 0 unless they are 0. */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** Longer differences of scale are decided by magnitude, without writing out the zeros. */
const SCALE_MAX = 2000;

function compareNumbers(a: string, b: string): number {
  if (a === b) return 0;
  const fast = Number(a) - Number(b);
  if (fast !== 0 && Number.isFinite(fast)) return fast;
  const left = decimalOf(a);
  const right = decimalOf(b);
  const signs = signOf(left.digits) - signOf(right.digits);
  if (signs !== 0 || left.digits === 0n) return signs;
  const scale = left.exponent - right.exponent;
  if (Math.abs(scale) > SCALE_MAX) {
    const longer = magnitude(left) - magnitude(right);
    if (longer !== 0) return longer * signOf(left.digits);
  }
  const least = Math.min(left.exponent, right.exponent);
  const difference =
    left.digits * 10n ** BigInt(left.exponent - least) -
    right.digits * 10n ** BigInt(right.exponent - least);
  return signOf(difference);
}

function decimalOf(text: string): Decimal {
  const [mantissa = '0', exponent = '0'] = text.split(/[eE]/);
  const [whole = '0', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

function magnitude({ digits, exponent }: Decimal): number {
  return String(digits).replace('-', '').length + exponent;
}

function signOf(value: bigint): number {
  if (value === 0n) return 0;
  return value > 0n ? 1 : -1;
}

function rankOf(value: RegoValue): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') return 1;
  if (value instanceof RegoNumber) return 2;
  if (typeof value === 'string') return 3;
  if (value instanceof RegoObject) return 5;
  return value instanceof RegoSet ? 6 : 4;
}

function compareLists(a: readonly RegoValue[], b: readonly RegoValue[]): number {
  for (const [i, item] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = compareValues(item, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Key by key, then value by value where the keys are equal, the shorter first. */
function compareObjects(a: RegoObject, b: RegoObject): number {
  for (const [i, [key, value]] of a.entries.entries()) {
    const other = b.entries[i];
    if (other === undefined) return 1;
    const order = compareValues(key, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return a.entries.length - b.entries.length;
}

function distinct<T>(sorted: readonly T[], compare: (a: T, b: T) => number): T[] {
  return sorted.filter((item, i) => i === 0 || compare(sorted[i - 1] as T, item) !== 0);
}
