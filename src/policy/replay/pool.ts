/** Threads that decide recorded entries again, each of them stoppable: what a policy does is nobody's to promise. */
import { Worker } from 'node:worker_threads';
import type { CompiledPolicy } from '../engine/engine.ts';
import type { LedgerTable } from '../decide/effect.ts';
import type { ReplayAnswer, ReplayMessage, ReplayStart } from './worker.ts';
import type { LeafFacts } from './replay.ts';

export type { Condition, ReplayAnswer } from './worker.ts';

/** Work for one message: whole gzip members with the decisions that they hold. */
export interface ReplayTask {
  readonly members: Uint8Array;
  readonly count: number;
  readonly leaves: readonly LeafFacts[];
  readonly table: LedgerTable;
}

/** How a pool of these threads is set up. */
export interface ReplayPoolSettings {
  readonly mode: ReplayStart['mode'];
  readonly where: ReplayStart['where'];
  readonly threads: number;
  /** Milliseconds for one decision; then its thread is ended. */
  readonly deadlineMs: number;
  /** Decides everything; null: each entry is decided by the policy that it names. */
  readonly candidate: { readonly id: string; readonly compiled: CompiledPolicy } | null;
  /** Called with what came of a message; messages come in no order. */
  readonly onAnswer: (answer: ReplayAnswer) => void;
  /** The compiled worker program. Default: beside this file, or in `dist` when this runs as source. */
  readonly workerUrl?: URL;
}

/** Messages under way to one thread: it finds the next one when it is done with the first. */
const AHEAD = 2;
/** MiB of JavaScript heap of one thread: a message unpacked and parsed, several times over. */
const HEAP_MB = 1024;
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/policy/replay/worker.js' : './worker.js',
  import.meta.url,
);

interface Sent {
  readonly number: number;
  readonly task: ReplayTask;
  readonly timedOut: readonly number[];
}

interface Thread {
  readonly worker: Worker;
  readonly place: Int32Array;
  readonly policies: Set<string>;
  sent: readonly Sent[];
  /** What it was at when somebody looked, and since when. */
  seen: string;
  since: number;
}

/** Takes tasks as fast as threads have room for them, so that a log of any size needs little memory. */
export class ReplayPool {
  readonly #settings: ReplayPoolSettings;
  readonly #policies = new Map<string, CompiledPolicy>();
  readonly #threads: Thread[] = [];
  readonly #watch: NodeJS.Timeout;
  #numbers = 0;
  #failure: Error | null = null;
  /** Whoever waits for room or for the end: several readers may send to one pool. */
  readonly #waiting: (() => void)[] = [];

  constructor(settings: ReplayPoolSettings) {
    this.#settings = settings;
    const { candidate, threads, deadlineMs } = settings;
    if (candidate !== null) this.#policies.set(candidate.id, candidate.compiled);
    for (let i = 0; i < threads; i += 1) this.#threads.push(this.#start());
    this.#watch = setInterval(() => {
      for (const thread of this.#threads) this.#look(thread);
    }, deadlineMs / 4);
  }

  /** Makes a policy known under its identity. */
  add(id: string, compiled: CompiledPolicy): void {
    this.#policies.set(id, compiled);
  }

  /** Resolves when a thread took the task. @throws what ended a thread. */
  async send(task: ReplayTask): Promise<void> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const free = [...this.#threads].sort((a, b) => a.sent.length - b.sent.length)[0];
      if (free !== undefined && free.sent.length < AHEAD) {
        this.#numbers += 1;
        this.#post(free, { number: this.#numbers, task, timedOut: [] });
        return;
      }
      await this.#change();
    }
  }

  /** Resolves when everything that was sent is answered. */
  async drain(): Promise<void> {
    while (this.#threads.some(({ sent }) => sent.length > 0)) {
      if (this.#failure !== null) throw this.#failure;
      await this.#change();
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    const threads = this.#threads.splice(0);
    await Promise.all(threads.map(async ({ worker }) => worker.terminate()));
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #start(): Thread {
    const { mode, where, workerUrl = WORKER_URL } = this.#settings;
    const place = new SharedArrayBuffer(8);
    const start: ReplayStart = { place, mode, where };
    const worker = new Worker(workerUrl, {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      env: {},
    });
    const policies = new Set<string>();
    const thread = { worker, place: new Int32Array(place), policies, sent: [], seen: '', since: 0 };
    worker.on('message', (answer: ReplayAnswer) => {
      this.#answered(thread, answer);
    });
    worker.on('error', (error: Error) => {
      if (!this.#threads.includes(thread)) return;
      this.#failure = error;
      this.#wake();
    });
    return thread;
  }

  #post(thread: Thread, sent: Sent): void {
    thread.sent = [...thread.sent, sent];
    const { candidate } = this.#settings;
    const { task, number, timedOut } = sent;
    const wanted = candidate === null ? task.leaves.map(({ policy }) => policy) : [candidate.id];
    const policies: Record<string, CompiledPolicy> = {};
    for (const id of new Set(wanted)) {
      const compiled = id === null ? undefined : this.#policies.get(id);
      if (id === null || compiled === undefined || thread.policies.has(id)) continue;
      thread.policies.add(id);
      policies[id] = compiled;
    }
    const message: ReplayMessage = {
      ...task,
      number,
      candidate: candidate?.id ?? null,
      policies,
      timedOut,
    };
    thread.worker.postMessage(message);
  }

  #answered(thread: Thread, answer: ReplayAnswer): void {
    if (!this.#threads.includes(thread)) return;
    thread.sent = thread.sent.filter(({ number }) => number !== answer.number);
    this.#settings.onAnswer(answer);
    this.#wake();
  }

  /** A decision that does not end costs its thread; the rest of the message is decided by another. */
  #look(thread: Thread): void {
    const number = Atomics.load(thread.place, 0);
    const position = Atomics.load(thread.place, 1);
    const seen = `${number} ${position}`;
    const now = performance.now();
    const isBusy = thread.sent.some((sent) => sent.number === number);
    if (seen !== thread.seen || !isBusy) {
      thread.seen = seen;
      thread.since = now;
      return;
    }
    if (now - thread.since < this.#settings.deadlineMs) return;
    const fresh = this.#start();
    this.#threads.splice(this.#threads.indexOf(thread), 1, fresh);
    void thread.worker.terminate();
    for (const sent of thread.sent) {
      const late = sent.number === number ? [position] : [];
      this.#post(fresh, { ...sent, timedOut: [...sent.timedOut, ...late] });
    }
  }
}
