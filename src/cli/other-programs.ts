/** Programs of the machine that are used where they are there, and not missed where they are not. */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** What a program said. */
export interface ProgramOutput {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds that such a program may take; it is an extra and must not hang a command. */
const DEADLINE_MS = 60_000;

/** @returns the path of a program on the PATH, or null. */
export async function findProgram(name: string): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

/** Runs a program to its end, or to its deadline. */
export async function programOutput(
  path: string,
  args: readonly string[],
  cwd: string,
): Promise<ProgramOutput> {
  const child = spawn(path, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((done) => {
    child.on('error', (error) => {
      done({ code: null, stdout, stderr: error.message });
    });
    child.on('close', (code) => {
      done({ code, stdout, stderr });
    });
  });
}
