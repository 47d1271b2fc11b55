/** What one caller may put into locked storage in a minute. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const ENTRIES = '/v1/ledgers/demo/entries';
const NDJSON = 'application/x-ndjson';

interface Problem {
  readonly status: number;
  readonly code?: string;
  readonly durability?: string;
  readonly id?: string;
}

async function post(
  world: World,
  body: string | Buffer<ArrayBuffer>,
  { key, type = 'application/json', ...headers }: Record<string, string> & { key?: string } = {},
): Promise<Response> {
  return fetch(`${world.url}${ENTRIES}`, {
    method: 'POST',
    headers: {
      'content-type': type,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body,
  });
}

async function linesOf(answer: Response): Promise<Problem[]> {
  const text = await answer.text();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Problem);
}

const accepted = ({ status }: Problem): boolean => status === 201 || status === 202;

describe('a caller that has made all the entries of its minute', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ entriesPerMinute: 8 }, { anonymous: true });
  });
  afterAll(async () => {
    await world.close();
  });

  test('is refused line by line, and then as a whole with Retry-After, while others go on', async () => {
    const key = world.keys.service;
    const first = await post(world, '{"n":1}', { key, 'idempotency-key': 'once' });
    expect(first.status).toBe(202);

    const body = '{"n":2}\n'.repeat(10);
    const lines = await linesOf(await post(world, body, { key, type: NDJSON }));
    expect(lines.filter(accepted)).toHaveLength(7);
    const refused = lines.filter((line) => !accepted(line));
    expect(refused).toHaveLength(3);
    for (const line of refused) {
      expect(line).toMatchObject({
        status: 429,
        code: 'budget_spent',
        durability: 'not-durable',
      });
    }
    const recorded = world.recorded();

    for (const type of ['application/json', NDJSON]) {
      const whole = await post(world, '{"n":3}', { key, type });
      expect(whole.status).toBe(429);
      const seconds = Number(whole.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(30);
      expect(seconds).toBeLessThanOrEqual(60);
      const problem = { code: 'budget_spent', durability: 'not-durable' };
      expect(await whole.json()).toMatchObject(problem);
    }
    expect(world.recorded()).toBe(recorded);

    const again = await post(world, '{"n":1}', { key, 'idempotency-key': 'once' });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const auditor = { key: world.keys.auditor, type: NDJSON };
    expect((await linesOf(await post(world, '{"n":4}', auditor)))[0]!.status).not.toBe(429);
  });

  test('reads nothing that would have to be recorded', async () => {
    const written = (await (await post(world, '{}', { key: world.keys.admin })).json()) as Problem;
    const read = async (): Promise<Response> =>
      fetch(`${world.url}${ENTRIES}/${written.id ?? '0'}`, {
        headers: { authorization: `Bearer ${world.keys.auditor}` },
      });
    const answers: number[] = [];
    for (let n = 0; n < 10; n += 1) answers.push((await read()).status);
    expect(answers).toContain(429);
    expect(answers.at(-1)).toBe(429);
  });
});

describe('a budget of entries', () => {
  test('strangers have a fortieth together, and ten events in one body', async () => {
    const world = await startWorld({ entriesPerMinute: 80 }, { anonymous: true });
    const many = await post(world, '{}\n'.repeat(11), { type: NDJSON });
    expect(many.status).toBe(413);
    expect(await many.json()).toMatchObject({ code: 'too_many_events' });
    const few = await linesOf(await post(world, '{}\n'.repeat(4), { type: NDJSON }));
    expect(few.map(({ status }) => status)).toEqual([403, 403, 429, 429]);
    await world.close();
  });
});

describe('a budget of bytes', () => {
  test('counts what a body unpacks to, and what each entry costs besides its event', async () => {
    const world = await startWorld({ entryBytesPerMinute: 1_048_576 });
    const packed = gzipSync('{}\n'.repeat(600));
    expect(packed.length).toBeLessThan(100);
    const options = { key: world.keys.service, type: NDJSON, 'content-encoding': 'gzip' };
    const lines = await linesOf(await post(world, packed, options));
    expect(lines.filter(accepted)).toHaveLength(511);
    expect(lines.filter(({ status }) => status === 429)).toHaveLength(89);
    await world.close();
  });
});
