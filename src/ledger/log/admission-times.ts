/**
 * When the entries of which batches were admitted, for all of a log in little memory (decision 0003). Batches that
 * follow each other in order of time, sealed within a bound after their entries were admitted, are one run, in which a
 * search by time finds its way. A batch that does not fit, sealed after an outage or under a clock that was set, is a
 * run of its own.
 */
import { ADMISSION_LAG_MS_MIN, ADMISSION_RUNS_MAX } from '../context/limits.ts';

/** Batches in succession, void slots among them, and what is known of the times (epoch ms) of their entries. */
export interface AdmissionRun {
  readonly first: number;
  readonly last: number;
  /** Lowest and highest admission time. */
  readonly low: number;
  readonly high: number;
  /**
   * In a run in order, no entry was admitted more than this before its batch, none after it, and no batch is dated
   * back by more than this behind one before it. Null for a run without order: each of its batches has to be read.
   */
  readonly lagMs: number | null;
  /** The newest time of a batch. */
  readonly time: number;
}

/** What a batch adds. */
export interface AdmittedBatch {
  readonly number: number;
  readonly time: number;
  /** Lowest and highest admission time of its entries; null for a batch without any. */
  readonly admitted: readonly [number, number] | null;
}

/** The runs of a log, fed with every batch in order. */
export class AdmissionTimes {
  #runs: AdmissionRun[] = [];
  readonly #runsMax: number;

  constructor(runsMax = ADMISSION_RUNS_MAX) {
    this.#runsMax = runsMax;
  }

  /** All runs, in the order of the log. */
  get runs(): readonly AdmissionRun[] {
    return this.#runs;
  }

  /** Goes on from runs that were kept. */
  restore(runs: readonly AdmissionRun[]): void {
    this.#runs = [...runs];
  }

  /** Takes the next batch. One that is known already changes nothing. */
  add(batch: AdmittedBatch): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && batch.number <= last.last) return;
    const next = runOf(batch, last?.time ?? batch.time);
    if (last !== undefined && continues(last, next)) {
      this.#runs[this.#runs.length - 1] = joined(last, next, last.lagMs);
      return;
    }
    this.#runs.push(next);
    if (this.#runs.length > this.#runsMax) this.#forgetOrder();
  }

  /** The runs that may hold an entry that was admitted at a time (epoch ms). */
  around(at: number): AdmissionRun[] {
    return this.between(at, at);
  }

  /** The runs that may hold an entry that was admitted in [`from`, `to`] (epoch ms). */
  between(from: number, to: number): AdmissionRun[] {
    return this.#runs.filter(({ low, high }) => low <= to && from <= high);
  }

  /** Makes one run without order of the two neighbours that have the fewest batches: what is seldom gives way last. */
  #forgetOrder(): void {
    let [least, place] = [Infinity, 0];
    for (const [i, run] of this.#runs.entries()) {
      const after = this.#runs[i + 1];
      const batches = after === undefined ? Infinity : after.last - run.first;
      if (batches < least) [least, place] = [batches, i];
    }
    const [one, two] = this.#runs.slice(place, place + 2);
    if (one !== undefined && two !== undefined) {
      this.#runs.splice(place, 2, joined(one, two, null));
    }
  }
}

/** A batch by itself. @param before - The newest time of a batch in the run before it. */
function runOf({ number, time, admitted }: AdmittedBatch, before: number): AdmissionRun {
  const [low, high] = admitted ?? [time, time];
  const lag = Math.max(time - low, before - time);
  return { first: number, last: number, low, high, lagMs: high > time ? null : boundOf(lag), time };
}

/** Powers of two, so that a little more lag now and then does not begin a run each time. */
function boundOf(lagMs: number): number {
  let bound = ADMISSION_LAG_MS_MIN;
  while (bound < lagMs) bound *= 2;
  return bound;
}

/** A run goes on while its bound holds, and is not far too wide for what comes: after an outage a new one begins. */
function continues({ lagMs: bound }: AdmissionRun, { lagMs: lag }: AdmissionRun): boolean {
  if (bound === null || lag === null || lag > bound) return false;
  return bound <= Math.max(ADMISSION_LAG_MS_MIN, lag * WIDTH_MAX);
}

/** How many times wider than needed the bound of a run may be. */
const WIDTH_MAX = 4;

function joined(one: AdmissionRun, two: AdmissionRun, lagMs: number | null): AdmissionRun {
  return {
    first: one.first,
    last: two.last,
    low: Math.min(one.low, two.low),
    high: Math.max(one.high, two.high),
    lagMs,
    time: Math.max(one.time, two.time),
  };
}
