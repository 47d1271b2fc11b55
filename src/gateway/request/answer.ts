import type { ServerResponse } from 'node:http';
import type { Problem } from '../context/problem.ts';
import { PROBLEM_TYPE } from '../context/problem.ts';

/** What goes back: written in one call, so that it leaves in one packet; NDJSON answers are written part by part. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array | AsyncIterable<string>;
  /** Further headers: names and values in turn. */
  readonly headers?: readonly string[];
}

/** Answers that hold what only their caller may see. */
const PRIVATE = ['Cache-Control', 'no-store'] as const;
const JSON_TYPE = 'application/json';

/** A JSON answer that nobody may keep. */
export function jsonAnswer(
  status: number,
  value: unknown,
  headers: readonly string[] = [],
): Answer {
  return {
    status,
    type: JSON_TYPE,
    body: JSON.stringify(value),
    headers: [...PRIVATE, ...headers],
  };
}

/** A problem as an answer. */
export function problemAnswer(problem: Problem, headers: readonly string[]): Answer {
  return {
    status: problem.status,
    type: PROBLEM_TYPE,
    body: JSON.stringify(problem),
    headers: [...PRIVATE, ...headers],
  };
}

/**
 * Writes an answer.
 *
 * @param keep - Whether the connection may carry another request: not when a part of the body was left unread.
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  requestId: string,
  keep: boolean,
): Promise<void> {
  if (response.headersSent || response.destroyed) return;
  const { body } = answer;
  const headers = [
    'Content-Type',
    answer.type,
    'X-Request-Id',
    requestId,
    'X-Content-Type-Options',
    'nosniff',
  ];
  if (answer.headers !== undefined) headers.push(...answer.headers);
  if (!keep) headers.push('Connection', 'close');
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    headers.push('Content-Length', String(bytes));
    response.writeHead(answer.status, headers);
    response.end(body);
    return;
  }
  response.writeHead(answer.status, headers);
  for await (const part of body) {
    // The caller may have left while the part was made: then no event of the connection is to come any more.
    if (isGone(response)) return;
    if (!response.write(part)) await drained(response);
  }
  if (!isGone(response)) response.end();
}

/** Asked anew after each wait: the connection may have closed meanwhile. */
function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed;
}

async function drained(response: ServerResponse): Promise<void> {
  if (isGone(response)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
