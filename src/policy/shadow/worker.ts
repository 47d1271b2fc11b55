/**
 * The program of a shadow's thread: decides again what was decided, after everybody else. Where the system has priorities
 * of threads, it takes a lower one.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import { unpackWork } from '../pool/message.ts';
import type { WorkMessage } from '../pool/message.ts';
import { ShadowDecider } from './job.ts';
import type { LiveDecision, ShadowDifference, ShadowSettings } from './job.ts';
import { stepBack } from '../engine/step-back.ts';

/** What the thread is started with. */
export interface ShadowStart {
  readonly compiled: CompiledPolicy;
  readonly settings: ShadowSettings;
  /** One number: the job of the message that is being decided. */
  readonly place: SharedArrayBuffer;
}

/** Decided jobs. */
export interface ShadowMessage {
  readonly work: WorkMessage;
  readonly live: readonly LiveDecision[];
}

/** What came of each job: null where it is decided the same; a text where it could not be tried. */
export type ShadowAnswer = readonly (ShadowDifference | string | null)[];

if (parentPort === null) throw new Error('this program runs as a worker thread');
const port = parentPort;
const { compiled, settings, place } = workerData as ShadowStart;
const current = new Int32Array(place);
stepBack();
const decider = new ShadowDecider(new PolicyEngine(compiled), settings);

port.on('message', ({ work, live }: ShadowMessage) => {
  const answer = unpackWork(work).map((job, position) => {
    Atomics.store(current, 0, position);
    const decision = live[position];
    return decision === undefined ? 'no decision' : tried(job, decision);
  });
  port.postMessage(answer);
});
port.postMessage('ready');

function tried(
  job: Parameters<ShadowDecider['decide']>[0],
  live: LiveDecision,
): ShadowDifference | string | null {
  try {
    return decider.decide(job, live);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
