import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { makeApproval, POLICY_CHANGES } from '../core/approval.ts';
import type { Approval, PolicyChange } from '../core/approval.ts';
import { SteleError } from '../core/errors.ts';
import { loadKey } from '../keys/key-files.ts';
import { jwsSigner } from '../keys/signers.ts';
import { call } from './client.ts';
import type { Connection } from './client.ts';
import { contextOf } from './context.ts';
import { stageArchived } from './open-policy.ts';
import { loadPerson, writeJson } from './policy-people.ts';

interface ApproveFlags {
  readonly signingKey: string;
  readonly certificate: string;
  readonly previous?: string;
  readonly policy?: string;
  readonly digest?: string;
  readonly change: string;
  readonly hours: string;
  readonly out: string;
}

/** The policy in charge, as a gateway tells it. */
export interface PolicyView {
  readonly active: string | null;
  readonly digest: string | null;
  readonly activation: number | null;
  readonly deciding: string | null;
  readonly fault: string | null;
}

const HOUR_MS = 3_600_000;

/** `stele policy approve`: one person's approval of one change, as a file. */
export function policyApproveCommand(declared: Command): void {
  declared
    .argument('[bundle]', 'the bundle file; or give --policy and --digest of an archived one')
    .requiredOption('--signing-key <file>', 'your private key')
    .requiredOption('--certificate <file>', 'its certificate by the root, as an approver’s')
    .option('--previous <id>', 'policy in charge; default: what the gateway says')
    .option('--policy <id>', 'the policy, where there is no bundle file')
    .option('--digest <digest>', 'SHA-256 of its bundle, base64url')
    .option('--change <change>', POLICY_CHANGES.join(', '), 'update')
    .option('--hours <hours>', 'for how long the approval is good', '24')
    .requiredOption('--out <file>', 'where the approval is written')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy approve bundle.tar.gz --signing-key ann.json --certificate ann.cert.json --out ann.approval.json',
    )
    .action(async (bundle: string | undefined, flags: ApproveFlags, command: Command) => {
      const { output, connection } = contextOf(command);
      const { gen, person, statement } = await loadPerson(flags.certificate);
      const named = await namedBy(bundle, flags);
      const previous = flags.previous ?? (await policyView(connection)).active;
      const change = changeOf(flags.change);
      const expiry = Date.now() + Number(flags.hours) * HOUR_MS;
      const fields: Approval = { v: 1, gen, ...named, previous, change, expiry, person };
      const approval = await makeApproval(fields, jwsSigner(await loadKey(flags.signingKey)));
      await writeJson(flags.out, { approval, certificate: statement });
      output.result(
        { ...fields, approval: flags.out },
        `${person} approves ${named.id}\nbundle ${named.digest}\nto follow on ${String(previous)}\nuntil ${new Date(expiry).toISOString()}: ${flags.out}`,
      );
    });
}

/** What a gateway says of its policies. */
export async function policyView(connection: Connection): Promise<PolicyView> {
  const response = await call(connection, { path: '' });
  return ((await response.json()) as { policy: PolicyView }).policy;
}

async function namedBy(
  bundle: string | undefined,
  { policy, digest }: ApproveFlags,
): Promise<{ id: string; digest: string }> {
  if (bundle !== undefined) {
    const staged = await stageArchived(new Uint8Array(await readFile(bundle)));
    return { id: staged.prepared.identity.id, digest: staged.digest };
  }
  if (policy !== undefined && digest !== undefined) return { id: policy, digest };
  throw usage('give a bundle file, or --policy and --digest');
}

function changeOf(text: string): PolicyChange {
  const change = POLICY_CHANGES.find((one) => one === text);
  if (change === undefined) throw usage(`--change is one of ${POLICY_CHANGES.join(', ')}`);
  return change;
}

function usage(message: string): SteleError {
  return new SteleError('option_invalid', message, { disposition: 'fix-configuration' });
}
