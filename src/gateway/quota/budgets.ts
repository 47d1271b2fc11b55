import type { Caller } from '../../keys/caller.ts';
import { CallerBudget } from './caller-budget.ts';
import { ENTRY_BYTES, STRANGERS_BUDGET } from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';
import type { GatewaySettings } from '../context/settings.ts';
import type { CountedAction, Summary } from '../context/summary.ts';

/** What each caller may put into one ledger in a minute: what is stored is locked, and nobody can take it out again. */
export class Budgets {
  /** Denials that become entries; what is beyond is counted. */
  readonly denials: CallerBudget;
  readonly #entries: CallerBudget;
  readonly #summary: Summary;

  constructor(settings: GatewaySettings, summary: Summary) {
    this.#summary = summary;
    this.denials = new CallerBudget({
      entries: settings.denialsPerMinute,
      bytes: settings.denialBytesPerMinute,
    });
    this.#entries = new CallerBudget({
      entries: settings.entriesPerMinute,
      bytes: settings.entryBytesPerMinute,
      strangers: STRANGERS_BUDGET,
    });
  }

  /**
   * Takes one entry off a caller's budget; counted for the summary where nothing is left, so that it is not unseen.
   * @throws {@link ProblemError} `budget_spent`.
   */
  spend(
    caller: Caller,
    { at, bytes, action }: { at: number; bytes: number; action: CountedAction },
  ): void {
    if (this.#entries.take(caller, at, bytes)) return;
    this.#summary.count({ entrypoint: 'budget', action, allow: false, code: 'budget_spent' });
    throw this.#spent(caller, at);
  }

  /** @throws {@link ProblemError} `budget_spent` when not even the smallest entry would be taken. */
  assertLeft(caller: Caller, now: number): void {
    if (this.#entries.isSpent(caller, now, ENTRY_BYTES)) throw this.#spent(caller, now);
  }

  #spent(caller: Caller, now: number): ProblemError {
    return new ProblemError('budget_spent', {
      retryAfter: this.#entries.secondsLeft(caller, now),
    });
  }
}
