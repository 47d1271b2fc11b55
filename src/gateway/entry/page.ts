/**
 * One page of a search: leaves in a row, each decided by itself, and of what its reader may see as much as was asked for.
 * There is no index (docs/decisions/0003), so a page is a scan from its cursor. Where it ends depends on how many leaves it
 * looked at and on what it shows, never on what is hidden; only the time that it takes does.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';
import type { Select, Selection } from '../../core/record/redact.ts';
import { sha256Base64Url } from '#platform';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { LeafStretch } from '../../ledger/tree/batch-reader.ts';
import type { FoundEntry } from '../../ledger/context/receipt.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Turn } from '../../ledger/tree/stretch-reader.ts';
import type { DecidedRead } from '../../policy/decide/jobs.ts';
import type { Place } from './cursor.ts';
import { discloseEntry, entryView, openEntry, weightOf } from './view.ts';
import type { OpenEntry } from './view.ts';
import {
  PAGE_BYTES_MAX,
  PAGE_DISCLOSED_CHARACTERS_MAX,
  PAGE_HOP_CHARACTERS,
  PAGE_HOP_ENTRIES,
  PAGE_HOP_ENTRIES_MIN,
  PAGE_MS,
  PAGE_SCANNED_MAX,
  SELECT_CHARACTERS_MAX,
} from '../context/limits.ts';
import { meets } from './predicate.ts';
import { superseded } from './recorder.ts';
import type { Search } from './search.ts';

/** What a page is made of. */
export interface PageSource {
  readonly ledger: Pick<Ledger, 'stretch' | 'admitted'>;
  /** Decides who sees entries, in one hop for {@link PAGE_HOP_ENTRIES}; records nothing. */
  readonly judge: (entries: readonly OpenEntry[]) => Promise<readonly DecidedRead[]>;
  /** Epoch ms. */
  readonly clock: () => number;
  /** Asked before an entry is opened or disclosed. */
  readonly turn: Turn;
}

/** A page, before its access is recorded. */
export interface Page {
  readonly size: number;
  /** Where the next one begins; null when this one reached the end. */
  readonly next: Place | null;
  /** Leaves that were looked at: positions in the log, whatever they hold. */
  readonly scanned: number;
  /** Leaf indices that the store has lost or changed: nobody can say whether they belong here. */
  readonly unreadable: readonly number[];
  /** What is shown. Empty where only the count was asked for. */
  readonly items: readonly JsonObject[];
  readonly count: number;
  /** What is disclosed: entries by leaf index, together where the same is seen of them. For the access's entry. */
  readonly disclosed: readonly JsonObject[];
  /** How many were decided and denied, by code. For the summary; it tells what is hidden. */
  readonly denied: ReadonlyMap<string, number>;
  /** How many of those shown the policy leaves out of the log. */
  readonly unrecorded: number;
  /** The policy of all decisions; undefined where the pool does not say, or none was made. */
  readonly policy: string | null | undefined;
  readonly sealed: boolean;
}

/**
 * Makes a page.
 *
 * @param limit - Entries at most; a count goes on to its end.
 * @throws {@link SteleError} `policy_superseded` when the policy changed on the way; those of ledger and judge.
 */
export async function makePage(
  source: PageSource,
  search: Search,
  place: Place,
  limit: number,
): Promise<Page> {
  const page = new PageInMaking(search, search.only === 'count' ? PAGE_SCANNED_MAX : limit);
  const stretches = await stretchesOf(source, search, place.size);
  const until = source.clock() + PAGE_MS;
  let next: number | null = place.position;
  while (next !== null) {
    const row = rowAt(stretches, search.order, next, page.hop);
    if (row === null) next = null;
    else if (page.isFull || source.clock() > until) break;
    else next = await takeRow(source, search, page, row);
  }
  return page.finish(place.size, next);
}

/** Reads and decides one row. @returns where to go on. */
async function takeRow(
  { ledger, judge, turn }: PageSource,
  search: Search,
  page: PageInMaking,
  row: LeafStretch,
): Promise<number> {
  const { first, end } = row;
  const holds = (payload: EntryPayload): boolean => isWanted(search, payload);
  const found = await ledger.stretch(first, end - first, { isWanted: holds, turn });
  const read = await openAll(found, turn);
  page.weigh(found);
  const wanted = read.filter((entry) => entry !== null && holds(entry.payload));
  const decided = wanted.length === 0 ? [] : await judge(wanted as OpenEntry[]);
  const outcomes = new Map(wanted.map((entry, i) => [entry, decided[i]]));
  const isForward = search.order === 'oldest';
  const indices = read.map((_entry, i) => first + i);
  for (const index of isForward ? indices : indices.reverse()) {
    const entry = read[index - first] ?? null;
    const outcome = outcomes.get(entry);
    if (entry !== null && outcome?.allow === true) await turn(weightOf(entry));
    const isTaken = page.take(index, entry, outcome);
    if (!isTaken) return isForward ? index : index + 1;
    if (page.isFull) return isForward ? index + 1 : index;
  }
  return isForward ? end : first;
}

async function openAll(
  found: readonly (FoundEntry | null)[],
  turn: Turn,
): Promise<readonly (OpenEntry | null)[]> {
  const opened: (OpenEntry | null)[] = [];
  for (const one of found) {
    if (one !== null) await turn(weightOf(one));
    opened.push(one && openEntry(one));
  }
  return opened;
}

/** Leaf indices in which a search looks, in order. */
async function stretchesOf(
  { ledger }: PageSource,
  { from, to }: Search,
  size: number,
): Promise<readonly LeafStretch[]> {
  if (from === undefined && to === undefined) return [{ first: 0, end: size }];
  const stretches = await ledger.admitted(from ?? -Infinity, (to ?? Infinity) - 1);
  return stretches.map(({ first, end }) => ({ first, end: Math.min(end, size) }));
}

/** The next row of leaves from a position on, which in a search from the newest is its end; null past the last. */
function rowAt(
  stretches: readonly LeafStretch[],
  order: Search['order'],
  position: number,
  most: number,
): LeafStretch | null {
  if (order === 'oldest') {
    const stretch = stretches.find(({ first, end }) => position < end && first < end);
    if (stretch === undefined) return null;
    const first = Math.max(position, stretch.first);
    return { first, end: Math.min(first + most, stretch.end) };
  }
  const stretch = stretches.findLast(({ first, end }) => first < position && first < end);
  if (stretch === undefined) return null;
  const end = Math.min(position, stretch.end);
  return { first: Math.max(end - most, stretch.first), end };
}

/** What a leaf says in clear; whoever may see the entry at all sees that. */
function isWanted(
  { from, to, kind, class: classes, label }: Search,
  payload: EntryPayload,
): boolean {
  const { at, ret, lbl = {} } = payload;
  return (
    (from === undefined || at >= from) &&
    (to === undefined || at < to) &&
    (kind === undefined || kind.includes(payload.kind)) &&
    (classes === undefined || classes.includes(ret.class)) &&
    (label ?? []).every(([name, value]) => Object.hasOwn(lbl, name) && lbl[name] === value)
  );
}

/** Entries of which the same is seen. */
interface DisclosedGroup {
  readonly facts: JsonObject;
  readonly entries: number[];
}

/** Fills up until something is enough. */
class PageInMaking {
  readonly #search: Search;
  readonly #limit: number;
  readonly #items: JsonObject[] = [];
  readonly #unreadable: number[] = [];
  readonly #groups = new Map<string, DisclosedGroup>();
  readonly #denied = new Map<string, number>();
  #policy: string | null | undefined;
  #decided = false;
  #count = 0;
  #scanned = 0;
  #unrecorded = 0;
  #sealed = false;
  #bytes = 0;
  #characters = 0;
  #isListFull = false;
  #rows = 0;
  #weight = 0;

  constructor(search: Search, limit: number) {
    this.#search = search;
    this.#limit = limit;
  }

  get isFull(): boolean {
    return (
      this.#isListFull ||
      this.#count >= this.#limit ||
      this.#scanned >= PAGE_SCANNED_MAX ||
      this.#bytes >= PAGE_BYTES_MAX
    );
  }

  /** Leaves of the next hop: no more than are wanted, where every one is. */
  get hop(): number {
    const left = PAGE_SCANNED_MAX - this.#scanned;
    const wanted = this.#search.isFiltered ? PAGE_HOP_ENTRIES : this.#limit - this.#count;
    return Math.min(left, this.#light, Math.max(wanted, PAGE_HOP_ENTRIES_MIN));
  }

  /** As many leaves as are read in good time, if they are like those before; a few where nothing is known of them. */
  get #light(): number {
    if (this.#rows === 0) return PAGE_HOP_ENTRIES_MIN;
    const count = Math.floor((PAGE_HOP_CHARACTERS * this.#rows) / (this.#weight + 1));
    return Math.min(Math.max(count, 1), PAGE_HOP_ENTRIES);
  }

  /** Takes down what a row weighed, whoever may see it: that says when a page looks at the time, not where it ends. */
  weigh(found: readonly (FoundEntry | null)[]): void {
    this.#rows += found.length;
    for (const entry of found) this.#weight += entry === null ? 0 : weightOf(entry);
  }

  /** Takes a leaf. @returns false where it is left for the next page, for want of room. */
  take(index: number, entry: OpenEntry | null, outcome: DecidedRead | undefined): boolean {
    if (entry !== null && outcome?.allow === true) {
      const selection = discloseEntry(entry, outcome);
      if (this.#isMet(selection) && !this.#show(index, entry, outcome, selection)) return false;
    }
    if (outcome !== undefined) this.#note(outcome);
    if (entry === null) this.#unreadable.push(index);
    this.#scanned += 1;
    return true;
  }

  finish(size: number, position: number | null): Page {
    return {
      size,
      next: position === null ? null : { size, position },
      scanned: this.#scanned,
      unreadable: this.#unreadable,
      items: this.#items,
      count: this.#count,
      disclosed: [...this.#groups.values()].map(({ facts, entries }) => ({ ...facts, entries })),
      denied: this.#denied,
      unrecorded: this.#unrecorded,
      policy: this.#policy,
      sealed: this.#sealed,
    };
  }

  #isMet(selection: Selection | null): boolean {
    const view = selection?.view ?? {};
    return this.#search.predicates.every((predicate) => meets(view, predicate));
  }

  #show(
    index: number,
    entry: OpenEntry,
    outcome: DecidedRead,
    selection: Selection | null,
  ): boolean {
    if (!this.#list(index, entry, outcome)) return false;
    this.#count += 1;
    if (!outcome.record) this.#unrecorded += 1;
    if (outcome.obligations.includes('sealed')) this.#sealed = true;
    if (this.#search.only === 'count') return true;
    this.#items.push(entryView(entry, selection, outcome));
    // The payload is about as long as the JWS, and what is seen about as long as its disclosures.
    const shown = (selection?.disclosures ?? []).reduce((sum, { length }) => sum + length, 0);
    this.#bytes += 2 * (entry.jws.length + shown);
    return true;
  }

  /** Adds an entry to what is said of the page in the log. @returns false when that would be too long. */
  #list(index: number, { opened }: OpenEntry, { select }: DecidedRead): boolean {
    const seen = opened === null ? 'leaf' : select;
    const text = canonicalJson(seen);
    const known = this.#groups.get(text);
    const group = known ?? { facts: factsOf(seen, text), entries: [] };
    const more =
      String(index).length + 1 + (known === undefined ? canonicalJson(group.facts).length : 0);
    this.#isListFull = this.#count > 0 && this.#characters + more > PAGE_DISCLOSED_CHARACTERS_MAX;
    if (this.#isListFull) return false;
    this.#characters += more;
    group.entries.push(index);
    if (known === undefined) this.#groups.set(text, group);
    return true;
  }

  /** Takes down what was decided. All of a page is decided by one policy, which its entry names. */
  #note({ allow, err, policy }: DecidedRead): void {
    if (this.#decided && policy !== this.#policy) throw superseded();
    this.#decided = true;
    this.#policy = policy;
    if (allow) return;
    const code = err ?? 'denied';
    this.#denied.set(code, (this.#denied.get(code) ?? 0) + 1);
  }
}

/** What is seen of an entry, for the log: as the policy said it, or its digest where that is long. */
function factsOf(select: Select, text: string): JsonObject {
  if (typeof select === 'string') return { seen: select };
  return text.length > SELECT_CHARACTERS_MAX
    ? { seen_sha256: sha256Base64Url(text) }
    : { seen: select };
}
