import { Command } from 'commander';
import { addBenchCommand } from './bench.ts';
import { addAppendCommand } from './append.ts';
import { addConfigCommand } from './config.ts';
import { addDemoCommand } from './demo.ts';
import { addEntryCommand } from './entry.ts';
import { addFsckCommand } from './fsck.ts';
import { addInitCommand } from './init.ts';
import { addKeygenCommand } from './keygen.ts';
import { addPolicyCommand } from './policy.ts';
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
    .option(
      '--set <key=value>',
      'one setting, over the environment and the file; may be given again',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--ledger <name>', 'the ledger (setting `ledger`)')
    .option(
      '--url <url>',
      'gateway that client commands call; default: http://127.0.0.1:<listen.port>',
    )
    .option(
      '--key <key>',
      'API key or JWT of client commands; better in STELE_KEY, for others see arguments',
    )
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
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
    addPolicyCommand,
    addConfigCommand,
    addBenchCommand,
  ]) {
    add(program);
  }
  return program;
}
