import type { Command } from 'commander';
import type { LedgerStatus } from '../ledger/context/receipt.ts';
import { composeGateway } from './open/gateway.ts';
import type { Composition } from './open/gateway.ts';
import { contextOf } from './context.ts';
import { exitCodes } from './exit.ts';
import type { Output } from './output.ts';

/** `stele serve`: the gateway, until it is told to stop. */
export function serveCommand(declared: Command): void {
  declared
    .addHelpText(
      'after',
      '\nExamples:\n  stele init && stele serve\n  stele serve --config /etc/stele.yaml --set listen.port=8080',
    )
    .action(async (_options: unknown, command: Command) => {
      const { configuration, output } = contextOf(command);
      const composition = await composeGateway(configuration);
      output.note(`serving ledger ${configuration.text('ledger')} at ${composition.url}`);
      await untilStopped(composition, output);
    });
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Milliseconds between two looks whether the ledger has halted. */
const HALT_LOOK_MS = 500;

/**
 * Serves until SIGINT or SIGTERM, then drains; a second signal ends at once and leaves the rest to the journal. A
 * ledger that has halted never takes anything again in this process, so the process ends too, with an error: whoever
 * supervises it starts another, which recovers or says again what is wrong.
 */
export async function untilStopped(composition: Composition, output: Output): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      clearInterval(look);
      for (const signal of SIGNALS) process.off(signal, stop);
      resolve();
    };
    for (const signal of SIGNALS) process.once(signal, stop);
    const look = setInterval(() => {
      if (composition.ledger.status().reason !== 'ledger_halted') return;
      process.exitCode = exitCodes.invalid;
      stop();
    }, HALT_LOOK_MS);
  });
  const impatient = (): never => process.exit(exitCodes.invalid);
  for (const signal of SIGNALS) process.once(signal, impatient);
  await composition.close();
  for (const signal of SIGNALS) process.off(signal, impatient);
  output.note(lastWords(composition.ledger.status()));
}

/** Where the entries are now that the gateway is gone. */
function lastWords({ treeSize, backlogEntries }: LedgerStatus): string {
  return backlogEntries === 0
    ? `sealed and closed: ${treeSize} entries`
    : `closed: ${treeSize} entries are sealed, ${backlogEntries} wait in the journal for the next start`;
}
