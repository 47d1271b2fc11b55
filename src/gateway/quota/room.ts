import {
  BODY_BYTES_IN_FLIGHT_MAX,
  SMALL_BODIES_BYTES_IN_FLIGHT_MAX,
  SMALL_BODY_BYTES,
} from '../context/limits.ts';
import { Shares, STRANGERS } from './shares.ts';
import type { Owner } from './shares.ts';
import type { GatewaySettings } from '../context/settings.ts';

/**
 * What all requests share. Each kind is shared by callers on its own, so that who stalls with one of them has the others
 * left, and so has everybody else.
 */
export class Room {
  /** Bodies on their way: each holds a connection. */
  readonly arriving: Shares;
  /** Requests at work, from their complete body on. */
  readonly working: Shares;
  /** Bytes of bodies of at most {@link SMALL_BODY_BYTES}: large ones can never be in their way. */
  readonly small = new Shares(SMALL_BODIES_BYTES_IN_FLIGHT_MAX, 'too many bytes are in flight');
  /** Bytes of the others. */
  readonly large = new Shares(BODY_BYTES_IN_FLIGHT_MAX, 'too many bytes are in flight');

  constructor({
    connectionsMax,
    requestsMax,
  }: Pick<GatewaySettings, 'connectionsMax' | 'requestsMax'>) {
    this.arriving = new Shares(connectionsMax, 'too many bodies are on their way');
    this.working = new Shares(requestsMax, 'too many requests are in flight');
  }
}

/** What one request has of the room, from its admission until it is answered. */
export class Stay {
  readonly #room: Room;
  #owner: Owner = STRANGERS;
  #in: Shares | null = null;
  #holds: Shares;
  #bytes = 0;

  constructor(room: Room) {
    this.#room = room;
    this.#holds = room.small;
  }

  /** Says whose request it is, before anything is taken. */
  of(owner: Owner): void {
    this.#owner = owner;
  }

  /** A body of so many bytes (0: not announced) is to come. @throws {@link ProblemError} `overloaded`. */
  arrive(bytes: number): void {
    const { small, large } = this.#room;
    (bytes > SMALL_BODY_BYTES ? large : small).check(this.#owner, bytes);
    this.#enter(this.#room.arriving);
  }

  /** All of the request is there. @throws {@link ProblemError} `overloaded`. */
  work(): void {
    this.#enter(this.#room.working);
  }

  /** Bytes of the body have come, or are to be unpacked. @throws {@link ProblemError} `overloaded`. */
  take(bytes: number): void {
    const after = this.#bytes + bytes;
    if (this.#holds === this.#room.small && after > SMALL_BODY_BYTES) {
      this.#room.large.take(this.#owner, after);
      this.#room.small.giveBack(this.#owner, this.#bytes);
      this.#holds = this.#room.large;
    } else {
      this.#holds.take(this.#owner, bytes);
    }
    this.#bytes = after;
  }

  /** Bytes were taken that did not come to be. */
  giveBack(bytes: number): void {
    this.#holds.giveBack(this.#owner, bytes);
    this.#bytes -= bytes;
  }

  /** Gives all of it back. */
  end(): void {
    this.giveBack(this.#bytes);
    this.#in?.giveBack(this.#owner, 1);
    this.#in = null;
  }

  #enter(shares: Shares): void {
    shares.take(this.#owner, 1);
    this.#in?.giveBack(this.#owner, 1);
    this.#in = shares;
  }
}
