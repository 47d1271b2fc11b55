import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Connection } from '../../src/cli/client.ts';
import { createProgram } from '../../src/cli/program.ts';
import { policyOfGateway } from '../../src/cli/reexecute/archived-policy.ts';
import { sha256Base64Url } from '../../src/core/platform/platform.node.ts';
import { ArchivedBundles } from '../../src/gateway/activation/archived-bundles.ts';
import { readArchivedPolicy } from '../../src/ledger/log/policy-archive.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Bundle } from '../support/policy-world.ts';

let world: PolicyWorld;
let next: Bundle;

type Key = keyof PolicyWorld['keys'];

beforeAll(async () => {
  world = await PolicyWorld.open();
  const ann = await world.person('ann');
  const ben = await world.person('ben');
  next = await world.bundle('another revision');
  expect((await world.activate(await world.request(next, [ann, ben]))).status).toBe(201);
}, 60_000);

afterAll(async () => {
  expect((await world.check()).verdict).toBe('valid');
  await world.close();
});

async function ask(key: Key | null, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> =
    key === null ? {} : { authorization: `Bearer ${world.keys[key]}` };
  const sent =
    body === undefined
      ? { headers }
      : {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        };
  return fetch(`${world.gateway.url}/v1/ledgers/demo/policies${path}`, sent);
}

/** Entries that the log has, or will have. */
function entries(): number {
  const { treeSize, backlogEntries } = world.gateway.ledger.status();
  return treeSize + backlogEntries;
}

/** An input of `stele/append` by a service. */
const input = {
  subject: { type: 'service', id: 's', properties: { roles: ['service'], issuer: null } },
  action: { name: 'entry.append' },
  resource: { type: 'ledger', id: 'demo', properties: {} },
  context: { request_id: 'r' },
  ledger: { name: 'demo', origin: 'stele.example/demo' },
  time: { ms: 1795392000000, rfc3339: '2026-11-23T00:00:00.000Z' },
  event: { eventSource: 's3.amazonaws.com', eventName: 'GetObject' },
};

describe('the policies of a ledger', () => {
  test('an auditor sees every policy that was ever in charge, and which one is', async () => {
    const response = await ask('auditor', '');
    expect(response.status).toBe(200);
    const { policies } = (await response.json()) as { policies: Record<string, unknown>[] };
    expect(policies).toHaveLength(2);
    expect(policies[0]).toMatchObject({ activation: null, in_charge: false, decides_here: false });
    expect(policies[0]?.['until']).toEqual(expect.any(Number));
    expect(policies[1]).toMatchObject({
      policy: next.id,
      digest: next.digest,
      until: null,
      in_charge: true,
      decides_here: true,
    });
  });

  test('an auditor takes the bundle of each, byte for byte as it was activated', async () => {
    const response = await ask('auditor', `/${next.id}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/gzip');
    expect(sha256Base64Url(new Uint8Array(await response.arrayBuffer()))).toBe(next.digest);
  });

  test('the policy of genesis has its bundle too', async () => {
    const { policies } = (await (await ask('admin', '')).json()) as {
      policies: { policy: string }[];
    };
    expect((await ask('admin', `/${policies[0]?.policy ?? ''}`)).status).toBe(200);
  });

  test('however many ask at once, it is read from the store once', async () => {
    const read = jest.fn(async () => Promise.resolve(new Uint8Array(1000)));
    const bundles = new ArchivedBundles({ archivedPolicy: read });
    const all = await Promise.all(Array.from({ length: 50 }, async () => bundles.of('a')));
    expect(new Set(all).size).toBe(1);
    expect(read).toHaveBeenCalledTimes(1);
  });

  test('what is larger than any bundle is not read from the store', async () => {
    const get = jest.fn(async () => Promise.resolve(null));
    const version = { versionId: 'v', isDeleteMarker: false, isLatest: true, lastModified: 0 };
    const listVersions = async () => Promise.resolve([{ ...version, size: 2 ** 30 }]);
    const store = { get, listVersions } as unknown as ObjectStore;
    const reading = readArchivedPolicy(store, 'demo', { id: next.id, digest: null });
    await expect(reading).rejects.toMatchObject({ code: 'policy_archive_altered' });
    expect(get).not.toHaveBeenCalled();
  });

  test('one that was never in charge is not there', async () => {
    const response = await ask('admin', `/${'A'.repeat(43)}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'policy_unknown' });
  });

  test.each<[Key | null, string, unknown, number]>([
    ['service', '', undefined, 403],
    ['guest', '', undefined, 403],
    [null, '', undefined, 401],
    ['service', `/${'A'.repeat(43)}`, undefined, 403],
    ['auditor', '/evaluate', { entrypoint: 'stele/append', input }, 403],
    ['service', '/evaluate', { entrypoint: 'stele/append', input }, 403],
  ])('%s does not get %s', async (key, path, body, status) => {
    expect((await ask(key, path, body)).status).toBe(status);
  });

  test('who reads a policy stands in the log', async () => {
    const before = entries();
    await ask('auditor', '');
    expect(entries()).toBeGreaterThan(before);
  });
});

describe('a trial of the policy in charge', () => {
  test('says what it answers, and nothing comes of it', async () => {
    const response = await ask('admin', '/evaluate', { entrypoint: 'stele/append', input });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      policy: next.id,
      entrypoint: 'stele/append',
      result: { allow: true },
    });
  });

  test.each<[string, unknown, string]>([
    ['no entrypoint', { input }, '/entrypoint'],
    ['an entrypoint that is none', { entrypoint: 'stele/other', input }, '/entrypoint'],
    ['no input', { entrypoint: 'stele/read' }, '/input'],
    ['an input that is no object', { entrypoint: 'stele/read', input: [] }, '/input'],
    ['a member twice', '{"entrypoint":"stele/read","input":{"a":1,"a":2}}', '/input/a'],
  ])('%s is refused with its place', async (_about, body, pointer) => {
    const response = await ask('admin', '/evaluate', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'evaluation_malformed', pointer });
  });

  test('more than a few at once are asked to wait', async () => {
    const body = { entrypoint: 'stele/append', input };
    const before = entries();
    const answers = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        await sleep(i * 4);
        return (await ask('admin', '/evaluate', body)).status;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200, 503]));
    // What was not tried is not in the log as tried.
    expect(entries() - before).toBe(answers.filter((status) => status === 200).length);
  });
});

describe('from the command line', () => {
  const connection = (key: Key): Connection => ({
    url: world.gateway.url,
    ledger: 'demo',
    token: world.keys[key],
  });

  test('fetch writes the bundle, shown to be the policy of that name', async () => {
    const out = join(world.folder, 'fetched.tar.gz');
    const print = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const words = ['policy', 'fetch', next.id, '--out', out, '--url', world.gateway.url];
    await createProgram().parseAsync([...words, '--key', world.keys.auditor], { from: 'user' });
    expect(print.mock.calls.join('')).toContain(`policy ${next.id}`);
    print.mockRestore();
    expect(sha256Base64Url(await readFile(out))).toBe(next.digest);
  });

  test('a policy from a gateway can be run again', async () => {
    const found = await policyOfGateway(connection('auditor'), next.id, next.digest);
    expect(found).toMatchObject({ digest: next.digest });
  });

  test('a gateway that gives another bundle under the name of a policy is named', async () => {
    const liar = createServer((_request, response) => response.end(next.archive));
    await once(liar.listen(0, '127.0.0.1'), 'listening');
    const { port } = liar.address() as AddressInfo;
    const other = { ...connection('auditor'), url: `http://127.0.0.1:${port}` };
    const found = await policyOfGateway(other, 'A'.repeat(43), 'B'.repeat(43));
    liar.close();
    expect(found).toMatchObject({ finding: 'policy_altered' });
  });

  test.each<[Key, string]>([
    ['service', 'denied'],
    ['auditor', 'policy_unknown'],
  ])('%s without it is told why, and nobody is accused', async (key, code) => {
    const id = key === 'auditor' ? 'A'.repeat(43) : next.id;
    const found = await policyOfGateway(connection(key), id, null);
    expect(found).toMatchObject({ finding: null });
    expect(JSON.stringify(found)).toContain(code);
  });
});
