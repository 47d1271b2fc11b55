/** Makes alerts entries: those that nobody has made, and of one title no more than anybody reads. */
import { entryBytes, parseEntry } from '../../core/entry/entry.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';
import type { LedgerLog } from '../../ledger/context/components.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { SEVERITIES } from '../../policy/alert/job.ts';
import type { FoundAlert, Severity } from '../../policy/alert/job.ts';
import { AlertsInLog } from './alerts-in-log.ts';
import { AlertBudget, TITLE_ALERTS_MAX } from './budget.ts';

/** What alerts are made with. */
export interface AlertRaiserParts {
  readonly ledger: Pick<Ledger, 'status' | 'stretch' | 'appendSystem'>;
  /** Epoch ms. */
  readonly clock: () => number;
  readonly log: Pick<LedgerLog, 'warn'>;
}

/** An alert, with the leaf that it is about and the policy that raised it. */
export interface RaisedAlert extends FoundAlert {
  readonly source: number;
  readonly policy: string;
}

/** What came of alerts since the start. */
export interface RaiserCounts {
  readonly raised: number;
  /** Those by how bad they are; of each severity. */
  readonly raisedBy: Readonly<Record<Severity, number>>;
  /** Alerts that were not made, because there were many of their title. */
  readonly passed: number;
}

/** Leaves read at once where only alerts are looked for. */
const LEAVES = 256;
/** Alerts that wait; more make the walk wait. */
const WAITING_MAX = 4096;

interface Waiting extends RaisedAlert {
  /** Not before, epoch ms. */
  readonly due: number;
}

/** The alerts of one walk that are to be made, and those that the log has. */
export class AlertRaiser {
  readonly #parts: AlertRaiserParts;
  readonly #onPassed: (policy: string) => void;
  readonly #known = new AlertsInLog();
  readonly #budget = new AlertBudget();
  /** The alerts of leaves below are known. */
  #learnt = 0;
  #waiting: Waiting[] = [];
  readonly #raisedBy = Object.fromEntries(SEVERITIES.map((one) => [one, 0])) as Record<
    Severity,
    number
  >;
  #counts = { raised: 0, passed: 0 };

  /** @param onPassed - Told of the policy of each alert that is beyond the budget. */
  constructor(parts: AlertRaiserParts, onPassed: (policy: string) => void) {
    this.#parts = parts;
    this.#onPassed = onPassed;
  }

  /** How many were made, and how many were not. */
  get counts(): RaiserCounts {
    return { ...this.#counts, raisedBy: { ...this.#raisedBy } };
  }

  /** Whether so many wait that no more should come. */
  get isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  /** Alerts of leaves below this one are nobody's to make any more. */
  begin(floor: number): void {
    this.#learnt = floor;
    this.#known.forget(floor);
  }

  /** Takes a leaf that was read anyway, where it is the next one to be looked at for alerts. */
  know(index: number, payload: EntryPayload | null): void {
    if (index === this.#learnt) this.#know(payload);
  }

  /** Takes an alert to be made when it is `due` (epoch ms). `writer` took the entry that it is about, `at` epoch ms. */
  take(
    alert: RaisedAlert,
    { writer, at, due }: { readonly writer: string; readonly at: number; readonly due: number },
  ): void {
    const { count, ok } = this.#budget.take(writer, at, alert);
    if (ok) this.#waiting.push({ ...alert, due });
    else this.#passOver(alert, count);
  }

  /**
   * Makes those that are due, unless the log has them by now.
   *
   * @param next - Leaf that is asked about next: nothing before it comes again.
   */
  async raise(next: number): Promise<void> {
    const now = this.#parts.clock();
    if (!this.#waiting.some(({ due }) => due <= now)) return;
    await this.#learn();
    const due = this.#waiting.filter((each) => each.due <= now);
    const made = new Set<Waiting>();
    try {
      for (const each of due) {
        await this.#make(each);
        made.add(each);
      }
    } finally {
      this.#waiting = this.#waiting.filter((each) => !made.has(each));
    }
    const sources = this.#waiting.map(({ source }) => source);
    this.#known.forget(Math.min(next, ...sources));
  }

  #passOver(alert: RaisedAlert, count: number): void {
    this.#counts.passed += 1;
    this.#onPassed(alert.policy);
    // A line where it begins, and the summary has the rest.
    if (count === TITLE_ALERTS_MAX + 1) this.#parts.log.warn('alerts_over_budget', { ...alert });
  }

  async #make({ source, policy, severity, title }: Waiting): Promise<void> {
    if (this.#known.has(source, title)) return;
    await this.#parts.ledger.appendSystem('alert', { source, policy, severity, title });
    this.#counts.raised += 1;
    this.#raisedBy[severity] += 1;
    this.#parts.log.warn('alert', { source, policy, severity, title });
  }

  /** Reads on to the end of the log, which others may have come to before. */
  async #learn(): Promise<void> {
    for (let size = this.#size(); this.#learnt < size; size = this.#size()) {
      const count = Math.min(LEAVES, size - this.#learnt);
      const leaves = await this.#parts.ledger.stretch(this.#learnt, count, {
        isWanted: () => false,
      });
      for (const leaf of leaves) {
        this.#know(leaf === null ? null : parseEntry(entryBytes(leaf.jws)).payload);
      }
    }
  }

  /** Takes the next leaf that was not looked at for alerts. */
  #know(payload: EntryPayload | null): void {
    if (payload !== null) this.#known.note(payload);
    this.#learnt += 1;
  }

  #size(): number {
    return this.#parts.ledger.status().treeSize;
  }
}
