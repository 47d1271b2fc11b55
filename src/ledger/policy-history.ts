/** The changes of policy in a log, from the batches alone: what took effect, who approved it, who adopted it. */
import { parseApproval } from '../core/approval.ts';
import { controlFacts } from '../core/ctl.ts';
import type { ControlFacts } from '../core/ctl.ts';
import type { Entry } from '../core/entry.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import type { Finding } from '../core/findings.ts';
import { LogVerification } from '../core/verify-log.ts';
import type { Report } from '../core/report.ts';
import { objectKeys } from '../storage/object-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readSlots } from './fsck-slots.ts';

/** A `policy` entry. */
export interface PolicyEvent {
  readonly index: number;
  /** Admission, epoch ms. */
  readonly at: number;
  readonly act: 'activate' | 'adopt' | 'reject';
  readonly policy: string | null;
  /** SHA-256 of its bundle, base64url: what approvals name. */
  readonly digest: string | null;
  readonly revision: string | null;
  readonly change: string | null;
  /** Who approved it, as the approvals say. */
  readonly approvers: readonly string[];
  readonly code: string | null;
  readonly reason: string | null;
  readonly writer: string;
  /** What speaks against it; empty where nothing does. */
  readonly findings: readonly Finding[];
}

/** A verified history. */
export interface PolicyHistory {
  readonly report: Report;
  /** The policy that the ledger was founded with. */
  readonly founded: string | null;
  /** The policy in charge at the end. */
  readonly active: string | null;
  readonly events: readonly PolicyEvent[];
}

/**
 * Reads and verifies the whole log.
 * @throws {@link SteleError} `ledger_missing`; {@link MalformedError} where genesis does not verify.
 */
export async function policyHistory(
  store: ObjectStore,
  ledger: string,
  options: { readonly vkeys?: readonly string[] } = {},
): Promise<PolicyHistory> {
  const keys = objectKeys(ledger);
  const genesis = await store.get(keys.genesis);
  if (genesis === null) {
    const message = `there is no ledger ${ledger} in this store`;
    throw new SteleError('ledger_missing', message, { disposition: 'fix-configuration' });
  }
  const verification = new LogVerification(genesis.bytes, options, { repetitions: false });
  const context = { store, keys, now: 0, locks: false, open: false };
  const found: { readonly index: number; readonly entry: Entry }[] = [];
  const bytesMax = (): number => verification.state.config.limits.batchBytes;
  for await (const { number, versionId, bytes } of readSlots(context, bytesMax)) {
    if (versionId === null) break;
    const verdict = bytes === null ? null : verification.add(bytes, { number, versionId });
    if (verdict?.ok !== true) continue;
    const { header, entries } = verdict.batch;
    for (const [offset, entry] of entries.entries()) {
      if (entry.payload.kind === 'policy') found.push({ index: header.first + offset, entry });
    }
  }
  const report = verification.report();
  const events = found.map(({ index, entry }) => {
    return eventOf(
      index,
      entry,
      report.findings.filter(({ at }) => at.index === index),
    );
  });
  const { genesis: origin, activePolicy: active } = verification.state;
  return { report, founded: origin.policy?.id ?? null, active, events };
}

function eventOf(index: number, { payload }: Entry, findings: readonly Finding[]): PolicyEvent {
  const facts = controlFacts('policy', payload.ctl);
  const { act, id: policy, digest, revision, change = null, code = null, reason = null } = facts;
  const kind = act === 'activate' ? (change ?? 'update') : change;
  const place = { index, at: payload.at, writer: payload.wtr.id, findings };
  const approvers = act === 'activate' ? personsOf(facts) : [];
  return { ...place, act, policy, digest, revision, change: kind, approvers, code, reason };
}

function personsOf({ approvals }: ControlFacts<'policy'>): string[] {
  return approvals.map((text) => {
    try {
      return parseApproval(text).approval.person;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return '?';
    }
  });
}
