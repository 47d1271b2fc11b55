/** A candidate over recorded decisions, on all cores; where they come from is the business of who feeds it. */
import { availableParallelism } from 'node:os';
import { SteleError } from '../../core/errors.ts';
import { History } from '../../ledger/fsck/history.ts';
import type { LeafFacts } from '../../policy/replay/replay.ts';
import { NOT_ASKED } from '../../policy/replay/replay.ts';
import { ReplayPool } from '../../policy/replay/pool.ts';
import { ReplayTally } from '../../policy/replay/summary.ts';
import type { ReplaySummary } from '../../policy/replay/summary.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Output } from '../output.ts';
import type { ReplayOptions } from './options.ts';
import { isPassed } from './report.ts';
import type { ReplayGate, ReplayReport } from './report.ts';
import { endOf, walkDecisions } from './walk.ts';

/** Where decisions go that are to be made again, and those that cannot be. */
export interface ReplaySink {
  readonly pool: ReplayPool;
  /** @param count - Of entries, from `index` on. @defaultValue 1 */
  readonly refuse: (index: number, why: string, count?: number) => void;
}

/** What was read of a ledger. */
export interface ReplayedLedger extends Pick<ReplayReport, 'origin' | 'entries' | 'read'> {
  /** Decisions that were wanted. */
  readonly decisions: number;
}

/** One decision may take this long, ms; a gateway's default is less, and its machine less busy. */
const DEADLINE_MS = 2000;

/** Runs a candidate over the decisions that `feed` brings. */
export async function runReplay(
  { prepared, digest }: Pick<StagedPolicy, 'prepared' | 'digest'>,
  options: ReplayOptions,
  feed: (sink: ReplaySink) => Promise<ReplayedLedger>,
): Promise<ReplayReport> {
  const { id, revision } = prepared.identity;
  const tally = new ReplayTally();
  const pool = new ReplayPool({
    mode: 'replay',
    where: options.where,
    threads: availableParallelism(),
    deadlineMs: DEADLINE_MS,
    candidate: { id, compiled: prepared.compiled },
    onAnswer: (answer) => {
      tally.add(answer);
    },
  });
  const start = performance.now();
  try {
    const refuse: ReplaySink['refuse'] = (index, why, count) => {
      tally.refuse(index, why, count);
    };
    const { decisions, ...ledger } = await feed({ pool, refuse });
    const elapsedMs = performance.now() - start;
    const summary = tally.summary(decisions);
    const gates = gatesOf(summary, options);
    const verdict = gates.every(isPassed) ? 'pass' : 'fail';
    const candidate = { policy: id, revision, digest };
    return { verdict, ...ledger, candidate, ...summary, gates, elapsedMs };
  } finally {
    await pool.close();
  }
}

/**
 * Replays the decisions of a ledger, from its store alone.
 *
 * @throws {@link SteleError} `history_invalid` when the ledger's history does not verify: nothing then says what happened.
 */
export async function replayStore(
  { store, ledger }: { readonly store: ObjectStore; readonly ledger: string },
  staged: StagedPolicy,
  options: ReplayOptions,
  output: Output,
): Promise<ReplayReport> {
  const { isWanted, vkeys = [], checkpoints = [] } = options;
  const history = await History.open(store, ledger, { vkeys, checkpoints });
  return runReplay(staged, options, async ({ pool, refuse }) => {
    const walk = {
      history,
      pool,
      isWanted,
      provide: async () => Promise.resolve(undefined),
      refuse: ({ index }: LeafFacts, why: string) => {
        refuse(index, why);
      },
    };
    const decisions = await walkDecisions(walk, output);
    const checked = history.report();
    if (checked.verdict === 'invalid') {
      const failed = checked.steps.find(({ verdict }) => verdict === 'fail');
      const why = `${failed?.name ?? 'findings'}: ${failed?.detail ?? checked.findings[0]?.detail ?? ''}`;
      throw new SteleError('history_invalid', `the history does not verify: ${why}`, {
        disposition: 'halt',
      });
    }
    const { origin, size: entries } = history.head;
    checkReach(entries, options, output);
    return { decisions, origin, entries, read: 'store' };
  });
}

/**
 * Says where the log ends to whoever names entries that it does not have.
 *
 * @param size - Of the log.
 * @throws {@link SteleError} `entry_missing` where it has none of them, and that is not to pass.
 */
export function checkReach(
  size: number,
  { indices: [first, last], allowEmpty }: Pick<ReplayOptions, 'indices' | 'allowEmpty'>,
  output: Pick<Output, 'note'>,
): void {
  const isBeyond = first >= size && first > 0;
  const isCut = last >= size && last < Number.MAX_SAFE_INTEGER;
  if (isBeyond && !allowEmpty) {
    throw new SteleError('entry_missing', `${endOf(size)}: there is none from ${first} on`, {
      disposition: 'fix-input',
    });
  }
  if (isBeyond || isCut) output.note(endOf(size));
}

function gatesOf(summary: ReplaySummary, options: ReplayOptions): ReplayGate[] {
  const { flips, errors, changed, identical, notReplayed } = summary;
  const unreplayed = notReplayed
    .filter(({ reason }) => reason !== NOT_ASKED)
    .reduce((sum, { count }) => sum + count, 0);
  const replayed = { name: 'decisions replayed', found: identical + changed, most: null };
  return [
    // What was held against nothing has not been shown to be harmless.
    { ...replayed, ...(options.allowEmpty ? {} : { least: 1 }) },
    { name: 'decisions that flip', found: flips, most: options.maxFlips },
    { name: 'decisions in which the candidate fails', found: errors, most: options.maxErrors },
    { name: 'decisions that change', found: changed, most: options.maxChanges },
    { name: 'decisions not replayed', found: unreplayed, most: options.maxUnreplayed },
  ];
}
