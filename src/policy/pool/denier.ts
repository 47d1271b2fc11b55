import { Decider, refusingEvaluator } from '../decide/decide.ts';
import type { DecideSettings } from '../decide/decide.ts';
import type { DenialCode } from '../contract/decision.ts';
import { eventBytes } from './message.ts';
import type { Outcome, Work } from './message.ts';
import { pagedRandom } from './random.ts';
import { Turns } from './turns.ts';

/** Codes of denials before which the policy was asked: their entries name it. */
const ASKED: readonly DenialCode[] = ['policy_timeout', 'policy_error'];

/** What a denial weighs in turns besides its event. */
const DENIAL_WEIGHT = 2_048;

/** Makes denials where no worker can: the same entry as from the policy, but nothing is evaluated. */
export class Denier {
  readonly #policy: string | null;
  readonly #settings: DecideSettings;
  readonly #random = pagedRandom();
  readonly #deciders = new Map<DenialCode, Decider>();
  readonly #turns = new Turns();

  /** @param policy - Identity of the policy that would have decided, null where there is none. */
  constructor(policy: string | null, settings: DecideSettings) {
    this.#policy = policy;
    this.#settings = settings;
  }

  /**
   * Denies a job when it has its turn, for many may find no room at once; bad input is refused as ever. Never throws.
   */
  async deny(job: Work, code: DenialCode): Promise<Outcome> {
    await this.#turns.take(job.work.known.subject, eventBytes(job) + DENIAL_WEIGHT);
    try {
      const decider = this.#decider(code);
      return job.ask === 'append' ? decider.append(job.work) : decider.read(job.work);
    } catch (error) {
      return { outcome: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  #decider(code: DenialCode): Decider {
    const found = this.#deciders.get(code);
    if (found !== undefined) return found;
    const policy = ASKED.includes(code) ? this.#policy : null;
    const components = { evaluator: refusingEvaluator(code), policy, random: this.#random };
    const made = new Decider(components, this.#settings);
    this.#deciders.set(code, made);
    return made;
  }
}
