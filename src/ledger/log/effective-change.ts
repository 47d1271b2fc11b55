/** An activation that took effect, and what the policy before it must have been asked, from the batches alone. */
import { approvalFacts, approvalIdentity, parseApproval } from '../../core/ledger/approval.ts';
import type { Approver } from '../../core/ledger/approval.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { controlFacts } from '../../core/ledger/ctl.ts';
import type { ControlFacts } from '../../core/ledger/ctl.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { PublicJwk } from '../../core/json/jws.ts';
import type { LogState } from '../../core/log/state.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';

/** Entrypoint that is asked about changes of policy. */
export const ADMIN = 'stele/admin';
const ACTION = 'policy.activate';

/** An activation that took effect, with what its own leaf and the log say about it. */
export interface EffectiveChange {
  readonly id: string;
  readonly digest: string;
  readonly facts: ControlFacts<'policy'>;
  readonly approvers: readonly Approver[];
  /** Who signed the bundle, as the root certified; null where nobody did. */
  readonly author: { readonly person: string; readonly jwk: PublicJwk } | null;
  readonly entry: Entry;
}

/**
 * Reads a `policy` entry as an activation.
 *
 * @param index - Of its leaf.
 * @param state - After its batch.
 * @returns null where it is none, or took no effect.
 */
export function effectiveChange(
  entry: Entry,
  index: number,
  state: LogState,
): EffectiveChange | null {
  const facts = controlFacts('policy', entry.payload.ctl);
  const { act, id, digest, signer } = facts;
  if (act !== 'activate' || id === null || digest === null) return null;
  const approvers = approversOf(facts);
  // Each approval is good once, so it says which activation it put through.
  if (state.approvals.get(approvers[0]?.identity ?? '') !== index) return null;
  return { id, digest, facts, approvers, author: authorOf(signer, state), entry };
}

/** Whether the leaf says that the policy before allowed it. */
export function claimsDecision({ payload: { pol, _sd } }: Entry, previous: string | null): boolean {
  if (pol === undefined || _sd === undefined) return false;
  return pol.id === previous && pol.entrypoint === ADMIN && pol.allow;
}

/**
 * What the policy was asked about has to be what became of it: the change, its author and its approvers as the batches
 * show them, not as the gateway that asked told it.
 *
 * @returns how they differ; undefined where they agree.
 */
export function disagreement(
  { facts, approvers, author }: EffectiveChange,
  { input, result }: StoredRecord,
): string | undefined {
  const { id, digest, revision, previous, signer, change = 'update', reason, grace } = facts;
  const approvals = approvalFacts(approvers);
  const person = author?.person ?? null;
  const properties = {
    ...{ digest, revision, previous, signer, author: person, change },
    ...{ reason: reason ?? null, grace_ms: grace, approvals },
  };
  const resource = { type: 'policy', id, properties };
  const asked = isJsonObject(input) ? input : {};
  if (canonicalJson(asked['resource'] ?? null) !== canonicalJson(resource)) {
    return 'the policy was asked about another change';
  }
  if (canonicalJson(asked['action'] ?? null) !== canonicalJson({ name: ACTION })) {
    return 'the policy was asked about another action';
  }
  const needed = isJsonObject(result) ? result['approvals_needed'] : null;
  return needed === (facts.needed ?? 1) ? undefined : 'another number of approvals was needed';
}

/** The approvals of an activation; none where one of them is malformed, so that it took no effect. */
function approversOf({ approvals }: ControlFacts<'policy'>): readonly Approver[] {
  try {
    return approvals.map((text) => {
      const { jws, approval } = parseApproval(text);
      const { person, expiry, report } = approval;
      const approver = { person, kid: jws.header.kid, expiry, identity: approvalIdentity(jws) };
      return report === undefined ? approver : { ...approver, report };
    });
  } catch (error) {
    caughtMalformed(error);
    return [];
  }
}

function authorOf(signer: string | null, state: LogState): EffectiveChange['author'] {
  const certificate = signer === null ? null : (state.keys.get(signer)?.certificate ?? null);
  return certificate !== null && 'person' in certificate ? certificate : null;
}
