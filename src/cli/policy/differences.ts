/** What an answer has otherwise than it was wanted: a page of JSON beside another tells nobody which pointer went. */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { escapeToken, isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';

/** Characters of a value that a line shows. */
const VALUE_CHARACTERS = 160;

/**
 * One line for each member that differs: `/mask  + "/input/event/pan"` is there and was not wanted, `-` was wanted and is
 * not there, `/allow  - true + false` is another value.
 */
export function differences(want: JsonValue, got: JsonValue, at = ''): string[] {
  if (canonicalJson(want) === canonicalJson(got)) return [];
  if (isJsonObject(want) && isJsonObject(got)) {
    const names = [...new Set([...Object.keys(want), ...Object.keys(got)])];
    return names.flatMap((name) => ofMember(want[name], got[name], `${at}/${escapeToken(name)}`));
  }
  if (Array.isArray(want) && Array.isArray(got)) {
    const lines = ofLists(want as readonly JsonValue[], got as readonly JsonValue[]);
    if (lines.length > 0) return lines.map((line) => `${at}  ${line}`);
  }
  return [`${at}  - ${shown(want)} + ${shown(got)}`];
}

function ofMember(want: JsonValue | undefined, got: JsonValue | undefined, at: string): string[] {
  if (want === undefined) return got === undefined ? [] : [`${at}  + ${shown(got)}`];
  return got === undefined ? [`${at}  - ${shown(want)}`] : differences(want, got, at);
}

/** What one list has and the other has not; nothing where they differ in order or in how often. */
function ofLists(want: readonly JsonValue[], got: readonly JsonValue[]): string[] {
  const [before, after] = [want, got].map((list) => new Set(list.map(canonicalJson)));
  const gone = want.filter((each) => after?.has(canonicalJson(each)) === false);
  const come = got.filter((each) => before?.has(canonicalJson(each)) === false);
  return [...gone.map((each) => `- ${shown(each)}`), ...come.map((each) => `+ ${shown(each)}`)];
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS)}…`;
}

/** `got` with its members in the order of `want`, so that a file of cases changes where an answer did and nowhere else. */
export function inOrderOf(want: JsonValue | undefined, got: JsonValue): JsonValue {
  if (!isJsonObject(got) || !isJsonObject(want ?? null)) return got;
  const before = want as Readonly<Record<string, JsonValue>>;
  const names = [...new Set([...Object.keys(before), ...Object.keys(got)])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = got[name];
      return value === undefined ? [] : [[name, inOrderOf(before[name], value)] as const];
    }),
  );
}
