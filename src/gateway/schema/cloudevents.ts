/** CloudEvents 1.0 over HTTP: structured, batch and binary mode. */
import { z } from 'zod';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { formatPointer, isJsonObject } from '../../core/json/json-pointer.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonLimits, JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { ProblemError } from '../context/problem.ts';

/** A text, and what is said of one that is none. */
const textOf = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .meta({ description: `a string of 1 to ${most} characters` });
const EXTENSION = 'a string, a boolean or an integer of 32 bits, as every extension';

/**
 * CloudEvents §3: required and optional context attributes; extensions are further members of simple types. A
 * description completes the sentence "it has to be …".
 */
export const cloudEventSchema = z
  .object({
    specversion: z.literal('1.0').meta({ description: 'the string "1.0"' }),
    id: textOf(1024),
    source: textOf(1024),
    type: textOf(1024),
    datacontenttype: textOf(256).optional(),
    dataschema: textOf(1024).optional(),
    subject: textOf(1024).optional(),
    time: z.iso
      .datetime({ offset: true })
      .meta({ description: 'a string as 2026-01-31T12:00:00Z (RFC 3339)' })
      .optional(),
    // Any JSON value: the strict parser has read it, and a second look at each member would hold everybody up.
    data: z.unknown().optional(),
    data_base64: z.base64().meta({ description: 'a string of base64 (RFC 4648)' }).optional(),
  })
  .catchall(z.union([z.string(), z.boolean(), z.int32()]))
  .refine((event) => event.data === undefined || event.data_base64 === undefined, {
    message: 'data and data_base64 exclude each other',
    path: ['data_base64'],
  })
  .meta({ id: 'CloudEvent', description: 'CloudEvents 1.0, JSON format' });

/** One CloudEvent as it will be decided and recorded. */
export interface CloudEvent {
  /** JSON text of the event with its envelope. */
  readonly text: string;
  /** RFC 8785 text of `[source, id]`: together they are unique for a producer (CloudEvents §3.1). */
  readonly identity: string;
}

/** Names of attributes: lower-case letters and digits (CloudEvents §3.1, Attribute Naming). */
const ATTRIBUTE = /^[a-z0-9]{1,64}$/;
const NAME_RULE = 'the name of an attribute is 1 to 64 lower-case letters and digits';
const CE_PREFIX = 'ce-';
/** RFC 6839 and the plain type: what the JSON format embeds as a value instead of as base64. */
const JSON_MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]+\/(?:[a-z0-9!#$&^_.-]+\+)?json$/;

/** Reads one event in structured mode. @throws {@link ProblemError} `cloudevent_invalid`; strict JSON's errors. */
export function parseStructured(text: string, limits: JsonLimits): CloudEvent {
  return checked(text, parseStrictJson(text, limits), '');
}

/**
 * Reads a batch. Each event keeps its own bytes, as they were sent.
 *
 * @throws {@link ProblemError} `cloudevent_invalid` with a pointer into the array, `too_many_events`; strict JSON's.
 */
export function parseBatch(text: string, limits: JsonLimits, eventsMax: number): CloudEvent[] {
  const value = parseStrictJson(text, limits);
  if (!Array.isArray(value)) throw invalid('a batch is an array of CloudEvents', '');
  const events = value as readonly JsonValue[];
  if (events.length > eventsMax) {
    throw new ProblemError('too_many_events', {
      detail: `the batch has ${events.length} events, at most ${eventsMax}`,
    });
  }
  const texts = elementsOf(text);
  return events.map((event, index) => checked(texts[index] ?? '', event, `/${index}`));
}

/**
 * Puts an event in binary mode into the JSON format: `ce-` headers become attributes, the body becomes `data`.
 *
 * @param headers - As Node gives them, names in lower case.
 * @throws {@link ProblemError} `cloudevent_invalid`; strict JSON's errors for a JSON body.
 */
export function parseBinary(
  headers: NodeJS.Dict<string | string[]>,
  mediaType: string,
  body: string,
  limits: JsonLimits,
): CloudEvent {
  const event: Record<string, JsonValue> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(CE_PREFIX) || typeof value !== 'string') continue;
    const name = header.slice(CE_PREFIX.length);
    if (!ATTRIBUTE.test(name) || name.startsWith('data')) {
      throw invalid(`${header} is not a context attribute`, '');
    }
    event[name] = decodeHeader(value, header);
  }
  event['datacontenttype'] = mediaType;
  if (JSON_MEDIA_TYPE.test(mediaType)) event['data'] = parseStrictJson(body, limits);
  else event['data_base64'] = Buffer.from(body, 'utf8').toString('base64');
  return checked(canonicalJson(event), event, '');
}

function checked(text: string, value: JsonValue, where: string): CloudEvent {
  if (!isJsonObject(value)) throw invalid('a CloudEvent is a JSON object', where);
  checkNames(value, where);
  const parsed = cloudEventSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0] ?? '');
    const detail =
      issue?.code === 'custom' ? issue.message : faultOf(name, Object.hasOwn(value, name));
    throw invalid(detail, `${where}${formatPointer([name])}`);
  }
  const { source, id } = parsed.data;
  return { text, identity: canonicalJson([source, id]) };
}

/** Which attribute is wrong, and what is expected of it. */
function faultOf(name: string, isThere: boolean): string {
  const shape: Readonly<Record<string, z.ZodType>> = cloudEventSchema.shape;
  const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
  const expected = known instanceof z.ZodOptional ? (known.unwrap() as z.ZodType) : known;
  const fault = isThere ? 'is not what it should be' : 'is missing';
  return `attribute ${name} ${fault}: it has to be ${expected?.description ?? EXTENSION}`;
}

function checkNames(event: JsonObject, where: string): void {
  for (const name of Object.keys(event)) {
    if (ATTRIBUTE.test(name) || name === 'data_base64') continue;
    throw invalid(NAME_RULE, `${where}${formatPointer([name])}`);
  }
}

/** CloudEvents HTTP binding §3.1.3.2: percent-encoded UTF-8. */
function decodeHeader(value: string, header: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw invalid(`${header} is not well-formed percent-encoding`, '');
  }
}

/**
 * The texts of an array's elements. `text` is a valid JSON array already, so that brackets outside of strings balance.
 */
function elementsOf(text: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = -1;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
    } else if (character === '[' || character === '{') {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (character === ']' || character === '}') {
      depth -= 1;
      if (depth === 0 && text.slice(start, at).trim() !== '') elements.push(text.slice(start, at));
    } else if (character === ',' && depth === 1) {
      elements.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return elements.map((element) => element.trim());
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function invalid(detail: string, pointer: string): ProblemError {
  return new ProblemError('cloudevent_invalid', { detail, pointer });
}
