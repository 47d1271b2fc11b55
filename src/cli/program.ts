import type { Command } from 'commander';
import { IdCommand } from './id-command.ts';
import { addLazily, helpOfHeard } from './lazy-commands.ts';
import type { LazyCommand } from './lazy-commands.ts';
import { version } from './version.ts';

/** The commands, each in a file of its own. */
const commands: readonly LazyCommand[] = [
  {
    name: 'demo',
    summary: 'start a gateway on this machine with real events, verify the ledger, say what to try',
    hears: 'settings',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  {
    name: 'init',
    summary: 'found a ledger (genesis, root key), or certify this gateway for one that exists',
    hears: 'settings',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    name: 'serve',
    summary: 'run the gateway',
    hears: 'settings',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'keygen',
    summary:
      'make an API key for a caller, printed once and kept as a hash; list or take back keys',
    hears: 'settings',
    load: async () => (await import('./key/keygen.ts')).keygenCommand,
  },
  {
    name: 'key',
    summary: 'list, retire or revoke the keys that the root has certified',
    hears: 'json',
    load: async () => (await import('./key/commands.ts')).keyCommand,
  },
  {
    name: 'append',
    summary: 'append events (NDJSON, plain or gzip) from files or standard input',
    hears: 'gateway',
    load: async () => (await import('./entry/append.ts')).appendCommand,
  },
  {
    name: 'entry',
    summary: 'read one entry, redacted as the policy decides for you',
    hears: 'gateway',
    load: async () => (await import('./entry/entry.ts')).entryCommand,
  },
  {
    name: 'entries',
    summary: 'search entries: what the policy lets you see, page after page',
    hears: 'gateway',
    load: async () => (await import('./entry/entries.ts')).entriesCommand,
  },
  {
    name: 'prove',
    summary: 'fetch an entry and its proof, for `stele verify` with the network off',
    hears: 'gateway',
    load: async () => (await import('./entry/prove.ts')).proveCommand,
  },
  {
    name: 'verify',
    summary:
      'verify a proof (offline), a store (file:///…, s3://bucket/ledger) or a served log (http…)',
    hears: 'settings',
    load: async () => (await import('./verify/verify.ts')).verifyCommand,
  },
  {
    name: 'fsck',
    summary:
      'check the whole ledger from the store alone: history, signatures, locks, records, view',
    hears: 'settings',
    load: async () => (await import('./verify/fsck.ts')).fsckCommand,
  },
  {
    name: 'policy',
    summary: 'write, check, test and build policies; no OPA is needed',
    hears: 'json',
    load: async () => (await import('./policy/commands.ts')).policyCommand,
  },
  {
    name: 'config',
    summary: 'print every setting, its value and where it came from',
    hears: 'settings',
    load: async () => (await import('./settings/command.ts')).configCommand,
  },
  {
    name: 'bench',
    summary:
      'measure this machine: appends, sealing, publishing, memory, as ratios (in a checkout)',
    hears: 'json',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
];

/** The command line. */
export function createProgram(): Command {
  const program = new IdCommand('stele')
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
    .configureHelp(helpOfHeard)
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart here:\n  stele demo\n\nExit codes: 0 done or valid, 1 invalid or refused, 2 usage, 3 incomplete, not there or busy, 4 valid but self-attested only.',
    );
  // What was wrong is said by whoever runs the program, as for every other error.
  program.configureOutput({ outputError: () => undefined });
  addLazily(program, commands);
  return program;
}
