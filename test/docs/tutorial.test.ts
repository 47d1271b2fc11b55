/** The tutorial, as a reader does it: every block is run, and what the page shows is what the program says. */
import { beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { tempFolder } from '../support/temp-folder.ts';

interface Step {
  readonly command: string;
  /** What the page shows; undefined where it shows nothing. */
  readonly shown: string | undefined;
}

const page = readFileSync('docs/policy/tutorial.md', 'utf8');
const steps: readonly Step[] = [
  ...page.matchAll(/^```sh\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?/gms),
].map(([, command = '', shown]) => ({ command, shown }));

const program = resolve('dist/cli/main.js');
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await tempFolder();
  const bin = join(await tempFolder(), 'bin');
  mkdirSync(bin);
  const stele = join(bin, 'stele');
  writeFileSync(stele, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(stele, 0o755);
  path = [bin, process.env['PATH'] ?? ''].join(delimiter);
});

/** The text with `…` for anything, as an expression for the whole output. */
function patternOf(shown: string): RegExp {
  const parts = shown.trimEnd().split('…');
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.*?')}\\s*$`, 's');
}

test('the tutorial has steps, and shows what most of them say', () => {
  expect(steps.length).toBeGreaterThan(6);
  expect(steps.every(({ shown }) => shown !== undefined)).toBe(true);
});

test.each(steps.map((step) => [step.command.split('\n').at(-2) ?? '', step] as const))(
  '%s',
  (_, { command, shown = '' }) => {
    const said = execFileSync('sh', ['-ec', `exec 2>&1\n${command}`], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: path, HOME: folder, NO_COLOR: '1' },
    });
    expect(said).toMatch(patternOf(shown));
  },
  120_000,
);
