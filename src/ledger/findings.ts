import type { LedgerLog } from './components.ts';

const REMEMBERED_MAX = 10_000;

/** Counts what was found and needs a person, each thing once, and says so in the log. */
export class FindingCounter {
  readonly #log: LedgerLog;
  readonly #seen = new Set<string>();
  readonly #counts = new Map<string, number>();

  constructor(log: LedgerLog) {
    this.#log = log;
  }

  /** Notes a finding. The same thing again, at the same place, is not counted. */
  note(code: string, fields: Readonly<Record<string, unknown>>): void {
    const name = `${code} ${JSON.stringify(fields)}`;
    if (this.#seen.has(name)) return;
    if (this.#seen.size >= REMEMBERED_MAX) this.#seen.clear();
    this.#seen.add(name);
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    this.#log.warn('finding', { code, ...fields });
  }

  /** How often each code was found. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
