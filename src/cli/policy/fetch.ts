import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { Base64Url32 } from '../../core/entry/schema.ts';
import { contextOf } from '../context.ts';
import { archivedBundle, stagedAs } from '../reexecute/archived-policy.ts';
import { malformed } from '../option-values.ts';

interface Flags {
  readonly out: string;
}

/** `stele policy fetch`: the bundle of a policy from a gateway, shown to be that policy. */
export function policyFetchCommand(declared: Command): void {
  declared
    .argument('<policy>', 'identity of the policy: of an entry’s pol.id, or of `policy history`')
    .option('--out <file>', 'where the bundle goes', 'bundle.tar.gz')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy fetch 0iv_… --out decided.tar.gz --key "$AUDITOR"\n  stele verify entry.tlog-proof --reexecute --policy decided.tar.gz',
    )
    .action(async (id: string, { out }: Flags, self: Command) => {
      const { output, connection } = contextOf(self);
      if (!Base64Url32.safeParse(id).success) {
        const what = 'the identity of a policy is 43 characters of base64url';
        const message = `${what}, as pol.id of an entry or \`stele policy history\` has it, not ${id}`;
        throw malformed(message);
      }
      const bytes = await archivedBundle(connection, id);
      const staged = await stagedAs(bytes, id, null);
      if (!('prepared' in staged)) {
        throw new SteleError('policy_altered', `what the gateway gave: ${staged.why}`, {
          disposition: 'halt',
        });
      }
      await writeFile(out, bytes);
      const { digest, revision } = staged;
      const told = { policy: id, digest, revision, out };
      output.result(told, `${out}: policy ${id}, revision ${String(revision)}, digest ${digest}`);
    });
}
