/** Values on their way into a sealed set and back: taken out of the parts of a record, and put in again. */
import { parseBase64Url, utf8Text } from '../platform/bytes.ts';
import { MalformedError } from '../errors.ts';
import { isJsonObject, parsePointer, valueAt } from '../json/json-pointer.ts';
import type { RecordParts } from './nodes.ts';
import { caughtMalformed } from '../entry/schema.ts';
import type { JsonObject, JsonValue } from '../json/strict-json.ts';

/** `dir` with A256GCM (RFC 7518 §4.5, §5.3): no encrypted key, an IV of 12 bytes, a tag of 16. */
const JWE = /^([A-Za-z0-9_-]+)\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{21}[AQgw]$/;
const JWE_HEADER = /^\{"alg":"dir","enc":"A256GCM","kid":"[A-Za-z0-9_-]{21}[AQgw]"\}$/;

/** Whether a text is the JWE of a sealed set: its header is exactly the one with which `erasure` finds the key. */
export function isSealedJwe(text: string): boolean {
  const header = JWE.exec(text)?.[1];
  if (header === undefined) return false;
  try {
    return JWE_HEADER.test(utf8Text(parseBase64Url(header)));
  } catch (error) {
    caughtMalformed(error);
    return false;
  }
}

/**
 * Takes values out of the parts, to be sealed.
 *
 * @param pointers - Each at an object's member; see `coverPointers`.
 * @returns New parts; the given ones are left as they are.
 * @throws {@link MalformedError} code `not_a_node` where there is no such member.
 */
export function takeValues(
  parts: RecordParts,
  pointers: readonly string[],
): { parts: RecordParts; values: JsonValue[] } {
  const values: JsonValue[] = [];
  let rest: JsonValue = pickParts(parts);
  for (const pointer of pointers) {
    const tokens = parsePointer(pointer);
    const value = valueAt(rest, tokens);
    if (value === undefined || tokens.length < 2) throw notANode('no value stands there');
    values.push(value);
    rest = withMember(rest, tokens, undefined);
  }
  return { parts: rest as unknown as RecordParts, values };
}

/** Puts values back that {@link takeValues} took. @throws {@link MalformedError} code `not_a_node`. */
export function placeValues(
  parts: RecordParts,
  pointers: readonly string[],
  values: readonly JsonValue[],
): RecordParts {
  let whole: JsonValue = pickParts(parts);
  pointers.forEach((pointer, i) => {
    const tokens = parsePointer(pointer);
    if (valueAt(whole, tokens) !== undefined) throw notANode('a value stands there already');
    whole = withMember(whole, tokens, values[i]);
  });
  return whole as unknown as RecordParts;
}

function pickParts({ input, result, source }: RecordParts): JsonObject {
  return { input, result, source };
}

/** A copy of the path to one member, which is set, or left out where `member` is undefined. */
function withMember(
  value: JsonValue | undefined,
  tokens: readonly string[],
  member: JsonValue | undefined,
): JsonValue {
  const [token = '', ...below] = tokens;
  if (!isJsonObject(value)) throw notANode('no object stands there');
  if (below.length > 0) {
    const inner = Object.hasOwn(value, token) ? value[token] : undefined;
    return { ...value, [token]: withMember(inner, below, member) };
  }
  if (member !== undefined) return { ...value, [token]: member };
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== token));
}

function notANode(message: string): MalformedError {
  return new MalformedError(message, 'not_a_node');
}
