/**
 * Every route by its happy path, over HTTP, as a client sees it. Bodies are held against the schemas that
 * `/openapi.json` is made of.
 */
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseEntryBundle } from '../../src/core/tree/tile.ts';
import { openDisclosures } from '../../src/core/record/open-disclosures.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { openNote, parseVkey, verifierOf } from '../../src/core/tree/signed-note.ts';
import { parseCheckpoint } from '../../src/core/tree/checkpoint.ts';
import { parseTlogProof } from '../../src/core/tree/tlog-proof.ts';
import { hashLeaf, parseSha256Hash } from '../../src/core/tree/hash.ts';
import { verifyConsistency, verifyInclusion } from '../../src/core/tree/proof.ts';
import { parseTreeSize } from '../../src/core/tree/tree.ts';
import { parseBase64 } from '../../src/core/platform/bytes.ts';
import { verifyJws } from '../../src/core/json/jws.ts';
import type { PublicJwk } from '../../src/core/json/jws.ts';
import {
  consistencySchema,
  entryViewSchema,
  inclusionSchema,
  ledgerSchema,
  receiptSchema,
  resultSchema,
} from '../../src/gateway/schema/answers.ts';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

type Who = keyof World['keys'];

let world: World;
// A repetition of what is sealed by then says so: where a test wants the first answer again, nothing may be sealed.
afterEach(() => {
  world.ledger.faults.holdSeals = false;
});
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => world.close());

const ENTRIES = '/v1/ledgers/demo/entries';

async function get(path: string, who: Who = 'admin', accept = '*/*'): Promise<Response> {
  const authorization = `Bearer ${world.keys[who]}`;
  return fetch(`${world.url}${path}`, { headers: { authorization, accept } });
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  query = '',
): Promise<Response> {
  return fetch(`${world.url}${ENTRIES}${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.keys.service}`,
      'content-type': 'application/json',
      ...headers,
    },
    body,
  });
}

async function appendSealed(event: object): Promise<{ id: string; index: number; entry: string }> {
  const response = await post(JSON.stringify(event), {}, '?ack=sealed');
  expect(response.status).toBe(201);
  return (await response.json()) as { id: string; index: number; entry: string };
}

describe('appending one event', () => {
  test('a durable one is answered 202 with the signed entry', async () => {
    const response = await post('{"what":"happened"}');
    expect(response.status).toBe(202);
    const receipt = receiptSchema.parse(await response.json());
    expect(receipt).toMatchObject({ ledger: 'demo', state: 'durable' });
    expect(response.headers.get('location')).toBe(`${ENTRIES}/${receipt.id}`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const entry = parseEntry(entryBytes(receipt.entry));
    expect(entry.payload).toMatchObject({ kind: 'event', pol: { allow: true } });
  });

  test('a sealed one is answered 201 with a proof that verifies', async () => {
    const response = await post('{"what":"sealed"}', {}, '?ack=sealed');
    expect(response.status).toBe(201);
    const receipt = receiptSchema.parse(await response.json());
    expect(receipt.state).toBe('sealed');
    const proof = parseTlogProof(receipt.proof!);
    expect(proof.index).toBe(receipt.index);
    const { text } = openNote(proof.checkpoint, [verifierOf(parseVkey(world.vkey))]);
    const leaf = hashLeaf(entryBytes(receipt.entry));
    const inclusion = { leafIndex: proof.index, path: proof.path };
    expect(verifyInclusion(inclusion, leaf, parseCheckpoint(text))).toEqual({ ok: true });
  });

  test('a gzip body is read', async () => {
    const response = await post(gzipSync('{"packed":true}'), { 'content-encoding': 'gzip' });
    expect(response.status).toBe(202);
  });

  test('what the policy masks is not in the record', async () => {
    const { id } = (await (await post('{"user":"a","password":"hunter2"}')).json()) as {
      id: string;
    };
    const held = world.ledger.entries.find((entry) => entry.jti === id)!;
    expect(held.record).toContain('"user":"a"');
    expect(held.record).not.toContain('hunter2');
  });

  test('the caller and the request stand in the record, the token does not', async () => {
    const response = await post('{}', { 'x-request-id': 'req-1' });
    expect(response.headers.get('x-request-id')).toBe('req-1');
    const { id } = (await response.json()) as { id: string };
    const record = world.ledger.entries.find((entry) => entry.jti === id)!.record!;
    const { input, source } = JSON.parse(record) as Record<string, Record<string, unknown>>;
    expect(input).toMatchObject({
      subject: { type: 'service', id: 'service' },
      action: { name: 'entry.append' },
      resource: { type: 'ledger', id: 'demo' },
      context: { ip: expect.any(String), request_id: 'req-1' },
    });
    expect(source).toMatchObject({ auth: { method: 'api_key', key_id: 'key-service' } });
    expect(record).not.toContain(world.keys.service);
  });
});

describe('appending many', () => {
  test('each line of NDJSON has its own status, in order', async () => {
    const lines = ['{"n":1}', '{"n":1,"n":2}', '', '{"n":3}\r', '[]'];
    const response = await post(lines.join('\n'), { 'content-type': 'application/x-ndjson' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const results = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => resultSchema.parse(JSON.parse(line)));
    expect(results.map(({ status }) => status)).toEqual([202, 400, 202, 400]);
    expect(results[1]).toMatchObject({ code: 'duplicate_key', durability: 'not-durable' });
    expect(results[3]).toMatchObject({ code: 'not_object' });
  });

  test('a thousand lines come back in the order in which they were sent', async () => {
    const lines = Array.from({ length: 1000 }, (_, n) => `{"n":${n}}`);
    const before = world.recorded();
    const response = await post(lines.join('\n'), { 'content-type': 'application/x-ndjson' });
    const ids = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids).toHaveLength(1000);
    const held = world.ledger.entries.slice(before);
    expect(held.map(({ jti }) => jti)).toEqual(ids);
    const numbers = held.map(({ record }) => /"event":\{"n":(\d+)\}/.exec(record!)![1]);
    expect(numbers).toEqual(lines.map((_, n) => String(n)));
  });

  test('a batch of CloudEvents is answered with an array', async () => {
    const event = (id: string): object => ({ specversion: '1.0', id, source: '/s', type: 't' });
    const response = await post(JSON.stringify([event('b1'), event('b2')]), {
      'content-type': 'application/cloudevents-batch+json',
    });
    const results = resultSchema.array().parse(await response.json());
    expect(results.map(({ status }) => status)).toEqual([202, 202]);
  });
});

describe('a batch of CloudEvents, which is parsed by the thread that answers everybody', () => {
  const headers = { 'content-type': 'application/cloudevents-batch+json' };
  const batch = (data: unknown, count: number): string =>
    JSON.stringify(
      Array.from({ length: count }, (_, n) => ({
        ...{ specversion: '1.0', id: `large-${n}`, source: '/s', type: 't' },
        data,
      })),
    );

  test('may be 2 MiB, and not what a body of lines may be', async () => {
    const within = await post(batch('x'.repeat(200_000), 10), headers);
    expect(within.status).toBe(200);
    const before = world.recorded();
    const over = await post(batch('x'.repeat(200_000), 11), headers);
    expect(over.status).toBe(413);
    expect(await over.json()).toMatchObject({ code: 'body_too_large' });
    expect(world.recorded()).toBe(before);
  });

  test('may have 100,000 members', async () => {
    const over = await post(batch(Array(10_000).fill(0), 10), headers);
    expect(over.status).toBe(400);
    expect(await over.json()).toMatchObject({ code: 'too_many_members' });
  });
});

describe('CloudEvents', () => {
  const event = { specversion: '1.0', id: 'e1', source: '/test', type: 'made', data: { n: 1 } };

  test('source and id name a write: the same event again is the same entry', async () => {
    world.ledger.faults.holdSeals = true;
    const headers = { 'content-type': 'application/cloudevents+json' };
    const first = await post(JSON.stringify(event), headers);
    const again = await post(JSON.stringify({ ...event }), headers);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(((await again.json()) as { id: string }).id).toBe(
      ((await first.json()) as { id: string }).id,
    );
    const other = await post(JSON.stringify({ ...event, data: { n: 2 } }), headers);
    expect(other.status).toBe(422);
  });

  test('binary mode becomes the same event as structured mode', async () => {
    const response = await post('{"n":1}', {
      'ce-specversion': '1.0',
      'ce-id': 'bin%20one',
      'ce-source': '/test',
      'ce-type': 'made',
      'ce-extra': 'x',
    });
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as { id: string };
    const { record } = world.ledger.entries.find((entry) => entry.jti === id)!;
    expect((JSON.parse(record!) as { input: { event: unknown } }).input.event).toEqual({
      specversion: '1.0',
      id: 'bin one',
      source: '/test',
      type: 'made',
      extra: 'x',
      datacontenttype: 'application/json',
      data: { n: 1 },
    });
  });
});

describe('Idempotency-Key', () => {
  test('the same key and body are answered as the first time, and recorded once', async () => {
    world.ledger.faults.holdSeals = true;
    const headers = { 'idempotency-key': 'k-1' };
    const first = await post('{"a":1,"b":2}', headers);
    const before = world.recorded();
    const again = await post('{ "b": 2, "a": 1 }', headers);
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const [one, two] = [receiptSchema.parse(await first.json()), await again.json()];
    expect(two).toEqual({ ...one, replayed: true });
    expect(world.recorded()).toBe(before);
  });

  test('the same key with another body is a conflict', async () => {
    const headers = { 'idempotency-key': 'k-2' };
    await post('{"a":1}', headers);
    const response = await post('{"a":2}', headers);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'idempotency_conflict' });
  });

  test('another caller may use the same key', async () => {
    const headers = { 'idempotency-key': 'k-3' };
    await post('{"a":1}', headers);
    const authorization = `Bearer ${world.keys.admin}`;
    const response = await post('{"a":2}', { ...headers, authorization });
    expect(response.status).toBe(202);
  });

  test('a repetition that asks for more waits for it', async () => {
    const headers = { 'idempotency-key': 'k-4' };
    await post('{"a":1}', headers);
    const response = await post('{"a":1}', headers, '?ack=sealed');
    expect(response.status).toBe(201);
    expect(receiptSchema.parse(await response.json())).toMatchObject({ state: 'sealed' });
  });

  test('while the first is being answered the second is told to wait', async () => {
    const headers = { 'idempotency-key': 'k-5' };
    const answers = await Promise.all([post('{"a":1}', headers), post('{"a":1}', headers)]);
    const statuses = answers.map(({ status }) => status).sort();
    // The second is in flight or, had the first been quick, a replay; never a second entry.
    expect([
      [202, 202],
      [202, 409],
    ]).toContainEqual(statuses);
    const refused = answers.find(({ status }) => status === 409);
    if (refused !== undefined) expect(refused.headers.get('retry-after')).toBe('1');
    const held = world.ledger.entries.filter(({ jws }) =>
      Buffer.from(jws.split('.')[1]!, 'base64url').includes('"idk"'),
    );
    expect(new Set(held.map(({ jti }) => jti)).size).toBe(held.length);
  });

  test('a refused input and a denial do not use a key up', async () => {
    const headers = { 'idempotency-key': 'k-6' };
    expect((await post('{"a":1,"a":1}', headers)).status).toBe(400);
    const authorization = `Bearer ${world.keys.auditor}`;
    expect((await post('{"a":1}', { ...headers, authorization })).status).toBe(403);
    expect((await post('{"a":1}', headers)).status).toBe(202);
  });

  test('with NDJSON it names each line by its place', async () => {
    world.ledger.faults.holdSeals = true;
    const headers = { 'idempotency-key': 'k-7', 'content-type': 'application/x-ndjson' };
    const first = await (await post('{"l":1}\n{"l":2}', headers)).text();
    const again = await (await post('{"l":1}\n{"l":3}', headers)).text();
    const ids = first
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    const [replay, conflict] = again
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(replay).toMatchObject({ status: 202, id: ids[0], replayed: true });
    expect(conflict).toMatchObject({ status: 422, code: 'idempotency_conflict' });
  });
});

describe('reading an entry', () => {
  test('an administrator sees all of it, by id and by index', async () => {
    const { id, index, entry } = await appendSealed({ email: 'a@example', n: 1 });
    for (const name of [id, String(index)]) {
      const response = await get(`${ENTRIES}/${name}`);
      expect(response.status).toBe(200);
      const view = entryViewSchema.parse(await response.json());
      expect(view).toMatchObject({ id, index, entry, state: 'sealed', hidden: 0 });
      expect(view.record).toMatchObject({ input: { event: { email: 'a@example', n: 1 } } });
    }
  });

  test('an auditor sees it redacted, and what is left still opens against the leaf', async () => {
    const { id, entry } = await appendSealed({ email: 'a@example', n: 1 });
    const response = await get(`${ENTRIES}/${id}`, 'auditor');
    const text = await response.text();
    expect(text).not.toContain('a@example');
    const view = entryViewSchema.parse(JSON.parse(text));
    expect(view).toMatchObject({ hidden: 1, record: { input: { event: { n: 1 } } } });
    const { payload } = parseEntry(entryBytes(entry));
    const opened = openDisclosures(payload, view.disclosures);
    expect(opened.parts).toEqual(view.record);
    expect([...opened.hidden]).toContainEqual(['/input/event', 1]);
  });

  test('SD-JWT is the entry and its disclosures', async () => {
    const { id, entry } = await appendSealed({ email: 'a@example', n: 1 });
    const response = await get(`${ENTRIES}/${id}`, 'auditor', 'application/sd-jwt');
    expect(response.headers.get('content-type')).toBe('application/sd-jwt');
    const [jws, ...disclosures] = (await response.text()).split('~');
    expect(jws).toBe(entry);
    expect(disclosures.pop()).toBe('');
    const opened = openDisclosures(parseEntry(entryBytes(entry)).payload, disclosures);
    expect(opened.parts.input).toMatchObject({ event: { n: 1 } });
  });

  test('its writer sees it, another service does not', async () => {
    const { id } = await appendSealed({ n: 1 });
    expect((await get(`${ENTRIES}/${id}`, 'service')).status).toBe(200);
    expect((await get(`${ENTRIES}/${id}`, 'other')).status).toBe(403);
  });

  test('the access is an entry before the answer, and the answer names it', async () => {
    const { id } = await appendSealed({ n: 1 });
    const before = world.recorded();
    const response = await get(`${ENTRIES}/${id}`);
    expect(world.recorded()).toBe(before + 1);
    const access = world.ledger.entries.at(-1)!;
    expect(response.headers.get('stele-access-id')).toBe(access.jti);
    const { payload } = parseEntry(entryBytes(access.jws));
    expect(payload).toMatchObject({ kind: 'access', pol: { entrypoint: 'stele/read' } });
    const { input } = JSON.parse(access.record!) as { input: Record<string, unknown> };
    expect(input).toMatchObject({
      action: { name: 'entry.read' },
      resource: { type: 'entry', id, properties: { kind: 'event', class: 'standard' } },
    });
  });

  test('an entry of the system has no record', async () => {
    const { jti } = await world.ledger.appendSystem('heartbeat', {});
    const view = entryViewSchema.parse(await (await get(`${ENTRIES}/${jti}`)).json());
    expect(view).toMatchObject({ kind: 'heartbeat', record: null, disclosures: [] });
  });
});

describe('proofs', () => {
  test('a tlog-proof as text is the default', async () => {
    const { id, index, entry } = await appendSealed({ n: 1 });
    const response = await get(`${ENTRIES}/${id}/proof`);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const proof = parseTlogProof(await response.text());
    expect(proof.index).toBe(index);
    const { text } = openNote(proof.checkpoint, [verifierOf(parseVkey(world.vkey))]);
    expect(
      verifyInclusion(
        { leafIndex: proof.index, path: proof.path },
        hashLeaf(entryBytes(entry)),
        parseCheckpoint(text),
      ),
    ).toEqual({ ok: true });
  });

  test('JSON says the same', async () => {
    const { id, index } = await appendSealed({ n: 1 });
    const response = await get(`${ENTRIES}/${index}/proof`, 'auditor', 'application/json');
    const proof = inclusionSchema.parse(await response.json());
    expect(proof).toMatchObject({ id, index });
    expect(proof.checkpoint.split('\n')[1]).toBe(String(proof.size));
  });

  test('with wait it comes as soon as the entry is sealed', async () => {
    world.ledger.faults.holdSeals = true;
    const { id } = (await (await post('{"late":true}')).json()) as { id: string };
    const early = await get(`${ENTRIES}/${id}/proof`);
    expect(early.status).toBe(409);
    expect(await early.json()).toMatchObject({ code: 'entry_not_sealed' });
    const waiting = get(`${ENTRIES}/${id}/proof?wait=5s`);
    setTimeout(() => {
      world.ledger.faults.holdSeals = false;
    }, 50);
    expect((await waiting).status).toBe(200);
  });

  test('consistency from a known size verifies', async () => {
    await appendSealed({ n: 1 });
    const older = world.ledger.head()!;
    await appendSealed({ n: 2 });
    const response = await get(`/v1/ledgers/demo/consistency?from=${older.size}`);
    const proof = consistencySchema.parse(await response.json());
    const newer = parseCheckpoint(
      openNote(proof.checkpoint!, [verifierOf(parseVkey(world.vkey))]).text,
    );
    expect(proof.to).toBe(newer.size);
    const path = proof.path.map((hash) => parseSha256Hash(parseBase64(hash)));
    const head = { size: parseTreeSize(older.size), root: older.root };
    expect(verifyConsistency({ path }, head, newer)).toEqual({ ok: true });
  });
});

describe('what is not there', () => {
  const rows: readonly (readonly [path: string, status: number, code: string])[] = [
    [`${ENTRIES}/01936f7a-0000-7000-8000-00000000000a`, 404, 'entry_unknown'],
    [`${ENTRIES}/9007199254740991`, 404, 'entry_unknown'],
    [`${ENTRIES}/9007199254740991/proof`, 404, 'entry_unknown'],
    ['/v1/ledgers/demo/consistency?from=2&to=1', 400, 'range_invalid'],
    ['/v1/ledgers/demo/consistency?from=0&to=9007199254740991', 400, 'range_invalid'],
  ];
  test.each(rows)('%s is %i %s, once the access is recorded', async (path, status, code) => {
    await appendSealed({ n: 1 });
    const before = world.recorded();
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
    expect(world.recorded()).toBe(before + 1);
  });

  test('a tile that is not there is looked for once, however often it is asked for', async () => {
    const refresh = world.ledger.refresh.bind(world.ledger);
    let looks = 0;
    world.ledger.refresh = async () => {
      looks += 1;
      return refresh();
    };
    await new Promise((wake) => setTimeout(wake, 300));
    const began = performance.now();
    const asked = Array.from({ length: 20 }, async () => get('/log/demo/tile/0/x001/000'));
    for (const response of await Promise.all(asked)) expect(response.status).toBe(404);
    world.ledger.refresh = refresh;
    // Once in each time of this length; a busy machine may take more than one of them for the requests.
    const lookAgainMs = 250;
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / lookAgainMs));
  });
});

describe('request ids', () => {
  test('come from the trace where there is one', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const response = await post('{}', { traceparent: `00-${trace}-b7ad6b7169203331-01` });
    expect(response.headers.get('x-request-id')).toBe(trace);
  });
});

describe('the ledger', () => {
  test('it names its keys, and they are the ones that sign', async () => {
    const { entry } = await appendSealed({ n: 1 });
    const view = ledgerSchema.parse(await (await get('/v1/ledgers/demo')).json());
    expect(view).toMatchObject({ name: 'demo', vkeys: [world.vkey] });
    const parsed = parseEntry(entryBytes(entry));
    const { crv, kty, x } = view.jwks.keys[0]!;
    expect(verifyJws(parsed, { crv, kty, x } as PublicJwk, 'Ed25519')).toBe(true);
  });
});

describe('the log as C2SP tlog-tiles', () => {
  test('checkpoint: a signed note that is not cached', async () => {
    await appendSealed({ n: 1 });
    const response = await get('/log/demo/checkpoint', 'other');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    openNote(await response.text(), [verifierOf(parseVkey(world.vkey))]);
  });

  test('tiles and bundles: bytes that never change', async () => {
    const { entry, index } = await appendSealed({ n: 1 });
    const name = `000.p/${index + 1}`;
    const path = index < 255 ? name : '000';
    const bundle = await get(`/log/demo/tile/entries/${path}`);
    expect(bundle.headers.get('content-type')).toBe('application/octet-stream');
    expect(bundle.headers.get('cache-control')).toMatch(/immutable/);
    const entries = parseEntryBundle(new Uint8Array(await bundle.arrayBuffer()));
    if (index < 255) expect(entries[index]).toEqual(entryBytes(entry));
    const tile = await get(`/log/demo/tile/0/${path}`);
    expect((await tile.arrayBuffer()).byteLength).toBe(entries.length * 32);
  });

  test('any page may read it, and may see why it could not', async () => {
    for (const [path, status] of [
      ['checkpoint', 401],
      ['tile/0/999', 404],
      ['tile/x', 404],
    ] as const) {
      const response =
        status === 401
          ? await fetch(`${world.url}/log/demo/${path}`)
          : await get(`/log/demo/${path}`);
      expect(response.status).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
    const asked = await fetch(`${world.url}/log/demo/tile/0/000`, { method: 'OPTIONS' });
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-headers')).toBe('Authorization');
  });

  test('a read that the policy leaves out is counted in a summary', async () => {
    const before = world.recorded();
    await get('/log/demo/checkpoint');
    expect(world.recorded()).toBe(before);
    await world.running.gateway.flushSummaries();
    const summary = world.ledger.entries.at(-1)!;
    const { payload } = parseEntry(entryBytes(summary.jws));
    expect(payload.kind).toBe('summary');
    expect(payload.ctl!['counts']).toContainEqual(
      expect.objectContaining({ entrypoint: 'stele/read', action: 'log.read', allow: true }),
    );
  });
});

describe('probes and descriptions', () => {
  const open = async (path: string): Promise<Response> => fetch(`${world.url}${path}`);

  test('liveness says ok without credentials', async () => {
    for (const path of ['/livez', '/healthz']) {
      expect(await (await open(path)).text()).toBe('ok\n');
    }
  });

  test('readiness lists its checks when asked', async () => {
    const text = await (await open('/readyz?verbose')).text();
    expect(text).toMatch(
      /^\[\+\]shutdown ok\n\[\+\]ledger\/demo ok .*\n\[\+\]policy\/demo .+\nok\n$/,
    );
  });

  test('metrics have base units, and no id in any label', async () => {
    await appendSealed({ n: 1 });
    const text = await (await open('/metrics')).text();
    expect(text).toMatch(/^stele_http_requests_total\{route="append",status="201"\} \d+$/m);
    expect(text).toMatch(/^stele_ledger_tree_size\{ledger="demo"\} \d+$/m);
    expect(text).toMatch(/^stele_build_info\{version="0\.0\.0"\} 1$/m);
    for (const { jti } of world.ledger.entries) expect(text).not.toContain(jti);
  });

  test('OpenAPI 3.1 has every route', async () => {
    const document = (await (await open('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, unknown>;
    };
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(Object.keys(document.paths).sort()).toEqual([
      '/healthz',
      '/livez',
      '/log/{ledger}/checkpoint',
      '/log/{ledger}/tile/{path}',
      '/metrics',
      '/readyz',
      '/v1/ledgers/{ledger}',
      '/v1/ledgers/{ledger}/consistency',
      '/v1/ledgers/{ledger}/entries',
      '/v1/ledgers/{ledger}/entries/{id}',
      '/v1/ledgers/{ledger}/entries/{id}/proof',
      '/v1/ledgers/{ledger}/keys',
      '/v1/ledgers/{ledger}/policies',
      '/v1/ledgers/{ledger}/policies/evaluate',
      '/v1/ledgers/{ledger}/policies/{policy}',
      '/v1/ledgers/{ledger}/policy',
      '/v1/ledgers/{ledger}/policy/shadow',
    ]);
  });

  test('HEAD is answered like GET, without a body', async () => {
    const response = await fetch(`${world.url}/livez`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });
});
