import type { FoundAlert } from '../../policy/alert/job.ts';

/**
 * Alerts of one title, of the entries that one gateway took in one minute: enough to see what goes on and where, and the
 * summary says how often. Without it, whoever can make a rule speak pages somebody a thousand times and fills the log.
 */
export const TITLE_ALERTS_MAX = 10;
/** Titles of a gateway and minute that are counted apart; a library has some forty. More share one count a severity. */
const TITLES_MAX = 64;
/** Gateways whose minute is known: of whoever was heard of longest ago it begins again. */
const WRITERS_MAX = 64;
const MINUTE_MS = 60_000;

interface Minute {
  readonly minute: number;
  readonly counts: Map<string, number>;
}

/**
 * Which alerts are made. It goes by the time at which an entry was taken and by the order of the log, so all gateways,
 * and one that starts again, come to the same first ones. A title's first alert of a minute is always made, unless titles
 * are made up of what events say.
 */
export class AlertBudget {
  readonly #minutes = new Map<string, Minute>();

  /**
   * Takes one alert off.
   *
   * @param writer - Who took the entry.
   * @param at - When, epoch ms.
   * @returns how many of its kind there are now in this minute, and whether it is to be made.
   */
  take(
    writer: string,
    at: number,
    { severity, title }: FoundAlert,
  ): { count: number; ok: boolean } {
    const { counts } = this.#minuteOf(writer, Math.floor(at / MINUTE_MS));
    const own = `${severity} ${title}`;
    const isApart = counts.has(own) || counts.size < TITLES_MAX;
    // No title is empty.
    const key = isApart ? own : `${severity} `;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { count, ok: count <= TITLE_ALERTS_MAX };
  }

  /** Entries of a minute end come in any order, so the minute before is of the same count. */
  #minuteOf(writer: string, minute: number): Minute {
    const known = this.#minutes.get(writer);
    if (known !== undefined && (minute === known.minute || minute === known.minute - 1)) {
      return known;
    }
    const begun = { minute, counts: new Map<string, number>() };
    this.#minutes.delete(writer);
    this.#minutes.set(writer, begun);
    const [oldest] = this.#minutes.keys();
    if (this.#minutes.size > WRITERS_MAX && oldest !== undefined) this.#minutes.delete(oldest);
    return begun;
  }
}
