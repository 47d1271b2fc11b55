/** JSON pointers (RFC 6901), with one addition for policies: a token `*` stands for every name of one level. */
import { MalformedError } from '../errors.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

/** Formats reference tokens as a pointer; no tokens give '', the whole document. RFC 6901 §3. */
export function formatPointer(tokens: readonly (string | number)[]): string {
  let pointer = '';
  for (const token of tokens) pointer += `/${escapeToken(String(token))}`;
  return pointer;
}

/** One token as it stands in a pointer: `~` and `/` escaped. RFC 6901 §3. */
export function escapeToken(token: string): string {
  return /[~/]/.test(token) ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token;
}

/** Parses a pointer into its tokens. @throws {@link MalformedError} code `bad_pointer`. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  const isEscaped = pointer.includes('~');
  if (!pointer.startsWith('/') || (isEscaped && /~(?![01])/.test(pointer))) {
    throw new MalformedError('text is not a JSON pointer', 'bad_pointer');
  }
  const tokens = pointer.slice(1).split('/');
  // Few are escaped, and every decision has dozens of pointers.
  if (!isEscaped) return tokens;
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Whether a value is an object, which is neither null nor an array. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at `tokens`, or undefined where there is none. RFC 6901 §4; `-` names no element. */
export function valueAt(value: JsonValue, tokens: readonly string[]): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  for (const token of tokens) {
    if (isJsonObject(current)) {
      current = Object.hasOwn(current, token) ? current[token] : undefined;
    } else if (Array.isArray(current) && /^(?:0|[1-9][0-9]*)$/.test(token)) {
      current = (current as readonly JsonValue[])[Number(token)];
    } else {
      return undefined;
    }
  }
  return current;
}
