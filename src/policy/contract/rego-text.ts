/** Rego's values as OPA's modules write and read them (`opa_value_dump`, `opa_value_parse`): JSON with sets and any keys. */
import { RegoNumber, RegoObject, RegoSet } from './rego-value.ts';
import type { RegoValue } from './rego-value.ts';

/** Deeper than any input or data may be; only text that a policy unmarshals itself can get there. */
const DEPTH_MAX = 512;
/** A policy may write `.5` and `5.`, and a module hands on what is written. */
const NUMBER = /(-?)(\d*)(?:\.(\d*))?((?:[eE][+-]?\d+)?)/y;
const SPACE = /[ \n\r\t]*/y;

/**
 * Reads a value that the module wrote.
 *
 * @throws {@link SyntaxError} on anything else, {@link RangeError} when it is nested deeper than 512 levels.
 */
export function parseRego(text: string): RegoValue {
  return new Reader(text).document();
}

/** Writes a value for the module to read. */
export function formatRego(value: RegoValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof RegoNumber) return value.text;
  if (value instanceof RegoObject) {
    const members = value.entries.map(
      ([key, member]) => `${formatRego(key)}:${formatRego(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  if (value instanceof RegoSet) {
    return value.items.length === 0 ? 'set()' : `{${value.items.map(formatRego).join(',')}}`;
  }
  return `[${value.map(formatRego).join(',')}]`;
}

/** Writes a value as OPA's JSON: sets as arrays in ascending order, keys that are no texts as texts of their JSON. */
export function formatJson(value: RegoValue): string {
  if (value instanceof RegoSet) return `[${value.items.map(formatJson).join(',')}]`;
  if (Array.isArray(value)) return `[${value.map(formatJson).join(',')}]`;
  if (!(value instanceof RegoObject)) return formatRego(value);
  const members = value.entries.map(([key, member]) => {
    const name = typeof key === 'string' ? key : formatJson(key);
    return `${JSON.stringify(name)}:${formatJson(member)}`;
  });
  return `{${members.join(',')}}`;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): RegoValue {
    const value = this.#value();
    if (this.#peek() !== undefined) throw this.#wrong();
    return value;
  }

  #value(): RegoValue {
    switch (this.#peek() ?? '') {
      case '"':
        return this.#string();
      case '[':
        return this.#nested(() => this.#list(']'));
      case '{':
        return this.#nested(() => this.#braces());
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      case 's':
        return this.#word('set()', new RegoSet([]));
      default:
        return this.#number();
    }
  }

  #number(): RegoNumber {
    NUMBER.lastIndex = this.#at;
    const [text = '', sign = '', whole = '', fraction, exponent = ''] =
      NUMBER.exec(this.#text) ?? [];
    if (whole === '' && (fraction ?? '') === '') throw this.#wrong();
    this.#at += text.length;
    const point = fraction === undefined ? '' : `.${fraction || '0'}`;
    return new RegoNumber(`${sign}${whole || '0'}${point}${exponent}`);
  }

  /** Finds the end by hand: a pattern would need stack for every character of a long text. */
  #string(): string {
    const start = this.#at++;
    for (;;) {
      const mark = this.#text[this.#at++];
      if (mark === undefined) throw this.#wrong();
      if (mark === '\\') this.#at++;
      if (mark === '"') return JSON.parse(this.#text.slice(start, this.#at)) as string;
    }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw new RangeError(`value is deeper than ${DEPTH_MAX} levels`);
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #list(close: string): RegoValue[] {
    const items: RegoValue[] = [];
    if (this.#take(close)) return items;
    do items.push(this.#value());
    while (this.#take(','));
    this.#expect(close);
    return items;
  }

  /** An object or, when no colon follows its first value, a set. */
  #braces(): RegoValue {
    if (this.#take('}')) return new RegoObject([]);
    const first = this.#value();
    if (!this.#take(':')) {
      return new RegoSet(this.#take(',') ? [first, ...this.#list('}')] : this.#closed(first));
    }
    const entries: [RegoValue, RegoValue][] = [[first, this.#value()]];
    while (this.#take(',')) {
      const key = this.#value();
      this.#expect(':');
      entries.push([key, this.#value()]);
    }
    this.#expect('}');
    return new RegoObject(entries);
  }

  #closed(only: RegoValue): RegoValue[] {
    this.#expect('}');
    return [only];
  }

  #word<T extends RegoValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#wrong();
    this.#at += word.length;
    return value;
  }

  #peek(): string | undefined {
    this.#match(SPACE);
    return this.#text[this.#at];
  }

  #take(mark: string): boolean {
    if (this.#peek() !== mark) return false;
    this.#at++;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#wrong();
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#wrong();
    this.#at += found.length;
    return found;
  }

  #wrong(): SyntaxError {
    return new SyntaxError(`no Rego value at character ${this.#at}`);
  }
}
