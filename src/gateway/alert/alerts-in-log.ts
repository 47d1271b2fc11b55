import { controlFacts } from '../../core/ledger/ctl.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';

/** Sources that are remembered: 32 MiB at the most. Beyond, an alert may be made twice, and none is missed. */
const SOURCES_MAX = 100_000;

/** Alerts that the log has, by source and title: whoever made them, and by which policy, they are not made again. */
export class AlertsInLog {
  readonly #titles = new Map<number, Set<string>>();
  /** Sources below are not asked about any more. */
  #floor = 0;

  /** Takes a leaf of the log; all but alerts are passed over. */
  note({ kind, ctl }: EntryPayload): void {
    if (kind !== 'alert') return;
    const { source, title } = controlFacts(kind, ctl);
    if (source < this.#floor) return;
    const titles = this.#titles.get(source) ?? new Set();
    this.#titles.set(source, titles.add(title));
    const [oldest] = this.#titles.keys();
    if (this.#titles.size > SOURCES_MAX && oldest !== undefined) this.#titles.delete(oldest);
  }

  has(source: number, title: string): boolean {
    return this.#titles.get(source)?.has(title) ?? false;
  }

  /** Forgets what is below a source. */
  forget(floor: number): void {
    this.#floor = floor;
    for (const source of this.#titles.keys()) if (source < floor) this.#titles.delete(source);
  }
}
