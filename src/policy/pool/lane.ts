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

/** A message under way, with the counter that the worker keeps for it. */
interface Sent<Task> {
  readonly progress: Progress;
  tasks: readonly Task[];
}

/**
 * One worker thread with at most two messages on their way: the worker finds the second when it is done with the first,
 * while the pool's thread is still busy with something else.
 */
export class Lane<Task extends LaneTask> {
  readonly #worker: Worker;
  readonly #events: LaneEvents<Task>;
  readonly #slots: readonly [Progress, Progress] = [new Progress(), new Progress()];
  /** Oldest first. */
  #sent: Sent<Task>[] = [];
  #nextSlot: 0 | 1 = 0;
  #started = false;
  #isGone = false;

  constructor({ url, start, heapMb }: LaneStart, events: LaneEvents<Task>) {
    this.#events = events;
    const workerData: WorkerStart = { ...start, progress: this.#slots.map(({ shared }) => shared) };
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

  /** Messages under way. */
  get messages(): number {
    return this.#sent.length;
  }

  /** Whether another message may be sent. */
  get hasRoom(): boolean {
    return this.#started && !this.#isGone && this.#sent.length < this.#slots.length;
  }

  /** Whether the worker has ever been ready. */
  get hasStarted(): boolean {
    return this.#started;
  }

  /** Milliseconds that the current job has been under way; 0 before the first and after the last. */
  get jobMs(): number {
    return Math.max(
      0,
      ...this.#sent.map(({ progress, tasks }) => progress.elapsedMs(tasks.length)),
    );
  }

  /** Posts a message of tasks. The lane has to have room. */
  send(tasks: readonly Task[]): void {
    // Messages are answered in their order, so the slot that was used longer ago is the free one.
    const slot = this.#nextSlot;
    this.#nextSlot = slot === 0 ? 1 : 0;
    const progress = this.#slots[slot];
    progress.reset();
    this.#sent.push({ progress, tasks });
    const message = packWork(
      tasks.map(({ job }) => job),
      slot,
    );
    this.#worker.postMessage(message, [message.events]);
  }

  /** @returns the tasks that were not begun; the worker will not begin them any more. */
  takeBack(): readonly Task[] {
    return this.#sent.flatMap((sent) => {
      const claimed = sent.progress.takeBack(sent.tasks.length);
      const rest = sent.tasks.slice(claimed);
      sent.tasks = sent.tasks.slice(0, claimed);
      return rest;
    });
  }

  /** Ends the worker, whatever it is doing. */
  stop(): Unanswered<Task> {
    const left = this.#unanswered();
    this.#isGone = true;
    void this.#worker.terminate();
    return left;
  }

  /** Ends the worker and waits until it is gone. */
  async close(): Promise<void> {
    this.#isGone = true;
    await this.#worker.terminate();
  }

  #receive(message: OutcomeMessage | 'ready'): void {
    if (this.#isGone) return;
    if (message === 'ready') {
      this.#started = true;
      this.#events.ready(this);
      return;
    }
    const tasks = this.#sent.shift()?.tasks ?? [];
    this.#events.answered(this, tasks, unpackOutcomes(message));
  }

  #gone(why: Error): void {
    if (this.#isGone) return;
    const left = this.#unanswered();
    this.#isGone = true;
    this.#events.crashed(this, left, why);
  }

  #unanswered(): Unanswered<Task> {
    let current: Task | undefined;
    for (const { progress, tasks } of this.#sent) {
      const claimed = progress.claimed(tasks.length);
      if (claimed > 0) current = tasks[claimed - 1];
    }
    const tasks = this.#sent.flatMap((sent) => sent.tasks);
    this.#sent = [];
    return { tasks, current };
  }
}
