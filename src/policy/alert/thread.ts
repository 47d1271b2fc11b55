/**
 * The one thread that asks `stele/alert`: at most one message under way, and an end for what takes too long. What is kept
 * between entries outlives it, so that nobody makes it forget by making it fail.
 */
import { Worker } from 'node:worker_threads';
import { SteleError } from '../../core/errors.ts';
import type { RecentFacts } from './facts.ts';
import type { AlertAnswer, AlertTask } from './job.ts';
import type { AlertStart } from './worker.ts';
import type { DenialCode } from '../contract/decision.ts';
import type { CompiledPolicy } from '../engine/engine.ts';

/** How the thread runs. */
export interface AlertThreadSettings {
  readonly compiled: CompiledPolicy;
  /** Goes on through threads and policies. */
  readonly recent: RecentFacts;
  /** Milliseconds for one entry. */
  readonly deadlineMs: number;
  /** The compiled worker program. Default: beside this file, or in `dist` when this runs as source. */
  readonly workerUrl?: URL;
}

/** Asks about sealed entries. */
export interface AlertAsker {
  /**
   * The answers, in order: at least one, and fewer than tasks where it cannot go on. What has an answer is kept and must
   * not be asked again. @throws {@link SteleError} `engine_unavailable`: there is no answer.
   */
  ask(tasks: readonly AlertTask[]): Promise<readonly AlertAnswer[]>;
  close(): Promise<void>;
}

/** MiB of JavaScript heap: what is kept, a message, and little more. */
const HEAP_MB = 128;
/** Milliseconds for a thread to be ready, which competes with everything else for the processor. */
const START_MS = 30_000;
/** An entry that took too long is asked once more, for so many times as long: a busy machine is no reason to miss it. */
const SECOND_TIME = 4;
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/policy/alert/worker.js' : './worker.js',
  import.meta.url,
);

/** See above. */
export class AlertThread implements AlertAsker {
  readonly #settings: AlertThreadSettings;
  /** From its start on, so that it can be ended while it starts. */
  #worker: Worker | null = null;
  #closed = false;

  constructor(settings: AlertThreadSettings) {
    this.#settings = settings;
  }

  async ask(tasks: readonly AlertTask[]): Promise<readonly AlertAnswer[]> {
    const answers: AlertAnswer[] = [];
    try {
      await this.#askAll(tasks, answers);
    } catch (error) {
      if (answers.length === 0) throw error;
    }
    return answers;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  async #askAll(tasks: readonly AlertTask[], answers: AlertAnswer[]): Promise<void> {
    const { deadlineMs } = this.#settings;
    let isSecond = false;
    while (answers.length < tasks.length) {
      const rest = tasks.slice(answers.length, isSecond ? answers.length + 1 : tasks.length);
      const lost = await this.#run(rest, deadlineMs * (isSecond ? SECOND_TIME : 1), answers);
      if (lost !== null && isSecond) answers.push({ alerts: [], kept: null, failed: lost });
      isSecond = lost !== null && !isSecond;
    }
  }

  /** @returns why the thread is gone, at the entry after what it added to `answers`; null where it is there. */
  async #run(
    tasks: readonly AlertTask[],
    deadlineMs: number,
    answers: AlertAnswer[],
  ): Promise<DenialCode | null> {
    const worker = this.#worker ?? (await this.#start());
    const wanted = answers.length + tasks.length;
    const lost = await new Promise<DenialCode | null>((resolve) => {
      let timer: NodeJS.Timeout;
      const end = (why: DenialCode | null): void => {
        clearTimeout(timer);
        unheard();
        resolve(why);
      };
      const watch = (): void => {
        const known = answers.length;
        timer = setTimeout(() => {
          // This thread may have been busy itself: what is there is heard first.
          setImmediate(() => {
            if (answers.length === known) end('policy_timeout');
          });
        }, deadlineMs);
      };
      const heard = (answer: AlertAnswer): void => {
        clearTimeout(timer);
        answers.push(answer);
        if (answer.kept !== null) this.#settings.recent.keep(answer.kept);
        if (answers.length === wanted) end(null);
        else watch();
      };
      const unheard = hear(worker, heard, () => {
        end('policy_error');
      });
      watch();
      worker.postMessage(tasks);
    });
    if (lost !== null) {
      this.#worker = null;
      await worker.terminate();
      this.#assertOpen();
    }
    return lost;
  }

  async #start(): Promise<Worker> {
    const { compiled, recent, workerUrl } = this.#settings;
    this.#assertOpen();
    const workerData: AlertStart = { compiled, recent: recent.all() };
    const worker = new Worker(workerUrl ?? WORKER_URL, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      env: {},
    });
    this.#worker = worker;
    worker.unref();
    // It may die while nobody listens: then the next message finds out.
    worker.on('error', () => undefined);
    const isReady = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, START_MS, false);
      const end = (ready: boolean): void => {
        clearTimeout(timer);
        unheard();
        resolve(ready);
      };
      const ready = (): void => {
        end(true);
      };
      const unheard = hear(worker, ready, () => {
        end(false);
      });
    });
    if (!isReady) {
      this.#worker = null;
      await worker.terminate();
    }
    this.#assertOpen();
    if (!isReady) throw unavailable('its thread does not start');
    return worker;
  }

  #assertOpen(): void {
    if (this.#closed) throw unavailable('it was closed');
  }
}

/** @returns what ends it. The listeners that Node itself has stay. */
function hear(
  worker: Worker,
  onMessage: (answer: AlertAnswer) => void,
  onEnd: () => void,
): () => void {
  worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd);
  return () => {
    worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd);
  };
}

function unavailable(why: string): SteleError {
  return new SteleError('engine_unavailable', `stele/alert cannot be asked: ${why}`, {
    disposition: 'retry',
  });
}
