import { connect } from 'node:net';

/** A response as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

/** How bytes are sent. */
export interface RawOptions {
  /** Milliseconds between two parts. */
  readonly pauseMs?: number;
  /** Half-closes the connection after the last part. */
  readonly end?: boolean;
  /** Milliseconds to wait for the server to close after its answer. */
  readonly lingerMs?: number;
}

/** Sends exactly these bytes, part by part, and reads one response: what no HTTP client would let a test send. */
export async function sendRaw(
  url: string,
  parts: readonly (string | Uint8Array)[],
  { pauseMs = 0, end = false, lingerMs = 100 }: RawOptions = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received = Buffer.alloc(0);
    let settled = false;
    const settle = (closed: boolean): void => {
      const answer = parseAnswer(received.toString('latin1'), closed);
      if (settled || (answer === null && !closed)) return;
      settled = true;
      socket.destroy();
      if (answer === null) reject(new Error(`no answer: ${received.toString('latin1')}`));
      else resolve(answer);
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      setTimeout(settle, lingerMs, false);
    });
    socket.on('close', () => {
      settle(true);
    });
    socket.on('error', () => {
      // The server may close while we still send: what it said before counts.
    });
    void (async () => {
      for (const [index, part] of parts.entries()) {
        if (index > 0 && pauseMs > 0) await new Promise((wake) => setTimeout(wake, pauseMs));
        if (socket.destroyed) return;
        socket.write(part);
      }
      if (end) socket.end();
    })();
  });
}

function parseAnswer(text: string, closed: boolean): RawAnswer | null {
  // An interim response (RFC 9110 §15.2) stands before the real one.
  const start = text.startsWith('HTTP/1.1 100') ? text.indexOf('\r\n\r\n') + 4 : 0;
  const final = text.slice(start);
  const border = final.indexOf('\r\n\r\n');
  if (border < 0) return null;
  const [status = '', ...lines] = final.slice(0, border).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = final.slice(border + 4);
  if (body.length < Number(headers['content-length'] ?? 0)) return null;
  return { status: Number(status.split(' ')[1]), headers, body, closed };
}
