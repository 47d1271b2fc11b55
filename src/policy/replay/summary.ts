/** What a replay found, in memory that does not grow with the log: groups with the first of their entries, and counts. */
import type { ReplayAnswer } from './worker.ts';
import { CHANGE_KINDS } from './replay.ts';
import type { Change, ChangeKind } from './replay.ts';

/** Decisions that the candidate changes in one way. */
export interface ChangeGroup extends Change {
  readonly count: number;
  /** Leaf indices of the first of them, at most {@link ENTRIES_NAMED}. */
  readonly entries: readonly number[];
}

/** Decisions that could not be made again for one reason. */
export interface UnreplayedGroup {
  readonly reason: string;
  readonly count: number;
  readonly entries: readonly number[];
}

/** Everything that a replay says. */
export interface ReplaySummary {
  /** Decisions that were looked at. */
  readonly decisions: number;
  readonly identical: number;
  /** Decisions with at least one change. */
  readonly changed: number;
  /** Of them: allowed before and denied now, or the other way round. */
  readonly flips: number;
  /** Of them: the candidate fails where the policy before did not, or failed otherwise. */
  readonly errors: number;
  /** Allowed appends of which perhaps something was masked: the candidate saw what remained. */
  readonly masked: number;
  readonly changes: readonly ChangeGroup[];
  readonly notReplayed: readonly UnreplayedGroup[];
  /** Milliseconds of one decision; percentiles are within 10 %. */
  readonly time: {
    readonly mean: number;
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  };
}

/** Entries named for each group; all are counted. */
const ENTRIES_NAMED = 100;
/** Groups of one kind; what differs in each entry, as a reason with a number in it, would make one for each. */
const GROUPS_MAX = 200;
/** Buckets of a doubling of time. */
const BUCKETS = 8;
const OTHERS = '(others of this kind)';

interface Group {
  count: number;
  readonly entries: number[];
}

/** Adds up answers. */
export class ReplayTally {
  readonly #changes = new Map<ChangeKind, Map<string, Group>>();
  readonly #unreplayed = new Map<string, Group>();
  readonly #times = new Map<number, number>();
  readonly #sums = { identical: 0, changed: 0, flips: 0, errors: 0, masked: 0, skipped: 0 };
  readonly #clock = { decided: 0, total: 0, max: 0 };

  /** Takes what a thread answered. */
  add({ identical, masked, skipped, outcomes, times }: ReplayAnswer): void {
    this.#sums.identical += identical;
    this.#sums.masked += masked;
    this.#sums.skipped += skipped;
    for (const { index, verdict, detail, changes } of outcomes) {
      if (verdict === 'not_reexecutable') this.refuse(index, detail);
      else this.#change(index, changes);
    }
    for (const ms of times) this.#time(ms);
  }

  /**
   * Notes decisions that cannot be made again.
   * @param most - How many there are in a row, from `index` on.
   */
  refuse(index: number, reason: string, most = 1): void {
    count(this.#unreplayed, reason, index, most);
  }

  /** @param wanted - Decisions that were looked for, those that conditions left out included. */
  summary(wanted: number): ReplaySummary {
    const { skipped, ...sums } = this.#sums;
    const { decided, total, max } = this.#clock;
    return {
      decisions: wanted - skipped,
      ...sums,
      changes: CHANGE_KINDS.flatMap((kind) =>
        ordered(this.#changes.get(kind) ?? new Map<string, Group>()).map(([detail, group]) => ({
          kind,
          detail,
          ...group,
        })),
      ),
      notReplayed: ordered(this.#unreplayed).map(([reason, group]) => ({ reason, ...group })),
      time: {
        mean: decided === 0 ? 0 : total / decided,
        p50: this.#percentile(0.5),
        p99: this.#percentile(0.99),
        max,
      },
    };
  }

  #change(index: number, changes: readonly Change[]): void {
    this.#sums.changed += 1;
    if (changes.some(({ kind }) => kind === 'allow_to_deny' || kind === 'deny_to_allow')) {
      this.#sums.flips += 1;
    }
    if (changes.some(({ kind, detail }) => kind === 'error' && !detail.endsWith('-> none'))) {
      this.#sums.errors += 1;
    }
    for (const { kind, detail } of changes) {
      const groups = this.#changes.get(kind) ?? new Map<string, Group>();
      this.#changes.set(kind, groups);
      const name = groups.has(detail) || groups.size < GROUPS_MAX ? detail : OTHERS;
      count(groups, name, index);
    }
  }

  #time(ms: number): void {
    const bucket = Math.ceil(Math.log2(Math.max(ms, 0.001)) * BUCKETS);
    this.#times.set(bucket, (this.#times.get(bucket) ?? 0) + 1);
    this.#clock.decided += 1;
    this.#clock.total += ms;
    this.#clock.max = Math.max(this.#clock.max, ms);
  }

  #percentile(share: number): number {
    let seen = 0;
    for (const [bucket, times] of [...this.#times].sort(([a], [b]) => a - b)) {
      seen += times;
      if (seen >= share * this.#clock.decided)
        return Math.min(2 ** (bucket / BUCKETS), this.#clock.max);
    }
    return 0;
  }
}

function count(groups: Map<string, Group>, name: string, index: number, most = 1): void {
  const group = groups.get(name) ?? { count: 0, entries: [] };
  groups.set(name, group);
  group.count += most;
  const named = Math.min(most, ENTRIES_NAMED - group.entries.length);
  for (let i = 0; i < named; i += 1) group.entries.push(index + i);
}

/** The largest first; entries of threads come in any order. */
function ordered(groups: ReadonlyMap<string, Group>): [string, Group][] {
  for (const { entries } of groups.values()) entries.sort((a, b) => a - b);
  return [...groups].sort(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1));
}
