/** Decides reads of one ledger. Nothing is answered before that it was asked for is recorded, or counted. */
import type { Receipt } from '../../ledger/context/receipt.ts';
import type { PolicyPool } from '../../policy/pool/pool.ts';
import type { DecidedRead, ReadEntry, ReadJob, ReadOutcome } from '../../policy/decide/jobs.ts';
import type { Asker } from '../context/asker.ts';
import { collector } from './collect.ts';
import type { Collect } from './collect.ts';
import type { EntryIds } from './ids.ts';
import type { Asked, JobFacts } from './job-facts.ts';
import { denied, refused, within } from '../context/outcomes.ts';
import { ProblemError } from '../context/problem.ts';
import { superseded } from './recorder.ts';
import type { Recorder } from './recorder.ts';
import type { GatewaySettings } from '../context/settings.ts';

/** Id and time of a decision. */
export type Moment = ReturnType<EntryIds['next']>;

/** How a read is decided that has been prepared by other decisions. */
export interface ReadTerms {
  readonly moment: Moment;
  readonly entry: ReadEntry;
  /** The policy that made those; undefined where there were none, or the pool does not say. */
  readonly policy: string | null | undefined;
  /** Whether one of them wants the access sealed before the answer. */
  readonly sealed: boolean;
}

/** What reads are decided with. */
export interface ReadParts {
  readonly pool: Pick<PolicyPool, 'read'>;
  readonly recorder: Recorder;
  readonly ids: EntryIds;
  readonly facts: JobFacts;
  readonly settings: Pick<GatewaySettings, 'sealWaitMs'>;
}

/** See above. */
export class Reads {
  readonly #parts: ReadParts;
  readonly #decide: Collect<ReadJob, ReadOutcome>;

  constructor(parts: ReadParts) {
    this.#parts = parts;
    this.#decide = collector(async (jobs) => parts.pool.read(jobs), setImmediate);
  }

  /** Id and time for the next decision. */
  moment(): Moment {
    return this.#parts.ids.next();
  }

  /**
   * Decides a read and records that it was asked for. Resolves when the access entry is durable, sealed where the policy
   * wants that, or counted where the policy leaves it out.
   *
   * @throws {@link ProblemError} when denied, and `access_not_sealed`; {@link SteleError} `policy_superseded`.
   */
  async decide(asker: Asker, asked: Asked, terms?: ReadTerms): Promise<DecidedRead> {
    const { recorder, facts } = this.#parts;
    const { moment, entry, policy, sealed } = terms ?? this.#plainTerms();
    const outcome = await this.#decide({ ...moment, ...facts.of(asker, asked), entry });
    if (outcome.outcome === 'refused') throw refused(outcome);
    if (policy !== undefined && policy !== outcome.policy) throw superseded();
    const receipt = await recorder.recordAccess(asker.caller, outcome, asked.action);
    if (!outcome.allow) throw denied(outcome, receipt?.jti ?? null);
    if (sealed || outcome.obligations.includes('sealed')) await this.#awaitSeal(receipt);
    return outcome;
  }

  /**
   * Decides many as of one moment and records nothing: what comes of them is recorded as a whole.
   *
   * @returns outcomes in their order.
   * @throws {@link ProblemError} of bad input.
   */
  async judge(
    asker: Asker,
    moment: Moment,
    asked: readonly Asked[],
  ): Promise<readonly DecidedRead[]> {
    const { pool, facts } = this.#parts;
    const jobs = asked.map((one): ReadJob => {
      return { ...moment, ...facts.of(asker, one), entry: 'never' };
    });
    return (await pool.read(jobs)).map((outcome) => {
      if (outcome.outcome === 'refused') throw refused(outcome);
      return outcome;
    });
  }

  /** Of a read that nothing was decided before. */
  #plainTerms(): ReadTerms {
    return { moment: this.moment(), entry: 'as_decided', policy: undefined, sealed: false };
  }

  async #awaitSeal(receipt: Receipt | null): Promise<void> {
    const { sealWaitMs } = this.#parts.settings;
    const sealed = receipt && (await within(receipt.sealed, sealWaitMs));
    if (sealed === null) {
      throw new ProblemError(
        'access_not_sealed',
        receipt === null ? {} : { decision: receipt.jti },
      );
    }
  }
}
