/**
 * The pool of a gateway: policies run in worker threads, because nothing else stops one that does not end. A worker that
 * is slow with one job keeps only that job: the others are taken back and given to the spare. At its deadline the worker
 * is ended, and its job is a denial.
 */
import { SteleError } from '../../core/errors.ts';
import { Backlog } from './backlog.ts';
import type { DecideSettings } from '../decide/decide.ts';
import type { DenialCode } from '../contract/decision.ts';
import { Denier } from './denier.ts';
import type { AppendJob, AppendOutcome, ReadJob, ReadOutcome } from '../decide/jobs.ts';
import { Lane } from './lane.ts';
import type { LaneEvents, Unanswered } from './lane.ts';
import { eventBytes } from './message.ts';
import type { Outcome, Work } from './message.ts';
import { appendWork, readWork } from './pool.ts';
import type { PolicyPool } from './pool.ts';
import type { PreparedPolicy } from '../bundle/prepare.ts';
import { workerPoolDefaults } from './settings.ts';
import type { WorkerPoolSettings } from './settings.ts';

/** Counts since the pool was opened, for metrics. */
export interface PoolCounts {
  readonly waiting: number;
  readonly timeouts: number;
  readonly crashes: number;
  readonly overloads: number;
}

/** A pool of worker threads. */
export interface WorkerPool extends PolicyPool {
  counts(): PoolCounts;
}

/** One job of a call that waits for all of its own. */
interface Task {
  readonly job: Work;
  readonly settle: (outcome: Outcome) => void;
}

/** Jobs that must wait before a busy worker gets a message ahead: fewer are worth waiting for more, for a hop has its price. */
const AHEAD_JOBS = 12;

/** Milliseconds before a worker that could not be started is tried again. */
const RESTART_MS = 1000;

/**
 * Starts the workers and resolves when all of them, the spares too, are ready.
 *
 * @param policy - Null denies everything with `engine_unavailable`, without any worker.
 * @throws {@link SteleError} `engine_unavailable` when the worker program does not start.
 */
export async function openWorkerPool(
  policy: PreparedPolicy | null,
  settings: DecideSettings,
  options: Partial<WorkerPoolSettings> = {},
): Promise<WorkerPool> {
  const pool = new ThreadPool(policy, settings, { ...workerPoolDefaults, ...options });
  await pool.open();
  return pool;
}

class ThreadPool implements WorkerPool, LaneEvents<Task> {
  readonly #policy: PreparedPolicy | null;
  readonly #decide: DecideSettings;
  readonly #settings: WorkerPoolSettings;
  readonly #backlog: Backlog<Task>;
  readonly #texts = new WeakMap<object, string>();
  readonly #denier: Denier;
  readonly #lanes = new Set<Lane<Task>>();
  readonly #stuck = new Set<Lane<Task>>();
  readonly #counts = { timeouts: 0, crashes: 0, overloads: 0 };
  #watch: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #pumping = false;
  #opened: ((failure: Error | null) => void) | undefined;
  #drained: (() => void) | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(policy: PreparedPolicy | null, decide: DecideSettings, settings: WorkerPoolSettings) {
    this.#policy = policy;
    this.#decide = decide;
    this.#settings = settings;
    const bounds = { tasks: settings.queueJobs, bytes: settings.queueBytes };
    this.#backlog = new Backlog(
      bounds,
      ({ job }) => eventBytes(job),
      ({ job }) => job.work.known.subject,
    );
    this.#denier = new Denier(policy?.identity.id ?? null, decide);
  }

  get policy(): PolicyPool['policy'] {
    return this.#policy?.identity ?? null;
  }

  counts(): PoolCounts {
    return { ...this.#counts, waiting: this.#backlog.size };
  }

  async open(): Promise<void> {
    if (this.#policy === null) return;
    const opened = new Promise<Error | null>((resolve) => (this.#opened = resolve));
    this.#fill();
    const failure = await opened;
    if (failure === null) return;
    await this.close();
    throw new SteleError('engine_unavailable', 'policy worker does not start', {
      disposition: 'fix-configuration',
      cause: failure,
    });
  }

  async append(jobs: readonly AppendJob[]): Promise<AppendOutcome[]> {
    const works = jobs.map((job): Work => ({ ask: 'append', work: appendWork(job, this.#texts) }));
    return (await this.#ask(works)) as AppendOutcome[];
  }

  async read(jobs: readonly ReadJob[]): Promise<ReadOutcome[]> {
    const works = jobs.map((job): Work => ({ ask: 'read', work: readWork(job, this.#texts) }));
    return (await this.#ask(works)) as ReadOutcome[];
  }

  async close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#closed = true;
    if (this.#isBusy()) await new Promise<void>((resolve) => (this.#drained = resolve));
    clearTimeout(this.#watch);
    clearTimeout(this.#restart);
    await Promise.all([...this.#lanes].map(async (lane) => lane.close()));
    this.#lanes.clear();
  }

  ready(): void {
    if ([...this.#lanes].every((lane) => lane.hasStarted)) this.#opened?.(null);
    this.#pump();
  }

  answered(lane: Lane<Task>, tasks: readonly Task[], outcomes: readonly Outcome[]): void {
    this.#stuck.delete(lane);
    tasks.forEach((task, index) => {
      task.settle(outcomes[index] ?? { outcome: 'failed', message: 'worker left out a job' });
    });
    this.#pump();
  }

  crashed(lane: Lane<Task>, left: Unanswered<Task>, why: Error): void {
    this.#counts.crashes++;
    this.#lose(lane, left, 'policy_error');
    if (lane.hasStarted) {
      this.#fill();
    } else {
      this.#opened?.(why);
      // Not at once: what keeps a worker from starting would otherwise keep this thread busy.
      this.#restart ??= setTimeout(() => {
        this.#restart = undefined;
        this.#fill();
      }, RESTART_MS).unref();
    }
    this.#pump();
  }

  async #ask(works: readonly Work[]): Promise<Outcome[]> {
    if (this.#closed) throw closing();
    return new Promise((resolve, reject) => {
      if (works.length === 0) resolve([]);
      const outcomes: Outcome[] = [];
      let missing = works.length;
      const tasks = works.map((job, index) => ({
        job,
        settle: (outcome: Outcome): void => {
          outcomes[index] = outcome;
          if (outcome.outcome === 'failed') reject(new Error(outcome.message));
          if (--missing === 0) resolve(outcomes);
        },
      }));
      this.#accept(tasks);
    });
  }

  #accept(tasks: readonly Task[]): void {
    if (this.#policy === null) {
      for (const task of tasks) this.#deny(task, 'engine_unavailable');
      return;
    }
    const late = this.#backlog.add(tasks);
    // What one turn of the caller's code asks travels together; what comes later finds a busy worker, and gathers.
    if (!this.#pumping) {
      this.#pumping = true;
      process.nextTick(() => {
        this.#pumping = false;
        this.#pump();
      });
    }
    this.#counts.overloads += late.length;
    for (const task of late) this.#deny(task, 'engine_overloaded');
  }

  /** Gives what waits to workers, as many as may decide at the same time. */
  #pump(): void {
    while (this.#backlog.size > 0) {
      const lane = this.#nextLane();
      if (lane === undefined) break;
      lane.send(this.#nextMessage());
    }
    if (this.#lanes.size === 0 && this.#restart !== undefined) this.#denyAll();
    if (!this.#isBusy()) this.#drained?.();
    else this.#watchSoon();
  }

  /** A worker without work, or else one that gets its next message while it is at one. */
  #nextLane(): Lane<Task> | undefined {
    const lanes = [...this.#lanes].filter((lane) => !this.#stuck.has(lane));
    const busy = lanes.filter(({ messages }) => messages > 0);
    const idle = lanes.find((lane) => lane.messages === 0 && lane.hasRoom);
    if (idle !== undefined && busy.length < this.#settings.workers) return idle;
    if (this.#backlog.size < AHEAD_JOBS) return undefined;
    return busy.find(({ hasRoom }) => hasRoom);
  }

  #nextMessage(): Task[] {
    const { messageJobs, messageBytes } = this.#settings;
    let bytes = 0;
    return this.#backlog.take(({ job }, taken) => {
      bytes += eventBytes(job);
      return taken === 0 || (taken < messageJobs && bytes <= messageBytes);
    });
  }

  #isBusy(): boolean {
    return this.#backlog.size > 0 || [...this.#lanes].some(({ messages }) => messages > 0);
  }

  #watchSoon(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = undefined;
      for (const lane of this.#lanes) if (lane.messages > 0) this.#look(lane);
      this.#pump();
    }, this.#settings.stallMs / 2);
  }

  #look(lane: Lane<Task>): void {
    if (lane.jobMs < this.#settings.stallMs) return;
    // From here on the worker has at most this one job, so what is measured next is measured of it.
    this.#stuck.add(lane);
    this.#backlog.putBack(lane.takeBack());
    if (lane.jobMs < this.#settings.deadlineMs) return;
    this.#counts.timeouts++;
    this.#lose(lane, lane.stop(), 'policy_timeout');
    this.#fill();
  }

  /** A worker is gone: the job that it was at is denied, what it had not answered is asked again. */
  #lose(lane: Lane<Task>, { tasks, current }: Unanswered<Task>, code: DenialCode): void {
    this.#lanes.delete(lane);
    this.#stuck.delete(lane);
    this.#backlog.putBack(tasks.filter((task) => task !== current));
    if (current !== undefined) this.#deny(current, code);
  }

  #fill(): void {
    const { workers, spares, workerUrl: url, heapMb } = this.#settings;
    // While closing, what was asked is still answered.
    if (this.#policy === null || (this.#closed && !this.#isBusy())) return;
    const { compiled, identity } = this.#policy;
    const start = { policy: identity.id, compiled, settings: this.#decide };
    while (this.#lanes.size < workers + spares) {
      this.#start(new Lane<Task>({ url, start, heapMb }, this));
    }
  }

  /** A policy that does not end keeps its worker from ever becoming ready: that is ended, as one that crashed. */
  #start(lane: Lane<Task>): void {
    this.#lanes.add(lane);
    setTimeout(() => {
      if (lane.hasStarted || !this.#lanes.has(lane)) return;
      this.crashed(lane, lane.stop(), new Error(`not ready in ${this.#settings.startMs} ms`));
    }, this.#settings.startMs).unref();
  }

  #denyAll(): void {
    for (const task of this.#backlog.take(() => true)) this.#deny(task, 'engine_unavailable');
  }

  /** Makes a denial, with its entry, on this thread. */
  #deny({ job, settle }: Task, code: DenialCode): void {
    void this.#denier.deny(job, code).then(settle);
  }
}

function closing(): SteleError {
  return new SteleError('closing', 'policy pool is closed', {
    disposition: 'retry',
    durability: 'not-durable',
  });
}
