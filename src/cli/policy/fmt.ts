import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { exitCodes } from '../exit.ts';
import { unifiedDiff } from './line-diff.ts';
import { readPolicyFolder, sourcesOf } from './folder.ts';
import { inWorkshop } from './workshop.ts';

interface Flags {
  readonly fail?: boolean;
  readonly diff?: boolean;
  readonly write?: boolean;
}

/** `stele policy fmt`: OPA's formatter. */
export function policyFmtCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('-w, --write', 'write the formatted text')
    .option('-d, --diff', 'show what changes')
    .option('--fail', 'exit with 1 when anything changes; else 0, as OPA does')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy fmt -w my-policy\n  stele policy fmt --fail --diff my-policy   # in a pipeline',
    )
    .action(async (path: string, flags: Flags, command: Command) => {
      await inWorkshop(command, async ({ output, toolchain }) => {
        const folder = await readPolicyFolder(path);
        const formatted = await toolchain.format(sourcesOf(folder));
        const names = [...formatted.keys()];
        const diffs = [...formatted].map(([name, text]) =>
          unifiedDiff(name, folder.files.get(name) ?? '', text),
        );
        if (flags.write === true) {
          for (const [name, text] of formatted) await writeFile(join(path, name), text);
        }
        const words = flags.diff === true ? diffs : names;
        output.result(
          {
            changed: names,
            written: flags.write === true,
            ...(flags.diff === true ? { diffs } : {}),
          },
          names.length === 0 ? 'formatted' : words.join('\n'),
        );
        if (flags.fail === true && names.length > 0) process.exitCode = exitCodes.invalid;
      });
    });
}
