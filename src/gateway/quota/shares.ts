import { ANONYMOUS } from '../../keys/caller.ts';
import type { Caller } from '../../keys/caller.ts';
import { ProblemError } from '../context/problem.ts';

/** Whose part of something shared is counted. */
export interface Owner {
  /** Of one caller; all without credentials are one. */
  readonly key: string;
  /** Nobody vouches for it, so it may have less. */
  readonly stranger: boolean;
}

/** Nobody yet, or nobody that credentials name. */
export const STRANGERS: Owner = Object.freeze({ key: 'strangers', stranger: true });

/** Whose part a caller's requests count against: keys and tokens of one subject have one. */
export function ownerOf(caller: Caller): Owner {
  if (caller === ANONYMOUS) return STRANGERS;
  const { method, issuer, subject } = caller.auth;
  return { key: `${method}\n${issuer ?? ''}\n${subject ?? ''}`, stranger: false };
}

/** A caller may hold so many times what is left free: alone it gets three quarters of all. */
const CALLER_TIMES_FREE = 3;
/** The same for strangers together: at most a quarter of all. */
const STRANGERS_TIMES_FREE = 1 / 3;

/**
 * Something that there is only so much of, shared by callers without a list of them: each may hold a multiple of what
 * is left free (the dynamic thresholds of Choudhury and Hahne, 1998). One caller alone gets three quarters, the next one
 * as much of the rest; as they give back and take again, their parts become equal.
 */
export class Shares {
  readonly #detail: string;
  readonly #held = new Map<string, number>();
  #free: number;

  /** @param all - How much there is. @param detail - What a caller is told when its part is used up. */
  constructor(all: number, detail: string) {
    this.#free = all;
    this.#detail = detail;
  }

  /** What nobody holds. */
  get free(): number {
    return this.#free;
  }

  /** Whether so much could be taken now. @throws {@link ProblemError} `overloaded`. */
  check({ key, stranger }: Owner, amount: number): void {
    const held = this.#held.get(key) ?? 0;
    const times = stranger ? STRANGERS_TIMES_FREE : CALLER_TIMES_FREE;
    // One more than will be left, or nobody could ever have the last of few.
    const most = (this.#free - amount + 1) * times;
    if (amount <= this.#free && (held === 0 || held + amount <= most)) return;
    throw new ProblemError('overloaded', { detail: this.#detail });
  }

  /** @throws {@link ProblemError} `overloaded`, and nothing is taken. */
  take(owner: Owner, amount: number): void {
    this.check(owner, amount);
    this.#move(owner, amount);
  }

  giveBack(owner: Owner, amount: number): void {
    this.#move(owner, -amount);
  }

  #move({ key }: Owner, amount: number): void {
    const held = (this.#held.get(key) ?? 0) + amount;
    if (held === 0) this.#held.delete(key);
    else this.#held.set(key, held);
    this.#free -= amount;
  }
}
