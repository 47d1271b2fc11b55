// The peer: OPA's own server, only deciding, with the same policy and the same input documents.
import { existsSync } from 'node:fs';
import { freePort, start } from './process.mjs';

const opa = '.tools/bin/opa';

/** Whether the peer is installed (`make tools`). */
export const opaInstalled = existsSync(opa);

/** Starts `opa run --server` over the sources of a policy. @param folder - By default those of the default policy. */
export async function startOpa(folder = 'rego') {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const url = `http://${address}`;
  const { child, stop } = await start({
    command: opa,
    args: [
      'run',
      '--server',
      '--addr',
      address,
      '--log-level',
      'error',
      '--disable-telemetry',
      folder,
    ],
    url: `${url}/health`,
  });
  return { url, pid: child.pid, stop };
}

/** The same events as the input that the gateway builds from them. */
export function opaRequests(events) {
  const time = { ms: 1_700_000_000_000, rfc3339: '2023-11-14T22:13:20.000Z' };
  const known = {
    action: { name: 'entry.append' },
    context: { media_type: 'application/json' },
    ledger: { name: 'bench' },
    resource: { id: 'bench', properties: {}, type: 'ledger' },
    subject: { id: 'bench', properties: { roles: ['service'] }, type: 'service' },
    time,
  };
  return events.map((event) => ({
    path: '/v1/data/stele/append',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: { ...known, event: JSON.parse(event) } }),
  }));
}
