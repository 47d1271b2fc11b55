/** What of a request takes its turn on the thread that answers everybody. Counted, not timed. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { REPLAY_WEIGHT } from '../../src/gateway/context/limits.ts';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const ENTRIES = '/v1/ledgers/demo/entries';

let world: World;
/** Weights, in the order in which they were asked for. */
let taken: number[] = [];

beforeAll(async () => {
  world = await startWorld();
  const { turns } = world.running.gateway;
  const take = turns.take.bind(turns);
  jest.spyOn(turns, 'take').mockImplementation(async (owner, weight) => {
    taken.push(weight);
    return take(owner, weight);
  });
});

afterAll(async () => {
  jest.restoreAllMocks();
  await world.close();
});

beforeEach(() => {
  taken = [];
});

async function send(
  path: string,
  type: string | null,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const authorization = `Bearer ${world.keys.admin}`;
  return fetch(`${world.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization, ...(type === null ? {} : { 'content-type': type }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

const event = (id: string): string =>
  JSON.stringify({ specversion: '1.0', id, source: '/s', type: 't' });

describe('a turn is taken', () => {
  test('by nothing of an event that only a worker parses', async () => {
    expect((await send(ENTRIES, 'application/json', '{"a":1}')).status).toBe(202);
    expect(taken).toEqual([]);
  });

  test.each([
    ['what is no object', 'application/json', '[1,2,3]', 400],
    ['each line that is no object', 'application/x-ndjson', '[1,2,3]\n{}\n[1,2,3]', 200],
    ['a structured CloudEvent', 'application/cloudevents+json', event('a'), 202],
    ['a batch of CloudEvents', 'application/cloudevents-batch+json', `[${event('b')}]`, 200],
  ])('by %s', async (_about, type, body, status) => {
    const response = await send(ENTRIES, type, body);
    expect(response.status).toBe(status);
    await response.text();
    const weights = type.endsWith('x-ndjson') ? [7, 7] : [body.length];
    expect(taken.slice(0, weights.length)).toEqual(weights);
  });

  test.each(['policy', 'policy/shadow', 'policies/evaluate', 'keys'])(
    'by a request to %s',
    async (path) => {
      const body = JSON.stringify({ nothing: 'of it' });
      const response = await send(`/v1/ledgers/demo/${path}`, 'application/json', body);
      expect(response.status).toBe(400);
      expect(taken).toEqual([body.length]);
    },
  );

  test('by a write with an identity, and by its repetition, which is read at its leaf', async () => {
    const body = '{"eventName":"Pay"}';
    const again = { 'idempotency-key': 'invoice-77' };
    const path = `${ENTRIES}?ack=sealed`;
    const first = (await (await send(path, 'application/json', body, again)).json()) as object;
    expect(taken).toEqual([body.length]);
    taken = [];
    const byId = jest.spyOn(world.ledger, 'entry');
    const second = await send(path, 'application/json', body, again);
    expect(await second.json()).toEqual({ ...first, replayed: true });
    expect(taken).toEqual([body.length, REPLAY_WEIGHT]);
    // A search by id would read batches, and the record.
    expect(byId).not.toHaveBeenCalled();
    byId.mockRestore();
  });

  test('by a read of an entry: when its record is opened, read, and disclosed', async () => {
    const sent = await send(`${ENTRIES}?ack=sealed`, 'application/json', '{"eventName":"Read"}');
    const { index } = (await sent.json()) as { index: number };
    taken = [];
    expect((await send(`${ENTRIES}/${index}`, null)).status).toBe(200);
    const found = (await world.ledger.entry(index))!;
    const [record, whole] = [found.record!.length, found.record!.length + found.jws.length];
    expect(taken).toEqual([record, whole, whole]);
  });
});
