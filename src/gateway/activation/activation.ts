/**
 * Puts another policy in charge: approvals first, then the bundle, then the decision of the policy in charge, then the
 * archive, the entry, its seal, and the adoption here. Whatever is refused on the way leaves an entry.
 */
import type { Approved, ApprovedChange } from '../../core/ledger/approval.ts';
import type { Receipt } from '../../ledger/context/receipt.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import { ActivationApprovals } from './approvals.ts';
import type { ActivationRequest } from './approvals.ts';
import { ActivationBundles } from './bundle.ts';
import { decideChange } from './decision.ts';
import { ActivationRefusals } from './refusals.ts';
import type { Asker } from '../context/asker.ts';
import type { Budgets } from '../quota/budgets.ts';
import type { GatewayComponents, PolicyChanges, ServedLedger } from '../context/components.ts';
import { EntryIds } from '../entry/ids.ts';
import { within } from '../context/outcomes.ts';
import { ProblemError } from '../context/problem.ts';
import type { GatewaySettings } from '../context/settings.ts';
import type { Summary } from '../context/summary.ts';

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
  readonly #approvals: ActivationApprovals;
  readonly #bundles: ActivationBundles;
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
    this.#approvals = new ActivationApprovals(served, this.#refusals, components.clock);
    this.#bundles = new ActivationBundles(served, this.#refusals);
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
    const change = await this.#approvals.named(asker, request, ledger.policy().active);
    const { certificates, approvers } = await this.#approvals.judge(asker, change);
    await this.#approvals.checkTimes(asker, change, approvers);
    await this.#approvals.checkReports(asker, change, approvers);
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
    const { archive, isArchived } = await this.#bundles.find(asker, request, change);
    await this.#bundles.checkArchived(asker, change, archive);
    const from = { authors, isArchived };
    const staged = await this.#bundles.stage(asker, { changes, change, archive, from });
    const whole = { ...change, signer: staged.signer };
    return { staged, whole, approved: await this.#approvals.judge(asker, whole) };
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
    const assertSay = async (): Promise<void> => {
      if (!isFormer || (running !== null && running === ledger.policy().fallback)) return;
      throw await this.#refusals.refuse(asker, whole, 'policy_superseded');
    };
    await assertSay();
    const { random } = this.#components;
    const change = { ...prepared, request, id: this.#ids.next() };
    const answer = await decideChange(this.#served, asker, changes, change, random);
    // Its grace is over, and it decides nothing but this: its draft is not held against what may decide here.
    const decided = isFormer ? { ...answer, policy: null } : answer;
    if (!decided.allow) throw await this.#refusals.denied(asker, decided);
    await this.#bundles.ofArchive(asker, whole, async () => {
      await ledger.archivePolicy(whole.id, staged.archive);
    });
    // All this took its time. What stood then may not stand at the time that the entry names, behind what came since;
    // and an activation in the log without good approvals is a violation for ever.
    await ledger.refresh();
    await this.#assertFollows(asker, whole);
    // Another gateway may have taken up the one in charge: then nobody before it has a say.
    await assertSay();
    await this.#approvals.judge(asker, { ...whole, at: decided.at, needed: decided.needed ?? 1 });
    changes.keep(staged);
    const [receipt] = await ledger.append([decided]);
    if (receipt === undefined) throw new Error('an entry has a receipt');
    return receipt;
  }

  async #assertFollows(asker: Asker, change: ApprovedChange): Promise<void> {
    if ((this.#served.ledger.policy().active?.id ?? null) === change.previous) return;
    throw await this.#refusals.refuse(asker, change, 'activation_lost');
  }
}
