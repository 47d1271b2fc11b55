import type { Receipt } from '../context/receipt.ts';

/** A write that this window knows: under which body it came, and what became of it. */
export interface KnownWrite {
  readonly jti: string;
  readonly idb: string;
  /** Null once the entry is sealed and forgotten here: read it at `index`. */
  readonly receipt: Receipt | null;
  /** Leaf index, once it is sealed. */
  readonly index: number | null;
}

/**
 * What is known of an identity. `reserved`: nothing, and it is now the caller's: append with its `idk`, or `release`
 * it. `known`: answer with the first write (`sameBody`), or refuse as a conflict. `in_flight`: another request holds
 * it; `wait` resolves to what became of that one, or to null when it was released.
 */
export type Reservation =
  | { readonly outcome: 'reserved'; release(): void }
  | { readonly outcome: 'known'; readonly sameBody: boolean; readonly write: KnownWrite }
  | {
      readonly outcome: 'in_flight';
      readonly sameBody: boolean;
      wait(): Promise<KnownWrite | null>;
    };

interface Slot {
  readonly idb: string;
  readonly settled: Promise<KnownWrite | null>;
  readonly settle: (write: KnownWrite | null) => void;
}

/**
 * The identities of recent writes, first in, first out: bounded by number and by age. It spares a second entry for a
 * repetition; it promises nothing beyond its window, where repetitions are marked in the log instead.
 */
export class IdempotencyWindow {
  readonly #known = new Map<string, KnownWrite & { readonly atMs: number }>();
  readonly #inFlight = new Map<string, Slot>();
  readonly #entriesMax: number;
  readonly #ageMsMax: number;

  constructor(bounds: { readonly entriesMax: number; readonly ageMsMax: number }) {
    this.#entriesMax = bounds.entriesMax;
    this.#ageMsMax = bounds.ageMsMax;
  }

  /** Looks an identity up and takes it if it is free. */
  reserve(idk: string, idb: string): Reservation {
    const write = this.#known.get(idk);
    if (write !== undefined) return { outcome: 'known', sameBody: write.idb === idb, write };
    const held = this.#inFlight.get(idk);
    if (held !== undefined) {
      return { outcome: 'in_flight', sameBody: held.idb === idb, wait: async () => held.settled };
    }
    const slot = newSlot(idb);
    this.#inFlight.set(idk, slot);
    return {
      outcome: 'reserved',
      release: () => {
        this.#settle(idk, slot, null);
      },
    };
  }

  /** Records a write that is durable, or that was learnt from the log. The first one of an identity stays. */
  record(idk: string, write: KnownWrite, atMs: number): void {
    if (!this.#known.has(idk)) this.#known.set(idk, { ...write, atMs });
    const slot = this.#inFlight.get(idk);
    if (slot !== undefined) this.#settle(idk, slot, this.#known.get(idk) ?? null);
    this.#trim(atMs);
  }

  /** Gives an identity back whose write failed. */
  release(idk: string): void {
    const slot = this.#inFlight.get(idk);
    if (slot !== undefined) this.#settle(idk, slot, null);
  }

  /** Lets go of the receipt of a write that is sealed; the identity stays known. */
  seal(idk: string, jti: string, index: number): void {
    const write = this.#known.get(idk);
    if (write?.jti === jti) this.#known.set(idk, { ...write, receipt: null, index });
  }

  #settle(idk: string, slot: Slot, write: KnownWrite | null): void {
    if (this.#inFlight.get(idk) === slot) this.#inFlight.delete(idk);
    slot.settle(write);
  }

  #trim(nowMs: number): void {
    for (const [idk, write] of this.#known) {
      const old = nowMs - write.atMs > this.#ageMsMax && write.receipt === null;
      if (this.#known.size <= this.#entriesMax && !old) return;
      this.#known.delete(idk);
    }
  }
}

function newSlot(idb: string): Slot {
  let settle: (write: KnownWrite | null) => void = () => undefined;
  const settled = new Promise<KnownWrite | null>((resolve) => {
    settle = resolve;
  });
  return { idb, settled, settle };
}
