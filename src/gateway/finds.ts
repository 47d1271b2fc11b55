import type { Caller } from '../keys/caller.ts';
import { FINDS_PER_CALLER_MAX, FINDS_OF_STRANGERS_MAX } from './limits.ts';
import { ProblemError } from './problem.ts';
import { ownerOf } from './shares.ts';

/**
 * Searches for entries in flight, caller by caller. What is found is what the policy decides about, so the search comes
 * before the decision and costs reads of the store whoever asks: nobody may have many of them at a time.
 */
export class Finds {
  readonly #inFlight = new Map<string, number>();

  /** Runs a search. @throws {@link ProblemError} `overloaded` where its caller has enough of them already. */
  async run<T>(caller: Caller, find: () => Promise<T>): Promise<T> {
    const { key, stranger } = ownerOf(caller);
    const most = stranger ? FINDS_OF_STRANGERS_MAX : FINDS_PER_CALLER_MAX;
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
