import type { Caller } from '../../keys/caller.ts';
import { ProblemError } from '../context/problem.ts';
import { ownerOf } from './shares.ts';

/**
 * Searches for entries in flight, caller by caller. What is found is what the policy decides about, so the search comes
 * before the decision and costs reads of the store whoever asks: nobody may have many of them at a time.
 */
export class Finds {
  readonly #inFlight = new Map<string, number>();
  readonly #perCaller: number;
  readonly #ofStrangers: number;

  /** @param perCaller - How many one caller may have. @param ofStrangers - How many all strangers may, together. */
  constructor(perCaller: number, ofStrangers: number) {
    this.#perCaller = perCaller;
    this.#ofStrangers = ofStrangers;
  }

  /** Runs a search. @throws {@link ProblemError} `overloaded` where its caller has enough of them already. */
  async run<T>(caller: Caller, find: () => Promise<T>): Promise<T> {
    const { key, stranger } = ownerOf(caller);
    const most = stranger ? this.#ofStrangers : this.#perCaller;
    const count = this.#inFlight.get(key) ?? 0;
    if (count >= most) {
      throw new ProblemError('overloaded', { detail: `${most} searches of yours are in flight` });
    }
    this.#inFlight.set(key, count + 1);
    try {
      return await find();
    } finally {
      const left = (this.#inFlight.get(key) ?? 1) - 1;
      if (left === 0) this.#inFlight.delete(key);
      else this.#inFlight.set(key, left);
    }
  }
}
