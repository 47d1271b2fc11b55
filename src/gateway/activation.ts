/**
 * Puts another policy in charge: approvals first, then the bundle, then the decision of the policy in charge, then the
 * archive, the entry, its seal, and the adoption here. Whatever is refused on the way leaves an entry.
 */
import { approvalFacts, judgeApprovals, parseApproval } from '../core/approval.ts';
import type { Approved, ApprovedChange, Approver, PolicyChange } from '../core/approval.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import type { JsonObject } from '../core/strict-json.ts';
import type { Activation } from '../core/log-state.ts';
import type { Statement } from '../core/statement.ts';
import { sha256Base64Url } from '#platform';
import { decideActivation } from '../policy/admin.ts';
import type { DecidedActivation } from '../policy/admin.ts';
import { ENTRYPOINTS } from '../policy/decision.ts';
import { reportFault } from '../ledger/replay-report.ts';
import type { Receipt } from '../ledger/receipt.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import { ActivationRefusals } from './activation-refusals.ts';
import type { Budgets } from './budgets.ts';
import type {
  GatewayComponents,
  PolicyChanges,
  ServedLedger,
  SubmittedFrom,
} from './components.ts';
import type { Asker } from './asker.ts';
import { EntryIds } from './entry-ids.ts';
import { openEntry } from './entry-view.ts';
import { within } from './outcomes.ts';
import { ProblemError } from './problem.ts';
import type { GatewaySettings } from './settings.ts';
import type { Summary } from './summary.ts';

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

/** What staging, decision and archive may take together: an approval has to be good for longer, or it ends in between. */
const APPROVAL_MARGIN_MS = 60_000;
/** An approval for later than this is one that nobody remembers: thirty-one days. */
const APPROVAL_LIFE_MS_MAX = 2_678_400_000;

/** A change whose approvals stood when it was looked at. */
interface Looked extends Pick<Approved, 'certificates'> {
  readonly change: ApprovedChange;
}

/** The same, staged. */
interface Prepared {
  readonly staged: StagedPolicy;
  readonly whole: ApprovedChange;
  readonly approved: Approved;
}

/**
 * Changes the policy of one ledger. One change at a time is decided and on its way into the log. Before that one is
 * prepared at a time, and beside it one that breaks the glass: who does that has no time to wait for another's bundle.
 */
export class Activations {
  readonly #served: ServedLedger;
  readonly #changes: PolicyChanges | null;
  readonly #components: GatewayComponents;
  readonly #settings: GatewaySettings;
  readonly #ids: EntryIds;
  readonly #refusals: ActivationRefusals;
  readonly #busy = new Set<'prepare' | 'break_glass' | 'commit'>();

  constructor(
    served: ServedLedger,
    components: GatewayComponents,
    settings: GatewaySettings,
    { denials: budget }: Pick<Budgets, 'denials'>,
    summary: Summary,
  ) {
    this.#served = served;
    this.#changes = served.changes ?? null;
    this.#components = components;
    this.#settings = settings;
    this.#ids = new EntryIds(components.clock, components.random);
    const { random } = components;
    const decide = served.changes?.decide;
    this.#refusals = new ActivationRefusals({
      ...{ served, budget, summary, ids: this.#ids, random, decide },
    });
  }

  /**
   * Activates a policy.
   *
   * @throws {@link ProblemError} with a code of `approvalRefusals`, `activation_unavailable`, `activation_in_progress`,
   *   `activation_lost`, `approval_too_long`, `policy_active_already`, `policy_archived_otherwise`, `policy_unknown`,
   *   `policy_without_admin`, `bundle_refused`, `denied` or what keeps a policy from answering; {@link SteleError} of the
   *   ledger.
   */
  async activate(asker: Asker, request: ActivationRequest): Promise<Activated> {
    const changes = this.#changes;
    if (changes === null) throw new ProblemError('activation_unavailable');
    const lane = request.change === 'break_glass' ? 'break_glass' : 'prepare';
    // First: whoever has no approval that stands keeps nobody waiting who has.
    const looked = await this.#look(asker, request);
    await this.#enter(asker, lane);
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(asker, request, changes, looked);
    } finally {
      this.#busy.delete(lane);
    }
    const { id: policy, previous } = prepared.whole;
    const receipt = await this.#commit(asker, request, changes, prepared);
    const { jti, jws } = receipt;
    const facts = { jti, jws, policy, previous };
    const { ledger } = this.#served;
    const sealed = await within(receipt.sealed, this.#settings.sealWaitMs);
    if (sealed === null) return { ...facts, index: null, adopted: false };
    const { index } = sealed;
    const isInForce = ledger.policy().active?.index === index;
    if (!isInForce) throw new ProblemError('activation_lost');
    const done = ledger.adopted(index).then(() => true);
    const adopted = (await within(done, this.#settings.sealWaitMs)) ?? false;
    return { ...facts, index, adopted };
  }

  /** A body that is no request to change the policy: what is refused leaves an entry. */
  async malformed(asker: Asker, { facts }: ProblemError): Promise<ProblemError> {
    const code = 'activation_malformed';
    if (this.#changes === null) return new ProblemError(code, facts);
    const { facts: told } = await this.#refusals.refuse(asker, null, code, facts.detail);
    return new ProblemError(code, { ...facts, ...told });
  }

  async #enter(asker: Asker, lane: 'prepare' | 'break_glass' | 'commit'): Promise<void> {
    if (this.#busy.has(lane)) {
      throw await this.#refusals.refuse(asker, null, 'activation_in_progress');
    }
    this.#busy.add(lane);
  }

  /** What is to change. Before anything of the bundle is unpacked: who may approve has approved these very bytes. */
  async #look(asker: Asker, request: ActivationRequest): Promise<Looked> {
    const { ledger } = this.#served;
    await ledger.refresh();
    const change = await this.#named(asker, request, ledger.policy().active);
    const { certificates, approvers } = await this.#approved(asker, change);
    await this.#checkTimes(asker, change, approvers);
    await this.#checkReports(asker, change, approvers);
    return { change, certificates };
  }

  /** Everything that may take long. */
  async #prepare(
    asker: Asker,
    request: ActivationRequest,
    changes: PolicyChanges,
    { change, certificates }: Looked,
  ): Promise<Prepared> {
    const authors = certificates.flatMap(({ use, jwk }) => (use === 'author' ? [jwk] : []));
    const { archive, isArchived } = await this.#archive(asker, request, change);
    await this.#checkArchived(asker, change, archive);
    const from = { authors, isArchived };
    const staged = await this.#staged(asker, { changes, change, archive, from });
    const whole = { ...change, signer: staged.signer };
    return { staged, whole, approved: await this.#approved(asker, whole) };
  }

  /** Decides, and appends what was decided. The next change waits until this one is sealed: it would not follow on it. */
  async #commit(
    asker: Asker,
    request: ActivationRequest,
    changes: PolicyChanges,
    prepared: Prepared,
  ): Promise<Receipt> {
    await this.#enter(asker, 'commit');
    const free = (): void => {
      this.#busy.delete('commit');
    };
    try {
      const receipt = await this.#append(asker, request, changes, prepared);
      void receipt.sealed.then(free, free);
      return receipt;
    } catch (error) {
      free();
      throw error;
    }
  }

  async #append(
    asker: Asker,
    request: ActivationRequest,
    changes: PolicyChanges,
    prepared: Prepared,
  ): Promise<Receipt> {
    const { ledger } = this.#served;
    const { whole, staged } = prepared;
    await this.#assertFollows(asker, whole);
    // The one before it may be running here still, within its grace, and has no say any more; but where the one in
    // charge cannot be run, it is the way out.
    const running = changes.prepared()?.identity.id ?? null;
    const isFormer = running !== whole.previous;
    if (isFormer && (running === null || running !== ledger.policy().fallback)) {
      throw await this.#refuse(asker, whole, 'policy_superseded');
    }
    const answer = await this.#decide(asker, changes, { ...prepared, request });
    // Its grace is over, and it decides nothing but this: its draft is not held against what may decide here.
    const decided = isFormer ? { ...answer, policy: null } : answer;
    if (!decided.allow) throw await this.#refusals.denied(asker, decided);
    await this.#ofArchive(asker, whole, async () => {
      await ledger.archivePolicy(whole.id, staged.archive);
    });
    // All this took its time. What stood then may not stand at the time that the entry names, behind what came since;
    // and an activation in the log without good approvals is a violation for ever.
    await ledger.refresh();
    await this.#assertFollows(asker, whole);
    await this.#approved(asker, { ...whole, at: decided.at, needed: decided.needed ?? 1 });
    changes.keep(staged);
    const [receipt] = await ledger.append([decided]);
    if (receipt === undefined) throw new Error('an entry has a receipt');
    return receipt;
  }

  async #assertFollows(asker: Asker, change: ApprovedChange): Promise<void> {
    if ((this.#served.ledger.policy().active?.id ?? null) === change.previous) return;
    throw await this.#refuse(asker, change, 'activation_lost');
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
      const named = { id: approval.id, digest, previous, change, reason, at };
      const whole = { ...named, approvals, certificates, signer: null, needed: 1 };
      if (approval.id !== previous) return whole;
      throw await this.#refuse(asker, whole, 'policy_active_already');
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

  /** Approvals that end before the entry can be made, or long after anybody remembers them, are refused at once. */
  async #checkTimes(
    asker: Asker,
    change: ApprovedChange,
    approvers: readonly Approver[],
  ): Promise<void> {
    for (const { person, expiry } of approvers) {
      const left = expiry - change.at;
      if (left < APPROVAL_MARGIN_MS) {
        const detail = `that of ${person} ends in ${left} ms, too soon to have the bundle staged`;
        throw await this.#refuse(asker, change, 'approval_expired', detail);
      }
      if (left <= APPROVAL_LIFE_MS_MAX) continue;
      const detail = `that of ${person} is good until ${new Date(expiry).toISOString()}`;
      throw await this.#refuse(asker, change, 'approval_too_long', detail);
    }
  }

  /** What an approver says to have seen has to be there, and of this bundle. */
  async #checkReports(
    asker: Asker,
    change: ApprovedChange,
    approvers: readonly Approver[],
  ): Promise<void> {
    for (const { person, report } of approvers) {
      if (report === undefined) continue;
      const found = await this.#served.ledger.entry(report);
      const entry = found === null ? null : openEntry(found);
      const fault =
        entry === null
          ? 'it cannot be read'
          : reportFault(entry.payload.kind, entry.opened, change);
      if (fault === undefined) continue;
      const detail = `leaf ${report}, which ${person} names: ${fault}`;
      throw await this.#refuse(asker, change, 'report_other', detail);
    }
  }

  async #ofArchive<T>(asker: Asker, change: ApprovedChange, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isAltered = error instanceof SteleError && error.code === 'policy_archive_altered';
      throw isAltered ? await this.#refuse(asker, change, error.code, error.message) : error;
    }
  }

  /** One policy has one bundle in the archive: signed otherwise, or with other cases, it is another file. */
  async #checkArchived(asker: Asker, change: ApprovedChange, archive: Uint8Array): Promise<void> {
    const { ledger } = this.#served;
    const held = await this.#ofArchive(asker, change, async () => ledger.archivedDigest(change.id));
    if (held === null || held === sha256Base64Url(archive)) return;
    const detail = `the archive has this policy as bundle ${held}`;
    throw await this.#refuse(asker, change, 'policy_archived_otherwise', detail);
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
    const { ledger } = this.#served;
    const { id } = change;
    const archived = await this.#ofArchive(asker, change, async () => ledger.archivedPolicy(id));
    if (archived !== null) return { archive: archived, isArchived: true };
    const source =
      this.#served.feed === null ? 'it follows no source of bundles' : 'nor has its source';
    const detail = `no bundle was sent, the archive has none of this policy, ${source}`;
    throw await this.#refuse(asker, change, 'policy_unknown', detail);
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

  async #refuse(
    asker: Asker,
    change: ApprovedChange | null,
    code: string,
    detail?: string,
  ): Promise<ProblemError> {
    return this.#refusals.refuse(asker, change, code, detail);
  }
}
