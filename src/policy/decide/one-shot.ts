/**
 * One evaluation in a thread of its own, which is ended at a deadline. It costs some tens of milliseconds, so it is for
 * what is rare and must disturb nobody: what administrators ask, and decisions that a verifier executes again.
 */
import { Worker } from 'node:worker_threads';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { DenialCode } from '../contract/decision.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import type { OneShotAnswer, OneShotStart } from './one-shot-worker.ts';
import { PolicyError } from '../contract/policy-error.ts';

/** Evaluates an entrypoint over RFC 8785 text. @throws {@link PolicyError} and nothing else. */
export type EvaluateOnce = (
  compiled: CompiledPolicy,
  entrypoint: string,
  input: string,
) => Promise<JsonValue>;

/** Milliseconds for starting the thread and evaluating: long, since nobody else waits for it. */
const DEADLINE_MS = 5_000;
/** MiB of JavaScript heap; WebAssembly memory has its own maximum. */
const HEAP_MB = 128;

const program = new URL(
  import.meta.url.endsWith('.ts')
    ? '../../../dist/policy/decide/one-shot-worker.js'
    : './one-shot-worker.js',
  import.meta.url,
);

/** See {@link EvaluateOnce}. */
export const evaluateOnce: EvaluateOnce = async (compiled, entrypoint, input) => {
  const workerData: OneShotStart = { compiled, entrypoint, input };
  const worker = new Worker(program, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    env: {},
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<JsonValue>((resolve, reject) => {
      const fail = (code: DenialCode, why: string): void => {
        reject(new PolicyError(code, why));
      };
      timer = setTimeout(fail, DEADLINE_MS, 'policy_timeout', `no answer in ${DEADLINE_MS} ms`);
      worker.on('message', (answer: OneShotAnswer) => {
        if ('value' in answer) resolve(answer.value);
        else fail(answer.code, answer.message);
      });
      worker.on('error', (error: Error) => {
        fail('policy_error', error.message);
      });
      worker.on('exit', () => {
        fail('policy_error', 'the thread ended without an answer');
      });
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
};
