/** Commands against gateways that are none. */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { bounded } from '../../../src/cli/bounded-answer.ts';
import { call } from '../../../src/cli/client.ts';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function serving(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an answer without an end is not read to its end', async () => {
  const url = await serving((_request, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const answer = bounded(await fetch(url), 1_000_000);
  await expect(answer.text()).rejects.toMatchObject({ code: 'gateway_answer_too_large' });
});

test('an answer that breaks off is said to, and one that is whole is read', async () => {
  const url = await serving((request, response) => {
    response.setHeader('x-of', 'gateway');
    if (request.url === '/whole') response.end('{}');
    else response.write('{"half":', () => response.destroy());
  });
  const whole = bounded(await fetch(`${url}/whole`));
  expect([whole.status, whole.headers.get('x-of'), await whole.text()]).toEqual([
    200,
    'gateway',
    '{}',
  ]);
  await expect(bounded(await fetch(url)).text()).rejects.toMatchObject({ code: 'gateway_silent' });
});

test('a key is not taken elsewhere by a redirect', async () => {
  const asked: string[] = [];
  const url = await serving((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  const connection = { url, ledger: 'demo', token: 'key' };
  await expect(call(connection, { path: 'entries/1' })).rejects.toMatchObject({
    code: 'gateway_unreachable',
  });
  expect(asked).toEqual(['/v1/ledgers/demo/entries/1']);
});
