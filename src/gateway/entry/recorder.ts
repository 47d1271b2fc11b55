import { SteleError } from '../../core/errors.ts';
import type { Caller } from '../../keys/caller.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { EntryDraft, Receipt } from '../../ledger/context/receipt.ts';
import type { ActionName } from '../../policy/contract/decision.ts';
import type { DecidedAppend, DecidedRead } from '../../policy/decide/jobs.ts';
import type { Budgets } from '../quota/budgets.ts';
import { collector } from './collect.ts';
import type { Collect } from './collect.ts';
import type { Summary } from '../context/summary.ts';

type Recorded = Receipt | SteleError;

/** Faults of one entry: the others of its group are tried again without it. */
const OWN_FAULTS = new Set(['decision_stale', 'entry_too_large']);

/** Makes decisions durable: as entries, or as counts where the policy or a caller's budget says so. */
export class Recorder {
  readonly #ledger: Ledger;
  readonly #summary: Summary;
  readonly #budgets: Budgets;
  readonly #record: Collect<EntryDraft, Recorded>;

  constructor(ledger: Ledger, summary: Summary, budgets: Budgets) {
    this.#ledger = ledger;
    this.#summary = summary;
    this.#budgets = budgets;
    // After the microtasks: by then every decision of a worker's answer has brought its draft.
    this.#record = collector(
      async (drafts) => this.#recordGroup(drafts),
      (flush) => {
        process.nextTick(flush);
      },
    );
  }

  /** Resolves when the entry is durable. @throws {@link SteleError} of the ledger. */
  async record(draft: EntryDraft): Promise<Receipt> {
    const recorded = await this.#record(draft);
    if (recorded instanceof SteleError) throw recorded;
    return recorded;
  }

  /** @returns the id of the denial's entry, or null where it was counted. */
  async recordDenial(caller: Caller, outcome: DecidedAppend): Promise<string | null> {
    const bytes = sizeOf(outcome.prefix, outcome.record);
    if (this.#budgets.denials.take(caller, outcome.at, bytes))
      return (await this.record(outcome)).jti;
    this.#countDenial('stele/append', 'entry.append', outcome.err);
    return null;
  }

  /**
   * @returns the receipt of the access entry, or of the denial's, or null where it was counted.
   * @throws {@link ProblemError} `budget_spent`: what is not recorded is not read.
   */
  async recordAccess(
    caller: Caller,
    outcome: DecidedRead,
    action: ActionName,
  ): Promise<Receipt | null> {
    const { prefix, recordLine, jti, at, sby, ret, allow, policy = null } = outcome;
    if (prefix === null) {
      const by = policy === null ? {} : { policy };
      this.#summary.count({ entrypoint: 'stele/read', action, allow, ...by });
      return null;
    }
    const bytes = sizeOf(prefix, recordLine);
    if (allow) this.#budgets.spend(caller, { at, bytes, action });
    else if (!this.#budgets.denials.take(caller, at, bytes)) {
      this.#countDenial('stele/read', action, outcome.err);
      return null;
    }
    return this.record({ jti, at, sby, ret, prefix, record: recordLine, policy });
  }

  #countDenial(entrypoint: string, action: string, err: string | undefined): void {
    this.#summary.count({ entrypoint, action, allow: false, code: err ?? 'over_budget' });
  }

  async #recordGroup(drafts: readonly EntryDraft[]): Promise<readonly Recorded[]> {
    const current = drafts.filter((draft) => this.#ledger.isCurrent(draft));
    if (current.length === drafts.length) return this.#recordCurrent(drafts);
    // What the policy before decided is decided again; the rest does not wait for it.
    const recorded = current.length === 0 ? [] : await this.#recordCurrent(current);
    const results = new Map(current.map((draft, index) => [draft, recorded[index]]));
    return drafts.map((draft) => results.get(draft) ?? superseded());
  }

  async #recordCurrent(drafts: readonly EntryDraft[]): Promise<readonly Recorded[]> {
    try {
      return await this.#ledger.append(drafts);
    } catch (error) {
      if (!(error instanceof SteleError)) throw error;
      if (drafts.length === 1 || !OWN_FAULTS.has(error.code)) return drafts.map(() => error);
      const recorded: Recorded[] = [];
      for (const draft of drafts) recorded.push(...(await this.#recordGroup([draft])));
      return recorded;
    }
  }
}

/** About what an entry takes of locked storage; texts are mostly ASCII. */
function sizeOf(prefix: string, record: string | null): number {
  return prefix.length + (record?.length ?? 0);
}

/** What is thrown where the policy of a decision is not in charge any more: it is to be decided again. */
export function superseded(): SteleError {
  return new SteleError('policy_superseded', 'another policy was put in charge meanwhile', {
    disposition: 'retry',
    durability: 'not-durable',
  });
}
