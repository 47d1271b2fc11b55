/**
 * What must be refused, and how: status, code, pointer, what became of the event, and that nothing was recorded. Each
 * row is one request, sent byte by byte over a socket, so that no client mends it on the way.
 */
import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { codes, isProblemCode } from '../../src/gateway/context/codes.ts';
import { problemSchema } from '../../src/gateway/schema/answers.ts';
import { DEFAULT_INPUT_LIMITS } from '../../src/policy/decide/input.ts';
import { AUDIENCE, ISSUER, signToken, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';
import { sendRaw } from './support/raw.ts';
import type { RawAnswer } from './support/raw.ts';

const EVENT_BYTES = 4096;
const DEPTH = DEFAULT_INPUT_LIMITS.event.depth;
const BODY_BYTES = 65_536;

let world: World;
beforeAll(async () => {
  world = await startWorld({ eventBytesMax: EVENT_BYTES, bodyBytesMax: BODY_BYTES, bodyMs: 300 });
});
afterAll(async () => world.close());

type Body = string | Uint8Array;

interface Request {
  readonly method?: string;
  readonly path?: string;
  /** Over the good ones; `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Further header lines, for what stands twice. */
  readonly lines?: readonly string[];
  readonly body?: Body;
}

interface Want {
  readonly status: number;
  readonly code: string;
  readonly pointer?: string;
  readonly detail?: string;
}

type Row = readonly [about: string, request: Request, want: Want];

const ENTRIES = '/v1/ledgers/demo/entries';

async function send(request: Request): Promise<RawAnswer> {
  const {
    method = 'POST',
    path = ENTRIES,
    headers = {},
    lines = [],
    body = method === 'POST' ? '{}' : '',
  } = request;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const all: Record<string, string | null> = {
    Host: 'gateway',
    Authorization: `Bearer ${world.keys.service}`,
    ...(method === 'POST'
      ? { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }
      : {}),
    ...headers,
  };
  const head = [
    `${method} ${path} HTTP/1.1`,
    ...Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [`${name}: ${value}`],
    ),
    ...lines,
  ];
  return sendRaw(
    world.url,
    [Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])],
    { lingerMs: 5 },
  );
}

/** Sends a request and holds everything against what is wanted. */
async function refuses(request: Request, want: Want): Promise<RawAnswer> {
  const before = world.recorded();
  const answer = await send(request);
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: want.status });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  if (request.method !== 'HEAD') {
    const problem = problemSchema.parse(JSON.parse(answer.body));
    expect(problem).toMatchObject({ status: want.status, code: want.code });
    expect(problem.pointer).toBe(want.pointer);
    if (want.detail !== undefined) expect(problem.detail).toBe(want.detail);
    const brings = ['POST', 'PUT', 'PATCH'].includes(request.method ?? 'POST');
    expect(problem.durability).toBe(brings ? 'not-durable' : undefined);
    expect(problem.type).toBe(`urn:stele:problem:${want.code}`);
    if (isProblemCode(want.code)) expect(problem.title).toBe(codes[want.code].title);
  }
  expect(world.recorded()).toBe(before);
  return answer;
}

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const binary = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const json = (want: Partial<Want> & { code: string }): Want => ({ status: 400, ...want });
const cloud = { 'Content-Type': 'application/cloudevents+json' };
const cloudBatch = { 'Content-Type': 'application/cloudevents-batch+json' };
const gzip = { 'Content-Encoding': 'gzip' };
const event = (members: object): string =>
  JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't', ...members });

// prettier-ignore
const jsonRows: readonly Row[] = [
  ['a name twice',                       { body: '{"a":1,"b":{"c":1,"c":2}}' },  json({ code: 'duplicate_key', pointer: '/b/c' })],
  ['a name twice by an escape',          { body: '{"a":1,"\\u0061":2}' },        json({ code: 'duplicate_key', pointer: '/a' })],
  ['_sd at the top',                     { body: '{"_sd":[]}' },                 json({ code: 'reserved_member', pointer: '/_sd' })],
  ['_sd far below',                      { body: '{"a":[{"b":{"_sd":1}}]}' },    json({ code: 'reserved_member', pointer: '/a/0/b/_sd' })],
  ['... as a name',                      { body: '{"a":{"...":"x"}}' },          json({ code: 'reserved_member', pointer: '/a/...' })],
  ['__proto__ as a name',                { body: '{"__proto__":{"x":1}}' },      json({ code: 'reserved_member', pointer: '/__proto__' })],
  ['__proto__ by an escape',             { body: '{"\\u005f_proto__":1}' },      json({ code: 'reserved_member', pointer: '/__proto__' })],
  ['an integer above 2^53 - 1',          { body: '{"n":9007199254740992}' },     json({ code: 'unsafe_number', pointer: '/n' })],
  ['an integer below -(2^53 - 1)',       { body: '{"n":-9007199254740993}' },    json({ code: 'unsafe_number', pointer: '/n' })],
  ['an unsafe integer with an exponent', { body: '{"n":[1e16]}' },               json({ code: 'unsafe_number', pointer: '/n/0' })],
  ['a number that overflows',            { body: '{"n":1e400}' },                json({ code: 'unsafe_number', pointer: '/n' })],
  ['a number that underflows',           { body: '{"n":1e-400}' },               json({ code: 'unsafe_number', pointer: '/n' })],
  ['half a surrogate pair',              { body: '{"s":"\\ud800"}' },            json({ code: 'lone_surrogate', pointer: '/s' })],
  ['the other half',                     { body: '{"s":{"t":"x\\udc00y"}}' },    json({ code: 'lone_surrogate', pointer: '/s/t' })],
  ['half a pair in a name',              { body: '{"\\ud800":1}' },              json({ code: 'lone_surrogate', pointer: '' })],
  ['half a pair in a name far below',    { body: '{"a":[{"\\ud800":1}]}' },      json({ code: 'lone_surrogate', pointer: '/a/0' })],
  ['too deep',                           { body: deep(DEPTH + 1) },                     json({ code: 'too_deep', pointer: '/a'.repeat(DEPTH) })],
  ['an array',                           { body: '[]' },                         json({ code: 'not_object', pointer: '' })],
  ['a string',                           { body: '"event"' },                    json({ code: 'not_object', pointer: '' })],
  ['a number',                           { body: '1' },                          json({ code: 'not_object', pointer: '' })],
  ['null',                               { body: 'null' },                       json({ code: 'not_object', pointer: '' })],
  ['no JSON',                            { body: 'event=1' },                    json({ code: 'not_json', pointer: '' })],
  ['JSON that is cut off',               { body: '{"a":' },                      json({ code: 'not_json', pointer: '/a' })],
  ['two values',                         { body: '{} {}' },                      json({ code: 'not_json', pointer: '' })],
  ['a trailing comma',                   { body: '{"a":1,}' },                   json({ code: 'not_json', pointer: '' })],
  ['a comment',                          { body: '{/* c */}' },                  json({ code: 'not_json', pointer: '' })],
  ['NaN',                                { body: '{"n":NaN}' },                  json({ code: 'not_json', pointer: '/n' })],
  ['a leading zero',                     { body: '{"n":01}' },                   json({ code: 'not_json', pointer: '/n' })],
  ['a raw control character',            { body: '{"s":"a\nb"}' },               json({ code: 'not_json', pointer: '/s' })],
  ['a byte order mark',                  { body: '\ufeff{}' },                   json({ code: 'not_json', pointer: '' })],
  ['bytes that are not UTF-8',           { body: binary(0x22, 0xff, 0x22) },     json({ code: 'invalid_utf8' })],
  ['an overlong UTF-8 form',             { body: binary(0x22, 0xc0, 0xaf, 0x22) }, json({ code: 'invalid_utf8' })],
  ['a surrogate in UTF-8',               { body: binary(0x22, 0xed, 0xa0, 0x80, 0x22) }, json({ code: 'invalid_utf8' })],
];

// prettier-ignore
const bodyRows: readonly Row[] = [
  ['no body at all',                     { headers: { 'Content-Length': null }, body: '' },                  { status: 400, code: 'body_missing' }],
  ['an empty body',                      { body: '' },                                                       { status: 400, code: 'body_missing' }],
  ['an event that is too large',         { body: `{"a":"${'x'.repeat(EVENT_BYTES)}"}` },                     { status: 413, code: 'body_too_large' }],
  ['a declared length that is too large', { headers: { 'Content-Length': '999999999' }, body: '{' },         { status: 413, code: 'body_too_large' }],
  ['a chunked body that is too large',   { headers: { 'Content-Length': null, 'Transfer-Encoding': 'chunked' }, body: `2000\r\n${'x'.repeat(0x2000)}\r\n0\r\n\r\n` }, { status: 413, code: 'body_too_large' }],
  ['no media type',                      { headers: { 'Content-Type': null } },                              { status: 415, code: 'media_type_unsupported' }],
  ['text',                               { headers: { 'Content-Type': 'text/plain' } },                      { status: 415, code: 'media_type_unsupported' }],
  ['a form',                             { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'a=1' }, { status: 415, code: 'media_type_unsupported' }],
  ['JSON of another kind',               { headers: { 'Content-Type': 'application/merge-patch+json' } },    { status: 415, code: 'media_type_unsupported' }],
  ['a media type that is none',          { headers: { 'Content-Type': 'json' } },                            { status: 415, code: 'media_type_unsupported' }],
  ['a media type with rubbish behind',   { headers: { 'Content-Type': 'application/json, text/plain' } },    { status: 415, code: 'media_type_unsupported' }],
  ['latin 1',                            { headers: { 'Content-Type': 'application/json; charset=iso-8859-1' } }, { status: 415, code: 'charset_unsupported' }],
  ['UTF-16, quoted',                     { headers: { 'Content-Type': 'application/json;charset="utf-16"' } }, { status: 415, code: 'charset_unsupported' }],
  ['two media types',                    { lines: ['Content-Type: text/plain'] },                            { status: 400, code: 'header_duplicate' }],
  ['brotli',                             { headers: { 'Content-Encoding': 'br' } },                          { status: 415, code: 'content_encoding_unsupported' }],
  ['gzip in gzip',                       { headers: { 'Content-Encoding': 'gzip, gzip' } },                  { status: 415, code: 'content_encoding_unsupported' }],
  ['gzip that is none',                  { headers: gzip, body: '{}' },                                      { status: 400, code: 'gzip_malformed' }],
  ['gzip that is cut off',               { headers: gzip, body: gzipSync('{"a":1}').subarray(0, 15) },       { status: 400, code: 'gzip_malformed' }],
  ['gzip with bytes behind it',          { headers: gzip, body: Buffer.concat([gzipSync('{}'), Buffer.from('x')]) }, { status: 400, code: 'gzip_malformed' }],
  ['a small gzip bomb',                  { headers: gzip, body: gzipSync(`{"a":"${'0'.repeat(EVENT_BYTES)}"}`) }, { status: 413, code: 'gzip_ratio' }],
  ['a gzip bomb of many events',         { headers: { ...gzip, 'Content-Type': 'application/x-ndjson' }, body: gzipSync('\n'.repeat(1_000_000)) }, { status: 413, code: 'gzip_ratio' }],
  ['a flipped bit in the gzip checksum', { headers: gzip, body: flipLast(gzipSync('{"a":1}')) },             { status: 400, code: 'gzip_malformed' }],
  ['an expectation that is unknown',     { headers: { Expect: 'the-unexpected' } },                          { status: 417, code: 'expectation_failed' }],
  ['NDJSON without a line',              { headers: { 'Content-Type': 'application/x-ndjson' }, body: '\n \r\n\n' }, { status: 400, code: 'body_missing' }],
  ['NDJSON of line feeds alone',         { headers: { 'Content-Type': 'application/x-ndjson' }, body: '\n'.repeat(10_001) }, { status: 413, code: 'too_many_events' }],
  ['NDJSON with too many lines',         { headers: { 'Content-Type': 'application/x-ndjson' }, body: '1\n'.repeat(10_001) }, { status: 413, code: 'too_many_events' }],
];

// prettier-ignore
const requestRows: readonly Row[] = [
  ['an empty idempotency key',           { headers: { 'Idempotency-Key': '' } },                             { status: 400, code: 'idempotency_key_malformed' }],
  ['a long idempotency key',             { headers: { 'Idempotency-Key': 'k'.repeat(256) } },                { status: 400, code: 'idempotency_key_malformed' }],
  ['an idempotency key with a space',    { headers: { 'Idempotency-Key': 'a b' } },                          { status: 400, code: 'idempotency_key_malformed' }],
  ['an idempotency key beyond ASCII',    { headers: { 'Idempotency-Key': 'cl\u00e9' } },                     { status: 400, code: 'idempotency_key_malformed' }],
  ['two idempotency keys',               { headers: { 'Idempotency-Key': 'a' }, lines: ['Idempotency-Key: b'] }, { status: 400, code: 'header_duplicate' }],
  ['an attribute of a CloudEvent twice', { headers: { 'ce-specversion': '1.0', 'ce-id': 'a' }, lines: ['CE-Id: b'] }, { status: 400, code: 'header_duplicate' }],
  ['an acknowledgement that is not there', { path: `${ENTRIES}?ack=witnessed` },                             { status: 400, code: 'ack_unsupported' }],
  ['an acknowledgement that is none',    { path: `${ENTRIES}?ack=maybe` },                                   { status: 400, code: 'bad_parameter' }],
  ['a parameter twice',                  { path: `${ENTRIES}?ack=durable&ack=sealed` },                      { status: 400, code: 'bad_parameter' }],
  ['a parameter called __proto__',       { path: `${ENTRIES}?__proto__=1` },                                 { status: 400, code: 'bad_parameter' }],
  ['a parameter that is not known',      { path: `${ENTRIES}?akc=sealed` },                                  { status: 400, code: 'bad_parameter' }],
  ['a long URL',                         { path: `${ENTRIES}?ack=${'x'.repeat(5000)}` },                     { status: 414, code: 'url_too_long' }],
  ['a path that does not decode',        { path: '/v1/ledgers/%/entries' },                                  { status: 400, code: 'bad_path' }],
  ['a path that is not UTF-8',           { path: '/v1/ledgers/%ff/entries' },                                { status: 400, code: 'bad_path' }],
  ['another ledger',                     { path: '/v1/ledgers/other/entries' },                              { status: 404, code: 'ledger_unknown' }],
  ['a name of every object',             { path: '/v1/ledgers/__proto__/entries' },                          { status: 404, code: 'ledger_unknown' }],
  ['another case',                       { path: '/V1/ledgers/demo/entries' },                               { status: 404, code: 'route_unknown' }],
  ['a slash behind',                     { path: `${ENTRIES}/` },                                            { status: 404, code: 'route_unknown' }],
  ['dots in the path',                   { path: '/v1/ledgers/demo/../demo/entries' },                       { status: 404, code: 'route_unknown' }],
  ['a path that is not there',           { path: '/v1/entries' },                                            { status: 404, code: 'route_unknown' }],
  ['a read of a path that is not there', { method: 'GET', path: '/v1/entries' },                             { status: 404, code: 'route_unknown' }],
  ['POST where there is only GET',       { path: '/v1/ledgers/demo' },                                       { status: 405, code: 'method_not_allowed' }],
  ['PUT',                                { method: 'PUT' },                                                  { status: 405, code: 'method_not_allowed' }],
  ['DELETE of an entry',                 { method: 'DELETE', path: `${ENTRIES}/0` },                         { status: 405, code: 'method_not_allowed' }],
  ['PATCH of the ledger',                { method: 'PATCH', path: '/v1/ledgers/demo' },                      { status: 405, code: 'method_not_allowed' }],
  ['TRACE',                              { method: 'TRACE' },                                                { status: 405, code: 'method_not_allowed' }],
  ['a method of its own',                { method: 'PURGE' },                                                { status: 405, code: 'method_not_allowed' }],
  ['an id that is none',                 { method: 'GET', path: `${ENTRIES}/abc` },                          { status: 400, code: 'bad_path' }],
  ['an id in upper case',                { method: 'GET', path: `${ENTRIES}/01936F7A-0000-7000-8000-00000000000A` }, { status: 400, code: 'bad_path' }],
  ['an index with a zero in front',      { method: 'GET', path: `${ENTRIES}/01` },                           { status: 400, code: 'bad_path' }],
  ['an index beyond 2^53',               { method: 'GET', path: `${ENTRIES}/9007199254740993` },             { status: 400, code: 'bad_path' }],
  ['a negative index',                   { method: 'GET', path: `${ENTRIES}/-1` },                           { status: 400, code: 'bad_path' }],
  ['an index with a sign, encoded',      { method: 'GET', path: `${ENTRIES}/%2b1` },                         { status: 400, code: 'bad_path' }],
  ['a wait without a unit',              { method: 'GET', path: `${ENTRIES}/0/proof?wait=5` },               { status: 400, code: 'bad_parameter' }],
  ['a wait of minus one second',         { method: 'GET', path: `${ENTRIES}/0/proof?wait=-1s` },             { status: 400, code: 'bad_parameter' }],
  ['entries from yesterday',             { method: 'GET', path: `${ENTRIES}?from=yesterday` },               { status: 400, code: 'bad_parameter' }],
  ['consistency from nowhere',           { method: 'GET', path: '/v1/ledgers/demo/consistency' },            { status: 400, code: 'bad_parameter' }],
  ['consistency from 0x1',               { method: 'GET', path: '/v1/ledgers/demo/consistency?from=0x1' },   { status: 400, code: 'bad_parameter' }],
  ['consistency with an exponent',       { method: 'GET', path: '/v1/ledgers/demo/consistency?from=1e1' },   { status: 400, code: 'bad_parameter' }],
  ['a form of an entry that is not there', { method: 'GET', path: `${ENTRIES}/0`, headers: { Accept: 'image/png' } }, { status: 406, code: 'not_acceptable' }],
  ['a tile of level 64',                 { method: 'GET', path: '/log/demo/tile/64/000' },                   { status: 404, code: 'log_resource_unknown' }],
  ['a tile with an index unpadded',      { method: 'GET', path: '/log/demo/tile/0/0' },                      { status: 404, code: 'log_resource_unknown' }],
  ['a partial tile of width 256',        { method: 'GET', path: '/log/demo/tile/0/000.p/256' },              { status: 404, code: 'log_resource_unknown' }],
  ['a partial tile of width 0',          { method: 'GET', path: '/log/demo/tile/0/000.p/0' },                { status: 404, code: 'log_resource_unknown' }],
  ['a tile path that is encoded',        { method: 'GET', path: '/log/demo/tile/0/%3000' },                  { status: 404, code: 'log_resource_unknown' }],
  ['a tile path that climbs',            { method: 'GET', path: '/log/demo/tile/../../etc/passwd' },         { status: 404, code: 'log_resource_unknown' }],
  ['a tile with a query',                { method: 'GET', path: '/log/demo/tile/0/000?x=1' },                { status: 404, code: 'log_resource_unknown' }],
  ['a tile beyond the tree',             { method: 'GET', path: '/log/demo/tile/0/x999/999' },               { status: 404, code: 'log_resource_unknown' }],
];

// prettier-ignore
const cloudRows: readonly Row[] = [
  ['no object',                          { headers: cloud, body: '[]' },                                     json({ code: 'cloudevent_invalid', pointer: '' })],
  ['without specversion',                { headers: cloud, body: '{"id":"1","source":"/s","type":"t"}' },    json({ code: 'cloudevent_invalid', pointer: '/specversion', detail: 'attribute specversion is missing: it has to be the string "1.0"' })],
  ['of version 0.3',                     { headers: cloud, body: event({ specversion: '0.3' }) },            json({ code: 'cloudevent_invalid', pointer: '/specversion', detail: 'attribute specversion is not what it should be: it has to be the string "1.0"' })],
  ['with an empty id',                   { headers: cloud, body: event({ id: '' }) },                        json({ code: 'cloudevent_invalid', pointer: '/id', detail: 'attribute id is not what it should be: it has to be a string of 1 to 1024 characters' })],
  ['with a number as source',            { headers: cloud, body: event({ source: 1 }) },                     json({ code: 'cloudevent_invalid', pointer: '/source', detail: 'attribute source is not what it should be: it has to be a string of 1 to 1024 characters' })],
  ['with a time that is none',           { headers: cloud, body: event({ time: 'yesterday' }) },             json({ code: 'cloudevent_invalid', pointer: '/time', detail: 'attribute time is not what it should be: it has to be a string as 2026-01-31T12:00:00Z (RFC 3339)' })],
  ['with an extension in upper case',    { headers: cloud, body: event({ Foo: 'x' }) },                      json({ code: 'cloudevent_invalid', pointer: '/Foo', detail: 'the name of an attribute is 1 to 64 lower-case letters and digits' })],
  ['with an object as extension',        { headers: cloud, body: event({ foo: {} }) },                       json({ code: 'cloudevent_invalid', pointer: '/foo', detail: 'attribute foo is not what it should be: it has to be a string, a boolean or an integer of 32 bits, as every extension' })],
  ['with an extension of every object',  { headers: cloud, body: event({ constructor: {} }) },               json({ code: 'cloudevent_invalid', pointer: '/constructor', detail: 'attribute constructor is not what it should be: it has to be a string, a boolean or an integer of 32 bits, as every extension' })],
  ['with data_base64 that is none',      { headers: cloud, body: event({ data_base64: '*' }) },              json({ code: 'cloudevent_invalid', pointer: '/data_base64', detail: 'attribute data_base64 is not what it should be: it has to be a string of base64 (RFC 4648)' })],
  ['with data twice',                    { headers: cloud, body: event({ data: 1, data_base64: 'AA==' }) },  json({ code: 'cloudevent_invalid', pointer: '/data_base64', detail: 'data and data_base64 exclude each other' })],
  ['with id twice',                      { headers: cloud, body: '{"id":"1","id":"2"}' },                    json({ code: 'duplicate_key', pointer: '/id' })],
  ['a batch that is one event',          { headers: cloudBatch, body: event({}) },                           json({ code: 'cloudevent_invalid', pointer: '' })],
  ['a batch with a bad second',          { headers: cloudBatch, body: `[${event({})},${event({ type: 1 })}]` }, json({ code: 'cloudevent_invalid', pointer: '/1/type', detail: 'attribute type is not what it should be: it has to be a string of 1 to 1024 characters' })],
  ['a batch of too many',                { headers: cloudBatch, body: `[${Array(1001).fill(1).join()}]` },    { status: 413, code: 'too_many_events' }],
  ['a batch with an idempotency key',    { headers: { ...cloudBatch, 'Idempotency-Key': 'k' }, body: `[${event({})}]` }, { status: 400, code: 'idempotency_key_malformed' }],
  ['in binary mode without an id',       { headers: { 'ce-specversion': '1.0', 'ce-source': '/s', 'ce-type': 't' } }, json({ code: 'cloudevent_invalid', pointer: '/id', detail: 'attribute id is missing: it has to be a string of 1 to 1024 characters' })],
  ['in binary mode badly encoded',       { headers: { 'ce-specversion': '1.0', 'ce-id': '%zz' } },           json({ code: 'cloudevent_invalid', pointer: '', detail: 'ce-id is not well-formed percent-encoding' })],
  ['in binary mode with ce-data',        { headers: { 'ce-specversion': '1.0', 'ce-data': 'x' } },           json({ code: 'cloudevent_invalid', pointer: '' })],
  ['in binary mode, body ends the value', { headers: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }, body: '1},{"x":2' }, json({ code: 'not_json', pointer: '' })],
];

describe('an event', () => {
  test.each(jsonRows)('%s', async (_about, request, want) => {
    await refuses(request, want);
  });
});

describe('a body', () => {
  test.each(bodyRows)('%s', async (_about, request, want) => {
    await refuses(request, want);
  });
});

describe('a request', () => {
  test.each(requestRows)('%s', async (_about, request, want) => {
    await refuses(request, want);
  });
});

describe('a CloudEvent', () => {
  test.each(cloudRows)('%s', async (_about, request, want) => {
    await refuses(request, want);
  });
});

describe('what a problem says of a write', () => {
  test('bad input is not durable, and the answer has the id of the request', async () => {
    const answer = await refuses(
      { body: '[', headers: { 'X-Request-Id': 'abc-1' } },
      { status: 400, code: 'not_json', pointer: '/0' },
    );
    expect(JSON.parse(answer.body)).toMatchObject({
      durability: 'not-durable',
      request_id: 'abc-1',
    });
    expect(answer.headers['x-request-id']).toBe('abc-1');
  });

  test('a request id that could break a log line is replaced', async () => {
    const answer = await send({ body: '[', headers: { 'X-Request-Id': 'a b"c' } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  });

  test('405 names the methods that there are', async () => {
    const answer = await send({ method: 'DELETE' });
    expect(answer.headers['allow']).toBe('POST, GET, HEAD');
  });

  test('415 for a coding names those that there are', async () => {
    const answer = await send({ headers: { 'Content-Encoding': 'br' } });
    expect(answer.headers['accept-encoding']).toBe('gzip, identity');
  });

  test('what is left of a refused body does not become the next request', async () => {
    const smuggled = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await sendRaw(
      world.url,
      [
        `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.keys.service}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${EVENT_BYTES + 1}\r\n\r\n`,
        smuggled,
      ],
      { lingerMs: 200 },
    );
    expect(answer.status).toBe(413);
    expect(answer.headers['connection']).toBe('close');
    expect(answer.body).not.toContain('200 OK');
  });
});

// prettier-ignore
const wireRows: readonly (readonly [string, string, number, string])[] = [
  ['no HTTP',                         'hello\r\n\r\n',                                                        400, 'request_malformed'],
  ['two lengths',                     'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400, 'request_malformed'],
  ['a length and chunks',             'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'request_malformed'],
  ['a header with a line feed alone', 'GET /livez HTTP/1.1\nHost: x\nA: b\r\n c\r\n\r\n',                     400, 'request_malformed'],
  ['a space before the colon',        'GET /livez HTTP/1.1\r\nHost : x\r\n\r\n',                              400, 'request_malformed'],
  ['101 headers',                     `GET /livez HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(100)}\r\n`,      431, 'too_many_headers'],
  ['a transfer coding before chunks', `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501, 'transfer_coding_unsupported'],
  ['headers of 20 KB',                `GET /livez HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,   431, 'headers_too_large'],
];

describe('on the wire', () => {
  test.each(wireRows)('%s', async (_about, bytes, status, code) => {
    const before = world.recorded();
    const answer = await sendRaw(world.url, [bytes]);
    expect(answer.status).toBe(status);
    expect(problemSchema.parse(JSON.parse(answer.body)).code).toBe(code);
    expect(answer.headers['connection']).toBe('close');
    expect(world.recorded()).toBe(before);
  });

  const head = (length: number): string =>
    `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.keys.service}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  test('a body that comes drop by drop is cut off at its deadline', async () => {
    const before = world.recorded();
    const parts = [head(100), ...Array<string>(20).fill('{')];
    const answer = await sendRaw(world.url, parts, { pauseMs: 50 });
    expect(answer.status).toBe(408);
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'body_too_slow',
      durability: 'not-durable',
    });
    expect(world.recorded()).toBe(before);
  });

  test('a caller that leaves inside its body leaves nothing behind', async () => {
    const before = world.recorded();
    await expect(sendRaw(world.url, [head(100), '{"a":'], { end: true })).resolves.toMatchObject({
      status: 400,
    });
    expect(world.recorded()).toBe(before);
    expect(world.running.gateway.inFlight).toBe(0);
  });

  test('a caller that asks first is told before it sends a body that is refused', async () => {
    const ask = head(EVENT_BYTES + 1).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n');
    const answer = await sendRaw(world.url, [ask]);
    expect(answer.status).toBe(413);
  });

  test('a caller that asks first may send a body that is wanted', async () => {
    const ask = head(2).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n');
    const answer = await sendRaw(world.url, [ask, '{}'], { pauseMs: 30, lingerMs: 200 });
    expect(answer.status).toBe(202);
  });
});

describe('lines of NDJSON are refused one by one', () => {
  test('each has its own code, and the good ones are recorded', async () => {
    const lines: readonly (readonly [string, string | null])[] = [
      ['{"ok":1}', null],
      ['{"a":1,"a":2}', 'duplicate_key'],
      ['{"_sd":1}', 'reserved_member'],
      ['nonsense', 'not_json'],
      ['"text"', 'not_object'],
      [`{"a":"${'x'.repeat(EVENT_BYTES)}"}`, 'event_too_large'],
      ['{"n":1e999}', 'unsafe_number'],
      ['{"ok":2}', null],
    ];
    const before = world.recorded();
    const answer = await send({
      headers: { 'Content-Type': 'application/x-ndjson', Connection: 'close' },
      body: lines.map(([line]) => line).join('\n'),
    });
    const text = answer.body
      .split('\r\n')
      .filter((part) => part.startsWith('{'))
      .join('');
    const results = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { code?: string; durability?: string });
    expect(results.map(({ code }) => code ?? null)).toEqual(lines.map(([, code]) => code));
    for (const { code, durability } of results) {
      if (code !== undefined) expect(durability).toBe('not-durable');
    }
    expect(world.recorded()).toBe(before + 2);
  });
});

describe('a token', () => {
  const unsecured = (header: object, claims: object): string =>
    [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
  const now = (): number => Math.floor(Date.now() / 1000);
  const good = (): object => ({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'mallory',
    exp: now() + 600,
    roles: ['admin'],
  });
  const hmac = (secret: string, header: object): string => {
    const input = unsecured(header, good());
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };

  const withFlippedSignature = (token: string): string => {
    const at = token.lastIndexOf('.') + 1;
    const signature = Buffer.from(token.slice(at), 'base64url');
    signature[0] = (signature[0] ?? 0) ^ 1;
    return token.slice(0, at) + signature.toString('base64url');
  };

  const rows: readonly (readonly [string, () => string | Promise<string>, string])[] = [
    [
      'without a signature, alg none',
      () => `${unsecured({ alg: 'none' }, good())}.`,
      'token_invalid',
    ],
    ['alg None in mixed case', () => `${unsecured({ alg: 'nOnE' }, good())}.`, 'token_invalid'],
    [
      'HS256 with the public RSA key as secret',
      () => hmac(world.rsaPem, { alg: 'HS256', kid: 'rsa' }),
      'token_invalid',
    ],
    ['HS256 with an empty secret', () => hmac('', { alg: 'HS256' }), 'token_invalid'],
    [
      'RS256 with the kid of the Ed25519 key',
      async () => signToken(world.rsaKey, {}, { alg: 'RS256', kid: 'ed' }),
      'token_invalid',
    ],
    [
      'an unknown kid',
      async () => signToken(world.issuerKey, {}, { kid: 'other' }),
      'token_invalid',
    ],
    [
      'a kid that is a path',
      async () => signToken(world.issuerKey, {}, { kid: '../../dev/null' }),
      'token_invalid',
    ],
    [
      'a kid that is SQL',
      async () => signToken(world.issuerKey, {}, { kid: "' OR 1=1 --" }),
      'token_invalid',
    ],
    [
      'another issuer',
      async () => signToken(world.issuerKey, { iss: 'https://other.example' }),
      'token_invalid',
    ],
    [
      'an issuer with a slash behind',
      async () => signToken(world.issuerKey, { iss: `${ISSUER}/` }),
      'token_invalid',
    ],
    ['another audience', async () => signToken(world.issuerKey, { aud: 'other' }), 'token_invalid'],
    ['no audience', async () => signToken(world.issuerKey, { aud: undefined }), 'token_invalid'],
    ['expired', async () => signToken(world.issuerKey, { exp: now() - 60 }), 'token_expired'],
    ['no expiry', async () => signToken(world.issuerKey, { exp: undefined }), 'token_invalid'],
    [
      'an expiry that is a text',
      async () => signToken(world.issuerKey, { exp: '9999999999' }),
      'token_invalid',
    ],
    [
      'not yet valid',
      async () => signToken(world.issuerKey, { nbf: now() + 600 }),
      'token_invalid',
    ],
    ['no subject', async () => signToken(world.issuerKey, { sub: undefined }), 'token_invalid'],
    ['an empty subject', async () => signToken(world.issuerKey, { sub: '' }), 'token_invalid'],
    [
      'a subject that is a number',
      async () => signToken(world.issuerKey, { sub: 7 }),
      'token_invalid',
    ],
    [
      'a flipped signature bit',
      async () => withFlippedSignature(await signToken(world.issuerKey)),
      'token_invalid',
    ],
    [
      'another payload under the signature',
      async () => {
        const [header, , signature] = (await signToken(world.issuerKey)).split('.');
        return [header, unsecured({}, good()).split('.')[1], signature].join('.');
      },
      'token_invalid',
    ],
    ['five parts, as JWE has', () => 'a.b.c.d.e', 'token_invalid'],
    ['three dots of nothing', () => '...', 'token_invalid'],
    ['an API key that is not known', () => `stele_${'A'.repeat(43)}`, 'api_key_unknown'],
    ['an API key without its prefix', () => world.keys.service.slice(6), 'api_key_unknown'],
    ['an API key with more behind it', () => `${world.keys.service}A`, 'api_key_unknown'],
    ['a token of 9,000 characters', () => `a.${'b'.repeat(9000)}.c`, 'credentials_malformed'],
  ];

  test.each(rows)('%s', async (_about, make, code) => {
    const token = await make();
    const answer = await refuses(
      { headers: { Authorization: `Bearer ${token}` } },
      { status: 401, code },
    );
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="stele", error=/);
    expect(answer.body).not.toContain(token);
  });

  test('one with its own key in the header is not believed', async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    for (const header of [{ jwk }, { jku: `${world.url}/jwks` }, { x5u: `${world.url}/x5u` }]) {
      const token = await signToken(pair.privateKey, {}, header);
      await refuses(
        { headers: { Authorization: `Bearer ${token}` } },
        { status: 401, code: 'token_invalid' },
      );
    }
  });

  test('one with an unknown critical header is not believed', async () => {
    const input = unsecured({ alg: 'EdDSA', kid: 'ed', crit: ['exp'], exp: 1 }, good());
    await refuses(
      { headers: { Authorization: `Bearer ${input}.${'A'.repeat(86)}` } },
      { status: 401, code: 'token_invalid' },
    );
  });

  test('a good one is taken, also from the memory of verified ones', async () => {
    const token = await signToken(world.issuerKey);
    const headers = { Authorization: `Bearer ${token}` };
    expect((await send({ headers })).status).toBe(202);
    expect((await send({ headers })).status).toBe(202);
  });

  test('an RS256 one of the JWKS is taken', async () => {
    const token = await signToken(world.rsaKey, {}, { alg: 'RS256', kid: 'rsa' });
    expect((await send({ headers: { Authorization: `Bearer ${token}` } })).status).toBe(202);
  });

  test('none at all is asked for', async () => {
    const answer = await refuses(
      { headers: { Authorization: null } },
      { status: 401, code: 'credentials_missing' },
    );
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="stele"');
  });

  test.each(['Basic YTpi', 'Bearer', 'Bearer  a.b.c', 'bearer a b', 'a.b.c'])(
    'as %s',
    async (value) => {
      await refuses(
        { headers: { Authorization: value } },
        { status: 401, code: 'credentials_malformed' },
      );
    },
  );

  test('two at once are refused, whichever would hold', async () => {
    await refuses(
      { lines: [`Authorization: Bearer ${world.keys.admin}`] },
      { status: 400, code: 'header_duplicate' },
    );
  });

  test('a stranger is not told which ledgers there are', async () => {
    await refuses(
      { path: '/v1/ledgers/other/entries', headers: { Authorization: null } },
      { status: 401, code: 'credentials_missing' },
    );
  });

  test('what failed is counted, and sealed in the next summary', async () => {
    await world.running.gateway.flushSummaries();
    await send({ headers: { Authorization: 'Bearer a.b.c' } });
    const before = world.recorded();
    await world.running.gateway.flushSummaries();
    expect(world.recorded()).toBe(before + 1);
    const payload = Buffer.from(world.ledger.entries.at(-1)!.jws.split('.')[1]!, 'base64url');
    expect((JSON.parse(payload.toString()) as { ctl: { counts: unknown } }).ctl.counts).toEqual([
      {
        entrypoint: 'authenticate',
        action: 'entry.append',
        allow: false,
        code: 'token_invalid',
        count: 1,
      },
    ]);
  });
});

describe('secrets', () => {
  test('no log line has a token, a key or anything of an event', async () => {
    await send({ body: '{"secret":"s3cr3t-value"}' });
    await send({ body: '{"secret":"s3cr3t-value","secret":1}' });
    await send({ headers: { Authorization: 'Bearer x.s3cr3t-value.y' } });
    const text = JSON.stringify(world.logged);
    expect(text).not.toContain('s3cr3t-value');
    for (const key of Object.values(world.keys)) expect(text).not.toContain(key);
  });
});

function flipLast(bytes: Buffer): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  // The last eight bytes are checksum and size (RFC 1952 §2.3.1).
  flipped[flipped.length - 8] = (flipped[flipped.length - 8] ?? 0) ^ 1;
  return flipped;
}
