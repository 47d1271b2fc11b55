/** Tasks that wait, in turn by caller: who asks for ten thousand decisions does not hold up one that asks for a checkpoint. */

/** What may wait at the same time. */
export interface BacklogBounds {
  readonly tasks: number;
  /** Sum of what `weigh` says. */
  readonly bytes: number;
}

/** Tasks taken from one caller before the next one has its turn. */
const TURN = 16;
/** Bytes after which a turn ends early: a large event takes a worker tens of milliseconds. */
const TURN_BYTES = 65_536;

/** Part of all room that one caller may have: however much it asks, there is some for others. */
const CALLER_PART = 3 / 4;

/** What waits of one caller. */
interface Lot<Task> {
  /** Null: what was taken before and came back, of whomever. */
  readonly owner: string | null;
  readonly tasks: Task[];
  next: number;
  bytes: number;
}

/** A bounded line of lots. */
export class Backlog<Task> {
  readonly #bounds: BacklogBounds;
  readonly #weigh: (task: Task) => number;
  readonly #ownerOf: (task: Task) => string;
  readonly #lots: Lot<Task>[] = [];
  readonly #byOwner = new Map<string, Lot<Task>>();
  #size = 0;
  #bytes = 0;

  constructor(
    bounds: BacklogBounds,
    weigh: (task: Task) => number,
    ownerOf: (task: Task) => string,
  ) {
    this.#bounds = bounds;
    this.#weigh = weigh;
    this.#ownerOf = ownerOf;
  }

  /** Tasks that wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds what fits. @returns the tasks that did not. */
  add(tasks: readonly Task[]): readonly Task[] {
    const late: Task[] = [];
    for (const task of tasks) {
      const weight = this.#weigh(task);
      const lot = this.#lotOf(this.#ownerOf(task));
      if (!this.#hasRoom(lot, weight)) {
        late.push(task);
        continue;
      }
      lot.tasks.push(task);
      lot.bytes += weight;
      this.#size++;
      this.#bytes += weight;
    }
    return late;
  }

  /** Puts tasks first that were taken before. They had their room, so they always fit. */
  putBack(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    const bytes = tasks.reduce((sum, task) => sum + this.#weigh(task), 0);
    this.#lots.unshift({ owner: null, tasks: [...tasks], next: 0, bytes });
    this.#size += tasks.length;
    this.#bytes += bytes;
  }

  /** Takes the tasks of one message, in turn. @param fits - Whether another one still fits. */
  take(fits: (task: Task, taken: number) => boolean): Task[] {
    const taken: Task[] = [];
    for (let lot = this.#lots[0]; lot !== undefined; lot = this.#lots[0]) {
      const turn = lot.tasks.slice(lot.next, lot.next + TURN);
      let bytes = 0;
      for (const task of turn) {
        if (!fits(task, taken.length)) return taken;
        taken.push(task);
        lot.next++;
        this.#size--;
        const weight = this.#weigh(task);
        this.#bytes -= weight;
        lot.bytes -= weight;
        bytes += weight;
        if (bytes >= TURN_BYTES) break;
      }
      this.#endTurn(lot);
    }
    return taken;
  }

  #hasRoom(lot: Lot<Task>, weight: number): boolean {
    const { tasks, bytes } = this.#bounds;
    const waiting = lot.tasks.length - lot.next;
    return (
      this.#size < tasks &&
      this.#bytes + weight <= bytes &&
      waiting < Math.ceil(tasks * CALLER_PART) &&
      (waiting === 0 || lot.bytes + weight <= bytes * CALLER_PART)
    );
  }

  #endTurn(lot: Lot<Task>): void {
    this.#lots.shift();
    if (lot.next === lot.tasks.length) {
      if (lot.owner !== null) this.#byOwner.delete(lot.owner);
      return;
    }
    // A caller that always has something waiting must not keep what was taken long ago.
    if (lot.next > lot.tasks.length / 2) {
      lot.tasks.splice(0, lot.next);
      lot.next = 0;
    }
    this.#lots.push(lot);
  }

  #lotOf(owner: string): Lot<Task> {
    const found = this.#byOwner.get(owner);
    if (found !== undefined) return found;
    const lot: Lot<Task> = { owner, tasks: [], next: 0, bytes: 0 };
    this.#byOwner.set(owner, lot);
    this.#lots.push(lot);
    return lot;
  }
}
