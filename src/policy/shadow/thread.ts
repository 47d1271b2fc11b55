/** The one thread of a shadow: at most one message under way, and an end for a decision that takes too long. */
import { Worker } from 'node:worker_threads';
import type { CompiledPolicy } from '../engine/engine.ts';
import { packWork } from '../pool/message.ts';
import type { Work } from '../pool/message.ts';
import type { LiveDecision, ShadowSettings } from './job.ts';
import type { ShadowAnswer, ShadowMessage, ShadowStart } from './worker.ts';

/** A decided job that is to be decided again. */
export interface ShadowTask {
  readonly job: Work;
  readonly live: LiveDecision;
}

/** Told what becomes of messages. */
export interface ShadowEvents {
  /** The thread has nothing to do. */
  idle(): void;
  answered(tasks: readonly ShadowTask[], answer: ShadowAnswer): void;
  /** The thread is gone; `current` is what it was at, of `rest` there is no answer. Another one is to be started. */
  lost(
    why: 'policy_timeout' | 'policy_error',
    current: ShadowTask | null,
    rest: readonly ShadowTask[],
  ): void;
}

/** How a thread runs. */
export interface ShadowThreadSettings {
  readonly compiled: CompiledPolicy;
  readonly settings: ShadowSettings;
  /** Milliseconds for one decision. */
  readonly deadlineMs: number;
  /** The compiled worker program. Default: beside this file, or in `dist` when this runs as source. */
  readonly workerUrl?: URL;
}

/** MiB of JavaScript heap: a message and little more. */
const HEAP_MB = 128;
/** Milliseconds for a thread to be ready, which competes with everything else for the processor. */
const START_MS = 30_000;
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/policy/shadow/worker.js' : './worker.js',
  import.meta.url,
);

/** See above. */
export class ShadowThread {
  readonly #worker: Worker;
  readonly #events: ShadowEvents;
  readonly #place: Int32Array;
  readonly #deadlineMs: number;
  readonly #watch: NodeJS.Timeout;
  #tasks: readonly ShadowTask[] | null = null;
  #ready = false;
  #ended = false;
  #seen = -1;
  #since = performance.now();

  constructor(
    { compiled, settings, deadlineMs, workerUrl }: ShadowThreadSettings,
    events: ShadowEvents,
  ) {
    this.#events = events;
    this.#deadlineMs = deadlineMs;
    const place = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#place = new Int32Array(place);
    const workerData: ShadowStart = { compiled, settings, place };
    this.#worker = new Worker(workerUrl ?? WORKER_URL, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      env: {},
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: ShadowAnswer | 'ready') => {
      this.#heard(answer);
    });
    this.#worker.on('error', () => {
      this.#lose('policy_error');
    });
    this.#worker.on('exit', () => {
      this.#lose('policy_error');
    });
    this.#watch = setInterval(() => {
      this.#look();
    }, deadlineMs / 2).unref();
  }

  /** Whether it takes a message. */
  get isIdle(): boolean {
    return this.#ready && this.#tasks === null && !this.#ended;
  }

  /** Sends tasks to a thread that is idle. */
  send(tasks: readonly ShadowTask[]): void {
    this.#tasks = tasks;
    this.#seen = -1;
    this.#since = performance.now();
    Atomics.store(this.#place, 0, 0);
    const work = packWork(
      tasks.map(({ job }) => job),
      0,
    );
    const message: ShadowMessage = { work, live: tasks.map(({ live }) => live) };
    this.#worker.postMessage(message, [work.events]);
  }

  /** Ends it, whatever it is at. */
  async close(): Promise<void> {
    this.#ended = true;
    clearInterval(this.#watch);
    await this.#worker.terminate();
  }

  #heard(answer: ShadowAnswer | 'ready'): void {
    if (this.#ended) return;
    this.#ready = true;
    const tasks = this.#tasks;
    this.#tasks = null;
    if (answer !== 'ready' && tasks !== null) this.#events.answered(tasks, answer);
    this.#events.idle();
  }

  #look(): void {
    const now = performance.now();
    const position = Atomics.load(this.#place, 0);
    const isWaiting = this.#ready && this.#tasks === null;
    if (isWaiting || position !== this.#seen) {
      this.#seen = isWaiting ? -1 : position;
      this.#since = now;
      return;
    }
    const limit = this.#ready ? this.#deadlineMs : START_MS;
    if (now - this.#since >= limit) this.#lose('policy_timeout');
  }

  #lose(why: 'policy_timeout' | 'policy_error'): void {
    if (this.#ended) return;
    void this.close();
    const tasks = this.#tasks ?? [];
    const position = Atomics.load(this.#place, 0);
    const rest = tasks.filter((_task, at) => at !== position);
    this.#events.lost(why, tasks[position] ?? null, rest);
  }
}
