/** A server of OPA's bundle API for tests, and certificates for it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';

const LONG_POLL_TYPE = 'application/vnd.openpolicyagent.bundles';

/** A running server with at most one bundle. */
export interface BundleServer {
  readonly url: string;
  /** Headers of what was asked so far. */
  readonly asked: IncomingHttpHeaders[];
  /** Puts a bundle there, and answers whoever waits for it. */
  put(bundle: Uint8Array): void;
  /** Answers the next requests in its own way; null: as the API says. */
  answer: ((response: ServerResponse, headers: IncomingHttpHeaders) => void) | null;
  close(): Promise<void>;
}

/** Starts a server; with `tls` over TLS. `longPoll`: whether it waits when it is asked to. */
export async function startBundleServer(
  options: { readonly longPoll?: boolean; readonly tls?: ServerOptions } = {},
): Promise<BundleServer> {
  let bundle: Uint8Array = new Uint8Array(0);
  let waiting: (() => void)[] = [];
  const asked: IncomingHttpHeaders[] = [];
  const etag = (): string => `"${createHash('sha256').update(bundle).digest('hex').slice(0, 16)}"`;
  const type = options.longPoll === true ? LONG_POLL_TYPE : 'application/gzip';

  const listener: RequestListener = ({ headers }, response) => {
    asked.push(headers);
    if (started.answer !== null) {
      started.answer(response, headers);
      return;
    }
    const give = (): void => {
      const known = headers['if-none-match'] === etag();
      response.writeHead(known ? 304 : 200, { ETag: etag(), 'Content-Type': type });
      response.end(known ? undefined : bundle);
    };
    const wait = Number(/(?:^|;)wait=(\d+)$/.exec(String(headers['prefer']))?.[1] ?? 0);
    if (options.longPoll !== true || headers['if-none-match'] !== etag() || wait === 0) {
      give();
      return;
    }
    const timer = setTimeout(give, wait * 1000);
    response.on('close', () => {
      clearTimeout(timer);
    });
    waiting.push(() => {
      clearTimeout(timer);
      give();
    });
  };
  const server: Server & { closeAllConnections(): void } =
    options.tls === undefined ? createPlainServer(listener) : createServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const started: BundleServer = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/bundles/stele.tar.gz`,
    asked,
    answer: null,
    put: (next) => {
      bundle = next;
      for (const give of waiting) give();
      waiting = [];
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return started;
}

/** PEM texts and the files that they stand in. */
export interface Certificates {
  readonly ca: string;
  readonly caFile: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  readonly clientFiles: { readonly cert: string; readonly key: string };
}

/** Makes an authority, a server's certificate for 127.0.0.1 and a client's; P-256, good for a day. */
export function makeCertificates(folder: string, name = 'one'): Certificates {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'ignore' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '1',
    '-subj',
    `/CN=${name} authority`,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  for (const who of ['server', 'client']) {
    writeFileSync(at(`${who}.ext`), 'subjectAltName=IP:127.0.0.1\n');
    openssl(
      'req',
      ...newKey,
      '-subj',
      `/CN=${who}`,
      '-keyout',
      at(`${who}.key`),
      '-out',
      at(`${who}.csr`),
    );
    openssl(
      'x509',
      '-req',
      '-in',
      at(`${who}.csr`),
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-set_serial',
      '1',
      '-days',
      '1',
      '-extfile',
      at(`${who}.ext`),
      '-out',
      at(`${who}.pem`),
    );
  }
  const pair = (who: string) => ({
    cert: readFileSync(at(`${who}.pem`), 'utf8'),
    key: readFileSync(at(`${who}.key`), 'utf8'),
  });
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    caFile: at('ca.pem'),
    server: pair('server'),
    client: pair('client'),
    clientFiles: { cert: at('client.pem'), key: at('client.key') },
  };
}
