/**
 * Follows the activations in the log: fetches the archived bundle of the policy in charge, has it made ready, and adopts
 * it, in one turn with the switch. After a start as in normal running the log says what decides, and nothing else does.
 */
import type { Activation } from '../../core/log/state.ts';
import { SteleError } from '../../core/errors.ts';
import { decidersOfChange, mayDecideChange } from '../../core/log/policy-charge.ts';
import type { PolicySwitch } from '../context/components.ts';
import type { LedgerContext } from '../context/context.ts';
import type { Intake } from '../write/intake.ts';
import type { LogView } from '../log/view.ts';
import { archivePolicy } from '../log/policy-archive.ts';
import type { FoundEntry } from '../context/receipt.ts';
import { isTransient, retryMs } from '../context/retry.ts';
import { assertDecided, chargedPolicy } from './sealed-decision.ts';

/** What an adoption works with. */
export interface AdoptionParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly intake: () => Intake;
  /** Reads a sealed entry, proven. */
  readonly entry: (index: number) => Promise<FoundEntry | null>;
  /** Ends the trying. */
  readonly signal: AbortSignal;
}

/** Policies before the one in charge that are tried at a start: each had its approvals, and takes a second or so. */
const FORMER_MAX = 64;

interface Waiting {
  readonly index: number;
  readonly resolve: () => void;
}

/** Keeps what decides here in step with the log. */
export class Adoption {
  readonly #parts: AdoptionParts;
  readonly #switch: PolicySwitch | null;
  /** What is adopted; undefined before the start. */
  #adopted: Activation | null | undefined;
  #following: Promise<void> = Promise.resolve();
  #isFollowing = false;
  #fault: string | null = null;
  /** Whether waiting alone will not cure that. */
  #isStuck = false;
  #waiting: Waiting[] = [];
  /** Faults that are entries already, by activation and code. */
  readonly #told = new Set<string>();
  /** Activations that were shown to be decided by right, by leaf index. */
  readonly #shown = new Set<number>();

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
    this.#switch = parts.context.policies;
  }

  /** Why the policy in charge does not decide here yet: a code, after a try that failed. */
  get fault(): string | null {
    return this.#fault;
  }

  /** The policy before the one in charge that decides the next change here; null where that is not needed, or not allowed. */
  get fallback(): string | null {
    const { deciding } = this.#parts.intake();
    if (!this.#isStuck || deciding === null || deciding === this.active?.id) return null;
    return mayDecideChange(this.#parts.view.state, deciding) ? deciding : null;
  }

  /** The policy in charge where the log is learnt to. */
  get active(): Activation | null {
    const { activePolicy, policies } = this.#parts.view.state;
    return activePolicy === null ? null : (policies.get(activePolicy) ?? null);
  }

  /**
   * Makes the policy in charge decide, before a boot begins: its `boot` entry will name it. Where it cannot be run, and
   * nobody has adopted it, the last one before it that can: for the next change of policy, and within its grace.
   *
   * @throws what the store throws, and whatever keeps the policy from deciding.
   */
  async begin(): Promise<void> {
    if (this.#switch === null || this.#adopted !== undefined) return;
    const { active } = this;
    const adopted = active === null ? null : await this.#beginWith(active);
    this.#parts.intake().decideWith(adopted?.id ?? null);
    this.#adopted = adopted;
  }

  async #beginWith(active: Activation): Promise<Activation> {
    try {
      (await this.#ready(active))();
      return active;
    } catch (error) {
      if (isTransient(error)) throw error;
      const former = decidersOfChange(this.#parts.view.state).slice(0, FORMER_MAX);
      for (const policy of former.filter(({ id }) => id !== active.id)) {
        const go = await this.#ready(policy).catch((fault: unknown) => {
          if (isTransient(fault)) throw fault;
          return null;
        });
        if (go === null) continue;
        go();
        this.#failed(error, 1);
        return policy;
      }
      throw error;
    }
  }

  #failed(error: unknown, failures: number): string {
    const code = error instanceof SteleError ? error.code : 'policy_not_ready';
    this.#fault = code;
    this.#isStuck = !isTransient(error);
    this.#parts.context.log.warn('policy_not_adopted', {
      ...{ policy: this.active?.id, error, failures },
    });
    return code;
  }

  /** A batch was learnt: follows in the background where it put another policy in charge. */
  look(): void {
    if (this.#switch === null || this.#adopted === undefined || this.#isFollowing) return;
    if (!this.#isBehind()) return;
    this.#isFollowing = true;
    this.#following = this.#follow().finally(() => {
      this.#isFollowing = false;
      // A batch that came in the very end of that was not looked at.
      if (!this.#parts.signal.aborted) this.look();
    });
  }

  /** Resolves when the activation at a leaf index is adopted here, or a later one. */
  async adopted(index: number): Promise<void> {
    if ((this.#adopted?.index ?? -1) >= index) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ index, resolve });
    });
  }

  /** Resolves when nothing is under way any more; the signal has to be aborted. */
  async end(): Promise<void> {
    await this.#following;
  }

  #isBehind(): boolean {
    return !isSame(this.active, this.#adopted ?? null);
  }

  async #follow(): Promise<void> {
    const { context, signal } = this.#parts;
    for (let failures = 0; !signal.aborted && this.#isBehind();) {
      try {
        await this.#step();
        failures = 0;
        this.#fault = null;
        this.#isStuck = false;
      } catch (error) {
        failures += 1;
        await this.#tell(this.#failed(error, failures));
        await context.sleep(retryMs(context.random, failures), signal);
      }
    }
  }

  /** The log says, once for each activation and fault, that this writer cannot follow it. */
  async #tell(code: string): Promise<void> {
    const { active } = this;
    const name = `${active?.index ?? ''} ${code}`;
    if (active === null || this.#told.has(name)) return;
    const { id, digest, index } = active;
    const intake = this.#parts.intake();
    try {
      await intake.appendSystem('policy', {
        ...{ act: 'reject', code, id, digest, revision: null, previous: intake.deciding },
        ...{ signer: null, approvals: [], grace: null, activation: index },
      });
      this.#told.add(name);
    } catch (error) {
      this.#parts.context.log.warn('policy_fault_not_told', { policy: id, code, error });
    }
  }

  async #step(): Promise<void> {
    const { active } = this;
    if (active === null) return;
    const go = await this.#ready(active);
    const intake = this.#parts.intake();
    await intake.opened();
    // Another one may have been put in charge meanwhile: this one is never adopted then.
    if (!isSame(this.active, active)) return;
    await intake.adopt(active, go);
    this.#adopted = active;
    this.#parts.context.log.info('policy_adopted', { policy: active.id, activation: active.index });
    const done = this.#waiting.filter(({ index }) => index <= (active.index ?? -1));
    this.#waiting = this.#waiting.filter((each) => !done.includes(each));
    for (const { resolve } of done) resolve();
  }

  async #ready(active: Activation): Promise<() => void> {
    const { context, view, entry } = this.#parts;
    if (this.#switch !== null) {
      const parts = { context, view, entry, policies: this.#switch, shown: this.#shown };
      await assertDecided(parts, active);
    }
    return this.#open(active);
  }

  async #open(active: Activation): Promise<() => void> {
    const { context, view } = this.#parts;
    const { store, settings, genesis, clock } = context;
    const policy = await chargedPolicy(context, view, active);
    const { id, archive } = policy;
    const go = (await this.#switch?.ready(policy)) ?? (() => undefined);
    // Entries will need it for longer than when it was archived.
    if (archive !== null) {
      await archivePolicy(store, settings.ledger, genesis, { id, archive }, clock);
    }
    return go;
  }
}

/** A policy may be in charge twice: each time by another activation. */
function isSame(one: Activation | null, other: Activation | null): boolean {
  return one?.id === other?.id && one?.index === other?.index;
}
