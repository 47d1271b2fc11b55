/** Taking away what a policy says is never stored. */
import { isJsonObject, parsePointer } from '../core/json-pointer.ts';
import type { JsonObject, JsonValue } from '../core/strict-json.ts';

/**
 * Removes what the pointers name from a value.
 *
 * @param value - Not changed; what stays untouched is shared with the result.
 * @param pointers - RFC 6901, with the token `*` for every member or element of a level. A pointer at nothing does
 *   nothing; one at an element of an array leaves `null` there, so that the other elements keep their indices.
 * @returns `value` itself when nothing was named in it, so that identity tells whether anything was hidden.
 */
export function applyMask(value: JsonObject, pointers: readonly string[]): JsonObject {
  let masked: JsonValue = value;
  for (const pointer of pointers) masked = without(masked, parsePointer(pointer)) ?? masked;
  return masked as JsonObject;
}

/** @returns undefined where the place is `value` itself. */
function without(value: JsonValue, tokens: readonly string[]): JsonValue | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return undefined;
  if (isJsonObject(value)) return withoutMember(value, token, rest);
  return Array.isArray(value) ? withoutElement(value, token, rest) : value;
}

function withoutMember(value: JsonObject, token: string, rest: readonly string[]): JsonObject {
  const names = token === '*' ? Object.keys(value) : [token];
  // Most masks name nothing that is there, and that must cost no copy.
  const changed = new Set(
    names.filter((name) => {
      return Object.hasOwn(value, name) && without(value[name] as JsonValue, rest) !== value[name];
    }),
  );
  if (changed.size === 0) return value;
  const copy: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    const left = changed.has(name) ? without(member, rest) : member;
    if (left !== undefined) copy[name] = left;
  }
  return copy;
}

function withoutElement(
  value: readonly JsonValue[],
  token: string,
  rest: readonly string[],
): readonly JsonValue[] {
  const left = value.map((element, index) =>
    token === '*' || token === String(index) ? (without(element, rest) ?? null) : element,
  );
  return left.some((element, index) => element !== value[index]) ? left : value;
}
