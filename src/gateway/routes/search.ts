import type { JsonObject } from '../../core/json/strict-json.ts';
import type { DecidedRead } from '../../policy/decide/jobs.ts';
import type { Page } from '../entry/page.ts';
import { makePage } from '../entry/page.ts';
import { queryOf } from '../request/arrival.ts';
import { jsonAnswer } from '../request/answer.ts';
import type { Answer } from '../request/answer.ts';
import type { Asker } from '../context/asker.ts';
import { codes, isProblemCode } from '../context/codes.ts';
import type { Place } from '../entry/cursor.ts';
import type { Desk } from '../request/desk.ts';
import { entryResource } from '../entry/view.ts';
import type { Asked } from '../entry/job-facts.ts';
import { PAGE_ENTRIES_DEFAULT } from '../context/limits.ts';
import { readRoute } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import type { Moment } from '../entry/reads.ts';
import { SEARCH_LISTS, searchQuerySchema } from '../schema/requests.ts';
import { searchOf } from '../entry/search.ts';
import type { Search } from '../entry/search.ts';

const JSON_TYPE = 'application/json';
const ACTION = 'entry.search';

interface SearchWish {
  readonly search: Search;
  readonly limit: number;
  readonly after: string | undefined;
  readonly clock: () => number;
}

interface FoundPage extends Page {
  readonly moment: Moment;
}

/**
 * `GET /v1/ledgers/{ledger}/entries`: a page of what the caller may see. Decided three times: whether it may search at
 * all; each entry as if it were read alone; and at last the page, with the list of what it discloses, which is recorded.
 */
export const searchRoute = readRoute(
  { name: 'entries', path: '/v1/ledgers/:ledger/entries' },
  {
    action: ACTION,
    wish: ({ request }, { components }): SearchWish => {
      const query = queryOf(request, searchQuerySchema, SEARCH_LISTS);
      const { limit = PAGE_ENTRIES_DEFAULT, after } = query;
      return { search: searchOf(query), limit, after, clock: components.clock };
    },
    find: async (desk, wish, asker) =>
      desk.pages.run(asker.caller, async () => findPage(desk, wish, asker)),
    resource: (desk, { search }, page) => resourceOf(desk, search, page),
    mediaType: () => JSON_TYPE,
    terms: ({ moment, policy, sealed, count, unrecorded }) => ({
      ...{ moment, policy, sealed },
      // One entry for all of them, unless nobody wants any of it in the log.
      entry: unrecorded < count ? 'always' : 'as_decided',
    }),
    answer: ({ desk }, wish, page, decided): Answer => {
      for (const [code, count] of page.denied) {
        desk.summary.count(uncounted(page, false, code === 'denied' ? {} : { code }), count);
      }
      if (page.unrecorded > 0) desk.summary.count(uncounted(page, true, {}), page.unrecorded);
      const { items, count, size, scanned, next, unreadable } = page;
      const body = {
        ledger: desk.served.name,
        size,
        ...(wish.search.only === 'count' ? {} : { items }),
        count,
        scanned,
        complete: next === null,
        next: next === null ? null : desk.cursors.make(next, wish.search.text),
        unreadable,
        reasons: decided.reasons,
        obligations: decided.obligations,
      };
      const receipt = decided.prefix === null ? [] : ['Stele-Access-Id', decided.jti];
      return jsonAnswer(200, body, ['Vary', 'Accept, Authorization', ...receipt]);
    },
  },
);

async function findPage(desk: Desk, wish: SearchWish, asker: Asker): Promise<FoundPage> {
  const { search } = wish;
  // Its access is an entry: what cannot be recorded is not worth a scan.
  desk.assertBudget(asker);
  const place = await placeOf(desk, wish);
  await mayBegin(desk, search, asker, place);
  const moment = desk.reads.moment();
  const { ledger } = desk.served;
  const { clock } = wish;
  const page = await makePage(
    {
      ledger,
      clock,
      turn: desk.turnOf(asker),
      judge: async (entries) => {
        const asked = entries.map((entry): Asked => {
          const resource = entryResource(entry, asker.caller);
          return { action: 'entry.read', resource, mediaType: JSON_TYPE };
        });
        return decidedNow(await desk.reads.judge(asker, moment, asked));
      },
    },
    search,
    place,
    wish.limit,
  );
  return { ...page, moment };
}

/** @throws {@link ProblemError} where the engine could not decide one for now: a page without it would look complete. */
function decidedNow(outcomes: readonly DecidedRead[]): readonly DecidedRead[] {
  for (const { err } of outcomes) {
    if (err !== undefined && isProblemCode(err) && codes[err].retry) throw new ProblemError(err);
  }
  return outcomes;
}

/** Where the page begins, in a tree that stays the same for all pages of the search. */
async function placeOf(desk: Desk, { search, after }: SearchWish): Promise<Place> {
  const { ledger } = desk.served;
  const known = (): number => ledger.status().treeSize;
  if (after === undefined) {
    const size = known();
    return { size, position: search.order === 'oldest' ? 0 : size };
  }
  const place = desk.cursors.parse(after, search.text);
  // Another gateway may have made the cursor, and know more.
  if (place.size > known()) await ledger.refresh();
  if (place.size > known()) throw new ProblemError('tree_unknown');
  return place;
}

/** Before anything is read: who may not search at all costs no scan, and is denied as in every read. */
async function mayBegin(desk: Desk, search: Search, asker: Asker, { size }: Place): Promise<void> {
  const resource = resourceOf(desk, search, { size, disclosed: [] });
  const asked: Asked = { action: ACTION, resource, mediaType: JSON_TYPE };
  const [outcome] = await desk.reads.judge(asker, desk.reads.moment(), [asked]);
  if (outcome?.allow !== true) await desk.reads.decide(asker, asked);
}

/** The ledger, with what is searched for and what would be disclosed of it. */
function resourceOf(
  desk: Desk,
  search: Search,
  { size, disclosed }: Pick<Page, 'size' | 'disclosed'>,
): Asked['resource'] {
  const { type, id } = desk.ledgerResource;
  const properties: JsonObject = { query: search.facts, size, disclosed };
  return { type, id, properties };
}

/** Decisions about entries of a page that are no entries of their own. */
function uncounted(
  { policy }: Page,
  allow: boolean,
  code: { readonly code?: string },
): Parameters<Desk['summary']['count']>[0] {
  const by = policy == null ? {} : { policy };
  return { entrypoint: 'stele/read', action: 'entry.read', allow, ...code, ...by };
}
