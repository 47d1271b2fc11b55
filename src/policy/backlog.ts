/** Tasks that wait, in turn by caller: a request of ten thousand events does not hold up one that asks for a checkpoint. */

/** Tasks taken from one caller before the next one has its turn. */
const TURN = 16;

/** A bounded line of lots; each lot is what one call asked. */
export class Backlog<Task> {
  readonly #tasksMax: number;
  readonly #lots: { readonly tasks: readonly Task[]; next: number }[] = [];
  #size = 0;

  constructor(tasksMax: number) {
    this.#tasksMax = tasksMax;
  }

  /** Tasks that wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds what fits of a lot. @returns the tasks that did not. */
  add(tasks: readonly Task[]): readonly Task[] {
    const room = Math.max(0, this.#tasksMax - this.#size);
    this.#put(tasks.slice(0, room), 'last');
    return tasks.slice(room);
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
      }
      this.#lots.shift();
      if (lot.next < lot.tasks.length) this.#lots.push(lot);
    }
    return taken;
  }

  #put(tasks: readonly Task[], where: 'first' | 'last'): void {
    if (tasks.length === 0) return;
    this.#size += tasks.length;
    if (where === 'first') this.#lots.unshift({ tasks, next: 0 });
    else this.#lots.push({ tasks, next: 0 });
  }
}
