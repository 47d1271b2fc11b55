import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { applySchema, Base64Url32, StatementSchema } from '../../core/entry/schema.ts';
import { KeyStatementSchema, makeKeyStatement } from '../../core/ledger/statement.ts';
import type { KeyStatement, Statement } from '../../core/ledger/statement.ts';
import { loadKey } from '../../keys/key-files.ts';
import { jwsSigner } from '../../keys/signers.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';
import { contextOf } from '../context.ts';
import type { CommandContext } from '../context.ts';
import { homeOf, saveStatement } from '../open/home.ts';
import { keysOf } from './list.ts';

interface EndFlags {
  readonly root?: readonly string[];
  readonly use?: string;
  readonly genesis?: string;
  readonly out?: string;
  readonly final?: string;
  readonly reason?: string;
}

/** What a statement says besides its act. */
interface KeyFacts {
  readonly gen: string;
  readonly use: string;
  readonly final: KeyStatementFinal;
}

type KeyStatementFinal = Extract<KeyStatement, { readonly act: 'retire' }>['final'];

/** `stele key retire`: a key signs nothing more; what it signed before stays good. */
export function keyRetireCommand(declared: Command): void {
  withFlags(declared)
    .option('--final <boot/seq>', 'last entry of a writer key, or `none`; default: in the log')
    .action(async (kid: string, flags: EndFlags, command: Command) => {
      const context = contextOf(command);
      const { gen, use, final } = await factsOf(context, kid, flags, flags.final !== undefined);
      await end(context, flags, { v: 1, gen, kid, act: 'retire', use, final });
    });
}

/** `stele key revoke`: nothing that a key signs is believed from here on. */
export function keyRevokeCommand(declared: Command): void {
  withFlags(declared)
    .option('--reason <code>', 'why, as a code; it stands in the log for ever', 'key_compromised')
    .action(async (kid: string, flags: EndFlags, command: Command) => {
      const context = contextOf(command);
      const { gen, use } = await factsOf(context, kid, flags, true);
      await end(context, flags, { v: 1, gen, kid, act: 'revoke', use, reason: flags.reason });
    });
}

/** `stele key send`: a statement goes to the gateway. */
export function keySendCommand(declared: Command): void {
  declared
    .argument('<file>', 'the statement, as `stele key retire` or `revoke` wrote it with --out')
    .action(async (file: string, _flags: unknown, command: Command) => {
      const context = contextOf(command);
      const value: unknown = JSON.parse(await readFile(file, 'utf8'));
      await send(context, applySchema(StatementSchema, value, file, 'statement_malformed'));
    });
}

function withFlags(command: Command): Command {
  return command
    .argument('<kid>', 'the key, as `stele key list` names it')
    .option('--root <file...>', 'root keys; default: the one in the data folder')
    .option('--out <file>', 'write the statement, to be sent with `stele key send`')
    .option('--use <use>', 'writer, checkpoint, approver or author; default: as the log says')
    .option('--genesis <hash>', 'hash of genesis; default: of the configured ledger')
    .addHelpText(
      'after',
      `\nExamples:\n  stele key ${command.name()} KID --key "$ADMIN"\nWhere the root key is and the store is not:\n  stele key ${command.name()} KID --use writer --genesis HASH --root root.json --out statement.json`,
    );
}

/** @param known - Whether nothing else than kind and ledger has to be looked up. */
async function factsOf(
  { configuration }: CommandContext,
  kid: string,
  flags: EndFlags,
  known: boolean,
): Promise<KeyFacts> {
  if (!Base64Url32.safeParse(kid).success) {
    const what = 'the id of a key is 43 characters of base64url';
    throw usage('kid_malformed', `${what}, as \`stele key list\` says, not ${kid}`);
  }
  const { use, genesis, final } = flags;
  if (known && use !== undefined && genesis !== undefined) {
    return { gen: genesis, use, final: finalOf(final) };
  }
  const { gen, keys } = await keysOf(configuration);
  const life = keys.find((each) => each.kid === kid);
  const named = use ?? life?.use ?? null;
  if (named === null) {
    throw usage('key_unknown', `the log has named no key ${kid}: see stele key list, or say --use`);
  }
  const last = named === 'writer' ? (life?.last ?? null) : null;
  return { gen, use: named, final: final === undefined ? last : finalOf(final) };
}

function finalOf(text = 'none'): KeyStatementFinal {
  if (text === 'none') return null;
  const [, boot, seq] = /^([A-Za-z0-9_-]{22})\/([0-9]{1,15})$/.exec(text) ?? [];
  if (boot !== undefined) return { boot, seq: Number(seq) };
  throw usage('option_invalid', '--final is boot/seq, as `stele key list` says, or none');
}

async function end(context: CommandContext, flags: EndFlags, facts: unknown): Promise<void> {
  const { configuration, output } = context;
  const says = applySchema(KeyStatementSchema, facts, 'the statement', 'option_invalid');
  const files = flags.root ?? [homeOf(configuration).rootKey];
  const roots = await Promise.all(files.map(async (file) => jwsSigner(await loadKey(file))));
  const statement = await makeKeyStatement(says, roots);
  if (flags.out === undefined) {
    await send(context, statement);
    return;
  }
  await saveStatement(flags.out, statement);
  output.result({ ...says, statement: flags.out }, `${flags.out}: send it with stele key send`);
}

async function send(
  { connection, output }: { connection: Connection } & Pick<CommandContext, 'output'>,
  statement: Statement,
): Promise<void> {
  const response = await call(connection, {
    method: 'POST',
    path: 'keys',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ statement }),
  });
  const done = (await response.json()) as { readonly id: string; readonly index?: number };
  const where = done.index === undefined ? 'durable, not sealed yet' : `entry ${done.index}`;
  output.result(done, `${where}; it holds from the next batch on`);
}

function usage(code: string, message: string): SteleError {
  return new SteleError(code, message, { disposition: 'fix-configuration' });
}
