/** Doubles as Go's `strconv.FormatFloat` writes them: exact decimals, a half rounded to even. */

/** Decimal digits with the place of the point: 0.DIGITS times ten to the `point`. */
interface Digits {
  readonly digits: string;
  readonly point: number;
}

/** For the shortest form, `g` turns to an exponent where the number has more digits than this. */
const SHORTEST_DIGITS = 6;
const LOWEST_EXPONENT = -4;

/**
 * The size of a finite double, without its sign.
 *
 * @param verb - `e`, `f` or `g`.
 * @param precision - Digits after the point (`e`, `f`) or in all (`g`); -1 for as few as read back the same.
 */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision: number): string {
  const size = Math.abs(value);
  if (verb === 'f')
    return fixed(precision < 0 ? shortest(size) : decimals(size, precision), precision);
  if (verb === 'e') {
    const digits = precision < 0 ? shortest(size) : significant(size, precision + 1);
    return exponential(digits, precision < 0 ? digits.digits.length - 1 : precision);
  }
  const wanted = precision === 0 ? 1 : precision;
  const digits = trimmed(wanted < 0 ? shortest(size) : significant(size, wanted));
  const count = digits.digits.length;
  let limit = wanted < 0 ? SHORTEST_DIGITS : wanted;
  if (wanted > count && count >= digits.point) limit = count;
  const exponent = digits.point - 1;
  if (exponent < LOWEST_EXPONENT || exponent >= limit) return exponential(digits, count - 1);
  return fixed(digits, Math.max(count - digits.point, 0));
}

function fixed({ digits, point }: Digits, precision: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  const after = '0'.repeat(Math.max(0, -point)) + digits.slice(Math.max(0, point));
  const places = precision < 0 ? Math.max(digits.length - point, 0) : precision;
  return places === 0 ? whole : `${whole}.${after.padEnd(places, '0').slice(0, places)}`;
}

function exponential({ digits, point }: Digits, precision: number): string {
  const exponent = digits === '0' || digits === '' ? 0 : point - 1;
  const head = digits.charAt(0) || '0';
  const rest = precision > 0 ? `.${digits.slice(1).padEnd(precision, '0')}` : '';
  const sign = exponent < 0 ? '-' : '+';
  return `${head}${rest}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function trimmed({ digits, point }: Digits): Digits {
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? { digits: '0', point: 1 } : { digits: kept, point };
}

/** JavaScript finds the same shortest digits. */
function shortest(size: number): Digits {
  const [mantissa = '0', exponent = '0'] = size.toExponential().split('e');
  const digits = mantissa.replace('.', '');
  return size === 0 ? { digits: '0', point: 1 } : { digits, point: Number(exponent) + 1 };
}

function significant(size: number, count: number): Digits {
  if (size === 0) return { digits: '0'.repeat(count), point: 1 };
  const exponent = Number(size.toExponential().split('e')[1]);
  const rounded = decimals(size, count - 1 - exponent);
  // Rounded up to the next power of ten, it has a digit too many, which is a zero.
  const digits = rounded.digits.replace(/^0+/, '').slice(0, count).padEnd(count, '0');
  const carried = rounded.digits.replace(/^0+/, '').length > count;
  return { digits, point: exponent + 1 + Number(carried) };
}

/** The digits up to that many places after the point; before it where it is negative. */
function decimals(size: number, places: number): Digits {
  const [numerator, denominator] = fractionOf(size);
  const top = places > 0 ? numerator * 10n ** BigInt(places) : numerator;
  const bottom = places < 0 ? denominator * 10n ** BigInt(-places) : denominator;
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  const up = twice > bottom || (twice === bottom && quotient % 2n === 1n);
  const digits = String(up ? quotient + 1n : quotient);
  return { digits, point: digits.length - places };
}

/** A double is a whole number times a power of two. */
function fractionOf(size: number): [bigint, bigint] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const mantissa = bits & 0xfffffffffffffn;
  const shift = Math.max(exponent, 1) - 1075;
  const whole = exponent === 0 ? mantissa : mantissa | (1n << 52n);
  return shift >= 0 ? [whole << BigInt(shift), 1n] : [whole, 1n << BigInt(-shift)];
}
