import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { settingsTable } from './table.ts';

/** `stele config`: every setting, what holds, and where it came from. Secrets are not shown. */
export function configCommand(declared: Command): void {
  declared
    .addHelpText('after', '\nExample:\n  stele config --set store.kind=s3 --json')
    .action((_options: unknown, command: Command) => {
      const { configuration, output } = contextOf(command);
      const rows = settingsTable.map((spec) => {
        const setting = configuration.settings.get(spec.key);
        const value = setting?.value ?? null;
        const shown = spec.secret === true && value !== null ? '(hidden)' : value;
        return { key: spec.key, value: shown, origin: setting?.origin ?? 'default' };
      });
      const width = Math.max(...rows.map((row) => row.key.length));
      const lines = rows.map(
        (row) => `${row.key.padEnd(width)}  ${JSON.stringify(row.value)}  (${row.origin})`,
      );
      output.result(rows, lines.join('\n'));
    });
}
