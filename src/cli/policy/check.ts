import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Problem } from '../../toolchain/answers.ts';
import { problemText } from '../../toolchain/toolchain-error.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { exitCodes } from '../exit.ts';
import { readPolicyFolder, sourcesOf } from './folder.ts';
import type { PolicyFolder } from './folder.ts';
import { inWorkshop } from './workshop.ts';
import { hiddenWhole } from './rounding.ts';
import { regalFindings } from './regal.ts';
import type { LintFinding } from './regal.ts';

interface Flags {
  readonly schema?: string;
  readonly capabilities?: string;
  readonly strict: boolean;
  readonly regal: boolean;
}

/** `stele policy check`: everything that can be said about a policy without running it. */
export function policyCheckCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('--schema <file>', "JSON Schema of the input; default: the folder's schemas/input.json")
    .option('--capabilities <file>', "built-ins that it may use; default: the folder's own file")
    .option('--no-strict', 'let unused imports and variables pass')
    .option('--no-regal', 'do not ask Regal where it is installed')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy check my-policy\n\nExit code 1 when anything is wrong; each mistake has file, row and column.',
    )
    .action(async (path: string, flags: Flags, command: Command) => {
      await inWorkshop(command, async ({ output, toolchain }) => {
        const folder = await readPolicyFolder(path, flags.capabilities);
        const problems = await checkFolder(toolchain, folder, flags);
        const lint = flags.regal ? await regalFindings(path) : null;
        const isGood =
          problems.length === 0 && !(lint ?? []).some(({ level }) => level === 'error');
        const whole = hiddenWhole(folder);
        if (whole.length > 0 && problems.length === 0) {
          output.note(`note: to redact inside of these hides each as a whole: ${whole.join(', ')}`);
        }
        output.result(
          { ok: isGood, files: folder.files.size, problems, hiddenWhole: whole, regal: lint },
          wordsOf(folder, problems, lint),
        );
        if (!isGood) process.exitCode = exitCodes.invalid;
      });
    });
}

/** The mistakes of a folder. @param flags - `schema` is a file in place of `schemas/input.json`. */
export async function checkFolder(
  toolchain: RegoToolchain,
  folder: PolicyFolder,
  flags: { readonly schema?: string; readonly strict?: boolean } = {},
): Promise<readonly Problem[]> {
  const schemas = new Map(folder.schemas);
  if (flags.schema !== undefined) schemas.set('input', await readFile(flags.schema, 'utf8'));
  return toolchain.check(sourcesOf(folder), { strict: flags.strict ?? true, schemas });
}

function wordsOf(
  folder: PolicyFolder,
  problems: readonly Problem[],
  lint: readonly LintFinding[] | null,
): string {
  const found = (lint ?? []).map(
    ({ file, row, column, level, rule, message }) =>
      `${file}:${row}:${column}: regal ${level} ${rule}: ${message}`,
  );
  const modules = [...folder.files.keys()].filter((name) => name.endsWith('.rego')).length;
  const by = lint === null ? '' : ', by Regal too';
  const good = problems.length === 0 ? [`${modules} modules: no mistakes${by}`] : [];
  return [...problems.map(problemText), ...found, ...(found.length > 0 ? [] : good)].join('\n');
}
