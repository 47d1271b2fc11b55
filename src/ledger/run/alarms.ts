/**
 * Sees to it that an activation that broke the glass has its alert in the log: whoever sealed it says so at once, and
 * if that process ended first its next start does, or another writer. What is looked at is the log, so it is said again
 * until the log has it.
 */
import type { Alarm } from '../../core/log/state.ts';
import type { LedgerContext } from '../context/context.ts';
import type { Intake } from '../write/intake.ts';
import type { LogView } from '../log/view.ts';
import { retryMs } from '../context/retry.ts';

const TITLE = 'policy changed by breaking the glass';
/** How long others leave it to the writer who sealed the activation. */
const OTHERS_WAIT_MS = 10_000;

/** What alarms are raised with. */
export interface AlarmParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly intake: () => Intake;
  /** Ends the trying. */
  readonly signal: AbortSignal;
}

/** See above. */
export class Alarms {
  readonly #parts: AlarmParts;
  /** Those that are being raised, or were by this process: what its journal has will be sealed. */
  readonly #seen = new Set<number>();
  readonly #raising = new Set<Promise<void>>();

  constructor(parts: AlarmParts) {
    this.#parts = parts;
  }

  /** A batch was learnt, or the log up to now. */
  look(): void {
    for (const [, alarm] of this.#parts.view.state.alarms.entries()) {
      if (alarm.raised || this.#seen.has(alarm.index)) continue;
      this.#seen.add(alarm.index);
      const raising = this.#raise(alarm).finally(() => this.#raising.delete(raising));
      this.#raising.add(raising);
    }
  }

  /** Resolves when nothing is under way any more; the signal has to be aborted. */
  async end(): Promise<void> {
    await Promise.all(this.#raising);
  }

  async #raise({ index, policy, writer }: Alarm): Promise<void> {
    const { context, intake, signal } = this.#parts;
    const alert = { source: index, policy, severity: 'critical', title: TITLE };
    if (writer !== context.writer) await context.sleep(OTHERS_WAIT_MS, signal);
    for (let failures = 0; !signal.aborted && !this.#isRaised(index);) {
      try {
        // Behind what an earlier boot left in the journal: the alert may be in it.
        await intake().opened();
        if (!this.#isRaised(index)) await intake().appendSystem('alert', alert);
        return;
      } catch (error) {
        failures += 1;
        context.log.error('alert_failed', { source: index, policy, error, failures });
        await context.sleep(retryMs(context.random, failures), signal);
      }
    }
  }

  #isRaised(index: number): boolean {
    return this.#parts.view.state.alarms.get(String(index))?.raised ?? false;
  }
}
