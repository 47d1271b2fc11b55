/**
 * Shadow mode: a candidate decides beside the policy in charge, on live traffic, without any effect. A decision is handed
 * over after it was made, through a bounded queue; what finds no room is dropped and counted. Nothing waits for the shadow,
 * and nothing fails because of it. It says which decisions would differ and where, never what is in them.
 */
import type { AppendJob, AppendOutcome, ReadJob, ReadOutcome } from '../decide/jobs.ts';
import type { Work } from '../pool/message.ts';
import { appendWork, readWork } from '../pool/pool.ts';
import type { PolicyPool } from '../pool/pool.ts';
import type { ShadowSettings } from './job.ts';
import { ShadowTally } from './tally.ts';
import type { ShadowStatus } from './tally.ts';
import { ShadowThread } from './thread.ts';
import type { ShadowEvents, ShadowTask } from './thread.ts';
import type { ShadowAnswer } from './worker.ts';
import type { StagedPolicy } from '../bundle/staged.ts';

/** How a shadow runs. */
export interface ShadowOptions {
  readonly settings: ShadowSettings;
  /** Milliseconds for one decision, as of the policy in charge. */
  readonly deadlineMs: number;
  /** Decisions that may wait; beyond, they are dropped. */
  readonly queue: number;
  /** Differing decisions that are kept. */
  readonly samples: number;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly workerUrl?: URL;
}

/** Bytes of events and records that may wait. */
const QUEUE_BYTES = 16_777_216;
/** Decisions of one message: a thread that is ended has little to repeat. */
const MESSAGE_TASKS = 16;
/** Threads in a row that came to nothing; then the candidate is given up. */
const LOSSES_MAX = 10;

interface Waiting {
  readonly ask: Work['ask'];
  readonly job: AppendJob | ReadJob;
  readonly live: ShadowTask['live'];
  readonly bytes: number;
}

/** At most one candidate of one ledger. */
export class Shadow implements ShadowEvents {
  readonly #options: ShadowOptions;
  #texts = new WeakMap<object, string>();
  #candidate: StagedPolicy | null = null;
  #thread: ShadowThread | null = null;
  #queue: Waiting[] = [];
  #again: ShadowTask[] = [];
  #bytes = 0;
  #losses = 0;
  #pumping = false;
  #sample = 1;
  #fault: string | null = null;
  #since: number | null = null;
  #tally: ShadowTally;

  constructor(options: ShadowOptions) {
    this.#options = options;
    this.#tally = new ShadowTally(options.samples);
  }

  /** Begins with a candidate, in place of another one. @param sample - One decision in so many. */
  async start(candidate: StagedPolicy, sample: number): Promise<void> {
    // Two may begin at the same time; the later one holds.
    while (this.#thread !== null) await this.stop();
    this.#candidate = candidate;
    this.#sample = sample;
    this.#fault = null;
    this.#since = this.#options.clock();
    this.#tally = new ShadowTally(this.#options.samples);
    this.#losses = 0;
    this.#open(candidate);
  }

  /** Ends it; what it found stays to be read. */
  async stop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    [this.#queue, this.#again, this.#bytes] = [[], [], 0];
    await thread?.close();
  }

  /** Takes decided appends. Synchronous, and little else than a look where nothing runs. */
  observeAppends(jobs: readonly AppendJob[], outcomes: readonly AppendOutcome[]): void {
    if (this.#thread === null) return;
    for (const [at, job] of jobs.entries()) {
      const outcome = outcomes[at];
      if (outcome?.outcome !== 'decided') continue;
      this.#observe('append', job, outcome, outcome.record);
    }
  }

  /** Takes decided reads; of those that are no entries there is no result to compare with. */
  observeReads(jobs: readonly ReadJob[], outcomes: readonly ReadOutcome[]): void {
    if (this.#thread === null) return;
    for (const [at, job] of jobs.entries()) {
      const outcome = outcomes[at];
      if (outcome?.outcome !== 'decided' || outcome.recordLine === null) continue;
      this.#observe('read', job, outcome, outcome.recordLine);
    }
  }

  status(): ShadowStatus {
    const candidate = this.#candidate;
    return {
      running: this.#thread !== null,
      candidate: candidate && {
        policy: candidate.prepared.identity.id,
        revision: candidate.revision,
        digest: candidate.digest,
      },
      fault: this.#fault,
      since: this.#since,
      sample: this.#sample,
      ...this.#tally.found(),
    };
  }

  idle(): void {
    this.#guarded(() => {
      this.#pump();
    });
  }

  answered(tasks: readonly ShadowTask[], answer: ShadowAnswer): void {
    this.#losses = 0;
    for (const [at, { job }] of tasks.entries()) {
      this.#tally.add(job, answer[at]);
    }
  }

  lost(
    why: 'policy_timeout' | 'policy_error',
    current: ShadowTask | null,
    rest: readonly ShadowTask[],
  ): void {
    const candidate = this.#candidate;
    if (this.#thread === null || candidate === null) return;
    if (current !== null) this.#tally.note(why === 'policy_timeout' ? 'timeouts' : 'failed');
    this.#losses += 1;
    if (this.#losses >= LOSSES_MAX) {
      this.#fault = why;
      void this.stop();
      return;
    }
    this.#again = [...rest];
    this.#open(candidate);
  }

  #open({ prepared }: StagedPolicy): void {
    const { settings, deadlineMs, workerUrl } = this.#options;
    const { compiled } = prepared;
    const url = workerUrl === undefined ? {} : { workerUrl };
    this.#guarded(() => {
      this.#thread = new ShadowThread({ compiled, settings, deadlineMs, ...url }, this);
    });
  }

  /** Nothing that goes wrong here may reach what serves. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch {
      this.#fault = 'policy_error';
      void this.stop();
    }
  }

  #observe(
    ask: Work['ask'],
    job: AppendJob | ReadJob,
    outcome: { readonly allow: boolean; readonly err?: LiveError; readonly class: string },
    record: string,
  ): void {
    if (!isSampled(job.jti, this.#sample)) return;
    const event = 'event' in job ? job.event.length : 0;
    const bytes = event + record.length;
    const { queue } = this.#options;
    if (this.#queue.length >= queue || this.#bytes + bytes > QUEUE_BYTES) {
      this.#tally.note('dropped');
      return;
    }
    const { allow, err = null, class: name } = outcome;
    this.#queue.push({ ask, job, live: { allow, err, class: name, record }, bytes });
    this.#bytes += bytes;
    if (this.#pumping) return;
    this.#pumping = true;
    // After the answers to those who wait.
    setImmediate(() => {
      this.#pumping = false;
      this.#guarded(() => {
        this.#pump();
      });
    });
  }

  #pump(): void {
    if (this.#thread?.isIdle !== true) return;
    const waiting = this.#queue.splice(0, Math.max(0, MESSAGE_TASKS - this.#again.length));
    for (const { bytes } of waiting) this.#bytes -= bytes;
    const tasks = [...this.#again, ...waiting.map((one) => this.#taskOf(one))];
    this.#again = [];
    if (tasks.length > 0) this.#thread.send(tasks);
  }

  #taskOf({ ask, job, live }: Waiting): ShadowTask {
    const texts = this.#texts;
    if (ask === 'append') return { job: { ask, work: appendWork(job as AppendJob, texts) }, live };
    return { job: { ask, work: readWork(job, texts) }, live };
  }
}

type LiveError = NonNullable<ShadowTask['live']['err']>;

/** By the random end of its id. */
function isSampled(jti: string, sample: number): boolean {
  return sample === 1 || Number.parseInt(jti.slice(-12), 16) % sample === 0;
}

/** A pool whose decisions a shadow sees, once they are made. */
export function shadowed(
  pool: Pick<PolicyPool, 'policy' | 'append' | 'read'>,
  shadow: Pick<Shadow, 'observeAppends' | 'observeReads'>,
): Pick<PolicyPool, 'policy' | 'append' | 'read'> {
  return {
    get policy() {
      return pool.policy;
    },
    append: async (jobs) => {
      const outcomes = await pool.append(jobs);
      shadow.observeAppends(jobs, outcomes);
      return outcomes;
    },
    read: async (jobs) => {
      const outcomes = await pool.read(jobs);
      shadow.observeReads(jobs, outcomes);
      return outcomes;
    },
  };
}
