import type { Command } from 'commander';
import { call } from './client.ts';
import { contextOf } from './context.ts';

/** `stele entry`: one entry as the policy lets this caller see it. */
export function entryCommand(declared: Command): void {
  declared
    .argument('<id>', 'entry id or leaf index')
    .option('--sd-jwt', 'print the SD-JWT (the signed entry and what is disclosed) instead of JSON')
    .addHelpText('after', '\nExample:\n  STELE_KEY=$AUDITOR_KEY stele entry 0')
    .action(async (id: string, options: { sdJwt?: boolean }, command: Command) => {
      const { output, connection } = contextOf(command);
      const asToken = options.sdJwt === true;
      const response = await call(connection, {
        path: `entries/${encodeURIComponent(id)}`,
        accept: asToken ? 'application/sd-jwt' : 'application/json',
      });
      const text = await response.text();
      if (asToken) output.result({ sd_jwt: text }, text);
      else output.result(JSON.parse(text), JSON.stringify(JSON.parse(text), null, 2));
    });
}
