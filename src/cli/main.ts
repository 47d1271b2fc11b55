#!/usr/bin/env -S node --max-semi-space-size=32
// Entries live until they are sealed: with 32 MiB for what is young they are mostly gone before the collector copies them.
import { CommanderError } from 'commander';
import { SteleError } from '../core/errors.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import { createProgram } from './program.ts';

async function main(): Promise<void> {
  const program = createProgram();
  // A reader that stops reading (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  });
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    process.exitCode = explain(error, process.argv.includes('--json'));
  }
}

/** Says what went wrong, where, and what became of the data. @returns the exit code. */
function explain(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const known = systemErrorText(error);
  if (known !== null) {
    process.stderr.write(`stele: ${known}\n`);
    return exitCodes.usage;
  }
  if (!(error instanceof SteleError)) {
    process.stderr.write(
      `stele: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return exitCodes.invalid;
  }
  const { code, message, pointer, durability, disposition } = error;
  if (json) {
    process.stderr.write(
      `${JSON.stringify({ code, message, pointer, durability, disposition })}\n`,
    );
  } else {
    const where = pointer === undefined ? '' : ` at ${pointer}`;
    const data = durability === undefined ? '' : `; the data is ${durability}`;
    process.stderr.write(`stele: ${message}${where} (${code}${data})\n`);
  }
  return exitCodeOf(error);
}

/** What the system refuses is mostly a wrong path or a taken port: in words, without a stack. */
function systemErrorText(error: unknown): string | null {
  const { code, path, port, syscall } = (error ?? {}) as NodeJS.ErrnoException & { port?: number };
  const where = path ?? '';
  const texts: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port ?? ''} is taken: choose another with --set listen.port=<port>`,
    ENOENT: `${where} does not exist`,
    EISDIR: 'that is a folder; a store is named as file://<folder>/<ledger>',
    EACCES: `${syscall ?? 'access'} of ${where} is not permitted`,
  };
  return code !== undefined && Object.hasOwn(texts, code) ? (texts[code] ?? null) : null;
}

await main();
