import { readFile } from 'node:fs/promises';
import { Argument } from 'commander';
import type { Command } from 'commander';
import type { ShadowStatus } from '../../policy/shadow/tally.ts';
import { call } from '../client.ts';
import { contextOf } from '../context.ts';
import { malformed } from '../option-values.ts';

interface Flags {
  readonly sample: string;
}

/** `stele policy shadow`: a candidate decides beside the policy in charge, without effect. */
export function policyShadowCommand(declared: Command): void {
  declared
    .addArgument(new Argument('<act>', 'what to do').choices(['start', 'status', 'stop']))
    .argument('[bundle]', 'of start: the bundle file; none: the candidate of the gateway’s source')
    .option('--sample <n>', 'of start: compare one decision in n', '1')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy shadow start next.tar.gz --sample 10 --key "$ADMIN"\n  stele policy shadow status --key "$ADMIN"',
    )
    .action(async (act: string, bundle: string | undefined, flags: Flags, self: Command) => {
      const { output, connection } = contextOf(self);
      const response = await call(
        connection,
        act === 'status'
          ? { path: 'policy/shadow' }
          : {
              method: 'POST',
              path: 'policy/shadow',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(act === 'stop' ? { act } : await beginning(bundle, flags)),
            },
      );
      const status = (await response.json()) as ShadowStatus;
      output.result(status, shadowText(status));
    });
}

async function beginning(bundle: string | undefined, { sample }: Flags): Promise<object> {
  if (!/^[0-9]{1,5}$/.test(sample)) {
    throw malformed('--sample wants a whole number');
  }
  const sent = bundle === undefined ? {} : { bundle: (await readFile(bundle)).toString('base64') };
  return { act: 'start', sample: Number(sample), ...sent };
}

/** What a shadow found, for a terminal. */
function shadowText(status: ShadowStatus): string {
  const { candidate, running, fault, since, sample, compared, identical, changed } = status;
  if (candidate === null) return 'no candidate has decided in the shadow since this gateway began';
  const { dropped, timeouts, failed, kinds, samples } = status;
  const state = running ? 'decides in the shadow' : `stopped${fault === null ? '' : `: ${fault}`}`;
  const began = since === null ? '' : `, since ${new Date(since).toISOString()}`;
  return [
    `${candidate.policy} (revision ${String(candidate.revision)}) ${state}${began}, one decision in ${sample}`,
    `  ${compared} compared: ${identical} as decided, ${changed} otherwise; ${dropped} dropped, ${timeouts} too slow, ${failed} failed`,
    ...Object.entries(kinds)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `  ${kind.padEnd(13)} ${String(count).padStart(7)}`),
    ...samples.map(({ id, ask, kinds: found, pointers, err }) => {
      const why = err === null ? '' : ` (${err})`;
      return `  ${id}  ${ask.padEnd(6)} ${found.join(', ')}  ${pointers.join(' ')}${why}`;
    }),
  ].join('\n');
}
