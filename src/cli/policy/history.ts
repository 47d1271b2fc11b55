import type { Command } from 'commander';
import { policyHistory } from '../../ledger/policy-history.ts';
import type { PolicyEvent } from '../../ledger/policy-history.ts';
import { contextOf } from '../context.ts';
import { withStore } from '../open/store-url.ts';
import { exitCodeOfReport } from '../report-text.ts';

/** `stele policy history`: every change of policy, read from the store and verified; no gateway is asked. */
export function policyHistoryCommand(declared: Command): void {
  declared
    .argument('[store]', 'file:///… or s3://…; default: as configured')
    .option('--vkey <vkey>', 'checkpoint key of the log, from somewhere else than the store')
    .action(async (place: string | undefined, flags: { vkey?: string }, command: Command) => {
      const { configuration, output } = contextOf(command);
      const options = flags.vkey === undefined ? {} : { vkeys: [flags.vkey] };
      const history = await withStore(place, configuration, async (store, settings) =>
        policyHistory(store, settings.text('ledger'), options),
      );
      const { founded, active, events, report } = history;
      const { verdict } = report;
      const lines = [`${' '.repeat(8)}  founded with  ${String(founded)}`, ...events.map(lineOf)];
      const why = verdict === 'self_attested' ? ', nothing from elsewhere vouches for it' : '';
      const end = `in charge: ${String(active)}; log ${verdict}${why}`;
      output.result({ founded, active, verdict, events }, [...lines, end].join('\n'));
      process.exitCode = exitCodeOfReport(report);
    });
}

function lineOf(event: PolicyEvent): string {
  const { index, at, act, policy, digest, change, approvers, code, reason, findings } = event;
  const words = [
    String(index).padStart(8),
    new Date(at).toISOString(),
    act.padEnd(8),
    policy ?? '-',
    ...(act === 'activate' ? [`${change ?? ''} by ${approvers.join(', ')}`] : []),
    ...(code === null ? [] : [code]),
    ...(reason === null ? [] : [JSON.stringify(reason)]),
    ...findings.map((found) => `${found.code}: ${found.detail}`),
  ];
  const bundle = digest === null || act === 'adopt' ? '' : `\n${' '.repeat(10)}bundle ${digest}`;
  return `${words.join('  ')}${bundle}`;
}
