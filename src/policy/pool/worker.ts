/** The program of a worker thread: takes messages of jobs, decides them one by one, answers once a message. */
import { parentPort, workerData } from 'node:worker_threads';
import { Decider } from '../decide/decide.ts';
import type { DecideSettings } from '../decide/decide.ts';
import { PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import { packOutcomes, unpackWork } from './message.ts';
import type { Outcome, Work, WorkMessage } from './message.ts';
import { Progress } from './progress.ts';
import { pagedRandom } from './random.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly policy: string;
  readonly compiled: CompiledPolicy;
  readonly settings: DecideSettings;
  /** One counter for each message that may be under way. */
  readonly progress: readonly SharedArrayBuffer[];
}

/** Takes about 30 ms; more gain little. */
const WARM_UP_JOBS = 50;

if (parentPort === null) throw new Error('this program runs as a worker thread');
const port = parentPort;
const { policy, compiled, settings, progress: shared } = workerData as WorkerStart;
const counters = shared.map((each) => new Progress(each));
const evaluator = new PolicyEngine(compiled);
const decider = new Decider({ evaluator, policy, random: pagedRandom() }, settings);

port.on('message', (message: WorkMessage) => {
  const batch = unpackWork(message);
  const progress = counters[message.slot];
  if (progress === undefined) throw new Error(`message is of slot ${message.slot}`);
  const outcomes: Outcome[] = [];
  for (let job = batch[progress.claim()]; job !== undefined; job = batch[progress.claim()]) {
    outcomes.push(decide(job));
  }
  port.postMessage(packOutcomes(outcomes));
});
warmUp();
port.postMessage('ready');

/** The first jobs of a thread take twenty times as long as later ones: better before anybody waits for them. */
function warmUp(): void {
  const known = { action: '{}', context: '{}', ledger: '{}', resource: '{}', subject: '{}' };
  const event = '{"type":"warm","list":[1,2,3],"object":{"text":"a","number":1.5,"none":null}}';
  const jti = '00000000-0000-7000-8000-000000000000';
  const work = { at: 0, jti, known, source: '{}', event, identity: null };
  for (let i = 0; i < WARM_UP_JOBS; i++) {
    decider.append(work);
    decider.read({ ...work, entry: 'as_decided' });
  }
}

function decide(job: Work): Outcome {
  try {
    return job.ask === 'append' ? decider.append(job.work) : decider.read(job.work);
  } catch (error) {
    // A bug, not an answer: the caller's promise rejects, and the other jobs of the message are not lost with it.
    return { outcome: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
