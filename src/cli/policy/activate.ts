import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { call } from '../client.ts';
import { contextOf } from '../context.ts';
import { malformed, numberOf, readJsonFile } from '../option-values.ts';
import { policyView } from './approve.ts';
import { loadPerson } from './people.ts';

interface ActivateFlags {
  readonly approval: readonly string[];
  readonly author?: string;
  readonly grace: string;
  readonly breakGlass?: boolean;
  readonly reason?: string;
}

/** Milliseconds; a policy allows far less. */
const GRACE_MS_MAX = Number.MAX_SAFE_INTEGER;

/** An approval with the certificate of its key, as `stele policy approve` writes it. */
interface ApprovalFile {
  readonly approval: string;
  readonly certificate: Statement;
}

/** `stele policy activate`: a bundle with its approvals goes to the gateway. */
export function policyActivateCommand(declared: Command): void {
  declared
    .argument('[bundle]', 'the bundle file; none: the candidate of the gateway’s source')
    .option('--break-glass', 'an emergency: fewer approvals, a reason, and an alert in the log');
  withFlags(declared).action(
    async (bundle: string | undefined, flags: ActivateFlags, self: Command) => {
      const change = flags.breakGlass === true ? 'break_glass' : 'update';
      await send(self, flags, change, bundle);
    },
  );
}

/** `stele policy rollback`: the same with an archived policy that was in charge before. */
export function policyRollbackCommand(declared: Command): void {
  withFlags(declared).action(async (flags: ActivateFlags, self: Command) => {
    await send(self, flags, 'rollback', undefined);
  });
}

/** `stele policy status`: what is in charge, and what decides. */
export function policyStatusCommand(declared: Command): void {
  declared.action(async (_flags: unknown, self: Command) => {
    const { output, connection } = contextOf(self);
    const view = await policyView(connection);
    const { active, activation, deciding, fault } = view;
    const since = activation === null ? 'genesis' : `entry ${activation}`;
    const lines = [`in charge  ${String(active)}, since ${since}`];
    lines.push(`decides    ${deciding === active ? 'the same' : String(deciding)}`);
    if (fault !== null) lines.push(`why        ${fault}`);
    output.result(view, lines.join('\n'));
  });
}

function withFlags(command: Command): Command {
  return command
    .requiredOption('--approval <file...>', 'approvals, as `stele policy approve` writes them')
    .option('--author <file>', 'certificate of the key that signed the bundle')
    .option(
      '--grace <ms>',
      'for how long other gateways may still decide by the policy before',
      '60000',
    )
    .option('--reason <text>', 'why; it stands in the log for ever')
    .addHelpText(
      'after',
      `\nExample:\n  stele policy ${command.name()} --approval ann.approval.json ben.approval.json --key "$ADMIN"`,
    );
}

async function approvalAt(path: string): Promise<ApprovalFile> {
  const found = await readJsonFile(path, 'an approval');
  if (isJsonObject(found) && typeof found['approval'] === 'string' && 'certificate' in found) {
    return found as unknown as ApprovalFile;
  }
  throw malformed(`${path} is not an approval, as \`stele policy approve\` writes it`);
}

/** Each certificate once: who approves twice, or what he wrote, is told that, and not that he is certified twice. */
function distinct(certificates: readonly Statement[]): Statement[] {
  return [...new Map(certificates.map((one) => [JSON.stringify(one), one])).values()];
}

async function send(
  command: Command,
  flags: ActivateFlags,
  change: string,
  bundle: string | undefined,
): Promise<void> {
  const { output, connection } = contextOf(command);
  const files = await Promise.all(flags.approval.map(approvalAt));
  const author = flags.author === undefined ? [] : [(await loadPerson(flags.author)).statement];
  const body = {
    change,
    grace_ms: numberOf(flags.grace, '--grace', 'milliseconds', GRACE_MS_MAX),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    ...(bundle === undefined ? {} : { bundle: (await readFile(bundle)).toString('base64') }),
    approvals: files.map(({ approval }) => approval),
    certificates: distinct([...files.map(({ certificate }) => certificate), ...author]),
  };
  const response = await call(connection, {
    method: 'POST',
    path: 'policy',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const done = (await response.json()) as {
    policy: string;
    index: number | null;
    adopted: boolean;
  };
  const { policy, index, adopted } = done;
  const where = index === null ? 'durable, not sealed yet' : `entry ${index}`;
  const decides = adopted ? 'it decides' : 'it does not decide yet';
  output.result(done, `${policy} is in charge: ${where}; ${decides}`);
}
