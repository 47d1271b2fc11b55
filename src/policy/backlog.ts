/** Tasks that wait, in turn by caller: a request of ten thousand events does not hold up one that asks for a checkpoint. */

/** What may wait at the same time. */
export interface BacklogBounds {
  readonly tasks: number;
  /** Sum of what `weigh` says. */
  readonly bytes: number;
}

/** Tasks taken from one caller before the next one has its turn. */
const TURN = 16;

/** A bounded line of lots; each lot is what one call asked. */
export class Backlog<Task> {
  readonly #bounds: BacklogBounds;
  readonly #weigh: (task: Task) => number;
  readonly #lots: { readonly tasks: readonly Task[]; next: number }[] = [];
  #size = 0;
  #bytes = 0;

  constructor(bounds: BacklogBounds, weigh: (task: Task) => number) {
    this.#bounds = bounds;
    this.#weigh = weigh;
  }

  /** Tasks that wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds what fits of a lot. @returns the tasks that did not. */
  add(tasks: readonly Task[]): readonly Task[] {
    let bytes = this.#bytes;
    const full = tasks.findIndex((task, index) => {
      bytes += this.#weigh(task);
      return this.#size + index >= this.#bounds.tasks || bytes > this.#bounds.bytes;
    });
    const fitting = full < 0 ? tasks.length : full;
    this.#put(tasks.slice(0, fitting), 'last');
    return tasks.slice(fitting);
  }

  /** Puts tasks first that were taken before. They had their room, so they always fit. */
  putBack(tasks: readonly Task[]): void {
    this.#put(tasks, 'first');
  }

  /** Takes the tasks of one message, in turn. @param fits - Whether another one still fits. */
  take(fits: (task: Task, taken: number) => boolean): Task[] {
    const taken: Task[] = [];
    for (let lot = this.#lots[0]; lot !== undefined; lot = this.#lots[0]) {
      const turn = lot.tasks.slice(lot.next, lot.next + TURN);
      for (const task of turn) {
        if (!fits(task, taken.length)) return taken;
        taken.push(task);
        lot.next++;
        this.#size--;
        this.#bytes -= this.#weigh(task);
      }
      this.#lots.shift();
      if (lot.next < lot.tasks.length) this.#lots.push(lot);
    }
    return taken;
  }

  #put(tasks: readonly Task[], where: 'first' | 'last'): void {
    if (tasks.length === 0) return;
    this.#size += tasks.length;
    for (const task of tasks) this.#bytes += this.#weigh(task);
    if (where === 'first') this.#lots.unshift({ tasks, next: 0 });
    else this.#lots.push({ tasks, next: 0 });
  }
}
