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
 * it. `known`: answer with the first write (`sameBody`), or refuse as a conflict. `in_flight`: another request holds it.
 */
export type Reservation =
  | { readonly outcome: 'reserved'; release(): void }
  | { readonly outcome: 'known'; readonly sameBody: boolean; readonly write: KnownWrite }
  | { readonly outcome: 'in_flight'; readonly sameBody: boolean };

/** Whose writes were learnt from the log, which does not say it: of earlier boots, and of other gateways. */
const LEARNT = '';
/** Part of the window that is theirs whatever is written here: they may be many. */
const LEARNT_PART = 3 / 4;
/** Part of the window that is given up at once where it is full. */
const SURPLUS = 1 / 1000;

interface Held extends KnownWrite {
  readonly owner: string;
  readonly atMs: number;
}

/** A write that is under way. */
interface Claim {
  readonly idb: string;
  readonly owner: string;
}

/**
 * The identities of recent writes, bounded by number and by age. Whoever has most in it loses its oldest first, so that
 * nobody's repetitions are forgotten for another one's many; what was learnt from the log keeps three quarters. It spares a second entry for a repetition; it promises
 * nothing beyond its window, where repetitions are marked in the log instead.
 */
export class IdempotencyWindow {
  readonly #known = new Map<string, Held>();
  /** Identities of each owner, oldest first. */
  readonly #owned = new Map<string, Set<string>>();
  readonly #inFlight = new Map<string, Claim>();
  readonly #entriesMax: number;
  readonly #ageMsMax: number;

  constructor(bounds: { readonly entriesMax: number; readonly ageMsMax: number }) {
    this.#entriesMax = bounds.entriesMax;
    this.#ageMsMax = bounds.ageMsMax;
  }

  /** Looks an identity up and takes it if it is free. @param owner - Whose part of the window it takes. */
  reserve(idk: string, idb: string, owner: string): Reservation {
    const write = this.#known.get(idk);
    if (write !== undefined) return { outcome: 'known', sameBody: write.idb === idb, write };
    const held = this.#inFlight.get(idk);
    if (held !== undefined) return { outcome: 'in_flight', sameBody: held.idb === idb };
    const claim = { idb, owner };
    this.#inFlight.set(idk, claim);
    return {
      outcome: 'reserved',
      release: () => {
        // Another one's by now, perhaps.
        if (this.#inFlight.get(idk) === claim) this.#inFlight.delete(idk);
      },
    };
  }

  /** Records a write that is durable, or that was learnt from the log. The first one of an identity stays. */
  record(idk: string, write: KnownWrite, atMs: number): void {
    const owner = this.#inFlight.get(idk)?.owner ?? LEARNT;
    if (!this.#known.has(idk)) this.#keep(idk, { ...write, atMs, owner });
    this.#inFlight.delete(idk);
    this.#trim(atMs);
  }

  /** Gives an identity back whose write failed. */
  release(idk: string): void {
    this.#inFlight.delete(idk);
  }

  /** Lets go of the receipt of a write that is sealed; the identity stays known. */
  seal(idk: string, jti: string, index: number): void {
    const write = this.#known.get(idk);
    if (write?.jti === jti) this.#known.set(idk, { ...write, receipt: null, index });
  }

  #keep(idk: string, write: Held): void {
    this.#known.set(idk, write);
    const owned = this.#owned.get(write.owner);
    if (owned === undefined) this.#owned.set(write.owner, new Set([idk]));
    else owned.add(idk);
  }

  #forget(idk: string): void {
    const owner = this.#known.get(idk)?.owner ?? LEARNT;
    this.#known.delete(idk);
    const owned = this.#owned.get(owner);
    owned?.delete(idk);
    if (owned?.size === 0) this.#owned.delete(owner);
  }

  #trim(nowMs: number): void {
    for (const [idk, { atMs, receipt }] of this.#known) {
      if (nowMs - atMs <= this.#ageMsMax || receipt !== null) break;
      this.#forget(idk);
    }
    if (this.#known.size <= this.#entriesMax) return;
    // Some at once, for finding out who has most looks at every owner.
    let surplus = Math.ceil(this.#entriesMax * SURPLUS);
    for (const idk of this.#largest()) {
      this.#forget(idk);
      surplus -= 1;
      if (surplus === 0) return;
    }
  }

  #largest(): ReadonlySet<string> {
    const learnt = this.#owned.get(LEARNT) ?? new Set();
    if (learnt.size > this.#entriesMax * LEARNT_PART) return learnt;
    let largest: ReadonlySet<string> = new Set();
    for (const [owner, owned] of this.#owned) {
      if (owner !== LEARNT && owned.size > largest.size) largest = owned;
    }
    return largest;
  }
}
