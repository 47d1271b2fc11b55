/** What a command takes of a gateway: it may be anybody's, or none. */
import { SteleError } from '../core/errors.ts';

/** Milliseconds until the last byte of an answer: a body of 16 MiB, decided line by line on a busy machine, and sealed. */
export const ANSWER_MS_MAX = 120_000;

/** Bytes of one answer: NDJSON of 10,000 results with their promises is 20 MB. */
const ANSWER_BYTES_MAX = 67_108_864;

/**
 * The same answer, whose body ends with an error where it is larger than any of ours or does not come.
 * Reading it throws {@link SteleError} `gateway_answer_too_large` or `gateway_silent`.
 */
export function bounded(response: Response, bytesMax = ANSWER_BYTES_MAX): Response {
  const reader = response.body?.getReader();
  if (reader === undefined) return response;
  let left = bytesMax;
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw failure('gateway_silent', 'the gateway did not answer to the end', cause);
      });
      if (done) {
        controller.close();
        return;
      }
      left -= value.length;
      if (left < 0) {
        void reader.cancel().catch(() => undefined);
        throw failure('gateway_answer_too_large', `the answer is over ${bytesMax} bytes`);
      }
      controller.enqueue(value);
    },
    cancel: async () => reader.cancel(),
  });
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}

function failure(code: string, message: string, cause?: unknown): SteleError {
  return new SteleError(code, message, {
    disposition: 'retry',
    ...(cause === undefined ? {} : { cause }),
  });
}
