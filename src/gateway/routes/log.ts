/** The log as C2SP tlog-tiles: what any reader of such logs can follow, at `/log/{ledger}/`. */
import { parseTilePath } from '../../core/tree/tile.ts';
import { ANONYMOUS } from '../../keys/caller.ts';
import { pathParameter } from '../request/arrival.ts';
import type { Arrival } from '../request/arrival.ts';
import type { Answer } from '../request/answer.ts';
import { openRoute, readRoute } from '../request/pipeline.ts';
import type { Route } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import type { Desk } from '../request/desk.ts';

const NOTE_TYPE = 'text/plain; charset=utf-8';
const BYTES_TYPE = 'application/octet-stream';
/** Any web page may read the log. */
const CORS = ['Access-Control-Allow-Origin', '*'] as const;
const CHECKPOINT_PATH = '/log/:ledger/checkpoint';
const TILE_PATH = '/log/:ledger/tile/*path';
/** A year: what a path of tlog-tiles names never changes. */
const TILE_AGE_SECONDS = 31_536_000;
/** Milliseconds between two looks for foreign batches that absent files may cause. */
const LOOK_AGAIN_MS = 250;

const lookedAt = new WeakMap<Desk, number>();

/** `GET /log/{ledger}/checkpoint`: the newest signed head. */
export const checkpointRoute = readRoute(
  { name: 'log_checkpoint', path: CHECKPOINT_PATH, headers: CORS },
  {
    action: 'log.read',
    wish: () => 'checkpoint',
    find: readFile,
    resource: logResource,
    mediaType: () => NOTE_TYPE,
    answer: (_admitted, _wish, bytes) => fileAnswer(NOTE_TYPE, bytes, 'no-cache'),
  },
);

/** `GET /log/{ledger}/tile/…`: hash tiles and entry bundles, full and partial. */
export const tileRoute = readRoute(
  { name: 'log_tile', path: TILE_PATH, headers: CORS },
  {
    action: 'log.read',
    wish: tilePathOf,
    find: readFile,
    resource: logResource,
    mediaType: () => BYTES_TYPE,
    answer: ({ asker }, _wish, bytes) => {
      // What only some may read must not stay in a cache that answers others.
      const scope = asker.caller === ANONYMOUS ? 'public' : 'private';
      return fileAnswer(BYTES_TYPE, bytes, `${scope}, max-age=${TILE_AGE_SECONDS}, immutable`);
    },
  },
);

/** What a browser asks before it sends credentials to another site (Fetch, CORS-preflight request). */
export const preflightRoutes: readonly Route[] = [CHECKPOINT_PATH, TILE_PATH].map((path) =>
  openRoute({ name: 'log_preflight', method: 'options', path, headers: CORS }, () => ({
    status: 204,
    type: NOTE_TYPE,
    body: '',
    headers: [
      'Access-Control-Allow-Methods',
      'GET, HEAD',
      'Access-Control-Allow-Headers',
      'Authorization',
      'Access-Control-Max-Age',
      '86400',
    ],
  })),
);

async function readFile(desk: Desk, path: string): Promise<Uint8Array | null> {
  const { ledger } = desk.served;
  const bytes = await ledger.readView(path);
  if (bytes !== null || !mayLook(desk)) return bytes;
  // Another writer may have sealed it a moment ago.
  await ledger.refresh();
  return ledger.readView(path);
}

/** Strangers that ask for what is not there must not become requests to the store. */
function mayLook(desk: Desk): boolean {
  const now = performance.now();
  if (now - (lookedAt.get(desk) ?? Number.NEGATIVE_INFINITY) < LOOK_AGAIN_MS) return false;
  lookedAt.set(desk, now);
  return true;
}

function logResource(desk: Desk): { type: string; id: string; properties: Record<string, never> } {
  return { type: 'log', id: desk.served.name, properties: {} };
}

/** The path as it was sent, so that no encoding of it is a second name. */
function tilePathOf(arrival: Arrival): string {
  const { request } = arrival;
  const prefix = `/log/${pathParameter(request, 'ledger')}/`;
  const path = request.url.startsWith(prefix) ? request.url.slice(prefix.length) : '';
  try {
    parseTilePath(path);
  } catch (cause) {
    throw new ProblemError('log_resource_unknown', { cause });
  }
  return path;
}

function fileAnswer(type: string, bytes: Uint8Array | null, caching: string): Answer {
  if (bytes === null) throw new ProblemError('log_resource_unknown');
  return { status: 200, type, body: bytes, headers: ['Cache-Control', caching] };
}
