/** The tutorial, as a reader does it: every block is run, and what the page shows is what the program says. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { freePort } from '../support/gateway-process.ts';
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
let port: number;
beforeAll(async () => {
  folder = await tempFolder();
  const bin = join(await tempFolder(), 'bin');
  mkdirSync(bin);
  const stele = join(bin, 'stele');
  writeFileSync(stele, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(stele, 0o755);
  path = [bin, process.env['PATH'] ?? ''].join(delimiter);
  port = await freePort();
});

afterAll(() => {
  const pid = join(folder, 'serve.pid');
  // The page ends it; a page that failed does not.
  if (existsSync(pid)) execFileSync('sh', ['-c', `kill "$(cat ${pid})" 2> /dev/null || true`]);
});

/** What a reader's shell still has of the blocks before. */
const exported: string[] = [];

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
    const script = ['exec 2>&1', ...exported, command].join('\n');
    exported.push(...command.split('\n').filter((line) => line.startsWith('export ')));
    const said = execFileSync('sh', ['-ec', script], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: path, HOME: folder, NO_COLOR: '1', STELE_LISTEN__PORT: String(port) },
    });
    expect(said).toMatch(patternOf(shown));
  },
  120_000,
);
