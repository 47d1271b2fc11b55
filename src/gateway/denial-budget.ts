import { LRUCache } from 'lru-cache';
import type { Caller } from '../keys/caller.ts';

/** Callers whose denials are told apart; whoever falls out starts afresh. */
const CALLERS_REMEMBERED = 10_000;
const MINUTE_MS = 60_000;

interface Window {
  start: number;
  denials: number;
  bytes: number;
}

/** How many denials of each caller, and bytes of them, may become entries in a minute: nobody fills locked storage with refusals. */
export class DenialBudget {
  readonly #perMinute: number;
  readonly #bytesPerMinute: number;
  readonly #windows = new LRUCache<string, Window>({ max: CALLERS_REMEMBERED });

  constructor(perMinute: number, bytesPerMinute: number) {
    this.#perMinute = perMinute;
    this.#bytesPerMinute = bytesPerMinute;
  }

  /** Whether this denial becomes an entry; if so, it is taken off the budget. `now` in epoch milliseconds. */
  take(caller: Caller, now: number, bytes: number): boolean {
    const { issuer, subject } = caller.auth;
    const key = `${issuer ?? ''}\n${subject ?? ''}`;
    const window = this.#windows.get(key);
    // A clock that went back starts a window too, or a caller would be silenced until it has caught up.
    if (window === undefined || now - window.start >= MINUTE_MS || now < window.start) {
      this.#windows.set(key, { start: now, denials: 1, bytes });
      return true;
    }
    // A large one that does not fit leaves what is left to the small ones.
    if (window.denials >= this.#perMinute) return false;
    if (window.bytes + bytes > this.#bytesPerMinute) return false;
    window.denials += 1;
    window.bytes += bytes;
    return true;
  }
}
