/** Go's `fmt.Sprintf` for what OPA hands to it: texts, 64-bit integers, doubles and big integers. */
import { BuiltinLimitError } from './builtin.ts';
import { bytesOf } from './bytes.ts';
import { formatFloat } from './go-float.ts';
import { isPrintable, quote } from './go-quote.ts';

/** An argument with the Go type that it has there. */
export type FormatArgument =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'float64'; readonly value: number }
  | { readonly type: 'int64'; readonly value: bigint }
  | { readonly type: '*big.Int'; readonly value: bigint };

/** Flags, width and precision of one verb. */
export interface Directive {
  readonly verb: string;
  readonly flags: ReadonlySet<string>;
  readonly width: number | null;
  readonly precision: number | null;
}

const RADIX: Readonly<Record<string, number>> = { b: 2, o: 8, O: 8, d: 10, v: 10, x: 16, X: 16 };
/** What prints a value when its verb does not fit. */
const OWN_VERB = { string: 's', float64: 'g', int64: 'd', '*big.Int': 'd' } as const;
const BIG_VERBS = 'boOdsvxX';
const FLOAT_VERBS = 'veEfFgG';
const BIG_PREFIX: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' };
const CODE_POINT_MAX = 0x10ffffn;

/** One argument by one directive, with Go's complaint where the two don't fit. */
export function formatArgument(directive: Directive, argument: FormatArgument): string {
  const { verb } = directive;
  if (verb === 'T') return pad(truncate(argument.type, directive), directive);
  if (verb === 'p') throw new BuiltinLimitError('sprintf does not print addresses');
  switch (argument.type) {
    case 'string':
      return formatText(directive, argument);
    case 'float64':
      return formatDouble(directive, argument);
    case 'int64':
      return formatInteger(directive, argument);
    case '*big.Int':
      return formatBig(directive, argument.value);
  }
}

/** What Go writes after the arguments that no verb took. */
export function formatExtra(left: readonly FormatArgument[]): string {
  const plain = { verb: 'v', flags: new Set<string>(), width: null, precision: null };
  const written = left.map((argument) => `${argument.type}=${formatArgument(plain, argument)}`);
  return left.length === 0 ? '' : `%!(EXTRA ${written.join(', ')})`;
}

function badVerb(directive: Directive, argument: FormatArgument): string {
  const value = formatArgument({ ...directive, verb: OWN_VERB[argument.type] }, argument);
  return `%!${directive.verb}(${argument.type}=${value})`;
}

function formatText(directive: Directive, argument: FormatArgument & { type: 'string' }): string {
  const { verb, flags } = directive;
  const { value } = argument;
  if (verb === 's' || (verb === 'v' && !flags.has('#'))) {
    return pad(truncate(value, directive), directive);
  }
  if (verb === 'q' && (flags.has('#') || flags.has('+'))) {
    throw new BuiltinLimitError('sprintf quotes without flags only');
  }
  if (verb === 'q' || verb === 'v') return pad(quote(truncate(value, directive)), directive);
  if (verb === 'x' || verb === 'X') return formatBytes(directive, value);
  return badVerb(directive, argument);
}

function formatBytes(directive: Directive, value: string): string {
  const { flags, precision, verb } = directive;
  const bytes = [...bytesOf(value)].slice(0, precision ?? undefined);
  const prefix = flags.has('#') && bytes.length > 0 ? '0x' : '';
  const pairs = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
  const text = prefix + pairs.join(flags.has(' ') ? ` ${prefix}` : '');
  return pad(verb === 'X' ? text.toUpperCase() : text, directive);
}

function formatDouble(
  directive: Directive,
  argument: FormatArgument & { type: 'float64' },
): string {
  const { verb, flags } = directive;
  if ('bxX'.includes(verb) || (flags.has('#') && verb !== 'v')) {
    throw new BuiltinLimitError('sprintf prints numbers with a fraction in decimal only');
  }
  if (!FLOAT_VERBS.includes(verb)) return badVerb(directive, argument);
  const { value } = argument;
  const form = verb === 'v' ? 'g' : (verb.toLowerCase() as 'e' | 'f' | 'g');
  const precision = directive.precision ?? (form === 'g' ? -1 : 6);
  const size = formatFloat(value, form, precision);
  const written = verb === 'E' || verb === 'G' ? size.toUpperCase() : size;
  const sign = signOf(value < 0 || Object.is(value, -0), directive, verb === 'v');
  if (sign === '' || !isZeroPadded(directive)) return pad(sign + written, directive);
  return sign + written.padStart((directive.width ?? 0) - 1, '0');
}

function signOf(isNegative: boolean, { flags }: Directive, isValue: boolean): string {
  if (isNegative) return '-';
  // A plus before `v` asks for names of fields, which numbers have not.
  if (flags.has('+') && !isValue) return '+';
  return flags.has(' ') ? ' ' : '';
}

function formatInteger(directive: Directive, argument: FormatArgument & { type: 'int64' }): string {
  const { verb, precision, width } = directive;
  const { value } = argument;
  if (verb === 'c' || verb === 'q') return formatCharacter(directive, value);
  if (verb === 'U') return formatCodePoint(directive, value);
  const radix = RADIX[verb];
  if (radix === undefined) return badVerb(directive, argument);
  const spaced = { ...directive, flags: without(directive.flags, '0') };
  if (precision === 0 && value === 0n) return pad('', spaced);
  const sign = signOf(value < 0n, directive, verb === 'v');
  const size = (value < 0n ? -value : value).toString(radix);
  const zeros = precision ?? (isZeroPadded(directive) ? (width ?? 0) - sign.length : 0);
  const digits = prefixed(size.padStart(zeros, '0'), directive);
  return pad(sign + (verb === 'X' ? digits.toUpperCase() : digits), spaced);
}

function prefixed(digits: string, { flags, verb }: Directive): string {
  if (verb === 'O') return `0o${flags.has('#') && !digits.startsWith('0') ? '0' : ''}${digits}`;
  if (!flags.has('#')) return digits;
  if (verb === 'b') return `0b${digits}`;
  if (verb === 'o') return digits.startsWith('0') ? digits : `0${digits}`;
  return verb === 'x' || verb === 'X' ? `0x${digits}` : digits;
}

function formatCharacter(directive: Directive, value: bigint): string {
  const isSurrogate = value >= 0xd800n && value <= 0xdfffn;
  const isCharacter = value >= 0n && value <= CODE_POINT_MAX && !isSurrogate;
  const character = isCharacter ? String.fromCodePoint(Number(value)) : '\ufffd';
  if (directive.verb === 'c') return pad(character, directive);
  throw new BuiltinLimitError('sprintf quotes texts only');
}

function formatCodePoint(directive: Directive, value: bigint): string {
  const code = BigInt.asUintN(64, value);
  const digits = code.toString(16).toUpperCase();
  const spaced = { ...directive, flags: without(directive.flags, '0') };
  const isShown = directive.flags.has('#') && code <= CODE_POINT_MAX;
  const character = isShown ? String.fromCodePoint(Number(code)) : '';
  const shown = isShown && isPrintable(character) ? ` '${character}'` : '';
  return pad(`U+${digits.padStart(Math.max(4, directive.precision ?? 4), '0')}${shown}`, spaced);
}

/** Big integers print themselves, by rules of their own. */
function formatBig(directive: Directive, value: bigint): string {
  const { verb, flags, precision, width } = directive;
  if (!BIG_VERBS.includes(verb)) return `%!${verb}(big.Int=${value})`;
  if (value === 0n && precision === 0) return '';
  const sign = signOf(value < 0n, directive, false);
  const size = (value < 0n ? -value : value).toString(RADIX[verb] ?? 10);
  const prefix = verb === 'O' ? '0o' : flags.has('#') ? (BIG_PREFIX[verb] ?? '') : '';
  const digits = size.padStart(precision ?? 0, '0');
  const isFilled = isZeroPadded(directive) && precision === null;
  const room = (width ?? 0) - sign.length - prefix.length;
  const written = sign + prefix + (isFilled ? digits.padStart(room, '0') : digits);
  const spaced = { ...directive, flags: without(flags, '0') };
  return pad(verb === 'X' ? written.toUpperCase() : written, spaced);
}

function isZeroPadded({ flags, width }: Directive): boolean {
  return flags.has('0') && !flags.has('-') && width !== null;
}

function without(flags: ReadonlySet<string>, flag: string): ReadonlySet<string> {
  return new Set([...flags].filter((other) => other !== flag));
}

function truncate(text: string, { precision }: Directive): string {
  return precision === null ? text : Array.from(text).slice(0, precision).join('');
}

/** Fills up to the width, counted in characters; with zeros also for texts, and never to the right. */
function pad(text: string, { flags, width }: Directive): string {
  const lacking = (width ?? 0) - (width === null ? 0 : Array.from(text).length);
  if (lacking <= 0) return text;
  if (flags.has('-')) return text + ' '.repeat(lacking);
  return (flags.has('0') ? '0' : ' ').repeat(lacking) + text;
}
