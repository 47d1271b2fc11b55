/** The program of a thread that evaluates once: see `one-shot.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { DenialCode } from '../contract/decision.ts';
import { PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import { PolicyError } from '../contract/policy-error.ts';

/** What the thread is started with. */
export interface OneShotStart {
  readonly compiled: CompiledPolicy;
  readonly entrypoint: string;
  /** RFC 8785 text. */
  readonly input: string;
}

/** What it answers. */
export type OneShotAnswer =
  { readonly value: JsonValue } | { readonly code: DenialCode; readonly message: string };

if (parentPort === null) throw new Error('this program runs as a worker thread');
parentPort.postMessage(evaluate(workerData as OneShotStart));

function evaluate({ compiled, entrypoint, input }: OneShotStart): OneShotAnswer {
  try {
    return { value: new PolicyEngine(compiled).evaluate(entrypoint, input) };
  } catch (error) {
    const code = error instanceof PolicyError ? error.code : 'policy_error';
    return { code, message: error instanceof Error ? error.message : 'unknown failure' };
  }
}
