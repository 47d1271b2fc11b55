/** An entry for a person: who, when, under which decision, and what happened. Nothing of it proves anything. */
import { isJsonObject, parsePointer, valueAt } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';

/** Characters of what happened, in a line; a terminal may have room for less. */
const LINE_CHARACTERS = 100;
/** Room for what a line begins with, below which a terminal is taken to wrap. */
const LINE_CHARACTERS_MIN = 16;

/** Text of a gateway's answer to a read of one entry (`EntryView` of the API). */
export function entryText(view: JsonObject): string {
  const at = (pointer: string): JsonValue | undefined => valueAt(view, parsePointer(pointer));
  const index = at('/index') ?? '(not sealed yet)';
  const facts: readonly (readonly [string, string | null])[] = [
    ['id', said(at('/id'))],
    ['decided', decision(view)],
    ['by', caller(at('/record/input/subject'))],
    ['kept', retention(at('/payload/ret'))],
    ['hidden', hidden(at('/hidden'))],
  ];
  const lines = facts.flatMap(([name, text]) =>
    text === null ? [] : [`  ${name.padEnd(9)}${text}`],
  );
  const head = `${said(at('/kind'))} ${said(index)} of ${said(at('/ledger'))}, ${said(at('/state'))}, admitted ${time(at('/at'))}`;
  return [head, ...lines, JSON.stringify(body(view), null, 2)].join('\n');
}

/**
 * An entry in one line: where, when, what, by whom, and what happened as far as it fits.
 * @param columns - Of the terminal.
 */
export function entryLine(view: JsonObject, columns = Infinity): string {
  const at = (pointer: string): JsonValue | undefined => valueAt(view, parsePointer(pointer));
  const index = said(at('/index') ?? '-').padStart(6);
  const head = `${index}  ${time(at('/at'))}  ${said(at('/kind')).padEnd(9)}`;
  const by = caller(at('/record/input/subject')) ?? '';
  const what = alert(view) ?? said(body(view));
  const start = [head, by].filter((part) => part !== '').join('  ');
  const room = Math.max(columns - start.length - 3, LINE_CHARACTERS_MIN);
  const most = view['kind'] === 'alert' ? room : Math.min(room, LINE_CHARACTERS);
  const short = what.length <= most ? what : `${what.slice(0, most)}…`;
  return `${start}  ${short}`;
}

/** What happened: the event; of an access what was asked; of the ledger's own entries their facts. */
function body(view: JsonObject): JsonValue {
  for (const pointer of ['/record/input/event', '/record/input', '/payload/ctl']) {
    const value = valueAt(view, parsePointer(pointer));
    if (value !== undefined) return value;
  }
  return null;
}

/** An alert has three words for who is on duty; which policy said it, `stele entry` shows. */
function alert(view: JsonObject): string | null {
  const facts = valueAt(view, ['payload', 'ctl']);
  if (view['kind'] !== 'alert' || !isJsonObject(facts)) return null;
  return `${said(facts['severity'])}: ${said(facts['title'])} (entry ${said(facts['source'])})`;
}

function decision(view: JsonObject): string | null {
  const outcome = valueAt(view, ['payload', 'pol']);
  if (!isJsonObject(outcome)) return null;
  const reasons = valueAt(view, ['record', 'result', 'reasons']);
  const why =
    Array.isArray(reasons) && reasons.length > 0 ? `: ${reasons.map(said).join('; ')}` : '';
  const word = outcome['allow'] === true ? 'allowed' : 'denied';
  return `${word} by ${said(outcome['entrypoint'])} of policy ${said(outcome['id'])}${why}`;
}

function caller(subject: JsonValue | undefined): string | null {
  return isJsonObject(subject) ? `${said(subject['type'])} ${said(subject['id'])}` : null;
}

function retention(ret: JsonValue | undefined): string | null {
  if (!isJsonObject(ret)) return null;
  const until = ret['until'];
  const end = typeof until === 'number' ? `, ${said(ret['mode'])} until ${time(until)}` : '';
  return `class ${said(ret['class'])}${end}`;
}

function hidden(count: JsonValue | undefined): string | null {
  return typeof count === 'number' && count > 0 ? `${count} members, from you by the policy` : null;
}

function time(ms: JsonValue | undefined): string {
  const date = new Date(typeof ms === 'number' ? ms : NaN);
  return Number.isNaN(date.getTime()) ? said(ms) : date.toISOString();
}

/** A value in a line; what would move the cursor of a terminal is left out. */
function said(value: JsonValue | undefined): string {
  if (value === undefined) return 'hidden';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, '');
}
