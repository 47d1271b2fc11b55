/** What `stele/fact` said of entries in the last minutes, by actor: the memory of rules about more than one entry. */
import type { JsonObject } from '../../core/json/strict-json.ts';

/** What is kept of one entry. */
export interface KeptFact {
  readonly actor: string;
  /** When it was decided, epoch ms. */
  readonly ms: number;
  readonly fact: JsonObject;
}

/** Milliseconds for which a fact is kept. */
const KEPT_MS = 300_000;
/** Facts of one actor: with the largest ones some 200 KB of input. What does not fit beside an entry is left out there. */
const ACTOR_FACTS_MAX = 100;
/** Facts of all actors: 16 MiB with the largest ones. Whoever was heard of longest ago is forgotten first. */
const FACTS_MAX = 8192;

/** See above. In the order in which actors were heard of last. */
export class RecentFacts {
  readonly #actors = new Map<string, KeptFact[]>();
  #count = 0;

  /** What is kept of an actor at a time, oldest first. */
  of(actor: string, ms: number): JsonObject[] {
    const kept = this.#actors.get(actor) ?? [];
    return kept.filter((one) => ms - one.ms < KEPT_MS).map(({ fact }) => fact);
  }

  keep(one: KeptFact): void {
    const { actor, ms } = one;
    const before = this.#actors.get(actor) ?? [];
    const kept = [...before.filter((old) => ms - old.ms < KEPT_MS), one].slice(-ACTOR_FACTS_MAX);
    this.#actors.delete(actor);
    this.#actors.set(actor, kept);
    this.#count += kept.length - before.length;
    while (this.#count > FACTS_MAX) this.#forget();
  }

  /** All that is kept, so that another memory can be made of it. */
  all(): KeptFact[] {
    return [...this.#actors.values()].flat();
  }

  #forget(): void {
    const [oldest] = this.#actors;
    if (oldest === undefined) return;
    this.#actors.delete(oldest[0]);
    this.#count -= oldest[1].length;
  }
}
