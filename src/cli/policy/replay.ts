import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { stageBundle } from '../../policy/bundle/stage.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { contextOf } from '../context.ts';
import { exitCodes } from '../exit.ts';
import { openStore } from '../open/store.ts';
import { replayGateway } from '../replay/gateway.ts';
import { optionsOf } from '../replay/options.ts';
import type { ReplayFlags, ReplayOptions } from '../replay/options.ts';
import { recordReport } from '../replay/record.ts';
import { replayJunit, replayMarkdown, replayText } from '../replay/report.ts';
import type { ReplayReport } from '../replay/report.ts';
import { replayStore } from '../replay/run.ts';
import { WALK_MINUTES_DEFAULT } from '../page-walk.ts';
import { withStore } from '../open/store-url.ts';
import { checkAnchors, collected } from '../verify/files.ts';

interface Flags extends ReplayFlags {
  readonly bundle: string;
  readonly store?: string;
  readonly vkey?: readonly string[];
  readonly checkpoint?: string;
  readonly markdown?: string;
  readonly junit?: string;
  readonly record?: boolean;
}

/** `stele policy replay`: what a candidate would have decided about what really happened. */
export function policyReplayCommand(declared: Command): void {
  declared
    .requiredOption('--bundle <file>', 'the candidate, as `stele policy build` makes it')
    .option('--store <url>', 'file:///folder/ledger or s3://bucket/ledger; default: as configured')
    .option('--record', 'append the report as an event, through the gateway')
    .option(
      '--vkey <vkey>',
      'checkpoint key of the log, from somewhere else than the store; may be given again',
      collected,
    )
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
    .option('--max-unreplayed <n>', 'fail where more decisions cannot be replayed')
    .option('--allow-empty', 'let a replay of no decision at all pass')
    .option('--minutes <n>', 'end where a gateway takes longer', WALK_MINUTES_DEFAULT)
    .option('--markdown <file>', 'write the report for a merge request')
    .option('--junit <file>', 'write the report for a build server')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy replay --bundle next.tar.gz --max-flips 0\n  stele policy replay --bundle next.tar.gz --store s3://logs/payments --sample 10\n  stele policy replay --bundle next.tar.gz --where /input/event/eventName=CreateUser --markdown replay.md\n  stele policy replay --bundle next.tar.gz --url https://ledger.example --max-unreplayed 0\nWith --url and without --store, entries are read through the gateway, as far as it shows them.',
    )
    .action(async (flags: Flags, command: Command) => {
      const { output, connection } = contextOf(command);
      checkAnchors(flags);
      const options = optionsOf(flags);
      const bytes = new Uint8Array(await readFile(flags.bundle));
      // Whoever may read the ledger may ask; signed is what is to decide.
      const staged = await stageBundle(bytes, async () => Promise.resolve(null));
      const report = await replay(staged, options, flags, command);
      if (flags.markdown !== undefined) await writeFile(flags.markdown, replayMarkdown(report));
      if (flags.junit !== undefined) await writeFile(flags.junit, replayJunit(report));
      process.exitCode = report.verdict === 'pass' ? exitCodes.ok : exitCodes.invalid;
      if (flags.record !== true) {
        output.result(report, replayText(report));
        return;
      }
      const recorded = await recordReport(connection, report).catch((error: unknown) => {
        output.note(replayText(report));
        throw error;
      });
      const { id, sha256 } = recorded;
      const words = `recorded as entry ${id}; SHA-256 of the report ${sha256}`;
      output.result({ ...report, recorded }, `${replayText(report)}\n${words}`);
    });
}

/** From the store, unless a gateway is named and no store is. */
async function replay(
  staged: StagedPolicy,
  options: ReplayOptions,
  flags: Flags,
  command: Command,
): Promise<ReplayReport> {
  const { configuration, connection, output } = contextOf(command);
  const { url } = command.optsWithGlobals<{ url?: string }>();
  if (url !== undefined && flags.store === undefined) {
    const anchor = (['vkey', 'checkpoint'] as const).find((name) => flags[name] !== undefined);
    if (anchor === undefined) return replayGateway(connection, staged, options, output);
    const why = `--${anchor} holds a store to account; what a gateway shows is its word`;
    throw new SteleError('option_unused', why, { disposition: 'fix-configuration' });
  }
  const fromStore = async (store: ObjectStore, ledger: string): Promise<ReplayReport> =>
    replayStore({ store, ledger }, staged, { ...options, ...(await anchorsOf(flags)) }, output);
  return flags.store === undefined
    ? replayConfigured(fromStore, configuration)
    : withStore(flags.store, configuration, async (store, settings) =>
        fromStore(store, settings.text('ledger')),
      );
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

async function anchorsOf({ vkey: vkeys = [], checkpoint }: Flags) {
  return {
    vkeys,
    checkpoints: checkpoint === undefined ? [] : [await readFile(checkpoint, 'utf8')],
  };
}

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
