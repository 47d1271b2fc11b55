import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { call } from '../client.ts';
import { contextOf } from '../context.ts';
import { malformed } from '../option-values.ts';

/** What of the ledger's own answer goes with a proof. */
interface LedgerAnswer {
  readonly genesis_object: string;
  readonly certificates: readonly (readonly string[])[];
}

/** `stele prove`: everything an offline verifier needs about one entry, in files. */
export function proveCommand(declared: Command): void {
  declared
    .argument('<id>', 'entry id or leaf index')
    .option(
      '--out <name>',
      'write <name>.tlog-proof, .sd-jwt, .genesis.json and .certificates.json',
      'entry',
    )
    .option('--wait <seconds>', 'how long to wait for the seal', '5')
    .addHelpText(
      'after',
      '\nExample:\n  stele prove 0 --out first && stele verify first.tlog-proof --vkey "$VKEY"',
    )
    .action(async (id: string, options: { out: string; wait: string }, command: Command) => {
      const { output, connection } = contextOf(command);
      if (!/^[0-9]{1,5}$/.test(options.wait)) {
        throw malformed('--wait wants whole seconds, as in 5');
      }
      const name = encodeURIComponent(id);
      // The proof first: with it the entry is known to be sealed.
      const proof = await call(connection, {
        path: `entries/${name}/proof?wait=${encodeURIComponent(options.wait)}s`,
        accept: 'text/plain',
      });
      const entry = await call(connection, {
        path: `entries/${name}`,
        accept: 'application/sd-jwt',
      });
      const about = (await (await call(connection, { path: '' })).json()) as LedgerAnswer;
      const files = {
        proof: `${options.out}.tlog-proof`,
        entry: `${options.out}.sd-jwt`,
        genesis: `${options.out}.genesis.json`,
        certificates: `${options.out}.certificates.json`,
      };
      await writeFile(files.proof, await proof.text());
      await writeFile(files.entry, await entry.text());
      await writeFile(files.genesis, about.genesis_object);
      await writeFile(files.certificates, JSON.stringify(about.certificates));
      output.result(files, `wrote ${Object.values(files).join(', ')}`);
    });
}
