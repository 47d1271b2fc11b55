/** What the policy that decides a change is asked, and the entry that its answer makes. */
import { approvalFacts } from '../../core/ledger/approval.ts';
import type { Approved, ApprovedChange } from '../../core/ledger/approval.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { decideActivation } from '../../policy/decide/admin.ts';
import type { DecidedActivation } from '../../policy/decide/admin.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ActivationRequest } from './approvals.ts';
import type { Asker } from '../context/asker.ts';
import type { PolicyChanges, ServedLedger } from '../context/components.ts';

/** A change that is ready to be decided. */
export interface DecidableChange {
  readonly whole: ApprovedChange;
  readonly staged: StagedPolicy;
  readonly approved: Approved;
  readonly request: ActivationRequest;
  /** Of the entry to be, with the time in it, epoch ms. */
  readonly id: { readonly jti: string; readonly at: number };
}

/**
 * Asks the policy that runs here.
 * @param random - That many unpredictable bytes.
 */
export async function decideChange(
  { name, ledger }: Pick<ServedLedger, 'name' | 'ledger'>,
  { caller, context }: Asker,
  { prepared, evaluate, decide }: PolicyChanges,
  parts: DecidableChange,
  random: (bytes: number) => Uint8Array,
): Promise<DecidedActivation> {
  const { whole, staged, approved, request } = parts;
  const { jti, at } = parts.id;
  const { approvers, author } = approved;
  const { id, digest, previous, signer, change, reason } = whole;
  const { revision } = staged;
  const properties: JsonObject = {
    ...{ digest, revision, previous, signer, author, change, reason },
    grace_ms: request.graceMs,
    approvals: approvalFacts(approvers),
  };
  const facts: JsonObject = {
    ...{ id, digest, revision, previous, signer, change, activation: null },
    grace: request.graceMs,
    approvals: [...whole.approvals],
    certificates: whole.certificates.map((statement) => [...statement]),
    ...(reason === null ? {} : { reason }),
  };
  return decideActivation(
    { policy: prepared(), evaluate, random: random },
    {
      ...{ at, jti, facts, approvals: approvers.length },
      known: {
        subject: caller.subject,
        action: { name: 'policy.activate' },
        resource: { type: 'policy', id, properties },
        context,
        ledger: { name, origin: ledger.genesis.origin },
      },
      source: { media_type: 'application/json', auth: caller.auth, producer: null },
    },
    decide,
  );
}
