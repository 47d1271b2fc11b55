import { createServer, IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createApp } from './app.ts';
import type { GatewayComponents } from './context/components.ts';
import type { Gateway } from './request/gateway.ts';
import {
  CONNECTION_CHECK_MS,
  CONNECTION_IDLE_MS,
  HEADER_BYTES_MAX,
  HEADERS_MS,
  KEEP_ALIVE_MS,
} from './context/limits.ts';
import { bringsSomething, ProblemError, PROBLEM_TYPE, problemOf } from './context/problem.ts';
import { problemAnswer, sendAnswer } from './request/answer.ts';
import type { GatewaySettings } from './context/settings.ts';

/** Where to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A gateway that listens. */
export interface RunningGateway {
  readonly host: string;
  readonly port: number;
  readonly gateway: Gateway;
  /**
   * Says "not ready", stops accepting, lets requests in flight finish within `drainMs`, cuts the rest, seals what was
   * counted. The ledger and the policy pool are the caller's to close afterwards. May be called twice.
   */
  close(): Promise<void>;
}

/** Starts a gateway. Resolves when it listens. @throws what `listen` says, for instance `EADDRINUSE`. */
export async function startGateway(
  components: GatewayComponents,
  settings: GatewaySettings,
  { host, port }: ListenOptions,
): Promise<RunningGateway> {
  const { server, gateway } = createGatewayServer(components, settings);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  let closed: Promise<void> | null = null;
  return {
    host: address.address,
    port: address.port,
    gateway,
    close: async () => (closed ??= shutDown(server, gateway)),
  };
}

/**
 * An HTTP server over the application. Express sets the prototype of every request and response, which V8 punishes on
 * Node 20 and 22; objects that are made with the right prototype make that a no-op and more than double the requests
 * per second (2.3 times for a POST of 1 KB).
 */
export function createGatewayServer(
  components: GatewayComponents,
  settings: GatewaySettings,
): { readonly server: Server; readonly gateway: Gateway } {
  const { express: app, gateway } = createApp(components, settings);
  class PreparedRequest extends IncomingMessage {}
  class PreparedResponse extends ServerResponse {}
  Object.setPrototypeOf(PreparedRequest.prototype, app.request);
  Object.setPrototypeOf(PreparedResponse.prototype, app.response);
  app.request = PreparedRequest.prototype as typeof app.request;
  app.response = PreparedResponse.prototype as unknown as typeof app.response;
  const server = createServer(
    {
      IncomingMessage: PreparedRequest,
      ServerResponse: PreparedResponse,
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      // The body has a deadline of its own that answers with a problem; this one is for what never gets to reading it.
      requestTimeout: settings.bodyMs + HEADERS_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
      requireHostHeader: true,
      joinDuplicateHeaders: false,
    },
    app,
  );
  // Node would drop the rest in silence; `checkArrival` refuses.
  server.maxHeadersCount = 0;
  server.maxConnections = settings.connectionsMax;
  server.setTimeout(CONNECTION_IDLE_MS);
  // The body's reader says "continue", once it knows that it wants the body.
  server.on('checkContinue', app);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const error = new ProblemError('expectation_failed');
    const { problem, headers } = problemOf(error, '-', bringsSomething(request));
    void sendAnswer(response, problemAnswer(problem, headers), '-', false);
  });
  server.on('clientError', refuseMalformed);
  return { server, gateway };
}

/** A request that is not HTTP, or too much of it: there is no response object yet, so the bytes are written by hand. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'body_too_slow'
        : 'request_malformed';
  // Without a method nobody can say whether anything was to be stored.
  const { problem } = problemOf(new ProblemError(code), '-', false);
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}

async function shutDown(server: Server, gateway: Gateway): Promise<void> {
  const { drainMs, readinessDelayMs } = gateway.settings;
  gateway.retire();
  await pause(readinessDelayMs);
  const stopped = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, drainMs);
  await stopped;
  clearTimeout(deadline);
  await gateway.close();
}

async function pause(ms: number): Promise<void> {
  if (ms === 0) return;
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
