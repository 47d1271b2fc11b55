/** Texts as Go quotes them (`strconv.Quote`), and values as OPA prints them with it. */
import { RegoNumber, RegoObject, RegoSet } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { compilePattern } from './regex-engine.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const PLAIN = /^[ !#-[\]-~]*$/;
/** What Go prints as it is, beside the space. The tables are of a pinned package, not of the Node that runs. */
const PRINTABLE = '[\\pL\\pM\\pN\\pP\\pS]';

/** A text between double quotes, escaped as in Go. */
export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${Array.from(text, quoteCharacter).join('')}"`;
}

/** A value as OPA prints it. */
export function display(value: RegoValue): string {
  if (typeof value === 'string') return quote(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (value instanceof RegoNumber) return value.text;
  if (value instanceof RegoObject) {
    const members = value.entries.map(([key, member]) => `${display(key)}: ${display(member)}`);
    return `{${members.join(', ')}}`;
  }
  if (value instanceof RegoSet) {
    return value.items.length === 0 ? 'set()' : `{${value.items.map(display).join(', ')}}`;
  }
  return `[${value.map(display).join(', ')}]`;
}

/** Whether Go prints a character as it is. */
export function isPrintable(character: string): boolean {
  return character === ' ' || compilePattern(PRINTABLE).matches(character);
}

function quoteCharacter(character: string): string {
  const escape = ESCAPES[character];
  if (escape !== undefined) return escape;
  if (PLAIN.test(character) || isPrintable(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
