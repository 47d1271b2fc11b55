/** What a person or a script is told when a command fails. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommanderError } from 'commander';
import { SteleError } from '../core/errors.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import { inLine, printable } from './printable.ts';

/** Says what went wrong, where, and what became of the data, on standard error. @returns the exit code. */
export function explain(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
  const known = asSteleError(error);
  if (known === null) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(
      json ? line({ code: 'internal', message: text }) : `stele: ${printable(text)}\n`,
    );
    return exitCodes.invalid;
  }
  const { code, message, pointer, durability, disposition } = known;
  if (json) {
    process.stderr.write(line({ code, message, pointer, durability, disposition }));
  } else if (!isHelpShown(error)) {
    const where = pointer === undefined || pointer === '' ? '' : ` at ${pointer}`;
    const data = durability === undefined ? '' : `; the data is ${durability}`;
    // Others may have put words into it: what follows a line feed is indented, so that it begins no line of ours.
    const lines = message.split('\n').map(inLine);
    process.stderr.write(printable(`stele: ${lines.join('\n  ')}${where} (${code}${data})\n`));
  }
  return exitCodeOf(known);
}

/** A command line without a command: the help is on the screen already. */
function isHelpShown(error: unknown): boolean {
  return error instanceof CommanderError && error.code === 'commander.help';
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function asSteleError(error: unknown): SteleError | null {
  if (error instanceof SteleError) return error;
  const cause = error;
  if (error instanceof CommanderError) {
    const message = isHelpShown(error) ? 'no command was given: see --help' : words(error.message);
    return new SteleError('usage', message, { disposition: 'fix-configuration', cause });
  }
  const [code, message] = systemError(error) ?? [];
  return code === undefined || message === undefined
    ? null
    : new SteleError(code, message, { disposition: 'fix-configuration', cause });
}

/** Commander's message in one line, without its prefix. */
function words(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ', did you mean $1?');
}

/** What the system refuses is mostly a wrong path or a taken port: in words, without a stack. */
function systemError(error: unknown): readonly [string, string] | null {
  const { code, path, port, syscall } = (error ?? {}) as NodeJS.ErrnoException & { port?: number };
  switch (code) {
    case 'EADDRINUSE':
      return [
        'port_taken',
        `port ${port ?? ''} is taken: choose another with --set listen.port=<port>`,
      ];
    case 'ENOENT':
      return missing(path ?? '');
    case 'EISDIR':
      return ['is_folder', 'that is a folder; a store is named as file://<folder>/<ledger>'];
    case 'EACCES':
      return ['not_permitted', `${syscall ?? 'access'} of ${path ?? ''} is not permitted`];
    case undefined:
    default:
      return null;
  }
}

/** A file that is to be written is missing of course; then it is the folder that has to be made. */
function missing(path: string): readonly [string, string] {
  const folder = dirname(path);
  return existsSync(folder)
    ? ['file_missing', `${path} does not exist`]
    : ['folder_missing', `the folder ${folder} does not exist`];
}
