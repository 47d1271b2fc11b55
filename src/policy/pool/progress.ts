/**
 * How far a worker is in its message, shared with whoever waits for it. The worker claims one job after the other; the
 * pool may take back what is not claimed yet. Both go through one counter, so no job is decided twice or forgotten.
 */

/** Beyond any number of jobs: claims that come after it find nothing. */
const TAKEN_BACK = 2 ** 30;
const CLAIMS = 0;
/** 8 bytes of counter (half unused, for alignment) and 8 of time. */
const SHARED_BYTES = 16;

/** The shared state of one worker. */
export class Progress {
  readonly shared: SharedArrayBuffer;
  readonly #claims: Int32Array;
  readonly #startedAt: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(SHARED_BYTES)) {
    this.shared = shared;
    this.#claims = new Int32Array(shared, 0, 2);
    this.#startedAt = new BigInt64Array(shared, 8, 1);
  }

  /** Pool: a message is about to be posted to an idle worker. */
  reset(): void {
    Atomics.store(this.#startedAt, 0, process.hrtime.bigint());
    Atomics.store(this.#claims, CLAIMS, 0);
  }

  /** Worker: takes the next job. @returns its index; at or past the number of jobs there is none. */
  claim(): number {
    // The time first: seen with an older claim it makes a job look younger, never older.
    Atomics.store(this.#startedAt, 0, process.hrtime.bigint());
    return Atomics.add(this.#claims, CLAIMS, 1);
  }

  /** Pool: leaves the worker what it claimed. @returns how many jobs those are, at most `jobs`. */
  takeBack(jobs: number): number {
    return Math.min(Atomics.exchange(this.#claims, CLAIMS, TAKEN_BACK), jobs);
  }

  /** Pool: jobs claimed so far, at most `jobs`. */
  claimed(jobs: number): number {
    return Math.min(Atomics.load(this.#claims, CLAIMS), jobs);
  }

  /** Pool: milliseconds since the worker took its current job; 0 where it has none yet, or none any more. */
  elapsedMs(jobs: number): number {
    const claims = Atomics.load(this.#claims, CLAIMS);
    const finished = claims > jobs && claims !== TAKEN_BACK;
    if (claims === 0 || finished) return 0;
    return Number(process.hrtime.bigint() - Atomics.load(this.#startedAt, 0)) / 1e6;
  }
}
