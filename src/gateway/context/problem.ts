import { SteleError } from '../../core/errors.ts';
import type { Durability } from '../../core/errors.ts';
import { codes, isProblemCode } from './codes.ts';
import type { ProblemCode } from './codes.ts';
import { RETRY_AFTER_SECONDS } from './limits.ts';

/** The media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json';

/** What an occurrence adds to its code. */
export interface ProblemFacts {
  readonly detail?: string;
  /** RFC 6901, into the event or the body. */
  readonly pointer?: string;
  readonly durability?: Durability;
  /** Why the policy denied. */
  readonly reasons?: readonly string[];
  /** Id of the entry that records the denial. */
  readonly decision?: string;
  readonly headers?: readonly string[];
  /** Seconds after which to try again, where that is known. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** An answer that is a problem. Thrown by steps, turned into a response in one place. */
export class ProblemError extends SteleError {
  declare readonly code: ProblemCode;
  readonly facts: ProblemFacts;

  constructor(code: ProblemCode, facts: ProblemFacts = {}) {
    super(code, facts.detail ?? codes[code].title, {
      disposition: codes[code].retry ? 'retry' : 'fix-input',
      durability: facts.durability ?? codes[code].durability,
      ...(facts.pointer === undefined ? {} : { pointer: facts.pointer }),
      cause: facts.cause,
    });
    this.facts = facts;
  }
}

/** A problem as it goes out: RFC 9457 members first, then ours. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  /** What to do about it. */
  readonly action: string;
  readonly durability?: Durability;
  readonly pointer?: string;
  readonly reasons?: readonly string[];
  readonly decision?: string;
  readonly request_id?: string;
}

/** A problem with the headers that go with its status. */
export interface ProblemAnswer {
  readonly problem: Problem;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Methods whose content is there to be stored (RFC 9110 §9.3.3, §9.3.4; RFC 5789). */
const BRINGING = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Whether a request that came to no route may have brought something to be stored: whoever sends an event to a wrong
 * path wants to hear that it is nowhere.
 */
export function bringsSomething({ method }: { readonly method?: string | undefined }): boolean {
  return BRINGING.has(method ?? '');
}

/**
 * Turns whatever was thrown into what a stranger may see. Known codes carry their message; anything else is `internal`
 * and says nothing: messages of libraries quote paths, hosts and input.
 *
 * @param write - Whether the request brought something to be stored: then the problem says what became of it.
 */
export function problemOf(error: unknown, requestId: string, write: boolean): ProblemAnswer {
  const code = codeOf(error);
  const { status, title, action, durability, retry } = codes[code];
  const facts: ProblemFacts =
    error instanceof ProblemError ? error.facts : code === 'internal' ? {} : factsOf(error);
  return {
    problem: {
      type: `urn:stele:problem:${code}`,
      title,
      status,
      ...(facts.detail === undefined ? {} : { detail: facts.detail }),
      code,
      action,
      ...(write ? { durability: facts.durability ?? durability } : {}),
      ...(facts.pointer === undefined ? {} : { pointer: facts.pointer }),
      ...(facts.reasons === undefined ? {} : { reasons: facts.reasons }),
      ...(facts.decision === undefined ? {} : { decision: facts.decision }),
      request_id: requestId,
    },
    headers: [
      ...(retry ? ['Retry-After', String(facts.retryAfter ?? RETRY_AFTER_SECONDS)] : []),
      ...(status === 401 ? ['WWW-Authenticate', challenge(code)] : []),
      ...(facts.headers ?? []),
    ],
  };
}

function codeOf(error: unknown): ProblemCode {
  if (error instanceof SteleError)
    return isProblemCode(error.code) ? error.code : ofUnlisted(error);
  // Express gives these for a path that does not decode.
  if (error instanceof URIError || (error as { status?: unknown } | null)?.status === 400) {
    return 'bad_path';
  }
  return 'internal';
}

/** A code of a lower layer that the catalogue does not name: its disposition decides, its message stays inside. */
function ofUnlisted(error: SteleError): ProblemCode {
  if (error.disposition === 'fix-input') return 'malformed_input';
  return error.disposition === 'retry' ? 'store_unavailable' : 'internal';
}

function factsOf(error: unknown): ProblemFacts {
  if (!(error instanceof SteleError)) return {};
  return {
    // What is wrong with us is for the log: such messages name object keys and paths.
    ...(isProblemCode(error.code) && codes[error.code].status < 500
      ? { detail: error.message }
      : {}),
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
    ...(error.durability === undefined ? {} : { durability: error.durability }),
  };
}

/** RFC 6750 §3: no error code when there were no credentials at all. */
function challenge(code: ProblemCode): string {
  return code === 'credentials_missing'
    ? 'Bearer realm="stele"'
    : 'Bearer realm="stele", error="invalid_token"';
}
