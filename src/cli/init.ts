import type { Command } from 'commander';
import { contextOf } from './context.ts';
import { foundLedger } from './founding.ts';
import { homeOf } from './open/home.ts';
import { openStore } from './open/store.ts';
import { openPolicy } from './open/policy.ts';

/** `stele init`: found a ledger, or join one, with keys made where they are missing. */
export function initCommand(declared: Command): void {
  declared
    .addHelpText(
      'after',
      '\nExamples:\n  stele init --ledger payments --set origin=audit.example.com/log/payments\n  stele init --set store.kind=s3 --set store.bucket=audit-ledger\n\nMove <data>/<ledger>/keys/root.json offline afterwards: only new writers need it.\nPrints the key of the log (vkey), also when it is run again.',
    )
    .action(async (_options: unknown, command: Command) => {
      const { configuration, output } = contextOf(command);
      const store = await openStore(configuration);
      try {
        const done = await foundLedger(configuration, store, await openPolicy(configuration));
        const { origin, gen } = done.genesis;
        output.note(
          done.created
            ? `founded ${origin}; move ${homeOf(configuration).rootKey} to a safe place`
            : done.known
              ? `${origin} is founded, and this gateway is its writer ${done.writer}: nothing to do`
              : `joined ${origin} as writer ${done.writer}`,
        );
        output.result(
          { origin, genesis: gen, vkey: done.vkey, writer: done.writer, created: done.created },
          done.vkey,
        );
      } finally {
        await store.close();
      }
    });
}
