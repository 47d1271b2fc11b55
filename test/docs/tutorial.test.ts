/** The tutorial, as a reader does it: every block is run, and what the page shows is what the program says. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
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
let port: number;
beforeAll(async () => {
  folder = await installed();
  port = await freePort();
});

/** An empty folder after `npm i`: the program where npm links it, and nothing on the path before the page says so. */
async function installed(): Promise<string> {
  const root = await tempFolder();
  const bin = join(root, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  chmodSync(program, 0o755);
  symlinkSync(program, join(bin, 'stele'));
  return root;
}

/** What a reader's shell says to a block, in a folder, with another port than the usual one. */
async function say(cwd: string, listen: number, command: string): Promise<string> {
  const script = ['exec 2>&1', ...exported, command].join('\n');
  const { stdout } = await promisify(execFile)('sh', ['-ec', script], {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: cwd,
      NO_COLOR: '1',
      STELE_LISTEN__PORT: String(listen),
    },
    timeout: 110_000,
  });
  return stdout;
}

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
  async (_, { command, shown = '' }) => {
    const said = await say(folder, port, command);
    exported.push(...command.split('\n').filter((line) => line.startsWith('export ')));
    expect(said).toMatch(patternOf(shown));
  },
  120_000,
);

test('once the page has ended its gateway has ended', () => {
  const pid = Number(readFileSync(join(folder, 'serve.pid'), 'utf8'));
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('where somebody else has the port the page says so, and waits for nobody', async () => {
  const other = createServer((_, response) => response.writeHead(401).end());
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const { port: taken } = other.address() as AddressInfo;
  try {
    const command = steps.find((step) => step.command.includes('stele serve'))?.command ?? '';
    expect(await say(await installed(), taken, command)).toContain('port_taken');
  } finally {
    other.close();
  }
}, 60_000);
