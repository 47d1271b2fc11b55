import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { fsck } from '../../ledger/fsck/fsck.ts';
import type { FsckReport } from '../../ledger/fsck/fsck.ts';
import { rebuildView } from '../../ledger/fsck/rebuild-view.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Configuration } from '../settings/configuration.ts';
import { contextOf } from '../context.ts';
import { openExecutable } from '../open/executable.ts';
import { openStore } from '../open/store.ts';
import type { Output } from '../output.ts';
import { checkAnchors, collected } from './files.ts';
import { exitCodeOfReport, printReport } from '../report-text.ts';

/** What `stele fsck` and `stele verify <store>` are told. */
export interface CheckFlags {
  readonly vkey?: readonly string[];
  readonly checkpoint?: string;
  readonly genesis?: string;
  /** Signed notes at hand, beside the one in the file. */
  readonly notes?: readonly string[];
  readonly records: boolean;
  readonly view: boolean;
  /** Remake the static view from the batches. */
  readonly rebuild?: boolean;
}

/** `stele fsck`: the whole ledger, from the configured store alone. */
export function fsckCommand(declared: Command): void {
  declared
    .option(
      '--vkey <vkey>',
      'checkpoint key of the log, from somewhere else than the store; may be given again',
      collected,
    )
    .option('--checkpoint <file>', 'a checkpoint that you kept: nothing of it may be missing')
    .option('--genesis <hash>', 'hash of genesis, from somewhere else than the store')
    .option('--no-records', 'do not read and open the records')
    .option('--no-view', 'do not compare the published static view')
    .option(
      '--rebuild',
      'remake what is lost or altered of the static view from the batches, then check everything',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  stele fsck\n  stele fsck --vkey "$VKEY" --checkpoint last.note --json\n  stele fsck --rebuild',
    )
    .action(async (flags: CheckFlags, command: Command) => {
      const { configuration, output } = contextOf(command);
      checkAnchors(flags);
      const store = await openStore(configuration);
      try {
        const report = await checkStore(configuration, store, flags, output);
        printReport(report, output);
        process.exitCode = exitCodeOfReport(report);
      } finally {
        await store.close();
      }
    });
}

/** Runs the whole-ledger check with progress on a terminal. */
export async function checkStore(
  configuration: Configuration,
  store: ObjectStore,
  flags: CheckFlags,
  output: Output,
): Promise<FsckReport> {
  if (flags.rebuild === true && !flags.view) {
    throw new SteleError('option_unused', '--no-view leaves out what --rebuild remakes', {
      disposition: 'fix-configuration',
    });
  }
  const bar = output.progress('batches', null);
  const check = flags.rebuild === true ? rebuildView : fsck;
  try {
    return await check(store, configuration.text('ledger'), {
      now: Date.now(),
      records: flags.records,
      view: flags.view,
      policies: openExecutable,
      ...(flags.vkey === undefined ? {} : { vkeys: flags.vkey }),
      ...(flags.genesis === undefined ? {} : { gen: flags.genesis }),
      checkpoints: [
        ...(flags.notes ?? []),
        ...(flags.checkpoint === undefined ? [] : [await readFile(flags.checkpoint, 'utf8')]),
      ],
      progress: (_entries, batch, batches) => {
        bar.update(batch + 1, Math.max(batch + 1, batches));
      },
    });
  } finally {
    bar.stop();
  }
}
