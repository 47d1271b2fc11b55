/**
 * The program of the thread that asks `stele/alert`, after everybody else. Where the system has priorities of threads, it
 * takes a lower one.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { RecentFacts } from './facts.ts';
import type { KeptFact } from './facts.ts';
import { AlertJob } from './job.ts';
import type { AlertAnswer, AlertTask } from './job.ts';
import { PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import { stepBack } from '../engine/step-back.ts';

/** What the thread is started with. */
export interface AlertStart {
  readonly compiled: CompiledPolicy;
  /** What an earlier thread kept. */
  readonly recent: readonly KeptFact[];
}

if (parentPort === null) throw new Error('this program runs as a worker thread');
const port = parentPort;
const { compiled, recent } = workerData as AlertStart;
stepBack();
const memory = new RecentFacts();
for (const fact of recent) memory.keep(fact);
const engine = new PolicyEngine(compiled);
const { inputBytes } = compiled.limits;
const job = new AlertJob(engine, { ...engine.facts, inputBytes }, memory);

// One answer an entry: whoever waits knows at which one the thread is.
port.on('message', (tasks: readonly AlertTask[]) => {
  for (const task of tasks) port.postMessage(tried(task));
});
port.postMessage('ready');

function tried(task: AlertTask): AlertAnswer {
  try {
    return job.ask(task);
  } catch {
    // A record that this version does not read, for instance.
    return { alerts: [], kept: null, failed: 'policy_error' };
  }
}
