import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Report } from '../../core/verify/report.ts';
import { policyHistory } from '../../ledger/fsck/policy-history.ts';
import type { PolicyEvent, PolicyHistory } from '../../ledger/fsck/policy-history.ts';
import { contextOf } from '../context.ts';
import { withStore } from '../open/store-url.ts';
import type { Output } from '../output.ts';
import { exitCodeOfReport } from '../report-text.ts';
import { checkAnchors, collected } from '../verify/files.ts';

/** What the history is held against, as of `stele verify`. */
interface HistoryFlags {
  readonly vkey?: readonly string[];
  readonly genesis?: string;
  readonly checkpoint?: string;
}

/** `stele policy history`: every change of policy, read from the store and verified; no gateway is asked. */
export function policyHistoryCommand(declared: Command): void {
  declared
    .argument('[store]', 'file:///… or s3://…; default: as configured')
    .option(
      '--vkey <vkey>',
      'checkpoint key of the log, from somewhere else than the store; may be given again',
      collected,
    )
    .option('--genesis <hash>', 'hash of genesis, from somewhere else than the store')
    .option('--checkpoint <file>', 'a checkpoint that you kept: nothing of it may be missing')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy history --vkey "$VKEY"\n  stele policy history file:///srv/store/payments --vkey "$VKEY"',
    )
    .action(async (target: string | undefined, flags: HistoryFlags, command: Command) => {
      const { configuration, output } = contextOf(command);
      checkAnchors(flags);
      const { vkey, genesis, checkpoint } = flags;
      const anchors = {
        ...(vkey === undefined ? {} : { vkeys: vkey }),
        ...(genesis === undefined ? {} : { gen: genesis }),
        ...(checkpoint === undefined ? {} : { checkpoints: [await readFile(checkpoint, 'utf8')] }),
      };
      const { report, ...history } = await withStore(
        target,
        configuration,
        async (store, settings) => policyHistory(store, settings.text('ledger'), anchors),
      );
      print(history, report, output);
      process.exitCode = exitCodeOfReport(report);
    });
}

function print(
  { founded, active, events }: Omit<PolicyHistory, 'report'>,
  { verdict }: Report,
  output: Output,
): void {
  const lines = [`${' '.repeat(8)}  founded with  ${String(founded)}`, ...events.map(lineOf)];
  const why = verdict === 'self_attested' ? ', nothing from elsewhere vouches for it' : '';
  const end = `in charge: ${String(active)}; log ${verdict}${why}`;
  output.result({ founded, active, verdict, events }, [...lines, end].join('\n'));
}

function lineOf(event: PolicyEvent): string {
  const { index, at, act, policy, digest, change, approvers, code, reason, findings } = event;
  const seen = event.reports.length === 0 ? '' : `, replay ${event.reports.join(', ')}`;
  const words = [
    String(index).padStart(8),
    new Date(at).toISOString(),
    act.padEnd(8),
    policy ?? '-',
    ...(act === 'activate' ? [`${change ?? ''} by ${approvers.join(', ')}${seen}`] : []),
    ...(code === null ? [] : [code]),
    ...(reason === null ? [] : [JSON.stringify(reason)]),
    ...findings.map((found) => `${found.code}: ${found.detail}`),
  ];
  const bundle = digest === null || act === 'adopt' ? '' : `\n${' '.repeat(10)}bundle ${digest}`;
  return `${words.join('  ')}${bundle}`;
}
