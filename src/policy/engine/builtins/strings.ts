/** Texts: what OPA's module leaves to its host. */
import { RegoNumber } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { family } from './builtin.ts';
import { fail, int64Of, membersOf, textOf } from './operand.ts';

/** Host functions of texts. */
export const STRINGS = family(1, {
  'strings.any_prefix_match': (search, base) =>
    anyMatch(search, base, (text, length) => text.slice(0, length)),
  'strings.any_suffix_match': (search, base) =>
    anyMatch(search, base, (text, length) => text.slice(text.length - length)),
  'strings.count': (search, substring) => RegoNumber.of(countOf(textOf(search), textOf(substring))),
  'strings.split_n': (text, delimiter, n) =>
    splitN(textOf(text), textOf(delimiter), Number(int64Of(n))),
  indexof_n: (haystack, needle) => indexes(textOf(haystack), textOf(needle)),
});

/** Looks up the affix of each length that there is, so that many texts and many affixes don't multiply. */
function anyMatch(
  search: RegoValue | undefined,
  base: RegoValue | undefined,
  affixOf: (text: string, length: number) => string,
): boolean {
  const texts = typeof search === 'string' ? [search] : membersOf(search).map(textOf);
  const affixes = new Set(typeof base === 'string' ? [base] : membersOf(base).map(textOf));
  const lengths = [...new Set([...affixes].map(({ length }) => length))];
  return texts.some((text) =>
    lengths.some((length) => length <= text.length && affixes.has(affixOf(text, length))),
  );
}

/** Occurrences that don't overlap; of the empty text, one more than there are characters. */
function countOf(text: string, substring: string): number {
  if (substring === '') return Array.from(text).length + 1;
  return text.split(substring).length - 1;
}

/** The first `n` parts or, where it is negative, the last. */
function splitN(text: string, delimiter: string, n: number): string[] {
  const parts = delimiter === '' ? Array.from(text) : text.split(delimiter);
  return n >= 0 ? parts.slice(0, n) : parts.slice(n);
}

/** Where the needle begins, in characters; occurrences may overlap. */
function indexes(haystack: string, needle: string): RegoValue[] {
  if (needle === '') fail();
  const found: RegoValue[] = [];
  let characters = 0;
  let counted = 0;
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + 1)) {
    for (; counted < at; counted++) if (!isLowSurrogate(haystack, counted)) characters++;
    found.push(RegoNumber.of(characters));
  }
  return found;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
