import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { SteleError } from '../core/errors.ts';
import { parsePointer } from '../core/json-pointer.ts';
import { History } from '../ledger/history.ts';
import type { LeafFacts } from '../policy/replay.ts';
import { ReplayPool } from '../policy/replay-pool.ts';
import type { Condition } from '../policy/replay-pool.ts';
import { ReplayTally } from '../policy/replay-summary.ts';
import type { ReplaySummary } from '../policy/replay-summary.ts';
import { stageBundle } from '../policy/stage.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { contextOf } from './context.ts';
import { exitCodes } from './exit.ts';
import { openStore } from './open-store.ts';
import type { Output } from './output.ts';
import { isPassed, replayJunit, replayMarkdown, replayText } from './replay-report.ts';
import type { ReplayGate, ReplayReport } from './replay-report.ts';
import { walkDecisions } from './replay-walk.ts';
import { withStore } from './store-url.ts';
import { checkAnchors } from './verify-files.ts';

interface ReplayFlags {
  readonly bundle: string;
  readonly store?: string;
  readonly vkey?: string;
  readonly checkpoint?: string;
  readonly from?: string;
  readonly to?: string;
  readonly where: readonly string[];
  readonly sample?: string;
  readonly maxFlips?: string;
  readonly maxErrors: string;
  readonly maxChanges?: string;
  readonly markdown?: string;
  readonly junit?: string;
}

/** One decision may take this long, ms; a gateway's default is less, and its machine less busy. */
const DEADLINE_MS = 2000;

/** `stele policy replay`: what a candidate would have decided about what really happened. */
export function policyReplayCommand(declared: Command): void {
  declared
    .requiredOption('--bundle <file>', 'the candidate, as `stele policy build` makes it')
    .option('--store <url>', 'file:///folder/ledger or s3://bucket/ledger; default: as configured')
    .option('--vkey <vkey>', 'checkpoint key of the log, from somewhere else than the store')
    .option('--checkpoint <file>', 'a checkpoint that you kept: nothing of it may be missing')
    .option('--from <place>', 'the first index, or a time as in 2026-01-31T12:00:00Z')
    .option('--to <place>', 'the last index, or a time')
    .option(
      '--where <pointer=value>',
      'only records with this value there; all, where repeated',
      append,
      [],
    )
    .option('--sample <n>', 'one decision in n, always the same ones')
    .option('--max-flips <n>', 'fail where more decisions flip between allow and deny')
    .option('--max-errors <n>', 'fail where the candidate fails more often', '0')
    .option('--max-changes <n>', 'fail where more decisions change in any way')
    .option('--markdown <file>', 'write the report for a merge request')
    .option('--junit <file>', 'write the report for a build server')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy replay --bundle next.tar.gz --max-flips 0\n  stele policy replay --bundle next.tar.gz --store s3://logs/payments --sample 10\n  stele policy replay --bundle next.tar.gz --where /input/event/eventName=CreateUser --markdown replay.md',
    )
    .action(async (flags: ReplayFlags, command: Command) => {
      const { configuration, output } = contextOf(command);
      checkAnchors(flags);
      const options = optionsOf(flags);
      const bytes = new Uint8Array(await readFile(flags.bundle));
      // Whoever may read the store may ask; signed is what is to decide.
      const staged = await stageBundle(bytes, async () => Promise.resolve(null));
      const replay = async (store: ObjectStore, ledger: string): Promise<ReplayReport> =>
        replayStore({ store, ledger }, staged, { ...options, ...(await anchorsOf(flags)) }, output);
      const report =
        flags.store === undefined
          ? await replayConfigured(replay, configuration)
          : await withStore(flags.store, configuration, async (store, settings) =>
              replay(store, settings.text('ledger')),
            );
      if (flags.markdown !== undefined) await writeFile(flags.markdown, replayMarkdown(report));
      if (flags.junit !== undefined) await writeFile(flags.junit, replayJunit(report));
      output.result(report, replayText(report));
      process.exitCode = report.verdict === 'pass' ? exitCodes.ok : exitCodes.invalid;
    });
}

/** What of a ledger is replayed, and what is let through. */
export interface ReplayOptions {
  readonly isWanted: (leaf: LeafFacts) => boolean;
  readonly where: readonly Condition[];
  readonly maxFlips: number | null;
  readonly maxErrors: number | null;
  readonly maxChanges: number | null;
  readonly vkeys?: readonly string[];
  readonly checkpoints?: readonly string[];
}

/**
 * Replays the decisions of a ledger by a candidate, on all cores.
 *
 * @throws {@link SteleError} `history_invalid` when the ledger's history does not verify: nothing then says what happened.
 */
export async function replayStore(
  { store, ledger }: { readonly store: ObjectStore; readonly ledger: string },
  { prepared }: StagedPolicy,
  options: ReplayOptions,
  output: Output,
): Promise<ReplayReport> {
  const { isWanted, where, vkeys = [], checkpoints = [] } = options;
  const { id, revision } = prepared.identity;
  const history = await History.open(store, ledger, { vkeys, checkpoints });
  const tally = new ReplayTally();
  const pool = new ReplayPool({
    mode: 'replay',
    where,
    threads: availableParallelism(),
    deadlineMs: DEADLINE_MS,
    candidate: { id, compiled: prepared.compiled },
    onAnswer: (answer) => {
      tally.add(answer);
    },
  });
  const start = performance.now();
  try {
    const walk = {
      history,
      pool,
      isWanted,
      provide: async () => Promise.resolve(undefined),
      refuse: ({ index }: LeafFacts, why: string) => {
        tally.refuse(index, why);
      },
    };
    const summary = tally.summary(await walkDecisions(walk, output));
    const elapsedMs = performance.now() - start;
    const checked = history.report();
    if (checked.verdict === 'invalid') {
      const failed = checked.steps.find(({ verdict }) => verdict === 'fail');
      const why = `${failed?.name ?? 'findings'}: ${failed?.detail ?? checked.findings[0]?.detail ?? ''}`;
      throw new SteleError('history_invalid', `the history does not verify: ${why}`, {
        disposition: 'halt',
      });
    }
    const gates = gatesOf(summary, options);
    const verdict = gates.every(isPassed) ? 'pass' : 'fail';
    const { origin, size: entries } = history.head;
    const candidate = { policy: id, revision };
    return { verdict, origin, entries, candidate, ...summary, gates, elapsedMs };
  } finally {
    await pool.close();
  }
}

/** Reads options as they were typed. @throws {@link SteleError} `option_malformed`. */
export function optionsOf(flags: Omit<ReplayFlags, 'bundle'>): ReplayOptions {
  const from = placeOf('--from', flags.from);
  const to = placeOf('--to', flags.to);
  const sample = countOf('--sample', flags.sample) ?? 1;
  if (sample < 1) throw malformed('--sample wants 1 or more');
  return {
    isWanted: (leaf) =>
      (from === null || from.of(leaf) >= from.value) &&
      (to === null || to.of(leaf) <= to.value) &&
      isSampled(leaf, sample),
    where: flags.where.map(conditionOf),
    maxFlips: countOf('--max-flips', flags.maxFlips),
    maxErrors: countOf('--max-errors', flags.maxErrors),
    maxChanges: countOf('--max-changes', flags.maxChanges),
  };
}

async function replayConfigured(
  replay: (store: ObjectStore, ledger: string) => Promise<ReplayReport>,
  configuration: Parameters<typeof openStore>[0],
): Promise<ReplayReport> {
  const store = await openStore(configuration);
  try {
    return await replay(store, configuration.text('ledger'));
  } finally {
    await store.close();
  }
}

async function anchorsOf({ vkey, checkpoint }: ReplayFlags) {
  return {
    vkeys: vkey === undefined ? [] : [vkey],
    checkpoints: checkpoint === undefined ? [] : [await readFile(checkpoint, 'utf8')],
  };
}

function gatesOf(summary: ReplaySummary, options: ReplayOptions): ReplayGate[] {
  const { flips, errors, changed } = summary;
  return [
    { name: 'decisions that flip', found: flips, most: options.maxFlips },
    { name: 'decisions in which the candidate fails', found: errors, most: options.maxErrors },
    { name: 'decisions that change', found: changed, most: options.maxChanges },
  ];
}

interface Place {
  readonly value: number;
  readonly of: (leaf: LeafFacts) => number;
}

function placeOf(option: string, text: string | undefined): Place | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,15}$/.test(text)) return { value: Number(text), of: ({ index }) => index };
  const time = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw malformed(`${option} wants an index or a time as in 2026-01-31`);
  return { value: time, of: ({ at }) => at };
}

function countOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[0-9]{1,15}$/.test(text)) throw malformed(`${option} wants a whole number`);
  return Number(text);
}

function conditionOf(text: string): Condition {
  const at = text.indexOf('=');
  const pointer = text.slice(0, Math.max(at, 0));
  if (!/^\/(?:input|result|source)(?:\/|$)/.test(pointer)) {
    throw malformed('--where wants a pointer into the record, as in /input/event/eventName=Get');
  }
  parsePointer(pointer);
  return { pointer, text: text.slice(at + 1) };
}

/** By the random end of its id: the same ones in every replay of one log. */
function isSampled({ jti }: LeafFacts, sample: number): boolean {
  return sample === 1 || Number.parseInt(jti.slice(-12), 16) % sample === 0;
}

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function malformed(message: string): SteleError {
  return new SteleError('option_malformed', message, { disposition: 'fix-configuration' });
}
