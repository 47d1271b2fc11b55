/** What a shadow found: counts, and the newest decisions that would be others. */
import type { Work } from '../pool/message.ts';
import { CHANGE_KINDS } from '../replay/replay.ts';
import type { ChangeKind } from '../replay/replay.ts';
import type { ShadowDifference } from './job.ts';

/** A decision that would be another. */
export interface ShadowSample extends ShadowDifference {
  /** Id of the entry; a denial beyond its caller's budget has none in the log. */
  readonly id: string;
  readonly ask: Work['ask'];
}

/** What a shadow is at. Counts are since its start. */
export interface ShadowStatus {
  readonly running: boolean;
  /** The candidate, also after it was stopped; null before the first. */
  readonly candidate: {
    readonly policy: string;
    readonly revision: string | null;
    readonly digest: string;
  } | null;
  /** Why it stopped by itself; null where it did not. */
  readonly fault: string | null;
  /** Epoch ms; null before the first start. */
  readonly since: number | null;
  /** One decision in so many. */
  readonly sample: number;
  readonly compared: number;
  readonly identical: number;
  readonly changed: number;
  /** Of the changed ones: by kind, a decision under each of its kinds. */
  readonly kinds: Readonly<Record<ChangeKind, number>>;
  /** Found no room. */
  readonly dropped: number;
  /** Took longer than the deadline; on a busy machine that need not be the candidate. */
  readonly timeouts: number;
  /** Could not be tried. */
  readonly failed: number;
  /** The newest decisions that would be others. */
  readonly samples: readonly ShadowSample[];
}

type Found = Pick<
  ShadowStatus,
  'compared' | 'identical' | 'changed' | 'kinds' | 'dropped' | 'timeouts' | 'failed' | 'samples'
>;

/** Adds up, in memory that does not grow. */
export class ShadowTally {
  readonly #samplesMax: number;
  readonly #counts = { compared: 0, identical: 0, changed: 0, dropped: 0, timeouts: 0, failed: 0 };
  readonly #kinds = Object.fromEntries(CHANGE_KINDS.map((kind) => [kind, 0])) as Record<
    ChangeKind,
    number
  >;
  readonly #samples: ShadowSample[] = [];

  /** @param samples - Differing decisions that are kept. */
  constructor(samples: number) {
    this.#samplesMax = samples;
  }

  /** Takes an answer about a job: none and a text are failures. */
  add({ ask, work }: Work, answer: ShadowDifference | string | null | undefined): void {
    if (typeof answer === 'string' || answer === undefined) {
      this.note('failed');
      return;
    }
    this.#counts.compared += 1;
    if (answer === null) {
      this.#counts.identical += 1;
      return;
    }
    this.#counts.changed += 1;
    for (const kind of answer.kinds) this.#kinds[kind] += 1;
    this.#samples.push({ id: work.jti, ask, ...answer });
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
  }

  /** Counts a decision that was not compared. */
  note(why: 'dropped' | 'timeouts' | 'failed'): void {
    this.#counts[why] += 1;
  }

  found(): Found {
    return { ...this.#counts, kinds: { ...this.#kinds }, samples: [...this.#samples] };
  }
}
