/**
 * Puts another policy in charge: approvals first, then the bundle, then the decision of the policy in charge, then the
 * archive, the entry, its seal, and the adoption here. Whatever is refused on the way leaves an entry.
 */
import { judgeApprovals, parseApproval } from '../core/approval.ts';
import type { Approved, ApprovedChange, PolicyChange } from '../core/approval.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import type { JsonObject } from '../core/strict-json.ts';
import type { Activation } from '../core/log-state.ts';
import type { Statement } from '../core/statement.ts';
import { sha256Base64Url } from '#platform';
import { decideActivation } from '../policy/admin.ts';
import type { DecidedActivation } from '../policy/admin.ts';
import { ENTRYPOINTS } from '../policy/decision.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import { isProblemCode } from './codes.ts';
import type { CallerBudget } from './caller-budget.ts';
import type {
  GatewayComponents,
  PolicyChanges,
  ServedLedger,
  SubmittedFrom,
} from './components.ts';
import type { Asker } from './asker.ts';
import { EntryIds } from './entry-ids.ts';
import { ProblemError } from './problem.ts';
import type { GatewaySettings } from './settings.ts';

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

/** What became of it. */
export interface Activated {
  readonly jti: string;
  readonly jws: string;
  readonly policy: string;
  readonly previous: string | null;
  /** Leaf index of the activation; null until it is sealed. */
  readonly index: number | null;
  /** Whether it decides here already. */
  readonly adopted: boolean;
}

/** About what the entry of a refusal takes. */
const REFUSAL_BYTES = 1_024;
const BREAK_GLASS_TITLE = 'policy changed by breaking the glass';

/** Changes the policy of one ledger, one change at a time. */
export class Activations {
  readonly #served: ServedLedger;
  readonly #changes: PolicyChanges | null;
  readonly #components: GatewayComponents;
  readonly #settings: GatewaySettings;
  readonly #ids: EntryIds;
  readonly #budget: CallerBudget;
  #isBusy = false;

  constructor(
    served: ServedLedger,
    components: GatewayComponents,
    settings: GatewaySettings,
    budget: CallerBudget,
  ) {
    this.#served = served;
    this.#changes = served.changes ?? null;
    this.#components = components;
    this.#settings = settings;
    this.#ids = new EntryIds(components.clock, components.random);
    this.#budget = budget;
  }

  /**
   * Activates a policy.
   *
   * @throws {@link ProblemError} with a code of `approvalRefusals`, `activation_unavailable`, `activation_in_progress`,
   *   `activation_lost`, `policy_active_already`, `policy_unknown`, `policy_without_admin`, `bundle_refused`, `denied` or
   *   what keeps a policy from answering; {@link SteleError} of the ledger.
   */
  async activate(asker: Asker, request: ActivationRequest): Promise<Activated> {
    if (this.#changes === null) throw new ProblemError('activation_unavailable');
    if (this.#isBusy) throw new ProblemError('activation_in_progress');
    this.#isBusy = true;
    try {
      return await this.#activate(asker, request, this.#changes);
    } finally {
      this.#isBusy = false;
    }
  }

  async #activate(
    asker: Asker,
    request: ActivationRequest,
    changes: PolicyChanges,
  ): Promise<Activated> {
    const { ledger } = this.#served;
    await ledger.refresh();
    const { active } = ledger.policy();
    const change = await this.#named(asker, request, active);
    // Before anything of the bundle is unpacked: somebody who may approve has approved these very bytes.
    const { certificates } = await this.#approved(asker, change);
    const authors = certificates.flatMap(({ use, jwk }) => (use === 'author' ? [jwk] : []));
    const { archive, isArchived } = await this.#archive(asker, request, change);
    const from = { authors, isArchived };
    const staged = await this.#staged(asker, { changes, change, archive, from });
    const whole = { ...change, signer: staged.signer };
    const approved = await this.#approved(asker, whole);
    const decided = await this.#decide(asker, changes, { whole, staged, approved, request });
    if (!decided.allow) throw await this.#denied(asker, decided);
    await ledger.archivePolicy(change.id, staged.archive);
    changes.keep(staged);
    const [receipt] = await ledger.append([decided]);
    if (receipt === undefined) throw new Error('an entry has a receipt');
    const { jti, jws } = receipt;
    const facts = { jti, jws, policy: change.id, previous: change.previous };
    const sealed = await within(receipt.sealed, this.#settings.sealWaitMs);
    if (sealed === null) return { ...facts, index: null, adopted: false };
    const { index } = sealed;
    if (ledger.policy().active?.index !== index) throw new ProblemError('activation_lost');
    if (change.change === 'break_glass') await this.#alert(index, change);
    const done = ledger.adopted(index).then(() => true);
    const adopted = (await within(done, this.#settings.sealWaitMs)) ?? false;
    return { ...facts, index, adopted };
  }

  /** What is to be approved, as far as the approvals themselves say it. */
  async #named(
    asker: Asker,
    request: ActivationRequest,
    active: Activation | null,
  ): Promise<ApprovedChange> {
    const { change, reason, approvals, certificates } = request;
    const [first = ''] = approvals;
    if (first === '') throw await this.#refuse(asker, null, 'approvals_missing', 'none was sent');
    try {
      const { approval } = parseApproval(first);
      const digest = request.bundle === null ? approval.digest : sha256Base64Url(request.bundle);
      const at = this.#components.clock();
      const previous = active?.id ?? null;
      if (approval.id === previous) throw new ProblemError('policy_active_already');
      const named = { id: approval.id, digest, previous, change, reason, at };
      return { ...named, approvals, certificates, signer: null, needed: 1 };
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw await this.#refuse(asker, null, error.code, error.message);
    }
  }

  async #approved(asker: Asker, change: ApprovedChange): Promise<Approved> {
    try {
      return judgeApprovals(change, this.#served.ledger.approvalContext());
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw await this.#refuse(asker, change, error.code, error.message);
    }
  }

  /** The bundle that was sent, or else the one that the archive or the source of bundles has. */
  async #archive(
    asker: Asker,
    { bundle }: ActivationRequest,
    change: ApprovedChange,
  ): Promise<{ readonly archive: Uint8Array; readonly isArchived: boolean }> {
    if (bundle !== null) return { archive: bundle, isArchived: false };
    const candidate = this.#served.feed?.status.candidate ?? null;
    if (candidate?.digest === change.digest) {
      return { archive: candidate.archive, isArchived: false };
    }
    const archived = await this.#served.ledger.archivedPolicy(change.id);
    if (archived !== null) return { archive: archived, isArchived: true };
    throw await this.#refuse(asker, change, 'policy_unknown');
  }

  async #staged(
    asker: Asker,
    parts: {
      readonly changes: PolicyChanges;
      readonly change: ApprovedChange;
      readonly archive: Uint8Array;
      readonly from: SubmittedFrom;
    },
  ): Promise<StagedPolicy> {
    const { changes, change, archive, from } = parts;
    let staged: StagedPolicy;
    try {
      staged = await changes.stage(archive, from);
    } catch (error) {
      if (!(error instanceof SteleError)) throw error;
      throw await this.#refuse(asker, change, 'bundle_refused', `${error.code}: ${error.message}`);
    }
    const { id, entrypoints } = staged.prepared.identity;
    if (id !== change.id || staged.digest !== change.digest) {
      const both = `the bundle makes policy ${id}, approved was ${change.id}`;
      throw await this.#refuse(asker, change, 'approval_other', both);
    }
    // Nobody could ever put another one in charge.
    if (!entrypoints.includes(ENTRYPOINTS.admin)) {
      throw await this.#refuse(asker, change, 'policy_without_admin');
    }
    return staged;
  }

  async #decide(
    { caller, context }: Asker,
    { prepared, evaluate, decide }: PolicyChanges,
    parts: {
      readonly whole: ApprovedChange;
      readonly staged: StagedPolicy;
      readonly approved: Approved;
      readonly request: ActivationRequest;
    },
  ): Promise<DecidedActivation> {
    const { whole, staged, approved, request } = parts;
    const { jti, at } = this.#ids.next();
    const { name, ledger } = this.#served;
    const { approvers, author } = approved;
    const { id, digest, previous, signer, change, reason } = whole;
    const { revision } = staged;
    const properties: JsonObject = {
      ...{ digest, revision, previous, signer, author, change, reason },
      grace_ms: request.graceMs,
      approvals: approvers.map(({ person, kid, expiry }) => ({ person, kid, expiry_ms: expiry })),
    };
    const facts: JsonObject = {
      ...{ id, digest, revision, previous, signer, change, activation: null },
      grace: request.graceMs,
      approvals: [...whole.approvals],
      certificates: whole.certificates.map((statement) => [...statement]),
      ...(reason === null ? {} : { reason }),
    };
    return decideActivation(
      { policy: prepared(), evaluate, random: this.#components.random },
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

  async #denied({ caller }: Asker, decided: DecidedActivation): Promise<ProblemError> {
    const code = decided.err ?? 'denied';
    const reasons = { reasons: decided.reasons };
    const known = isProblemCode(code) ? code : 'denied';
    const bytes = decided.prefix.length + decided.record.length;
    if (!this.#budget.take(caller, decided.at, bytes)) return new ProblemError(known, reasons);
    const [receipt] = await this.#served.ledger.append([decided]);
    return new ProblemError(known, { ...reasons, decision: receipt?.jti ?? decided.jti });
  }

  /** What no policy was asked for is an entry of the system itself. */
  async #refuse(
    { caller }: Asker,
    change: ApprovedChange | null,
    code: string,
    detail?: string,
  ): Promise<ProblemError> {
    const known = isProblemCode(code) ? code : 'activation_malformed';
    const facts = detail === undefined ? {} : { detail };
    const now = this.#components.clock();
    if (!this.#budget.take(caller, now, REFUSAL_BYTES)) return new ProblemError(known, facts);
    const receipt = await this.#served.ledger.appendSystem('policy', {
      ...{ act: 'reject', code, approvals: [], grace: null, activation: null, revision: null },
      id: change?.id ?? null,
      digest: change?.digest ?? null,
      previous: change?.previous ?? null,
      signer: change?.signer ?? null,
    });
    return new ProblemError(known, { ...facts, decision: receipt.jti });
  }

  /** The activation stands whatever becomes of its alert: its own entry says that the glass was broken, and why. */
  async #alert(source: number, { id, previous }: ApprovedChange): Promise<void> {
    const policy = previous ?? id;
    const alert = { source, policy, severity: 'critical', title: BREAK_GLASS_TITLE };
    try {
      await this.#served.ledger.appendSystem('alert', alert);
    } catch (error) {
      this.#components.log.error('alert_failed', { source, policy, error });
    }
  }
}

/** What a promise gives, or null when it does not in time, or not at all. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([promise.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
