/**
 * A pool whose policy can be exchanged under load. The workers of the next policy are started and warmed beside those of
 * the present one; then, in one step, the next job goes to them. What the old ones were asked, they answer, and end.
 */
import type { AppendJob, AppendOutcome, ReadJob, ReadOutcome } from '../decide/jobs.ts';
import type { PolicyPool } from './pool.ts';
import type { PreparedPolicy } from '../bundle/prepare.ts';
import type { PoolCounts, WorkerPool } from './worker-pool.ts';

/** Starts a pool for one policy, or for none. */
export type OpenPool = (policy: PreparedPolicy | null) => Promise<WorkerPool>;

/** A policy with workers that are warm and have decided nothing. Exactly one of the two is to be called. */
export interface ReadyPolicy {
  /** From the next job on it decides. Synchronous, so that nothing comes in between. */
  swap(): void;
  /** It is not wanted any more. */
  drop(): Promise<void>;
}

/** See above. */
export class SwapPool implements WorkerPool {
  readonly #open: OpenPool;
  readonly #ending = new Set<Promise<void>>();
  /** Made ready, and neither swapped in nor dropped. */
  readonly #waiting = new Set<WorkerPool>();
  #current: WorkerPool;
  #prepared: PreparedPolicy | null;
  #past = { timeouts: 0, crashes: 0, overloads: 0 };

  private constructor(open: OpenPool, current: WorkerPool, prepared: PreparedPolicy | null) {
    this.#open = open;
    this.#current = current;
    this.#prepared = prepared;
  }

  /** @param policy - The one to begin with; null denies everything until the first swap. */
  static async open(open: OpenPool, policy: PreparedPolicy | null = null): Promise<SwapPool> {
    return new SwapPool(open, await open(policy), policy);
  }

  get policy(): PolicyPool['policy'] {
    return this.#current.policy;
  }

  /** The policy that decides, as it can be evaluated elsewhere. */
  get prepared(): PreparedPolicy | null {
    return this.#prepared;
  }

  counts(): PoolCounts {
    const { timeouts, crashes, overloads, waiting } = this.#current.counts();
    const past = this.#past;
    return {
      waiting,
      timeouts: timeouts + past.timeouts,
      crashes: crashes + past.crashes,
      overloads: overloads + past.overloads,
    };
  }

  async append(jobs: readonly AppendJob[]): Promise<AppendOutcome[]> {
    const pool = this.#current;
    return named(await pool.append(jobs), pool);
  }

  async read(jobs: readonly ReadJob[]): Promise<ReadOutcome[]> {
    const pool = this.#current;
    return named(await pool.read(jobs), pool);
  }

  /** Starts and warms the workers of a policy. @throws {@link SteleError} `engine_unavailable`. */
  async ready(policy: PreparedPolicy): Promise<ReadyPolicy> {
    const next = await this.#open(policy);
    this.#waiting.add(next);
    return {
      swap: () => {
        this.#waiting.delete(next);
        const old = this.#current;
        this.#current = next;
        this.#prepared = policy;
        this.#end(old);
      },
      drop: async () => {
        this.#waiting.delete(next);
        await next.close();
      },
    };
  }

  async close(): Promise<void> {
    await this.#current.close();
    await Promise.all([...this.#waiting].map(async (pool) => pool.close()));
    await Promise.all(this.#ending);
  }

  #end(pool: WorkerPool): void {
    const ended = pool
      .close()
      .catch(() => undefined)
      .finally(() => {
        const { timeouts, crashes, overloads } = pool.counts();
        this.#past.timeouts += timeouts;
        this.#past.crashes += crashes;
        this.#past.overloads += overloads;
        this.#ending.delete(ended);
      });
    this.#ending.add(ended);
  }
}

/** Says of each decision which policy made it: its entry may stand only where that one is adopted. */
function named<Outcome extends AppendOutcome | ReadOutcome>(
  outcomes: Outcome[],
  { policy }: PolicyPool,
): Outcome[] {
  const id = policy?.id ?? null;
  for (const outcome of outcomes) {
    if (outcome.outcome === 'decided') Object.assign(outcome, { policy: id });
  }
  return outcomes;
}
