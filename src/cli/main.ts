#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SteleError } from '../core/errors.ts';
import { addAppendCommand } from './append.ts';
import { addConfigCommand } from './config.ts';
import { addDemoCommand } from './demo.ts';
import { addEntryCommand } from './entry.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import { addFsckCommand } from './fsck.ts';
import { addInitCommand } from './init.ts';
import { addKeygenCommand } from './keygen.ts';
import { addProveCommand } from './prove.ts';
import { addServeCommand } from './serve.ts';
import { addVerifyCommand } from './verify.ts';
import { version } from './version.ts';

/** The commands, each in a file of its own. */
export function createProgram(): Command {
  const program = new Command('stele')
    .description('Policy written as code, history written in stone.')
    .version(version, '--version', 'print the version')
    .option('--json', 'print one JSON document instead of words')
    .option('--config <file>', 'YAML file with settings (or STELE_CONFIG)')
    .option('--set <key=value...>', 'one setting, over the environment and the file')
    .option('--ledger <name>', 'the ledger (setting `ledger`)')
    .option('--url <url>', 'gateway that client commands call')
    .option('--key <key>', 'API key or JWT of client commands (or STELE_KEY)')
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart here:\n  stele demo\n\nExit codes: 0 done or valid, 1 invalid or refused, 2 usage, 3 incomplete, 4 valid but self-attested only.',
    );
  program.configureOutput({
    outputError: (text, write) => {
      write(text);
    },
  });
  for (const add of [
    addDemoCommand,
    addInitCommand,
    addServeCommand,
    addKeygenCommand,
    addAppendCommand,
    addEntryCommand,
    addProveCommand,
    addVerifyCommand,
    addFsckCommand,
    addConfigCommand,
  ]) {
    add(program);
  }
  return program;
}

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

await main();
