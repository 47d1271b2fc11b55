/** Taking away what a policy says is never stored. */
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';

/**
 * Removes what the pointers name from a value.
 *
 * @param value - Not changed; what stays untouched is shared with the result.
 * @param pointers - Their tokens (RFC 6901), `*` for every member or element of a level. A pointer at nothing does
 *   nothing; one at an element of an array leaves `null` there, so that the other elements keep their indices.
 * @returns `value` itself when nothing was named in it, so that identity tells whether anything was hidden.
 */
export function applyMask(value: JsonObject, pointers: readonly (readonly string[])[]): JsonObject {
  let masked: JsonValue = value;
  for (const pointer of pointers) masked = without(masked, pointer, 0) ?? masked;
  return masked as JsonObject;
}

/** @returns undefined where the place is `value` itself. @param at - Of the tokens, the first that is below `value`. */
function without(value: JsonValue, tokens: readonly string[], at: number): JsonValue | undefined {
  if (at === tokens.length) return undefined;
  if (isJsonObject(value)) return withoutMember(value, tokens, at);
  return Array.isArray(value) ? withoutElement(value, tokens, at) : value;
}

function withoutMember(value: JsonObject, tokens: readonly string[], at: number): JsonObject {
  const token = tokens[at] ?? '';
  const names = token === '*' ? Object.keys(value) : Object.hasOwn(value, token) ? [token] : [];
  // Most masks name nothing that is there, and that must cost no copy.
  const left = new Map<string, JsonValue | undefined>();
  for (const name of names) {
    const member = without(value[name] as JsonValue, tokens, at + 1);
    if (member !== value[name]) left.set(name, member);
  }
  if (left.size === 0) return value;
  const copy: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    const kept = left.has(name) ? left.get(name) : member;
    if (kept !== undefined) copy[name] = kept;
  }
  return copy;
}

function withoutElement(
  value: readonly JsonValue[],
  tokens: readonly string[],
  at: number,
): readonly JsonValue[] {
  const token = tokens[at];
  const left = value.map((element, index) =>
    token === '*' || token === String(index) ? (without(element, tokens, at + 1) ?? null) : element,
  );
  return left.some((element, index) => element !== value[index]) ? left : value;
}
