import { parseStrictJson } from '../../core/json/strict-json.ts';
import { ANONYMOUS } from '../../keys/caller.ts';
import type { Caller } from '../../keys/caller.ts';
import type { WriteIdentity } from '../../policy/decide/jobs.ts';
import { queryOf } from '../request/arrival.ts';
import type { Answer } from '../request/answer.ts';
import { readBody } from '../request/body.ts';
import { parseBatch, parseBinary, parseStructured } from '../schema/cloudevents.ts';
import type { CloudEvent } from '../schema/cloudevents.ts';
import type { Accepted, Ack, Write } from '../request/desk.ts';
import {
  CLOUDEVENTS_BATCH_BYTES_MAX,
  CLOUDEVENTS_BATCH_MAX,
  CLOUDEVENTS_BATCH_MEMBERS_MAX,
  EVENTS_AT_ONCE,
  NDJSON_LINES_MAX,
  STRANGER_EVENTS_MAX,
} from '../context/limits.ts';
import { mediaTypeOf } from '../request/media-type.ts';
import { writeRoute } from '../request/pipeline.ts';
import type { Admitted } from '../request/pipeline.ts';
import { ProblemError, problemOf } from '../context/problem.ts';
import { appendQuerySchema, idempotencyKeySchema } from '../schema/requests.ts';

const JSON_TYPE = 'application/json';
const NDJSON_TYPE = 'application/x-ndjson';
const CLOUDEVENT_TYPE = 'application/cloudevents+json';
const CLOUDEVENTS_TYPE = 'application/cloudevents-batch+json';
const OBJECT_START = /^[ \t\r\n]*\{/;
/** Structural whitespace of JSON that a client may pad a line with. */
const BLANK = /^[ \t\r]*$/;

/** `POST /v1/ledgers/{ledger}/entries`: one event or many, each decided and recorded on its own. */
export const appendRoute = writeRoute(
  { name: 'append', path: '/v1/ledgers/:ledger/entries' },
  async (admitted) => {
    const { request } = admitted;
    const ack = ackOf(admitted);
    const key = idempotencyKeyOf(request.headers['idempotency-key']);
    const mediaType = mediaTypeOf(request.headers['content-type']);
    if (request.headers['ce-specversion'] !== undefined) {
      return appendBinary(admitted, ack, key, mediaType);
    }
    switch (mediaType) {
      case JSON_TYPE:
        return appendOne(admitted, ack, key);
      case NDJSON_TYPE:
        return appendLines(admitted, ack, key);
      case CLOUDEVENT_TYPE:
        return appendStructured(admitted, ack, key);
      case CLOUDEVENTS_TYPE:
        return appendBatch(admitted, ack, key);
      default:
        throw new ProblemError('media_type_unsupported', {
          headers: [
            'Accept-Post',
            `${JSON_TYPE}, ${NDJSON_TYPE}, ${CLOUDEVENT_TYPE}, ${CLOUDEVENTS_TYPE}`,
          ],
        });
    }
  },
);

async function appendOne(admitted: Admitted, ack: Ack, key: string | null): Promise<Answer> {
  const event = await readEvent(admitted);
  if (!OBJECT_START.test(event)) await refuseText(event, admitted);
  const { desk, asker } = admitted;
  const identity = identityOf(asker.caller, 'idempotency-key', key);
  return acceptedAnswer(
    admitted,
    await desk.append(asker, { event, mediaType: JSON_TYPE, identity }, ack),
  );
}

async function appendStructured(admitted: Admitted, ack: Ack, key: string | null): Promise<Answer> {
  const text = await readEvent(admitted);
  await turnFor(admitted, text);
  const event = parseStructured(text, admitted.gateway.eventLimits);
  const write = writeOf(admitted, event, key, CLOUDEVENT_TYPE);
  return acceptedAnswer(admitted, await admitted.desk.append(admitted.asker, write, ack));
}

async function appendBinary(
  admitted: Admitted,
  ack: Ack,
  key: string | null,
  mediaType: string,
): Promise<Answer> {
  const body = await readEvent(admitted);
  await turnFor(admitted, body);
  const { headers } = admitted.request;
  const event = parseBinary(headers, mediaType, body, admitted.gateway.eventLimits);
  const write = writeOf(admitted, event, key, mediaType);
  return acceptedAnswer(admitted, await admitted.desk.append(admitted.asker, write, ack));
}

async function appendBatch(admitted: Admitted, ack: Ack, key: string | null): Promise<Answer> {
  if (key !== null) {
    throw new ProblemError('idempotency_key_malformed', {
      detail: 'the events of a batch are known by their source and id',
    });
  }
  const { eventLimits, settings } = admitted.gateway;
  const bytes = Math.min(settings.bodyBytesMax, CLOUDEVENTS_BATCH_BYTES_MAX);
  const text = await readUpTo(admitted, bytes);
  const limits = { ...eventLimits, bytes };
  await turnFor(admitted, text);
  const events = parseBatch(
    text,
    { ...limits, members: CLOUDEVENTS_BATCH_MEMBERS_MAX },
    eventsMaxOf(admitted, CLOUDEVENTS_BATCH_MAX),
  );
  const writes = events.map((event) => writeOf(admitted, event, null, CLOUDEVENT_TYPE));
  const results: string[] = [];
  for (let from = 0; from < writes.length; from += EVENTS_AT_ONCE) {
    const group = writes.slice(from, from + EVENTS_AT_ONCE);
    results.push(
      ...(await Promise.all(group.map(async (write) => resultOf(admitted, write, ack)))),
    );
  }
  return {
    status: 200,
    type: JSON_TYPE,
    body: `[${results.join(',')}]`,
    headers: ['Cache-Control', 'no-store'],
  };
}

async function appendLines(admitted: Admitted, ack: Ack, key: string | null): Promise<Answer> {
  // Not where they may be repetitions, which are no new entries; of strangers, who share one name, none is waited for.
  if (key === null || admitted.asker.caller === ANONYMOUS)
    admitted.desk.assertBudget(admitted.asker);
  const text = await readUpTo(admitted, admitted.gateway.settings.bodyBytesMax);
  const lines = linesOf(text, eventsMaxOf(admitted, NDJSON_LINES_MAX));
  const writes = lines.map(({ event, line }, index) => ({
    event,
    line,
    mediaType: JSON_TYPE,
    identity: identityOf(
      admitted.asker.caller,
      'idempotency-key-line',
      key === null ? null : `${index}/${key}`,
    ),
  }));
  return {
    status: 200,
    type: NDJSON_TYPE,
    body: lineResults(admitted, writes, ack),
    headers: ['Cache-Control', 'no-store'],
  };
}

/** Decides and records group after group; what is acknowledged goes out before the next group is begun. */
async function* lineResults(
  admitted: Admitted,
  writes: readonly (Write & { readonly line: number })[],
  ack: Ack,
): AsyncGenerator<string> {
  for (let from = 0; from < writes.length; from += EVENTS_AT_ONCE) {
    const group = writes.slice(from, from + EVENTS_AT_ONCE);
    const results = await Promise.all(
      group.map(async (write) => resultOf(admitted, write, ack, { line: write.line })),
    );
    yield `${results.join('\n')}\n`;
  }
}

/** One of many: never throws, so that each has a status of its own. */
async function resultOf(
  admitted: Admitted,
  write: Write,
  ack: Ack,
  place?: { readonly line: number },
): Promise<string> {
  const { desk, asker, gateway } = admitted;
  try {
    if (Buffer.byteLength(write.event) > gateway.settings.eventBytesMax)
      throw eventTooLarge(admitted);
    if (!OBJECT_START.test(write.event)) await refuseText(write.event, admitted);
    const accepted = await desk.append(asker, write, ack);
    const at = place === undefined ? '' : `"line":${place.line},`;
    return `{"status":${statusOf(accepted)},${at}${bodyOf(desk.served.name, accepted).slice(1)}`;
  } catch (error) {
    const { problem } = problemOf(error, admitted.id, true);
    gateway.logProblem(admitted.id, problem, error);
    return JSON.stringify({ ...problem, ...place });
  }
}

function writeOf(
  { asker }: Admitted,
  event: CloudEvent,
  key: string | null,
  mediaType: string,
): Write {
  const identity =
    key === null
      ? identityOf(asker.caller, 'cloudevents', event.identity)
      : identityOf(asker.caller, 'idempotency-key', key);
  return { event: event.text, mediaType, identity };
}

/** A key means something only for a caller: two of them may both count from one. */
function identityOf(caller: Caller, scheme: string, key: string | null): WriteIdentity | null {
  if (key === null) return null;
  const { issuer, subject, method } = caller.auth;
  return { issuer: issuer ?? method, subject: subject ?? '', scheme, key };
}

function acceptedAnswer({ desk }: Admitted, accepted: Accepted): Answer {
  const { name } = desk.served;
  const headers = [
    'Cache-Control',
    'no-store',
    'Location',
    `/v1/ledgers/${name}/entries/${accepted.jti}`,
  ];
  if (accepted.replayed) headers.push('Idempotent-Replayed', 'true');
  return { status: statusOf(accepted), type: JSON_TYPE, body: bodyOf(name, accepted), headers };
}

function statusOf(accepted: Accepted): number {
  return accepted.index === null ? 202 : 201;
}

/** Written by hand: every text in it is of our own making and needs no escapes, but for the proof. */
function bodyOf(ledger: string, { jti, jws, index, proof, replayed }: Accepted): string {
  const place = index === null ? '' : `,"index":${index},"proof":${JSON.stringify(proof)}`;
  const again = replayed ? ',"replayed":true' : '';
  const state = index === null ? 'durable' : 'sealed';
  return `{"id":"${jti}","ledger":"${ledger}","state":"${state}"${place}${again},"entry":"${jws}"}`;
}

function ackOf({ request }: Admitted): Ack {
  const { ack } = queryOf(request, appendQuerySchema);
  if (ack === 'witnessed') throw new ProblemError('ack_unsupported');
  return ack;
}

function idempotencyKeyOf(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const key = idempotencyKeySchema.safeParse(header);
  if (key.success) return key.data;
  throw new ProblemError('idempotency_key_malformed');
}

async function readEvent(admitted: Admitted): Promise<string> {
  return readUpTo(admitted, admitted.gateway.settings.eventBytesMax);
}

async function readUpTo(admitted: Admitted, bytesMax: number): Promise<string> {
  return readBody(admitted, { bytesMax, ms: admitted.gateway.settings.bodyMs });
}

/** Resolves when a text of a caller may be parsed here, where everybody is answered. */
async function turnFor({ desk, asker }: Admitted, text: string): Promise<void> {
  await desk.turnOf(asker)(text.length);
}

/** Events that one body of a caller may hold. */
function eventsMaxOf({ asker }: Admitted, max: number): number {
  return asker.caller === ANONYMOUS ? STRANGER_EVENTS_MAX : max;
}

/** The lines that hold something, each with its number in the body, from 1. Walked, and no further than allowed: a body may be made of line feeds alone. */
function linesOf(text: string, max: number): { event: string; line: number }[] {
  const lines: { event: string; line: number }[] = [];
  let count = 0;
  for (let start = 0; start < text.length; count += 1) {
    if (count === max) {
      throw new ProblemError('too_many_events', {
        detail: `the body has more than ${max} lines`,
      });
    }
    const feed = text.indexOf('\n', start);
    const end = feed === -1 ? text.length : feed;
    const event = text.slice(start, end);
    if (!BLANK.test(event)) lines.push({ event, line: count + 1 });
    start = end + 1;
  }
  if (lines.length === 0) throw new ProblemError('body_missing');
  return lines;
}

/** An event is a JSON object, as its first character tells; why this one is none, only the text tells. */
async function refuseText(event: string, admitted: Admitted): Promise<never> {
  await turnFor(admitted, event);
  parseStrictJson(event, admitted.gateway.eventLimits);
  throw new ProblemError('not_object', { pointer: '' });
}

function eventTooLarge({ gateway }: Admitted): ProblemError {
  return new ProblemError('event_too_large', {
    detail: `the event is over ${gateway.settings.eventBytesMax} bytes`,
  });
}
