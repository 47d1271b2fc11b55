import { Worker } from 'node:worker_threads';
import { packWork, unpackOutcomes } from './message.ts';
import type { Outcome, OutcomeMessage, Work } from './message.ts';
import { Progress } from './progress.ts';
import type { WorkerStart } from './worker.ts';

/** What a lane carries. */
export interface LaneTask {
  readonly job: Work;
}

/** What a lane tells the pool that owns it. */
export interface LaneEvents<Task extends LaneTask> {
  /** The worker can take its first message. */
  ready(lane: Lane<Task>): void;
  /** The worker answered: an outcome for each of `tasks`. */
  answered(lane: Lane<Task>, tasks: readonly Task[], outcomes: readonly Outcome[]): void;
  /** The worker is gone without having been stopped. */
  crashed(lane: Lane<Task>, left: Unanswered<Task>, why: Error): void;
}

/** What a worker leaves behind. */
export interface Unanswered<Task> {
  readonly tasks: readonly Task[];
  /** The one of them that was being decided. */
  readonly current: Task | undefined;
}

/** How a lane starts its worker. */
export interface LaneStart {
  readonly url: URL;
  readonly start: Omit<WorkerStart, 'progress'>;
  /** MiB of JavaScript heap; WebAssembly memory has its own maximum. */
  readonly heapMb: number;
}

/** One worker thread with at most one message on its way. */
export class Lane<Task extends LaneTask> {
  readonly #worker: Worker;
  readonly #progress = new Progress();
  readonly #events: LaneEvents<Task>;
  #tasks: readonly Task[] = [];
  #started = false;
  #state: 'starting' | 'idle' | 'busy' | 'gone' = 'starting';

  constructor({ url, start, heapMb }: LaneStart, events: LaneEvents<Task>) {
    this.#events = events;
    const workerData: WorkerStart = { ...start, progress: this.#progress.shared };
    this.#worker = new Worker(url, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
      env: {},
    });
    this.#worker.on('message', (message: OutcomeMessage | 'ready') => {
      this.#receive(message);
    });
    this.#worker.on('error', (error: Error) => {
      this.#gone(error);
    });
    this.#worker.on('exit', () => {
      this.#gone(new Error('worker exited'));
    });
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  get isBusy(): boolean {
    return this.#state === 'busy';
  }

  /** Whether the worker has ever been ready. */
  get hasStarted(): boolean {
    return this.#started;
  }

  /** Milliseconds that the current job has been under way; 0 before the first and after the last. */
  get jobMs(): number {
    return this.#progress.elapsedMs(this.#tasks.length);
  }

  /** Posts a message of tasks to an idle worker. */
  send(tasks: readonly Task[]): void {
    this.#tasks = tasks;
    this.#state = 'busy';
    this.#progress.reset();
    const message = packWork(tasks.map(({ job }) => job));
    this.#worker.postMessage(message, [message.events]);
  }

  /** @returns the tasks that were not begun; the worker will not begin them any more. */
  takeBack(): readonly Task[] {
    const claimed = this.#progress.takeBack(this.#tasks.length);
    const rest = this.#tasks.slice(claimed);
    this.#tasks = this.#tasks.slice(0, claimed);
    return rest;
  }

  /** Ends the worker, whatever it is doing. */
  stop(): Unanswered<Task> {
    const left = this.#unanswered();
    this.#state = 'gone';
    void this.#worker.terminate();
    return left;
  }

  /** Ends the worker and waits until it is gone. */
  async close(): Promise<void> {
    this.#state = 'gone';
    await this.#worker.terminate();
  }

  #receive(message: OutcomeMessage | 'ready'): void {
    if (this.#state === 'gone') return;
    this.#state = 'idle';
    if (message === 'ready') {
      this.#started = true;
      this.#events.ready(this);
      return;
    }
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#events.answered(this, tasks, unpackOutcomes(message));
  }

  #gone(why: Error): void {
    if (this.#state === 'gone') return;
    const left = this.#unanswered();
    this.#state = 'gone';
    this.#events.crashed(this, left, why);
  }

  #unanswered(): Unanswered<Task> {
    const tasks = this.#tasks;
    const claimed = this.#progress.claimed(tasks.length);
    this.#tasks = [];
    return { tasks, current: claimed === 0 ? undefined : tasks[claimed - 1] };
  }
}
