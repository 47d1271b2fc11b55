/** `sprintf` as OPA prints it: Go's formats over Rego's values. */
import { RegoNumber } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { formatArgument, formatExtra } from './go-format.ts';
import type { Directive, FormatArgument } from './go-format.ts';
import { display } from './go-quote.ts';
import { arrayOf, textOf } from './operand.ts';

/** The host function `sprintf`. */
export const SPRINTF = family(1, {
  sprintf: (format, values) =>
    new Formatter(textOf(format), arrayOf(values).map(argumentOf)).text(),
});

/** Characters of the whole text, so that widths cannot fill the memory. */
const LENGTH_MAX = 1_000_000;
/** Width and precision; Go admits a hundred times as much. */
const WIDTH_MAX = 10_000;
/** Go takes a number of an argument for none where it is larger. */
const GO_WIDTH_MAX = 1_000_000n;
const INT64_MAX = 2n ** 63n - 1n;
/** The digits that OPA reads as 64 bits: 19, whether or not they fit. */
const INT64_DIGITS = 19;

function argumentOf(value: RegoValue): FormatArgument {
  if (typeof value === 'string') return { type: 'string', value };
  if (!(value instanceof RegoNumber)) return { type: 'string', value: display(value) };
  const { integer, text } = value;
  if (integer !== null) {
    const digits = text.replace('-', '').length;
    const fits = digits <= INT64_DIGITS && integer <= INT64_MAX && integer >= -INT64_MAX - 1n;
    return { type: fits ? 'int64' : '*big.Int', value: integer };
  }
  const double = Number(text);
  return Number.isFinite(double)
    ? { type: 'float64', value: double }
    : { type: 'string', value: text };
}

/** Reads a format from left to right, as `doPrintf` of Go's `fmt` does. */
class Formatter {
  readonly #format: string;
  readonly #arguments: readonly FormatArgument[];
  #at = 0;
  #next = 0;
  #isReordered = false;
  #isGoodIndex = true;
  #afterIndex = false;
  #written = '';

  constructor(format: string, values: readonly FormatArgument[]) {
    this.#format = format;
    this.#arguments = values;
  }

  text(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      this.#write(this.#format.slice(this.#at, end));
      this.#at = end + 1;
      if (percent >= 0) this.#directive();
    }
    if (!this.#isReordered) this.#write(formatExtra(this.#arguments.slice(this.#next)));
    return this.#written;
  }

  #directive(): void {
    this.#isGoodIndex = true;
    const flags = this.#flags();
    this.#index();
    const width = this.#width(flags);
    const precision = this.#precision();
    if (!this.#afterIndex) this.#index();
    this.#afterIndex = false;
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) {
      this.#write('%!(NOVERB)');
      return;
    }
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    this.#verb({ verb, flags, width, precision });
  }

  #verb(directive: Directive): void {
    const { verb } = directive;
    const argument = this.#arguments[this.#next];
    if (verb === '%') this.#write('%');
    else if (!this.#isGoodIndex) this.#write(`%!${verb}(BADINDEX)`);
    else if (argument === undefined) this.#write(`%!${verb}(MISSING)`);
    else {
      this.#write(formatArgument(directive, argument));
      this.#next++;
    }
  }

  #flags(): Set<string> {
    const flags = new Set<string>();
    for (; '#0+- '.includes(this.#mark()) && this.#mark() !== ''; this.#at++)
      flags.add(this.#mark());
    return flags;
  }

  /** An explicit argument, as in `%[2]d`. */
  #index(): void {
    this.#afterIndex = false;
    if (this.#mark() !== '[') return;
    this.#isReordered = true;
    const close = this.#format.indexOf(']', this.#at + 1);
    const hasRoom = this.#format.length - this.#at >= 3;
    const digits = close < 0 || !hasRoom ? '' : this.#format.slice(this.#at + 1, close);
    this.#at = close < 0 || !hasRoom ? this.#at + 1 : close + 1;
    const isNumber = /^\d{1,6}$/.test(digits);
    this.#afterIndex = isNumber;
    const index = Number(digits) - 1;
    if (isNumber && index >= 0 && index < this.#arguments.length) this.#next = index;
    else this.#isGoodIndex = false;
  }

  #width(flags: Set<string>): number | null {
    if (this.#mark() !== '*') {
      const width = this.#number();
      if (this.#afterIndex && width !== null) this.#isGoodIndex = false;
      return width;
    }
    this.#at++;
    this.#afterIndex = false;
    const width = this.#argumentNumber();
    if (width === null) this.#write('%!(BADWIDTH)');
    if (width === null || width >= 0) return width;
    flags.add('-');
    return -width;
  }

  #precision(): number | null {
    if (this.#mark() !== '.' || this.#at + 1 >= this.#format.length) return null;
    this.#at++;
    if (this.#afterIndex) this.#isGoodIndex = false;
    this.#index();
    if (this.#mark() !== '*') return this.#number() ?? 0;
    this.#at++;
    this.#afterIndex = false;
    const precision = this.#argumentNumber();
    if (precision !== null && precision >= 0) return precision;
    this.#write('%!(BADPREC)');
    return null;
  }

  #number(): number | null {
    const digits = /^\d+/.exec(this.#format.slice(this.#at, this.#at + 8))?.[0];
    if (digits === undefined) return null;
    this.#at += digits.length;
    return within(Number(digits));
  }

  #argumentNumber(): number | null {
    const argument = this.#arguments[this.#next];
    if (argument === undefined) return null;
    this.#next++;
    if (argument.type !== 'int64') return null;
    const { value } = argument;
    return value > GO_WIDTH_MAX || value < -GO_WIDTH_MAX ? null : within(Number(value));
  }

  #mark(): string {
    return this.#format.charAt(this.#at);
  }

  #write(text: string): void {
    this.#written += text;
    if (this.#written.length > LENGTH_MAX) throw new BuiltinLimitError('text is too long');
  }
}

function within(width: number): number {
  if (Math.abs(width) <= WIDTH_MAX) return width;
  throw new BuiltinLimitError('width or precision is too large');
}
