import { LRUCache } from 'lru-cache';
import type { Caller } from '../../keys/caller.ts';
import { ownerOf } from './shares.ts';
import type { Owner } from './shares.ts';

/** Callers that are told apart; whoever falls out starts afresh. */
const CALLERS_REMEMBERED = 10_000;
const MINUTE_MS = 60_000;

/** What one caller may have in a minute. */
export interface MinuteBounds {
  readonly entries: number;
  readonly bytes: number;
  /** The part of it that all strangers together have; default: as much as a caller. */
  readonly strangers?: number;
}

interface Window {
  start: number;
  entries: number;
  bytes: number;
}

/** How much of locked storage each caller may fill in a minute, in entries and in bytes. */
export class CallerBudget {
  readonly #bounds: Required<MinuteBounds>;
  readonly #windows = new LRUCache<string, Window>({ max: CALLERS_REMEMBERED });

  constructor(bounds: MinuteBounds) {
    this.#bounds = { strangers: 1, ...bounds };
  }

  /** Whether this becomes an entry; if so, it is taken off the budget. `now` in epoch milliseconds. */
  take(caller: Caller, now: number, bytes: number): boolean {
    const owner = ownerOf(caller);
    const window = this.#windowOf(owner, now);
    if (window === undefined) {
      this.#windows.set(owner.key, { start: now, entries: 1, bytes });
      return true;
    }
    // A large one that does not fit leaves what is left to the small ones.
    if (this.#isSpent(owner, window, bytes)) return false;
    window.entries += 1;
    window.bytes += bytes;
    return true;
  }

  /** Whether an entry of so many bytes would not be taken now. */
  isSpent(caller: Caller, now: number, bytes: number): boolean {
    const owner = ownerOf(caller);
    const window = this.#windowOf(owner, now);
    return window !== undefined && this.#isSpent(owner, window, bytes);
  }

  /** Seconds until the caller has all of it again, at least one. */
  secondsLeft(caller: Caller, now: number): number {
    const window = this.#windowOf(ownerOf(caller), now);
    const leftMs = window === undefined ? 0 : window.start + MINUTE_MS - now;
    return Math.max(1, Math.ceil(leftMs / 1000));
  }

  #isSpent({ stranger }: Owner, window: Window, bytes: number): boolean {
    const part = stranger ? this.#bounds.strangers : 1;
    if (window.entries + 1 > this.#bounds.entries * part) return true;
    return window.bytes + bytes > this.#bounds.bytes * part;
  }

  /** The window that is open; a clock that went back starts another, or a caller would wait until it has caught up. */
  #windowOf({ key }: Owner, now: number): Window | undefined {
    const window = this.#windows.get(key);
    if (window === undefined || now - window.start >= MINUTE_MS || now < window.start) return;
    return window;
  }
}
