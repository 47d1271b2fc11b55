/** What an activation of a policy does to the state of its log. `docs/formats.md`, sections 4.3 and 8. */
import { approvalIdentity, judgeApprovals, parseApproval } from '../ledger/approval.ts';
import type { ApprovalContext, Approved, ApprovedChange } from '../ledger/approval.ts';
import { noEffect } from './control-fault.ts';
import type { ControlFault } from './control-fault.ts';
import { controlFacts } from '../ledger/ctl.ts';
import type { ControlFacts } from '../ledger/ctl.ts';
import type { Entry } from '../entry/entry.ts';
import { withCertificates } from './key-status.ts';
import { authorityOf } from '../ledger/config.ts';
import type { LogState } from '../ledger/log-position.ts';
import { isNewerFormat } from '../json/newer-format.ts';
import { mayDecideChange, withAdoption } from './policy-charge.ts';
import { caughtMalformed } from '../entry/schema.ts';

/** What of an activation is there once its place in the log is judged. */
interface Placed {
  readonly id: string;
  readonly digest: string;
  /** The policy that decided it; empty where it names none. */
  readonly by: string;
}

/** The state after an activation, or why it has no effect; other `policy` entries change heads alone. */
export function policyEffect(
  state: LogState,
  entry: Entry,
  index: number,
): LogState | ControlFault {
  const facts = controlFacts('policy', entry.payload.ctl);
  if (facts.act === 'adopt') return withAdoption(state, entry, index);
  if (facts.act !== 'activate') return state;
  const placed = placeOf(state, entry, facts);
  if ('code' in placed) return placed;
  const { id, digest, by } = placed;
  const approved = approvedOf(state, index, changeOf(facts, { id, digest }, entry.payload.at));
  if ('code' in approved) return approved;
  if (!isDecided(state, entry)) {
    return { code: 'bad_approval', detail: 'undecided: no policy that may do so allowed it' };
  }
  let { approvals, alarms } = state;
  for (const { identity } of approved.approvers) approvals = approvals.with(identity, index);
  const certificates = new Map(approved.certificates.map((one) => [one.kid, one]));
  const keys = withCertificates(state.keys, certificates);
  if (facts.change === 'break_glass') {
    const writer = entry.payload.wtr.id;
    alarms = alarms.with(String(index), { index, policy: id, writer, raised: false });
  }
  const decider = state.policies.get(by)?.index ?? null;
  const deciders = state.deciders.with(String(index), decider);
  const policies = withActivation(state, facts, { ...placed, at: entry.payload.at, index });
  return { ...state, keys, policies, deciders, approvals, alarms, activePolicy: id };
}

/** Whether an activation stands where it can have an effect. */
function placeOf(
  state: LogState,
  { payload }: Entry,
  { id, digest, previous, approvals }: ControlFacts<'policy'>,
): Placed | ControlFault {
  const { activePolicy, policies } = state;
  if (id === null || digest === null) return noEffect('activation names no policy');
  if (previous !== activePolicy) return noEffect('activation does not follow on the one in charge');
  if (id === activePolicy) return noEffect('activation of the policy that is in charge');
  const earlier = sameRequest(state, approvals);
  if (earlier !== null) return noEffect(`its approvals are those of the activation ${earlier}`);
  const by = payload.pol?.id ?? '';
  // An honest gateway may have asked it a moment before another one took up the policy in charge.
  if (policies.get(by) !== undefined && !mayDecideChange(state, by)) {
    return noEffect(`policy ${by} decided it, and has no say any more`);
  }
  return { id, digest, by };
}

function withActivation(
  { activePolicy, policies }: LogState,
  { signer, grace }: ControlFacts<'policy'>,
  { id, digest, at, index }: Placed & { readonly at: number; readonly index: number },
): LogState['policies'] {
  const next = { id, digest, signer, index, until: null, successor: null, adopters: [] };
  const former = activePolicy === null ? undefined : policies.get(activePolicy);
  if (former === undefined) return policies.with(id, next);
  const until = at + (grace ?? 0);
  return policies.with(former.id, { ...former, until, successor: index }).with(id, next);
}

function approvedOf(
  state: LogState,
  index: number,
  change: ApprovedChange,
): Approved | ControlFault {
  try {
    return judgeApprovals(change, { ...approvalContext(state), size: index });
  } catch (error) {
    const malformed = caughtMalformed(error);
    if (isNewerFormat(malformed)) throw malformed;
    return { code: 'bad_approval', detail: `${malformed.code}: ${malformed.message}` };
  }
}

/**
 * Whether the leaf says that a policy that may do so allowed it, and commits to the record that shows whether that is
 * true: a writer and one approver cannot replace the policy of every gateway by leaving out the question.
 */
function isDecided(state: LogState, { payload }: Entry): boolean {
  if (state.activePolicy === null) return true; // There is nobody to ask.
  const { pol, _sd } = payload;
  if (pol === undefined || pol.id === null || _sd === undefined) return false;
  return pol.allow && pol.entrypoint === 'stele/admin' && state.policies.get(pol.id) !== undefined;
}

/**
 * The activation that used all of these approvals. An entry that is sealed late comes behind the same change by way of
 * another gateway, and perhaps behind the way back from it: nobody's fault.
 */
function sameRequest({ approvals }: LogState, texts: readonly string[]): number | null {
  const used = new Set(texts.map((text) => approvals.get(identityOf(text)) ?? null));
  const [earlier = null] = used;
  return used.size === 1 ? earlier : null;
}

/** What names an approval; empty for what is none, which is judged elsewhere. */
function identityOf(text: string): string {
  try {
    return approvalIdentity(parseApproval(text).jws);
  } catch (error) {
    caughtMalformed(error);
    return '';
  }
}

/** What approvals are held against at a position of the log. */
export function approvalContext(state: LogState): ApprovalContext {
  return {
    authority: authorityOf(state.genesis, state.config),
    keyOf: (kid) => state.keys.get(kid),
    size: state.size,
    isUsed: (identity) => state.approvals.get(identity) !== undefined,
    wasInCharge: (id) => state.policies.get(id) !== undefined,
  };
}

function changeOf(
  { previous, change = 'update', signer, reason, approvals, ...rest }: ControlFacts<'policy'>,
  named: { readonly id: string; readonly digest: string },
  at: number,
): ApprovedChange {
  const { certificates = [], needed = 1 } = rest;
  const words = reason ?? null;
  return { ...named, previous, change, signer, reason: words, at, approvals, certificates, needed };
}
