/** The program of a worker thread that tries one bundle: reads, compiles, starts, warms and tests it, answers, ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { SteleError } from '../../core/errors.ts';
import { readBundle } from './bundle.ts';
import type { BundleLimits } from './bundle.ts';
import { casesOf, runCases } from './cases.ts';
import { ENTRYPOINTS } from '../contract/decision.ts';
import { PolicyEngine } from '../engine/engine.ts';
import { PolicyError } from '../contract/policy-error.ts';
import type { BundleCode } from '../contract/policy-error.ts';
import { preparePolicy } from './prepare.ts';
import type { PreparedPolicy } from './prepare.ts';

/** What the worker is started with. */
export interface StageStart {
  readonly archive: Uint8Array;
  readonly limits: BundleLimits;
}

/** What it answers, once. */
export type StageAnswer =
  | { readonly prepared: PreparedPolicy; readonly cases: number }
  | { readonly code: BundleCode; readonly message: string };

/** A policy's first evaluations take twenty times as long; its compiled code is shared by the workers that get it. */
const WARM_UP_EVALUATIONS = 50;

if (parentPort === null) throw new Error('this program runs as a worker thread');
parentPort.postMessage(await stage(workerData as StageStart));

async function stage({ archive, limits }: StageStart): Promise<StageAnswer> {
  try {
    const bundle = await readBundle(archive, limits);
    const cases = casesOf(bundle.files);
    const prepared = preparePolicy(bundle);
    const engine = new PolicyEngine(prepared.compiled);
    for (const entrypoint of Object.values(ENTRYPOINTS)) warm(engine, entrypoint);
    runCases(engine, cases);
    return { prepared, cases: cases.length };
  } catch (error) {
    if (error instanceof SteleError) {
      return { code: error.code as BundleCode, message: error.message };
    }
    const message = error instanceof Error ? error.message : 'unknown failure';
    return { code: 'bundle_invalid', message: `bundle cannot be tried: ${message}` };
  }
}

/** Whatever it answers to an empty input: that it comes back is what counts here. */
function warm(engine: PolicyEngine, entrypoint: string): void {
  for (let i = 0; i < WARM_UP_EVALUATIONS; i++) {
    try {
      engine.evaluate(entrypoint, '{}');
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
    }
  }
}
