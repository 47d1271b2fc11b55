/** A gateway whose S3 server goes away and comes back, as processes: what was acknowledged is sealed, by itself. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { foundGateway } from '../support/gateway-process.ts';
import type { FoundedGateway, GatewayProcess } from '../support/gateway-process.ts';
import { startS3Server, whyNoServer } from '../support/s3-servers.ts';
import type { S3Server } from '../support/s3-servers.ts';
import { tempFolder } from '../support/temp-folder.ts';

const EVENT = '/v1/ledgers/outage/entries';
const why = whyNoServer('versitygw');

async function append(
  gateway: GatewayProcess,
  id: string,
  query = '',
): Promise<{ status: number; body: Record<string, unknown> }> {
  const body = JSON.stringify({ operation: 'login', id });
  const answer = await gateway.fetch(`${EVENT}${query}`, { as: 'service', body });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

(why === null ? describe : describe.skip)('a gateway whose store is away', () => {
  let server: S3Server;
  let founded: FoundedGateway;
  let gateway: GatewayProcess | null = null;

  beforeAll(async () => {
    server = await startS3Server('versitygw');
    founded = await foundGateway('outage', await tempFolder(), {
      'store.kind': 's3',
      'store.bucket': server.bucket,
      'store.endpoint': server.endpoint,
      'store.accessKeyId': server.accessKeyId,
      'store.secretAccessKey': server.secretAccessKey,
    });
  }, 120_000);

  afterAll(async () => {
    await gateway?.kill();
    await server.stop();
  });

  test('does not start where it never has: it has no genesis of its own', async () => {
    await server.kill();
    await expect(founded.serve('/healthz')).rejects.toThrow(/this one never has/);
    await server.restart();
  }, 60_000);

  test('starts all the same where it has, takes nothing until the store is back, and goes on by itself', async () => {
    gateway = await founded.serve();
    expect((await append(gateway, 'before', '?ack=sealed')).status).toBe(201);
    await server.kill();
    const waiting = await append(gateway, 'while away');
    expect(waiting).toMatchObject({ status: 202, body: { state: 'durable' } });
    await gateway.kill();

    gateway = await founded.serve('/healthz');
    const ready = await gateway.fetch('/readyz?verbose');
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('store_unreachable');
    expect(await append(gateway, 'refused')).toMatchObject({
      status: 503,
      body: { code: 'store_unreachable', durability: 'not-durable' },
    });
    const read = await gateway.fetch('/log/outage/checkpoint');
    expect(read.status).toBe(503);

    await server.restart();
    await gateway.until('/readyz', 200);
    expect((await append(gateway, 'after', '?ack=sealed')).status).toBe(201);
    const id = String(waiting.body['id']);
    const proof = await gateway.fetch(`${EVENT}/${id}/proof`, { as: 'auditor' });
    expect(proof.status).toBe(200);
    await gateway.stop();
    gateway = null;
  }, 120_000);

  test('is stopped by one signal while it waits for the store', async () => {
    await server.kill();
    gateway = await founded.serve('/healthz');
    await gateway.stop();
    gateway = null;
  }, 60_000);
});
