import type { GatewayLog } from './components.ts';
import { WARNING_EVERY_MS } from './limits.ts';

/** Warnings that one request can cause: each kind is written once in a while, or whoever is refused fills the log. */
export class Warnings {
  readonly #log: GatewayLog;
  readonly #clock: () => number;
  readonly #kinds = new Map<string, { at: number; unsaid: number }>();

  constructor(log: GatewayLog, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Writes the first of a kind, and later one with how many there were since (`times`). `code` is one of few. */
  warn(code: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.#clock();
    const kind = this.#kinds.get(code);
    // A clock that went back does not silence anything.
    if (kind !== undefined && now - kind.at < WARNING_EVERY_MS && now >= kind.at) {
      kind.unsaid += 1;
      return;
    }
    this.#log.warn('problem', { ...fields, code, times: (kind?.unsaid ?? 0) + 1 });
    this.#kinds.set(code, { at: now, unsaid: 0 });
  }
}
