import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { makeApproval, POLICY_CHANGES } from '../../core/ledger/approval.ts';
import type { Approval, PolicyChange } from '../../core/ledger/approval.ts';
import { SteleError } from '../../core/errors.ts';
import { loadKey } from '../../keys/key-files.ts';
import { jwsSigner } from '../../keys/signers.ts';
import { policyHistory } from '../../ledger/fsck/policy-history.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { archived } from '../reexecute/archived-policy.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';
import type { Configuration } from '../settings/configuration.ts';
import { contextOf } from '../context.ts';
import { stageArchived } from '../open/policy.ts';
import { numberOf } from '../option-values.ts';
import { loadPerson, usage, writeJson } from './people.ts';
import { reportOf } from './report.ts';
import { withStore } from '../open/store-url.ts';

interface ApproveFlags {
  readonly signingKey: string;
  readonly certificate: string;
  readonly previous?: string;
  readonly policy?: string;
  readonly digest?: string;
  readonly store?: string;
  readonly change: string;
  readonly hours: string;
  readonly report?: string;
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
/** A year: whoever approves for longer does not know what he approves. */
const HOURS_MAX = 8_784;

/** `stele policy approve`: one person's approval of one change, as a file. */
export function policyApproveCommand(declared: Command): void {
  declared
    .argument('[bundle]', 'the bundle file; or give --policy of an archived one')
    .requiredOption('--signing-key <file>', 'your private key')
    .requiredOption('--certificate <file>', 'its certificate by the root, as an approver’s')
    .option('--previous <id>', 'policy in charge; default: what the gateway says')
    .option('--policy <id>', 'the policy, where there is no bundle file')
    .option('--digest <digest>', 'SHA-256 of its bundle, base64url; default: of the archived one')
    .option('--store <url>', 'whose archive that is: file:///… or s3://…; default: as configured')
    .option('--change <change>', POLICY_CHANGES.join(', '), 'update')
    .option('--hours <hours>', 'for how long the approval is good', '24')
    .option('--report <entry>', 'the replay that you have seen: leaf index or id, or its file')
    .requiredOption('--out <file>', 'where the approval is written')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy approve bundle.tar.gz --signing-key ann.json --certificate ann.cert.json --out ann.approval.json\n  stele policy approve --policy ID --change rollback --signing-key ann.json --certificate ann.cert.json --out ann.approval.json',
    )
    .action(async (bundle: string | undefined, flags: ApproveFlags, command: Command) => {
      const { output, connection, configuration } = contextOf(command);
      const { gen, person, statement, ...certified } = await loadPerson(flags.certificate);
      const signer = jwsSigner(await loadKey(flags.signingKey));
      if (certified.use !== 'approver' || certified.kid !== signer.kid) {
        throw usage(`${flags.certificate} does not make ${flags.signingKey} an approver’s key`);
      }
      const hours = numberOf(flags.hours, '--hours', 'hours', HOURS_MAX);
      const named = await namedBy(bundle, flags, configuration);
      const previous = flags.previous ?? (await policyView(connection)).active;
      const change = changeOf(flags.change);
      const expiry = Math.round(Date.now() + hours * HOUR_MS);
      const seen =
        flags.report === undefined
          ? {}
          : { report: await reportOf(connection, flags.report, named) };
      const fields: Approval = { v: 1, gen, ...named, previous, change, expiry, person, ...seen };
      const approval = await makeApproval(fields, signer);
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
  { policy, digest, store: place }: ApproveFlags,
  configuration: Configuration,
): Promise<{ id: string; digest: string }> {
  if (bundle !== undefined) {
    const staged = await stageArchived(new Uint8Array(await readFile(bundle)));
    return { id: staged.prepared.identity.id, digest: staged.digest };
  }
  if (policy === undefined) throw usage('give a bundle file, or --policy of an archived one');
  if (digest !== undefined) return { id: policy, digest };
  return withStore(place, configuration, async (store, settings) =>
    archivedOf(store, settings.text('ledger'), policy),
  );
}

/** The bundle that a ledger keeps of a policy, held against its identity and the activation that the log has of it. */
async function archivedOf(
  store: ObjectStore,
  ledger: string,
  id: string,
): Promise<{ id: string; digest: string }> {
  const { events } = await policyHistory(store, ledger);
  const activation = events.findLast(({ act, policy }) => act === 'activate' && policy === id);
  const found = await archived({ store, ledger }, id, activation?.digest ?? null);
  if ('prepared' in found) return { id, digest: found.digest };
  throw new SteleError('policy_unknown', found.why, { disposition: 'fix-input' });
}

function changeOf(text: string): PolicyChange {
  const change = POLICY_CHANGES.find((one) => one === text);
  if (change === undefined) throw usage(`--change is one of ${POLICY_CHANGES.join(', ')}`);
  return change;
}
