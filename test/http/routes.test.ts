import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => world.close());

function post(body: string, headers: Record<string, string> = {}, query = ''): Promise<Response> {
  return fetch(`${world.url}/v1/ledgers/demo/entries${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.keys.service}`,
      'content-type': 'application/json',
      ...headers,
    },
    body,
  });
}

describe('appending', () => {
  test('one event is decided, recorded and acknowledged as durable', async () => {
    const response = await post('{"what":"happened"}');
    expect(response.status).toBe(202);
    const receipt = (await response.json()) as Record<string, string>;
    expect(receipt).toMatchObject({ ledger: 'demo', state: 'durable' });
    expect(response.headers.get('location')).toBe(`/v1/ledgers/demo/entries/${receipt['id']}`);
  });
});
