import { BODY_BYTES_IN_FLIGHT_MAX, STRANGERS_BODY_BYTES_MAX } from './limits.ts';
import { ProblemError } from './problem.ts';

/** Bytes of bodies that all requests in flight hold together, and how many of them are of callers without a name. */
export class BodyRoom {
  #bytes = 0;
  #strangersBytes = 0;

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A hold of nothing yet, for one request. */
  hold(): BodyHold {
    return new BodyHold(this);
  }

  /** @throws {@link ProblemError} `overloaded`, and nothing is taken. */
  take(bytes: number, stranger: boolean): void {
    this.check(bytes, stranger);
    this.#bytes += bytes;
    if (stranger) this.#strangersBytes += bytes;
  }

  /** Whether there is room now. @throws {@link ProblemError} `overloaded`. */
  check(bytes: number, stranger: boolean): void {
    const full =
      this.#bytes + bytes > BODY_BYTES_IN_FLIGHT_MAX ||
      (stranger && this.#strangersBytes + bytes > STRANGERS_BODY_BYTES_MAX);
    if (full) throw new ProblemError('overloaded', { detail: 'too many bytes are in flight' });
  }

  giveBack(bytes: number, stranger: boolean): void {
    this.#bytes -= bytes;
    if (stranger) this.#strangersBytes -= bytes;
  }
}

/** What one request holds of a {@link BodyRoom}, from the first byte of its body until it is answered. */
export class BodyHold {
  readonly #room: BodyRoom;
  #stranger = true;
  #bytes = 0;

  constructor(room: BodyRoom) {
    this.#room = room;
  }

  /** Says who sends the body, before anything is taken. Until then it is a stranger's. */
  of(stranger: boolean): void {
    this.#stranger = stranger;
  }

  /** Whether so many bytes would fit now. @throws {@link ProblemError} `overloaded`. */
  check(bytes: number): void {
    this.#room.check(bytes, this.#stranger);
  }

  /** @throws {@link ProblemError} `overloaded`; what was held before stays held. */
  take(bytes: number): void {
    this.#room.take(bytes, this.#stranger);
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#room.giveBack(bytes, this.#stranger);
    this.#bytes -= bytes;
  }

  /** Gives all of it back. */
  end(): void {
    this.giveBack(this.#bytes);
  }
}
