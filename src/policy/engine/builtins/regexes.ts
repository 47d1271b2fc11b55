/** Regular expressions of RE2's syntax, and the mark for texts in globs. */
import { BuiltinLimitError, family } from './builtin.ts';
import { bytesOf } from './bytes.ts';
import { fail, int64Of, textOf } from './operand.ts';
import { compilePattern } from './regex-engine.ts';
import type { Pattern, Spans } from './regex-engine.ts';

/** Characters of a text that was replaced in; references to groups multiply. */
const LENGTH_MAX = 1_000_000;
const SPECIAL = /[\\.+*?()|[\]{}^$]/g;

/** Host functions of regular expressions. */
export const REGEXES = family(1, {
  'regex.find_n': (pattern, text, limit) =>
    findTexts(compilePattern(textOf(pattern)), textOf(text), Number(int64Of(limit))),
  'regex.split': (pattern, text) => split(compilePattern(textOf(pattern)), textOf(text)),
  'regex.replace': (text, pattern, replacement) =>
    replace(compilePattern(textOf(pattern)), textOf(text), textOf(replacement)),
  'regex.template_match': (template, text, start, end) =>
    templatePattern(textOf(template), textOf(start), textOf(end)).matches(textOf(text)),
  'glob.quote_meta': (text) => textOf(text).replace(/[*?\\[\]{}]/g, '\\$&'),
});

function findTexts(pattern: Pattern, text: string, limit: number): string[] {
  return pattern.find(text, limit).map((spans) => text.slice(...wholeOf(spans)));
}

/** Go's `Split`: an empty match at the start does not split, and neither does one at the end. */
function split(pattern: Pattern, text: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  let end = 0;
  for (const spans of pattern.find(text, -1)) {
    const [start, after] = wholeOf(spans);
    if (after === 0) continue;
    end = start;
    parts.push(text.slice(begin, end));
    begin = after;
  }
  if (end !== text.length || text === '') parts.push(text.slice(begin));
  return parts;
}

function replace(pattern: Pattern, text: string, replacement: string): string {
  const pieces = piecesOf(replacement, pattern);
  let made = '';
  let done = 0;
  for (const spans of pattern.find(text, -1)) {
    const [start, end] = wholeOf(spans);
    made += text.slice(done, start);
    for (const piece of pieces)
      made += typeof piece === 'string' ? piece : group(text, spans, piece);
    if (made.length > LENGTH_MAX) throw new BuiltinLimitError('replaced text is too long');
    done = end;
  }
  return made + text.slice(done);
}

function group(text: string, spans: Spans, number: number): string {
  const [start, end] = spans[number] ?? [-1, -1];
  return start < 0 ? '' : text.slice(start, end);
}

/**
 * Go's `Expand`: `$name` is as long as it can be, `${name}` ends at the brace, `$$` is a dollar. A name that is a number
 * means the group of that number; what no group has is empty; what is no name stays.
 */
function piecesOf(replacement: string, pattern: Pattern): (string | number)[] {
  const pieces: (string | number)[] = [];
  const reference = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;
  let done = 0;
  for (const found of replacement.matchAll(reference)) {
    const [whole, braced, plain] = found;
    pieces.push(replacement.slice(done, found.index));
    const name = braced ?? plain;
    if (name === undefined) pieces.push('$');
    else if (/^(?:0|[1-9]\d{0,7})$/.test(name)) pieces.push(Number(name));
    else
      pieces.push(...pattern.groups.flatMap((other, number) => (other === name ? [number] : [])));
    done = found.index + whole.length;
  }
  return [...pieces, replacement.slice(done)];
}

/** A template is text with patterns between two marks, and matches as a whole. */
function templatePattern(template: string, start: string, end: string): Pattern {
  if (bytesOf(start).length !== 1 || bytesOf(end).length !== 1) fail();
  let source = '^';
  let level = 0;
  let from = 0;
  for (let at = 0; at < template.length; at++) {
    const mark = template.charAt(at);
    if (mark === start) {
      if (++level !== 1) continue;
      source += template.slice(from, at).replace(SPECIAL, '\\$&');
      from = at + 1;
    } else if (mark === end) {
      if (--level < 0) fail();
      if (level !== 0) continue;
      const part = template.slice(from, at);
      compilePattern(`^${part}$`);
      source += `(${part})`;
      from = at + 1;
    }
  }
  if (level !== 0) fail();
  return compilePattern(`${source}${template.slice(from).replace(SPECIAL, '\\$&')}$`);
}

function wholeOf(spans: Spans): readonly [number, number] {
  return spans[0] ?? [0, 0];
}
