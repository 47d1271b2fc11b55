/** The approvals of a change as the gateway judges them, before anything of the bundle is unpacked and once more at its end. */
import { judgeApprovals, parseApproval } from '../../core/ledger/approval.ts';
import type {
  Approved,
  ApprovedChange,
  Approver,
  PolicyChange,
} from '../../core/ledger/approval.ts';
import { MalformedError } from '../../core/errors.ts';
import type { Activation } from '../../core/log/state.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { sha256Base64Url } from '#platform';
import { reportFault } from '../../ledger/log/replay-report.ts';
import type { ActivationRefusals } from './refusals.ts';
import type { Asker } from '../context/asker.ts';
import type { ServedLedger } from '../context/components.ts';
import { openEntry } from '../entry/view.ts';

/** A request to change the policy. */
export interface ActivationRequest {
  readonly change: PolicyChange;
  /** The bundle file; null where an archived one is meant. */
  readonly bundle: Uint8Array | null;
  /** Milliseconds for which the policy before may still decide. */
  readonly graceMs: number;
  readonly reason: string | null;
  readonly approvals: readonly string[];
  readonly certificates: readonly Statement[];
}

/** What staging, decision and archive may take together: an approval has to be good for longer, or it ends in between. */
const APPROVAL_MARGIN_MS = 60_000;
/** An approval for later than this is one that nobody remembers: thirty-one days. */
const APPROVAL_LIFE_MS_MAX = 2_678_400_000;

/** Judges approvals; what does not stand is refused with an entry. */
export class ActivationApprovals {
  readonly #ledger: ServedLedger['ledger'];
  readonly #refusals: ActivationRefusals;
  readonly #clock: () => number;

  /** @param clock - Epoch milliseconds. */
  constructor(
    { ledger }: Pick<ServedLedger, 'ledger'>,
    refusals: ActivationRefusals,
    clock: () => number,
  ) {
    this.#ledger = ledger;
    this.#refusals = refusals;
    this.#clock = clock;
  }

  /** What is to be approved, as far as the approvals themselves say it. */
  async named(
    asker: Asker,
    request: ActivationRequest,
    active: Activation | null,
  ): Promise<ApprovedChange> {
    const { change, reason, approvals, certificates } = request;
    const [first = ''] = approvals;
    if (first === '')
      throw await this.#refusals.refuse(asker, null, 'approvals_missing', 'none was sent');
    try {
      const { approval } = parseApproval(first);
      const digest = request.bundle === null ? approval.digest : sha256Base64Url(request.bundle);
      const at = this.#clock();
      const previous = active?.id ?? null;
      const named = { id: approval.id, digest, previous, change, reason, at };
      const whole = { ...named, approvals, certificates, signer: null, needed: 1 };
      if (approval.id !== previous) return whole;
      if (digest !== approval.digest) {
        // Approvals of last time: there is something to do still.
        const detail = `it is of the policy in charge, bundle ${approval.digest}; sent is ${digest}`;
        throw await this.#refusals.refuse(asker, whole, 'approval_other', detail);
      }
      throw await this.#refusals.refuse(asker, whole, 'policy_active_already');
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw await this.#refusals.refuse(asker, null, error.code, error.message);
    }
  }

  /** Judges them by the log as it is now. @throws {@link ProblemError} with the code of the refusal. */
  async judge(asker: Asker, change: ApprovedChange): Promise<Approved> {
    try {
      return judgeApprovals(change, this.#ledger.approvalContext());
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw await this.#refusals.refuse(asker, change, error.code, error.message);
    }
  }

  /** Approvals that end before the entry can be made, or long after anybody remembers them, are refused at once. */
  async checkTimes(
    asker: Asker,
    change: ApprovedChange,
    approvers: readonly Approver[],
  ): Promise<void> {
    for (const { person, expiry } of approvers) {
      const left = expiry - change.at;
      if (left < APPROVAL_MARGIN_MS) {
        const detail = `that of ${person} ends in ${left} ms, too soon to have the bundle staged`;
        throw await this.#refusals.refuse(asker, change, 'approval_expired', detail);
      }
      if (left <= APPROVAL_LIFE_MS_MAX) continue;
      const detail = `that of ${person} is good until ${new Date(expiry).toISOString()}`;
      throw await this.#refusals.refuse(asker, change, 'approval_too_long', detail);
    }
  }

  /** What an approver says to have seen has to be there, and of this bundle. */
  async checkReports(
    asker: Asker,
    change: ApprovedChange,
    approvers: readonly Approver[],
  ): Promise<void> {
    for (const { person, report } of approvers) {
      if (report === undefined) continue;
      const found = await this.#ledger.entry(report);
      const entry = found === null ? null : openEntry(found);
      const fault =
        entry === null
          ? 'it cannot be read'
          : reportFault(entry.payload.kind, entry.opened, change);
      if (fault === undefined) continue;
      const detail = `leaf ${report}, which ${person} names: ${fault}`;
      throw await this.#refusals.refuse(asker, change, 'report_other', detail);
    }
  }
}
