import type { LedgerLog } from './components.ts';

const REMEMBERED_MAX = 10_000;
/** Findings of one code in one folder that have a line of their own each: enough to see what somebody is doing there. */
const LINES_EACH = 20;

/**
 * Counts what was found and needs a person, each thing once, and says so in the log. A thousand of a kind must not bury
 * the rest of the log: of those on one key the first is said, of those in one folder the first few, and behind them the
 * 2nd, 4th, 8th and so on, with the count. The counts are whole.
 */
export class FindingCounter {
  readonly #log: LedgerLog;
  readonly #seen = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #tallies = new Map<string, number>();

  constructor(log: LedgerLog) {
    this.#log = log;
  }

  /** Notes a finding. The same thing again, at the same place, is not counted. */
  note(code: string, fields: Readonly<Record<string, unknown>>): void {
    const name = `${code} ${JSON.stringify(fields)}`;
    if (this.#seen.has(name)) return;
    if (this.#seen.size >= REMEMBERED_MAX) this.#seen.clear();
    this.#seen.add(name);
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    const key = typeof fields['key'] === 'string' ? fields['key'] : '';
    const onKey = key === '' ? 1 : this.#tally(`${code} ${key}`);
    const inFolder = this.#tally(`${code} in ${key.slice(0, key.lastIndexOf('/') + 1)}`);
    if (!isSaid(onKey, 1) || !isSaid(inFolder, LINES_EACH)) return;
    this.#log.warn('finding', { code, ...fields, ...(count === 1 ? {} : { count }) });
  }

  /** How often each code was found. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  #tally(name: string): number {
    const tally = (this.#tallies.get(name) ?? 0) + 1;
    if (this.#tallies.size >= REMEMBERED_MAX) this.#tallies.clear();
    this.#tallies.set(name, tally);
    return tally;
  }
}

/** Whether the n-th of a kind has a line: the first `each` do, and then every power of two. */
function isSaid(n: number, each: number): boolean {
  return n <= each || Number.isInteger(Math.log2(n));
}
