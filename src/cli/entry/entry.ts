import type { Command } from 'commander';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { call } from '../client.ts';
import { contextOf } from '../context.ts';
import { entryText } from './text.ts';

/** `stele entry`: one entry as the policy lets this caller see it. */
export function entryCommand(declared: Command): void {
  declared
    .argument('<id>', 'entry id or leaf index')
    .option('--sd-jwt', 'print the SD-JWT: the signed entry and what is disclosed')
    .addHelpText(
      'after',
      '\nExamples:\n  STELE_KEY=$AUDITOR_KEY stele entry 0\n  stele --json entry 0 | jq .record.input.event\n\nWith --json everything that the gateway answered, the disclosures too.',
    )
    .action(async (id: string, options: { sdJwt?: boolean }, command: Command) => {
      const { output, connection } = contextOf(command);
      const asToken = options.sdJwt === true;
      const response = await call(connection, {
        path: `entries/${encodeURIComponent(id)}`,
        accept: asToken ? 'application/sd-jwt' : 'application/json',
      });
      const text = await response.text();
      if (asToken) output.result({ sd_jwt: text }, text);
      else {
        const view = JSON.parse(text) as JsonObject;
        output.result(view, entryText(view));
      }
    });
}
