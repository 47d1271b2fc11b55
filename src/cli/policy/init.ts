import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { createOutput } from '../output.ts';
import { isPolicySource } from './folder.ts';
import { policyReadme } from './readme.ts';
import { packageRoot } from '../version.ts';

/** The default policy, as the project tests it: what a new policy begins with is what decided before. */
const STARTER = fileURLToPath(new URL('rego', packageRoot));

/** Speaks of the project's checkout: a policy of one's own gets another. */
const README = 'README.md';

/** `stele policy init`: a folder with a policy that works at once. */
export function policyInitCommand(declared: Command): void {
  declared
    .argument('[folder]', 'where; new or empty', 'policy')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy init my-policy\n  stele policy dev my-policy\n\nIt begins as a copy of the default policy, with all of its tests.',
    )
    .action(async (path: string, _flags: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      const files = await copyStarter(path);
      createOutput({ json: json === true }).result(
        { folder: path, files },
        `${path}  ${files.length} files; next: stele policy test ${path}`,
      );
    });
}

/** @returns the names of the files that were made, ascending. @throws {@link SteleError} `folder_not_empty`. */
async function copyStarter(path: string): Promise<string[]> {
  await mkdir(path, { recursive: true });
  if ((await readdir(path)).length > 0) {
    throw new SteleError('folder_not_empty', `${path} has files already`, {
      disposition: 'fix-configuration',
    });
  }
  const files: string[] = [];
  await cp(STARTER, path, {
    recursive: true,
    filter: (source) => {
      const name = relative(STARTER, source);
      if (name === README) return false;
      if (isPolicySource(name)) files.push(name);
      return true;
    },
  });
  const readme = policyReadme(
    basename(resolve(path)),
    await readFile(join(STARTER, README), 'utf8'),
  );
  await writeFile(join(path, README), readme);
  return [...files, README].sort();
}
