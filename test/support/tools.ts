/** Finds what `make tools` installed, and registers a test as skipped, by name, where this machine lacks it. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from '@jest/globals';

/** The folder of the checkout. */
export const projectRoot = resolve(import.meta.dirname, '../..');

const installed = (path: string): string | null => {
  const full = join(projectRoot, '.tools', path);
  return existsSync(full) ? full : null;
};
const inPath = (command: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;

interface Tool {
  /** What the machine has to have; the skipped test is named after it. */
  readonly label: string;
  /** Whether the machine has it at all: then only `make tools` is missing. */
  readonly present: () => boolean;
  readonly path: () => string | null;
}

const go = { label: 'Go', present: () => inPath('go') };
const tools = {
  fsck: { ...go, path: () => installed('bin/fsck') },
  sumdb: { ...go, path: () => installed('bin/sumdb') },
  python: {
    label: 'Python',
    present: () => inPath('python3'),
    path: () => installed('judges-python/bin/python'),
  },
  openssl: {
    label: 'openssl',
    present: () => false,
    path: () => (inPath('openssl') ? 'openssl' : null),
  },
  mount: { label: 'the right to mount', present: () => false, path: () => mounter() },
} satisfies Record<string, Tool>;

/** A tool that some tests need. */
export type ToolName = keyof typeof tools;

/** Registers the tests of `body` when the tool is here; otherwise one skipped test that names what is missing. */
export function needs(tool: ToolName, what: string, body: (path: string) => void): void {
  const { label, present, path }: Tool = tools[tool];
  const found = path();
  if (found !== null) {
    body(found);
  } else {
    const missing = present() ? `${label} judges (make tools)` : label;
    test.skip(`needs ${missing}: ${what}`, () => undefined);
  }
}

/** What a program said and how it ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without blocking: the server that it judges may live in this very process. */
export async function run(
  command: string,
  args: readonly string[],
  cwd = projectRoot,
): Promise<Ran> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => {
      done({ code, stdout, stderr });
    });
  });
}

function mounter(): string | null {
  const script = join(projectRoot, 'infra/powercut/run.mjs');
  return spawnSync(process.execPath, [script, '--probe']).status === 0 ? script : null;
}
