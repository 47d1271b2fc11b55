import { SteleError } from '../core/errors.ts';
import type { Disposition, Durability } from '../core/errors.ts';
import { ANSWER_MS_MAX, bounded } from './bounded-answer.ts';

/** Where a gateway is and who calls. */
export interface Connection {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly ledger: string;
  /** API key or JWT, sent as a bearer token; `null` calls anonymously. */
  readonly token: string | null;
}

/** A request to the gateway. */
export interface GatewayRequest {
  readonly method?: 'GET' | 'POST';
  /** Below `/v1/ledgers/<ledger>` unless it starts with `/`. */
  readonly path: string;
  readonly accept?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws {@link SteleError} with the problem's own code, or `gateway_unreachable`. */
export async function call(connection: Connection, request: GatewayRequest): Promise<Response> {
  const path = request.path.startsWith('/')
    ? request.path
    : `/v1/ledgers/${connection.ledger}${request.path === '' ? '' : `/${request.path}`}`;
  const headers = {
    ...(connection.token === null ? {} : { authorization: `Bearer ${connection.token}` }),
    ...(request.accept === undefined ? {} : { accept: request.accept }),
    ...request.headers,
  };
  const isAppend = request.method === 'POST' && /^entries(?:\?|$)/.test(request.path);
  let response: Response;
  try {
    response = await fetch(`${connection.url}${path}`, {
      method: request.method ?? 'GET',
      headers,
      // A key is for the gateway that was named.
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
  } catch (cause) {
    throw new SteleError(
      'gateway_unreachable',
      `no gateway answers at ${connection.url}: is \`stele serve\` running?`,
      {
        disposition: 'retry',
        ...(isAppend ? { durability: 'unknown' } : {}),
        cause,
      },
    );
  }
  const answer = bounded(response);
  if (!answer.ok) throw await problemOf(answer, connection, isAppend);
  return answer;
}

/** What to do about a refusal of somebody who sent no key: as a stranger, almost everything is denied. */
export const NO_KEY =
  'no key was sent: set STELE_KEY (or --key) to an API key that `stele keygen` made, or a JWT';

function hint({ token }: Connection, code: string | undefined): string {
  return token === null && (code === 'denied' || code === 'credentials_missing')
    ? `; ${NO_KEY}`
    : '';
}

/** RFC 9457: what a gateway says is wrong, as our own error. */
async function problemOf(
  response: Response,
  connection: Connection,
  isAppend: boolean,
): Promise<SteleError> {
  const text = await response.text();
  let problem: Record<string, unknown> = {};
  try {
    problem = JSON.parse(text) as Record<string, unknown>;
  } catch {
    problem = { detail: text.slice(0, 200) };
  }
  const word = (name: string): string | undefined =>
    typeof problem[name] === 'string' ? problem[name] : undefined;
  const { reasons } = problem;
  const why = Array.isArray(reasons) && reasons.length > 0 ? `: ${reasons.join('; ')}` : '';
  const pointer = word('pointer');
  // Who sent a policy, a key or a question has sent no data.
  const durability = isAppend ? (word('durability') as Durability | undefined) : undefined;
  const retry: Disposition =
    response.status >= 500 || response.status === 429 ? 'retry' : 'fix-input';
  return new SteleError(
    word('code') ?? `http_${response.status}`,
    `${word('detail') ?? word('title') ?? `the gateway answered ${response.status}`}${why}${hint(connection, word('code'))}`,
    {
      disposition: retry,
      ...(pointer === undefined ? {} : { pointer }),
      ...(durability === undefined ? {} : { durability }),
    },
  );
}
