import { makeUuid7 } from '../../core/entry/uuid7.ts';

/** What a UUIDv7 takes. */
const RANDOM_BYTES = 10;
/** Ids whose randomness is drawn at once: a draw costs 7 us, whatever its size. */
const IDS_AT_ONCE = 256;

/** Makes the ids of entries to be. */
export class EntryIds {
  readonly #clock: () => number;
  readonly #random: (bytes: number) => Uint8Array;
  #drawn = new Uint8Array(0);
  #used = 0;

  /** @param clock - Epoch milliseconds. @param random - That many unpredictable bytes. */
  constructor(clock: () => number, random: (bytes: number) => Uint8Array) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A new id, and the time in it. */
  next(): { readonly jti: string; readonly at: number } {
    if (this.#used === this.#drawn.length) {
      this.#drawn = Uint8Array.from(this.#random(RANDOM_BYTES * IDS_AT_ONCE));
      this.#used = 0;
    }
    const at = this.#clock();
    const random = this.#drawn.subarray(this.#used, this.#used + RANDOM_BYTES);
    this.#used += RANDOM_BYTES;
    return { at, jti: makeUuid7(at, random) };
  }
}
