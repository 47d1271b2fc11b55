import { setTimeout as sleep } from 'node:timers/promises';
import { toBase64 } from '../../core/platform/bytes.ts';
import type { Caller } from '../../keys/caller.ts';
import type { FoundEntry } from '../../ledger/context/receipt.ts';
import type { DecidedRead, KnownFacts } from '../../policy/decide/jobs.ts';
import { pathParameter, queryOf } from '../request/arrival.ts';
import type { Arrival } from '../request/arrival.ts';
import { jsonAnswer } from '../request/answer.ts';
import type { Answer } from '../request/answer.ts';
import type { Asker } from '../context/asker.ts';
import type { Desk } from '../request/desk.ts';
import {
  discloseEntry,
  disclosuresOf,
  entryResource,
  entryView,
  openEntry,
  weightOf,
} from '../entry/view.ts';
import type { OpenEntry } from '../entry/view.ts';
import type { Gateway } from '../request/gateway.ts';
import { readRoute } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import { entryIdSchema, noQuerySchema, proofQuerySchema } from '../schema/requests.ts';

const JSON_TYPE = 'application/json';
const SD_JWT_TYPE = 'application/sd-jwt';
const TEXT_TYPE = 'text/plain';
/** Milliseconds between two looks for the seal of an entry that a proof waits for: it is that much later at worst. */
const SEAL_POLL_MS = 100;
/** The next look: one timer for all that wait, however many. */
let nextLook: Promise<void> | null = null;

interface EntryWish {
  readonly id: string | number;
  readonly type: string;
}

interface ProofWish extends EntryWish {
  readonly waitMs: number;
}

/** `GET /v1/ledgers/{ledger}/entries/{id}`: one entry, as much of its record as the policy discloses. */
export const entryRoute = readRoute(
  { name: 'entry', path: '/v1/ledgers/:ledger/entries/:id' },
  {
    action: 'entry.read',
    wish: (arrival): EntryWish => {
      queryOf(arrival.request, noQuerySchema);
      return { id: entryId(arrival), type: accepted(arrival, [JSON_TYPE, SD_JWT_TYPE]) };
    },
    find: findEntry,
    resource: resourceOf,
    mediaType: (wish) => wish.type,
    answer: async ({ desk, asker }, wish, found, decided) => {
      if (found === null) throw new ProblemError('entry_unknown');
      await desk.turnOf(asker)(weightOf(found));
      const selection = discloseEntry(found, decided);
      const headers = ['Vary', 'Accept, Authorization', ...accessHeader(decided)];
      if (wish.type === JSON_TYPE) {
        const view = entryView(found, selection, decided);
        const { reasons } = decided;
        return jsonAnswer(200, { ledger: desk.served.name, ...view, reasons }, headers);
      }
      return {
        status: 200,
        type: SD_JWT_TYPE,
        // RFC 9901 §4: the JWS, each disclosure, and a tilde after every one of them.
        body: [found.jws, ...disclosuresOf(selection, decided), ''].join('~'),
        headers: ['Cache-Control', 'no-store', ...headers],
      };
    },
  },
);

/** `GET /v1/ledgers/{ledger}/entries/{id}/proof`: C2SP tlog-proof, or the same as JSON. */
export const proofRoute = readRoute(
  { name: 'proof', path: '/v1/ledgers/:ledger/entries/:id/proof' },
  {
    action: 'entry.proof',
    wish: (arrival, gateway): ProofWish => ({
      id: entryId(arrival),
      type: accepted(arrival, [TEXT_TYPE, JSON_TYPE]),
      waitMs: waitOf(arrival, gateway),
    }),
    find: findEntry,
    resource: resourceOf,
    mediaType: (wish) => wish.type,
    answer: async ({ desk, gateway }, wish, found, decided) => {
      if (found === null) throw new ProblemError('entry_unknown');
      const index = await sealedIndex(desk, found, wish.waitMs, gateway.components.clock);
      const headers = ['Vary', 'Accept, Authorization', ...accessHeader(decided)];
      if (wish.type === JSON_TYPE) return jsonProof(desk, found.jti, index, headers);
      return {
        status: 200,
        type: 'text/plain; charset=utf-8',
        body: await desk.proof(index),
        headers: ['Cache-Control', 'no-store', ...headers],
      };
    },
  },
);

/** Names the entry that records this access: the reader's receipt. */
function accessHeader(decided: DecidedRead): readonly string[] {
  return decided.prefix === null ? [] : ['Stele-Access-Id', decided.jti];
}

function entryId({ request }: Arrival): string | number {
  const id = entryIdSchema.safeParse(pathParameter(request, 'id'));
  if (id.success) return id.data;
  throw new ProblemError('bad_path', { detail: 'an id is a lower-case UUIDv7 or a leaf index' });
}

function accepted({ request }: Arrival, types: string[]): string {
  const type = request.accepts(types);
  if (type === false) throw new ProblemError('not_acceptable');
  return type;
}

function waitOf({ request }: Arrival, gateway: Gateway): number {
  const { wait = 0 } = queryOf(request, proofQuerySchema);
  return Math.min(wait, gateway.settings.proofWaitMs);
}

async function findEntry(desk: Desk, wish: EntryWish, asker: Asker): Promise<OpenEntry | null> {
  const turn = desk.turnOf(asker);
  return desk.finds.run(asker.caller, async () => {
    const found = await desk.served.ledger.entry(wish.id, turn);
    if (found === null) return null;
    await turn(weightOf(found));
    return openEntry(found);
  });
}

/** What the policy sees: the entry, or that there is none. */
function resourceOf(
  _desk: Desk,
  wish: EntryWish,
  found: OpenEntry | null,
  caller: Caller,
): KnownFacts['resource'] {
  if (found === null) return { type: 'entry', id: String(wish.id), properties: {} };
  return entryResource(found, caller);
}

async function sealedIndex(
  { served }: Desk,
  found: FoundEntry,
  waitMs: number,
  clock: () => number,
): Promise<number> {
  const deadline = clock() + waitMs;
  let index = found.index;
  for (;;) {
    const size = served.ledger.head()?.size ?? 0;
    if (index !== null && index < size) return index;
    if (clock() >= deadline) throw new ProblemError('entry_not_sealed');
    if (index === null) served.ledger.hurry();
    await (nextLook ??= sleep(SEAL_POLL_MS).then(() => {
      nextLook = null;
    }));
    index ??= (await served.ledger.entry(found.jti))?.index ?? null;
  }
}

async function jsonProof(
  { served }: Desk,
  id: string,
  index: number,
  headers: readonly string[],
): Promise<Answer> {
  const { path, head } = await served.ledger.inclusion(index);
  const proof = {
    id,
    index,
    size: head.size,
    root: toBase64(head.root),
    path: path.map((hash) => toBase64(hash)),
    checkpoint: head.note,
  };
  return jsonAnswer(200, proof, headers);
}
