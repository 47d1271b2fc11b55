/** A bundle from an HTTP server, by OPA's bundle API. OPA, "Bundles", section "Bundle Service API". */
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { readFile } from 'node:fs/promises';
import { concatBytes } from '../../../core/platform/bytes.ts';
import { sleep, SourceError } from './source.ts';
import type { BundleSource } from './source.ts';

/** Plain data that says where a server's bundle is and how it is asked for. */
export interface HttpSettings {
  readonly url: URL;
  /** File with a bearer token, read for every request: tokens are exchanged while a gateway runs. Null: none. */
  readonly tokenFile: string | null;
  /** PEM of authorities that may vouch for the server. Null: those of the system. */
  readonly ca: string | null;
  /** PEM of a certificate and its key, for servers that ask who is there. Null: none. */
  readonly client: { readonly cert: string; readonly key: string } | null;
  /** Largest bundle in bytes. */
  readonly maxBytes: number;
  /** Milliseconds for one request and its answer, beside the time that the server was asked to wait. */
  readonly timeoutMs: number;
  /** Seconds that the server may wait for something new. 0: it is not asked to. */
  readonly longPollSeconds: number;
}

/** A server that answers with it waits (`Prefer: wait`); one that does not is polled. */
const LONG_POLL_TYPE = 'application/vnd.openpolicyagent.bundles';
const TOKEN_BYTES_MAX = 16_384;

/**
 * Asks with the last `ETag`, and lets the server wait where it can. It asks for snapshots only: deltas carry no signature.
 * A redirect is refused, whereto it may lead: the place is configured, and so is who vouches for it.
 */
export class HttpSource implements BundleSource {
  readonly name: string;
  readonly #settings: HttpSettings;
  readonly #agent: PlainAgent | Agent;
  #etag = '';
  #waits: boolean;

  constructor(settings: HttpSettings) {
    const { url, ca, client, longPollSeconds } = settings;
    this.#settings = settings;
    this.#waits = longPollSeconds > 0;
    this.name = `${url.origin}${url.pathname}`;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      url.protocol === 'https:'
        ? new Agent({
            ...options,
            ...(ca === null ? {} : { ca }),
            ...(client ?? {}),
            minVersion: 'TLSv1.2',
          })
        : new PlainAgent(options);
  }

  get waits(): boolean {
    return this.#waits;
  }

  async fetch(signal: AbortSignal): Promise<Uint8Array | null> {
    try {
      return await this.#fetch(signal);
    } catch (error) {
      // As OPA does: after an error the server is asked for what it has, whatever that is.
      this.#etag = '';
      throw error;
    }
  }

  async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, signal);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }

  async #fetch(signal: AbortSignal): Promise<Uint8Array | null> {
    const { timeoutMs, longPollSeconds } = this.#settings;
    const waited = this.#waits ? longPollSeconds * 1000 : 0;
    const limit = timeoutMs + waited;
    const headers = await this.#headers();
    const ending = new AbortController();
    const stop = (): void => {
      ending.abort();
    };
    signal.addEventListener('abort', stop);
    const timer = setTimeout(stop, limit);
    try {
      return await this.#take(await this.#ask(headers, ending.signal));
    } catch (cause) {
      if (signal.aborted) return null;
      if (cause instanceof SourceError) throw cause;
      if (ending.signal.aborted) {
        throw new SourceError('source_slow', `${this.name} took longer than ${limit} ms`, cause);
      }
      const message = `${this.name} cannot be reached: ${reasonOf(cause)}`;
      throw new SourceError('source_unreachable', message, cause);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  async #headers(): Promise<Record<string, string>> {
    const { tokenFile, longPollSeconds } = this.#settings;
    const wait = this.#waits ? `;wait=${longPollSeconds}` : '';
    return {
      Accept: `${LONG_POLL_TYPE}, application/gzip, application/octet-stream`,
      'Accept-Encoding': 'identity',
      ...(this.#etag === '' ? {} : { 'If-None-Match': this.#etag }),
      Prefer: `modes=snapshot${wait}`,
      'User-Agent': 'stele',
      ...(tokenFile === null ? {} : { Authorization: `Bearer ${await tokenOf(tokenFile)}` }),
    };
  }

  async #ask(headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const { url } = this.#settings;
    const options = { agent: this.#agent, headers, signal };
    return new Promise((resolve, reject) => {
      const asked: ClientRequest =
        url.protocol === 'https:' ? request(url, options) : plainRequest(url, options);
      asked.once('response', resolve).once('error', reject).end();
    });
  }

  async #take(response: IncomingMessage): Promise<Uint8Array | null> {
    const { statusCode = 0, headers } = response;
    if (statusCode === 304) {
      response.resume();
      return null;
    }
    if (statusCode !== 200) {
      response.destroy();
      throw refusal(this.name, statusCode);
    }
    this.#waits = this.#settings.longPollSeconds > 0 && headers['content-type'] === LONG_POLL_TYPE;
    const bytes = await this.#body(response);
    if (bytes.length === 0) {
      throw new SourceError('bundle_missing', `${this.name} answered without a bundle`);
    }
    // Weak or strong is the server's affair: it gets back what it gave.
    this.#etag = headers.etag ?? '';
    return bytes;
  }

  /** Reads no more than it may, whatever the server says that it sends. */
  async #body(response: IncomingMessage): Promise<Uint8Array> {
    const { maxBytes } = this.#settings;
    const encoding = response.headers['content-encoding'] ?? 'identity';
    const parts: Uint8Array[] = [];
    let bytes = 0;
    try {
      if (encoding !== 'identity') {
        throw new SourceError('source_refused', `${this.name} answers with encoding ${encoding}`);
      }
      if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
        throw oversize(this.name, maxBytes);
      }
      for await (const part of response as AsyncIterable<Buffer>) {
        bytes += part.length;
        if (bytes > maxBytes) throw oversize(this.name, maxBytes);
        parts.push(part);
      }
    } catch (error) {
      response.destroy();
      throw error;
    }
    return concatBytes(...parts);
  }
}

function refusal(name: string, status: number): SourceError {
  if (status >= 300 && status < 400) {
    return new SourceError('source_redirected', `${name} answered ${status}: leads elsewhere`);
  }
  const code = status >= 400 && status < 500 ? 'source_refused' : 'source_unreachable';
  return new SourceError(code, `${name} answered ${status}`);
}

function oversize(name: string, maxBytes: number): SourceError {
  return new SourceError('source_oversize', `${name} sends more than ${maxBytes} bytes`);
}

async function tokenOf(path: string): Promise<string> {
  let token: string;
  try {
    token = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new SourceError('source_refused', `the token file ${path} cannot be read`, cause);
  }
  // RFC 6750 section 2.1; whatever else stands there must not become a header.
  if (token.length > TOKEN_BYTES_MAX || !/^[\w.~+/-]+=*$/.test(token)) {
    throw new SourceError('source_refused', `the token file ${path} holds no bearer token`);
  }
  return token;
}

/** Codes of the system and of OpenSSL name no secret. */
function reasonOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'the connection failed';
}
