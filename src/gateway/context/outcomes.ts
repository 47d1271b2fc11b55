/** What becomes of decisions on their way to an answer. */
import { SteleError } from '../../core/errors.ts';
import { isProblemCode } from './codes.ts';
import { ProblemError } from './problem.ts';

/** Times that a request is decided while policies change: more than two changes in its time are not for a request. */
const DECIDE_ATTEMPTS = 3;

/**
 * Decides again what the policy before decided while another was put in charge: no request fails because of that. The
 * identity of a write stays reserved.
 */
export async function again<T>(decide: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await decide();
    } catch (error) {
      const isStale = error instanceof SteleError && error.code === 'policy_superseded';
      if (!isStale || attempt >= DECIDE_ATTEMPTS) throw error;
    }
  }
}

/** Bad input, on which nothing was decided. */
export function refused(outcome: {
  readonly code: string;
  readonly message: string;
  readonly pointer?: string;
}): ProblemError {
  const { code, message, pointer } = outcome;
  return new ProblemError(isProblemCode(code) ? code : 'malformed_input', {
    detail: message,
    ...(pointer === undefined ? {} : { pointer }),
  });
}

/** A denial. @param decision - Id of its entry; null where it was counted. */
export function denied(
  outcome: { readonly err?: string; readonly reasons: readonly string[] },
  decision: string | null,
): ProblemError {
  const code = outcome.err ?? 'denied';
  return new ProblemError(isProblemCode(code) ? code : 'denied', {
    reasons: outcome.reasons,
    ...(decision === null ? {} : { decision }),
  });
}

/** What a promise gives, or null when it does not in time, or not at all: what is durable stays durable. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([promise.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
