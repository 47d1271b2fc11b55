import type { Request, Response } from 'express';
import type { z } from 'zod';
import { DECISION_LIMITS } from '../../policy/contract/decision.ts';
import { HEADERS_MAX, REQUEST_ID_CHARACTERS_MAX, URL_CHARACTERS_MAX } from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';
import type { Stay } from '../quota/room.ts';

/** One request on its way through the pipeline. */
export interface Arrival {
  readonly request: Request;
  readonly response: Response;
  /** Of the caller, where it gave one; in the answer, the log line and problems. */
  readonly id: string;
  /** What it takes of the room that all share; given back when it is answered. */
  readonly stay: Stay;
}

/** Makes request ids: random once for a process, then counted. */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  /** @param random - 6 bytes. */
  constructor(random: Uint8Array) {
    this.#prefix = Buffer.from(random).toString('hex');
  }

  /** `X-Request-Id`, else the trace id of `traceparent` (W3C Trace Context), else a new one. */
  of(request: Request): string {
    const given = request.headers['x-request-id'];
    if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
    const trace = request.headers['traceparent'];
    const traceId = typeof trace === 'string' ? TRACEPARENT.exec(trace)?.[1] : undefined;
    if (traceId !== undefined) return traceId;
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }
}

const REQUEST_ID = new RegExp(`^[A-Za-z0-9._:/+=-]{1,${REQUEST_ID_CHARACTERS_MAX}}$`);
/** Visible ASCII and spaces: it stands in records, and policies compare it. */
const PURPOSE = new RegExp(`^[ -~]{1,${DECISION_LIMITS.purposeCharacters}}$`);
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Headers that decide something: with two of them, two readers could go by different ones. */
const SINGLE_HEADERS = new Set([
  'authorization',
  'content-encoding',
  'content-type',
  'idempotency-key',
  'stele-purpose',
]);
/** An attribute of a CloudEvent in binary mode: Node would join two of a name to one text. */
const CLOUDEVENT_ATTRIBUTE = /^ce-/i;
const DASH = 0x2d;

/** @throws {@link ProblemError} `header_duplicate`, `too_many_headers`, `transfer_coding_unsupported`, `url_too_long`. */
export function checkArrival(request: Request): void {
  if (request.url.length > URL_CHARACTERS_MAX) throw new ProblemError('url_too_long');
  const { rawHeaders, headers } = request;
  if (rawHeaders.length > 2 * HEADERS_MAX) {
    throw new ProblemError('too_many_headers', {
      detail: `there are ${rawHeaders.length / 2} headers, at most ${HEADERS_MAX}`,
    });
  }
  const coding = headers['transfer-encoding'];
  // RFC 9112 §6.1: what would be decoded by a proxy, and not by us, would be two bodies.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new ProblemError('transfer_coding_unsupported');
  }
  let seen: Set<string> | null = null;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const raw = rawHeaders[index] ?? '';
    if (raw.charCodeAt(2) === DASH && CLOUDEVENT_ATTRIBUTE.test(raw)) {
      seen = noted(seen, raw.toLowerCase());
      continue;
    }
    // The shortest of them has 12 characters, the longest 16: most headers are passed over by their length.
    if (raw.length < 12 || raw.length > 16) continue;
    const name = raw.toLowerCase();
    if (!SINGLE_HEADERS.has(name)) continue;
    seen = noted(seen, name);
  }
}

/** Takes a header down that may stand once. */
function noted(seen: Set<string> | null, name: string): Set<string> {
  if (seen?.has(name) === true) {
    throw new ProblemError('header_duplicate', { detail: `${name} stands twice` });
  }
  return (seen ?? new Set()).add(name);
}

/** What a caller says that it reads or writes for; undefined where it says nothing. @throws {@link ProblemError} */
export function purposeOf({ headers }: Request): string | undefined {
  const stated = headers['stele-purpose'];
  if (stated === undefined) return undefined;
  if (typeof stated === 'string' && PURPOSE.test(stated)) return stated;
  throw new ProblemError('purpose_malformed');
}

/** What each schema gives for no query at all: most requests have none. */
const withoutQuery = new WeakMap<z.ZodType, unknown>();

/**
 * The query of a URL, each parameter at most once.
 *
 * @param schema - Closed: a parameter that it does not have is refused, for it is a misspelt one.
 * @param lists - Parameters that may be given again and again; the schema gets lists of them.
 * @throws {@link ProblemError} `bad_parameter`.
 */
export function queryOf<T>(
  request: Request,
  schema: z.ZodType<T>,
  lists: readonly string[] = [],
): T {
  const start = request.url.indexOf('?');
  if (start === -1 && withoutQuery.has(schema)) return withoutQuery.get(schema) as T;
  // Without a prototype: a parameter may have any name, and each is looked at.
  const given = Object.create(null) as Record<string, string | string[]>;
  const text = start === -1 ? '' : request.url.slice(start + 1);
  for (const [name, value] of new URLSearchParams(text)) {
    const before = given[name];
    if (lists.includes(name)) given[name] = Array.isArray(before) ? [...before, value] : [value];
    else if (before === undefined) given[name] = value;
    else throw new ProblemError('bad_parameter', { detail: `${name} is given twice` });
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw badParameter(parsed.error);
  if (start === -1) withoutQuery.set(schema, parsed.data);
  return parsed.data;
}

function badParameter({ issues }: z.ZodError): ProblemError {
  const name = issues[0]?.path.join('.') ?? '';
  const detail = `${name === '' ? 'query' : name}: ${issues[0]?.message ?? 'malformed'}`;
  return new ProblemError('bad_parameter', { detail });
}

/** A path parameter that the route's pattern has. */
export function pathParameter(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
