/**
 * A small HTTP proxy in front of a real S3 server that does not keep the server's promises: the negative fixture of the
 * start-up probe. Requests are signed anew, since their signature covers the headers that the proxy takes away.
 */
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the proxy does wrong. */
export type Lie =
  /** Nothing: for comparison. */
  | 'none'
  /** Takes `If-None-Match` away: every create succeeds. */
  | 'drops_condition'
  /** Takes the lock headers away. */
  | 'drops_locks'
  /** Takes the lock headers away, and shows a lock on every HEAD. */
  | 'claims_locks'
  /** Names no version in any answer, as a bucket without versioning. */
  | 'names_no_version'
  /** Lists the current version of a key only, as if it had never had another. */
  | 'forgets_versions'
  /** Sets the clock of every answer two minutes back, which the SDK does not yet make up for. */
  | 'wrong_clock'
  /** Cuts every body that is read in half, and says that this is its length. */
  | 'tears_bodies';

export interface ProxyTarget {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** A running proxy; `endpoint` is what a store is pointed at. `lie` can be changed at any time. */
export interface LyingProxy {
  readonly endpoint: string;
  lie: Lie;
  close(): Promise<void>;
}

export async function startLyingProxy(target: ProxyTarget, lie: Lie): Promise<LyingProxy> {
  const state = { lie };
  const server = http.createServer((request, response) => {
    forward(target, state.lie, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    get lie() {
      return state.lie;
    },
    set lie(next) {
      state.lie = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const LOCK_LIES: readonly Lie[] = ['drops_locks', 'claims_locks'];

async function forward(
  target: ProxyTarget,
  lie: Lie,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const body = await readAll(request);
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string') headers.set(name, value);
  }
  for (const name of ['authorization', 'connection', 'expect', 'host']) headers.delete(name);
  if (lie === 'drops_condition') headers.delete('if-none-match');
  for (const name of [...headers.keys()]) {
    const isLock = name.startsWith('x-amz-object-lock-');
    if (isLock && LOCK_LIES.includes(lie)) headers.delete(name);
  }
  const answer = await send(target, request.method ?? 'GET', request.url ?? '/', headers, body);
  const isVersionList = /[?&]versions(=|&|$)/.test(request.url ?? '');
  const changed = changeAnswer(lie, request.method ?? 'GET', isVersionList, answer);
  response.writeHead(changed.status, Object.fromEntries(changed.headers));
  response.end(changed.body);
}

interface Answer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: Buffer;
}

function changeAnswer(lie: Lie, method: string, isVersionList: boolean, answer: Answer): Answer {
  const headers = new Map(answer.headers);
  let { body } = answer;
  if (lie === 'wrong_clock') headers.set('date', new Date(Date.now() - 120_000).toUTCString());
  if (lie === 'names_no_version') headers.delete('x-amz-version-id');
  if (lie === 'claims_locks' && method === 'HEAD' && answer.status === 200) {
    headers.set('x-amz-object-lock-mode', 'COMPLIANCE');
    headers.set('x-amz-object-lock-retain-until-date', '2099-01-01T00:00:00Z');
  }
  if (lie === 'forgets_versions' && isVersionList) {
    const old = /<Version>(?:(?!<\/Version>)[\s\S])*<IsLatest>false<[\s\S]*?<\/Version>/g;
    body = Buffer.from(body.toString('utf8').replace(old, ''));
  }
  if (lie === 'tears_bodies' && method === 'GET' && headers.has('etag')) {
    body = body.subarray(0, body.length >> 1);
  }
  if (method !== 'HEAD') headers.set('content-length', String(body.length));
  return { status: answer.status, headers, body };
}

async function send(
  target: ProxyTarget,
  method: string,
  url: string,
  headers: Map<string, string>,
  body: Buffer,
): Promise<Answer> {
  const endpoint = new URL(target.endpoint);
  headers.set('host', endpoint.host);
  headers.set('authorization', sign(target, method, url, headers));
  return new Promise((resolve, reject) => {
    const { hostname, port } = endpoint;
    const options = { method, hostname, port, path: url, headers: Object.fromEntries(headers) };
    const request = http.request(options, (response) => {
      readAll(response).then((read) => {
        const kept = new Map<string, string>();
        for (const [name, value] of Object.entries(response.headers)) {
          if (typeof value === 'string' && !HOP_HEADERS.has(name)) kept.set(name, value);
        }
        resolve({ status: response.statusCode ?? 502, headers: kept, body: read });
      }, reject);
    });
    request.once('error', reject);
    request.end(body);
  });
}

const HOP_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** AWS Signature Version 4 over all headers; the payload hash is the one that the client sent. */
function sign(
  target: ProxyTarget,
  method: string,
  url: string,
  headers: ReadonlyMap<string, string>,
): string {
  const [rawPath = '/', rawQuery = ''] = url.split('?');
  const query = rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&');
  const names = [...headers.keys()].sort();
  const lines = names.map((name) => `${name}:${(headers.get(name) ?? '').trim()}\n`).join('');
  const payload = headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD';
  const canonical = [method, rawPath, query, lines, names.join(';'), payload].join('\n');
  const time = headers.get('x-amz-date') ?? '';
  const scope = `${time.slice(0, 8)}/${target.region}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', time, scope, digest].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${target.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const credential = `${target.accessKeyId}/${scope}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
