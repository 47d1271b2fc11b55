/**
 * How a change is said in a few words that tell it from every other change: entries whose texts are the same are one
 * group of a report.
 */
import { sha256Base64Url } from '#platform';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';

/** Characters of one side of a change: enough for what people name, few enough for a table. */
const SIDE_CHARACTERS = 160;
/** Characters of the members that lists gained and lost. */
const LIST_CHARACTERS = 480;
/** What stands before the first difference, so that the place is known again. */
const LEAD_CHARACTERS = 40;
/** Of a hash in base64url: 48 bits tell a few hundred groups apart. */
const MARK_CHARACTERS = 8;
const SHUFFLED = 'the same in another order';

/** One text, cut where it is long; `…#` and a mark of the whole then keep it apart from others that begin so. */
export function cutText(text: string, most: number = SIDE_CHARACTERS): string {
  return text.length <= most ? text : `${part(text, 0, most)}#${markOf(text)}`;
}

/** What was and what is, from a little before their first difference where they are long. */
export function changedText(before: string, after: string): string {
  if (Math.max(before.length, after.length) <= SIDE_CHARACTERS) return `${before} -> ${after}`;
  const from = Math.max(0, firstDifference(before, after) - LEAD_CHARACTERS);
  const side = (text: string): string => part(text, from, SIDE_CHARACTERS);
  return `${side(before)} -> ${side(after)} #${markOf(canonicalJson([before, after]))}`;
}

/**
 * What two lists do not share: `- /lost, + /gained`, the lost first. A list that is not there says something else than one
 * that is empty, so then both are told as they are.
 *
 * @returns an empty text where they are the same.
 */
export function changedMembers(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): string {
  if (textOf(before) === textOf(after)) return '';
  const [was, now] = [membersOf(before), membersOf(after)];
  if (was === null || now === null) return changedText(textOf(before), textOf(after));
  const lost = [...was].filter((one) => !now.has(one)).sort();
  const gained = [...now].filter((one) => !was.has(one)).sort();
  const words = [...lost.map((one) => `- ${one}`), ...gained.map((one) => `+ ${one}`)];
  return words.length === 0 ? SHUFFLED : cutText(words.join(', '), LIST_CHARACTERS);
}

/** A value as text; `(none)` for a member that is not there. */
export function textOf(value: JsonValue | undefined): string {
  return value === undefined ? '(none)' : canonicalJson(value);
}

/** Null for what is no list. */
function membersOf(value: JsonValue | undefined): ReadonlySet<string> | null {
  if (!Array.isArray(value)) return null;
  const list = value as readonly JsonValue[];
  return new Set(list.map((one) => (typeof one === 'string' ? one : canonicalJson(one))));
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** A part between two characters, never within one. */
function part(text: string, from: number, most: number): string {
  const cut = text.slice(from, from + most).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
  return `${from > 0 ? '…' : ''}${cut}${text.length > from + most ? '…' : ''}`;
}

function markOf(text: string): string {
  return sha256Base64Url(new TextEncoder().encode(text)).slice(0, MARK_CHARACTERS);
}
