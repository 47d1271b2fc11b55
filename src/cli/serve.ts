import type { Command } from 'commander';
import { composeGateway } from './compose.ts';
import type { Composition } from './compose.ts';
import { contextOf } from './context.ts';

/** `stele serve`: the gateway, until it is told to stop. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run the gateway')
    .addHelpText(
      'after',
      '\nExamples:\n  stele init && stele serve\n  stele serve --config /etc/stele.yaml --set listen.port=8080',
    )
    .action(async (_options: unknown, command: Command) => {
      const { configuration, output } = contextOf(command);
      const composition = await composeGateway(configuration);
      output.note(`serving ledger ${configuration.text('ledger')} at ${composition.url}`);
      await untilStopped(composition);
    });
}

/** Serves until SIGINT or SIGTERM, then drains; a second signal ends at once and leaves the rest to the journal. */
export async function untilStopped(composition: Composition): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  const impatient = (): never => process.exit(1);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, impatient);
  await composition.close();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, impatient);
}
