/**
 * Reading a request body by hand: `express.json` costs more than a policy decision, and knows neither deadlines nor
 * ratios. Nothing is looked at before its size is known to be within bounds.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import type { Arrival } from './arrival.ts';
import { GZIP_FREE_BYTES, GZIP_RATIO_MAX } from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';
import type { Stay } from '../quota/room.ts';

/** Bounds on one body. */
export interface BodyLimits {
  /** Bytes, also after decompression. */
  readonly bytesMax: number;
  /** Milliseconds from now until its last byte. */
  readonly ms: number;
}

/** The caller went away before its body was complete: nobody waits for an answer. */
export class CallerGoneError extends Error {}

const GZIP_NAMES = new Set(['gzip', 'x-gzip']);

/**
 * Reads the whole body as text. Until it is complete it takes no place among the requests at work: who sends slowly, or
 * never ends, keeps a connection and nothing else.
 *
 * @returns Well-formed UTF-8, perhaps empty.
 * @throws {@link ProblemError} `body_missing`, `body_too_large`, `body_too_slow`, `body_incomplete`,
 *   `content_encoding_unsupported`, `gzip_malformed`, `gzip_ratio`, `invalid_utf8`, `overloaded`; {@link CallerGoneError}.
 */
export async function readBody(
  { request, response, stay }: Pick<Arrival, 'request' | 'response' | 'stay'>,
  limits: BodyLimits,
): Promise<string> {
  const { headers } = request;
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  const zipped = GZIP_NAMES.has(encoding);
  if (!zipped && encoding !== 'identity') {
    throw new ProblemError('content_encoding_unsupported', {
      headers: ['Accept-Encoding', 'gzip, identity'],
    });
  }
  const declared = headers['content-length'];
  if (declared === undefined && headers['transfer-encoding'] === undefined) {
    throw new ProblemError('body_missing');
  }
  if (declared !== undefined && Number(declared) > limits.bytesMax) {
    throw tooLarge(limits.bytesMax);
  }
  stay.arrive(Number(declared ?? 0));
  // Only now: a caller that asked first has sent nothing of a body that is refused.
  if (headers.expect !== undefined) response.writeContinue();
  const received = await collectBytes(request, stay, limits);
  stay.work();
  const bytes = zipped ? await unzip(received, stay, limits.bytesMax) : received;
  if (bytes.length === 0) throw new ProblemError('body_missing');
  if (!isUtf8(bytes)) throw new ProblemError('invalid_utf8');
  return bytes.toString('utf8');
}

async function collectBytes(
  request: IncomingMessage,
  stay: Stay,
  limits: BodyLimits,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (error: Error | null): void => {
      clearTimeout(timer);
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('close', onClose);
      if (error === null) {
        const [first] = chunks;
        resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
        return;
      }
      request.pause();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limits.bytesMax) {
        finish(tooLarge(limits.bytesMax));
        return;
      }
      try {
        // As they come, and not as they are announced: a promise of bytes takes nobody's room.
        stay.take(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        finish(error as Error);
      }
    };
    const onEnd = (): void => {
      finish(null);
    };
    const onClose = (): void => {
      finish(new CallerGoneError('the connection closed inside the body'));
    };
    const timer = setTimeout(() => {
      finish(new ProblemError('body_too_slow', { detail: `${size} bytes in ${limits.ms} ms` }));
    }, limits.ms);
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
    // A reset or a broken chunk: `close` follows and says it.
    request.on('error', ignore);
  });
}

function ignore(): void {
  // Without a listener the process would stop.
}

/** Unpacks gzip (RFC 1952), all of it and nothing after it. */
async function unzip(packed: Buffer, stay: Stay, bytesMax: number): Promise<Buffer> {
  const byRatio = Math.max(GZIP_FREE_BYTES, packed.length * GZIP_RATIO_MAX);
  const maxOutputLength = Math.min(bytesMax, byRatio);
  // How much it will be is known afterwards: until then it takes as much as it may become.
  stay.take(maxOutputLength);
  const bytes = await gunzipAll(packed, maxOutputLength);
  stay.giveBack(maxOutputLength - bytes.length);
  return bytes;
}

async function gunzipAll(packed: Buffer, maxOutputLength: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(packed, { maxOutputLength, info: true } as object, (error, result) => {
      if (error !== null) {
        reject(
          (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
            ? new ProblemError('gzip_ratio', { detail: `unpacks to over ${maxOutputLength} bytes` })
            : new ProblemError('gzip_malformed'),
        );
        return;
      }
      const { buffer, engine } = result as unknown as {
        buffer: Buffer;
        engine: { bytesWritten: number };
      };
      // Bytes after the last member would be dropped in silence.
      if (engine.bytesWritten < packed.length) reject(new ProblemError('gzip_malformed'));
      else resolve(buffer);
    });
  });
}

function tooLarge(bytesMax: number): ProblemError {
  return new ProblemError('body_too_large', { detail: `the body is over ${bytesMax} bytes` });
}
