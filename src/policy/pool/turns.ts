/**
 * Characters of text that are worked on while the event loop comes round once: parsed in about 3 ms, opened as records
 * in about 15. A text that is longer by itself is one piece: the largest event takes some 100 ms.
 */
export const TURN_CHARACTERS = 65_536;

interface Work {
  readonly weight: number;
  readonly begin: () => void;
}

/** What one owner waits with. */
interface Queue {
  /** Weight that was begun for the owner, beyond that of whoever had least when it came. */
  served: number;
  /** First in, first out. */
  readonly waiting: Set<Work>;
}

/**
 * Shares out the thread that answers everybody. Work that grows with a text (parsing it, opening a record, writing a
 * large answer) takes its turn first: while the event loop comes round once, {@link TURN_CHARACTERS} of it are begun, or
 * one piece that is heavier. Of those who wait, who has had least is next, as in start-time fair queueing (Goyal, Vin and
 * Cheng, 1996): what one owner asks for in bulk delays its own work and hardly anybody else's.
 */
export class Turns {
  readonly #queues = new Map<string, Queue>();
  /** Weight begun since the event loop came round. */
  #begun = 0;
  #isComing = false;

  /** Resolves when work of an owner may begin. @param weight - Characters of text. */
  async take(owner: string, weight: number): Promise<void> {
    if (this.#queues.size === 0 && this.#hasRoom(weight)) {
      this.#begin(weight);
      return;
    }
    await new Promise<void>((begin) => {
      this.#queueOf(owner).waiting.add({ weight, begin });
    });
  }

  #hasRoom(weight: number): boolean {
    return this.#begun === 0 || this.#begun + weight <= TURN_CHARACTERS;
  }

  /** Whatever is begun, the event loop comes round after it: whoever waits is served then. */
  #begin(weight: number): void {
    this.#begun += weight;
    if (this.#isComing) return;
    this.#isComing = true;
    setImmediate(() => {
      this.#isComing = false;
      this.#begun = 0;
      this.#serve();
    });
  }

  #queueOf(owner: string): Queue {
    const known = this.#queues.get(owner);
    if (known !== undefined) return known;
    // A newcomer has no claim on what was served before it came.
    const queue: Queue = { served: this.#least()?.[1].served ?? 0, waiting: new Set() };
    this.#queues.set(owner, queue);
    return queue;
  }

  /** Whose turn is next. */
  #least(): readonly [owner: string, Queue] | null {
    let least: readonly [string, Queue] | null = null;
    for (const each of this.#queues) {
      if (least === null || each[1].served < least[1].served) least = each;
    }
    return least;
  }

  #serve(): void {
    for (let least = this.#least(); least !== null; least = this.#least()) {
      const [owner, queue] = least;
      for (const work of queue.waiting) {
        if (!this.#hasRoom(work.weight)) return;
        this.#begin(work.weight);
        queue.served += work.weight;
        queue.waiting.delete(work);
        work.begin();
        break;
      }
      if (queue.waiting.size === 0) this.#queues.delete(owner);
    }
  }
}
