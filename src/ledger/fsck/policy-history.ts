/** The changes of policy in a log, from the batches alone: what took effect, who approved it, who adopted it. */
import { parseApproval } from '../../core/ledger/approval.ts';
import type { Approval } from '../../core/ledger/approval.ts';
import { controlFacts } from '../../core/ledger/ctl.ts';
import type { ControlFacts } from '../../core/ledger/ctl.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import type { Finding } from '../../core/verify/findings.ts';
import { parseGenesis } from '../../core/ledger/genesis.ts';
import { parseVkey, verifierOf } from '../../core/tree/signed-note.ts';
import { LogVerification } from '../../core/verify/log.ts';
import type { Report } from '../../core/verify/report.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { CarriedCheck } from './carried.ts';
import { PublishedCheck } from './published.ts';
import { readSlots } from './slots.ts';
import type { HistoryAnchors } from './history.ts';

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
  /** Leaf indices of the replays that the approvals name. */
  readonly reports: readonly number[];
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
 * Reads and verifies the whole log. That it is the one of a key from elsewhere is shown by its published checkpoint, or by
 * a head that a batch carries.
 *
 * @throws {@link SteleError} `ledger_missing`; {@link MalformedError} where genesis does not verify, or an anchor is not of
 *   this log.
 */
export async function policyHistory(
  store: ObjectStore,
  ledger: string,
  anchors: HistoryAnchors = {},
): Promise<PolicyHistory> {
  const keys = objectKeys(ledger);
  const genesis = await store.get(keys.genesis);
  if (genesis === null) {
    const message = `there is no ledger ${ledger} in this store`;
    throw new SteleError('ledger_missing', message, { disposition: 'fix-configuration' });
  }
  const context = { store, keys, now: 0, locks: false, open: false };
  const { origin } = parseGenesis(genesis.bytes);
  const verifiers = (anchors.vkeys ?? []).map((vkey) => verifierOf(parseVkey(vkey)));
  const published = await PublishedCheck.read(context, origin, verifiers);
  const carried = new CarriedCheck(context, origin, verifiers);
  const known = { ...anchors, published: published.anchored };
  const verification = new LogVerification(genesis.bytes, known, { repetitions: false });
  const found: { readonly index: number; readonly entry: Entry }[] = [];
  const bytesMax = (): number => verification.state.config.limits.batchBytes;
  for await (const { number, versionId, bytes } of readSlots(context, bytesMax)) {
    if (versionId === null) break;
    const before = verification.state.edge;
    const verdict = bytes === null ? null : verification.add(bytes, { number, versionId });
    if (verdict?.ok !== true) continue;
    published.add(before, verdict);
    carried.add(verdict);
    const { header, entries } = verdict.batch;
    for (const [offset, entry] of entries.entries()) {
      if (entry.payload.kind === 'policy') found.push({ index: header.first + offset, entry });
    }
  }
  const shown = published.finish(verification.state);
  const findings = [...(await carried.finish()), ...shown.findings];
  const bound = carried.isBound;
  const report = verification.report({ steps: [shown.step], findings, bound });
  const events = found.map(({ index, entry }) => {
    return eventOf(
      index,
      entry,
      report.findings.filter(({ at }) => at.index === index),
    );
  });
  const { genesis: beginning, activePolicy: active } = verification.state;
  return { report, founded: beginning.policy?.id ?? null, active, events };
}

function eventOf(index: number, { payload }: Entry, findings: readonly Finding[]): PolicyEvent {
  const facts = controlFacts('policy', payload.ctl);
  const { act, id: policy, digest, revision, change = null, code = null, reason = null } = facts;
  const kind = act === 'activate' ? (change ?? 'update') : change;
  const place = { index, at: payload.at, writer: payload.wtr.id, findings };
  const approvals = act === 'activate' ? approvalsOf(facts) : [];
  const approvers = approvals.map((approval) => approval?.person ?? '?');
  const reports = [...new Set(approvals.flatMap((approval) => approval?.report ?? []))];
  const named = { act, policy, digest, revision, change: kind, approvers, reports };
  return { ...place, ...named, code, reason };
}

/** Null for one that is malformed. */
function approvalsOf({ approvals }: ControlFacts<'policy'>): (Approval | null)[] {
  return approvals.map((text) => {
    try {
      return parseApproval(text).approval;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return null;
    }
  });
}
