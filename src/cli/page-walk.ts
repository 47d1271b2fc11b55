/** Page after page of one search, at a gateway that may be anybody's. An honest one comes to an end; another is made to. */
import { z } from 'zod';
import { SteleError } from '../core/errors.ts';

/** Minutes that a command goes on asking one gateway, where nothing else is said: some millions of entries. */
export const WALK_MINUTES_DEFAULT = '60';
/** A week: what is not done by then is not done in one go. */
export const WALK_MINUTES_MAX = 10_080;
const MINUTE_MS = 60_000;

const whole = z.int().min(0);

/** What of a page every walk needs; `Page` of the API. Items are for the command to judge. */
const pageSchema = z.object({
  size: whole,
  items: z.array(z.record(z.string(), z.unknown())).optional(),
  count: whole,
  scanned: whole,
  next: z.string().nullable(),
  unreadable: z.array(whole),
});

/** One page of a search. */
export type WalkedPage = z.infer<typeof pageSchema>;

/** Holds the answers of one walk to what pages of one search are. */
export class PageWalk {
  readonly #minutes: number;
  readonly #end: number;
  #size: number | null = null;
  #scanned = 0;

  /** @param minutes - After these it is over, wherever it is. */
  constructor(minutes: number) {
    this.#minutes = minutes;
    this.#end = performance.now() + minutes * MINUTE_MS;
  }

  /** Leaves that were looked at up to now. */
  get scanned(): number {
    return this.#scanned;
  }

  /** Asked before each request. @throws {@link SteleError} `gateway_slow` when the time is over. */
  assertTime(): void {
    if (performance.now() <= this.#end) return;
    throw new SteleError(
      'gateway_slow',
      `the gateway has not come to an end in ${this.#minutes} minutes: ask for less at a time, or for more with --minutes`,
      { disposition: 'retry' },
    );
  }

  /**
   * Takes the text of the next page.
   * @throws {@link SteleError} `gateway_answer_malformed`: no page, or one that does not bring the search nearer to the
   *   end of one tree.
   */
  take(text: string): WalkedPage {
    const page = answerOf(text, pageSchema);
    this.#size ??= page.size;
    this.#scanned += page.scanned;
    if (page.size !== this.#size) throw malformedAnswer('pages of one search are of two trees');
    if (this.#scanned > page.size) throw malformedAnswer('pages have more leaves than the tree');
    if (page.next !== null && page.scanned === 0) {
      throw malformedAnswer('a page that looked at nothing says that there is another');
    }
    return page;
  }
}

/** What a gateway answered, as it should be: a text, or what was read of one. @throws {@link SteleError} `gateway_answer_malformed`. */
export function answerOf<Schema extends z.ZodType>(
  answer: unknown,
  schema: Schema,
): z.output<Schema> {
  const read = schema.safeParse(typeof answer === 'string' ? jsonOf(answer) : answer);
  if (read.success) return read.data;
  const path = read.error.issues[0]?.path.map(String).join('.') ?? '';
  throw malformedAnswer(path === '' ? 'it is another document' : `${path} is not as it should be`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformedAnswer('it is no JSON');
  }
}

function malformedAnswer(why: string): SteleError {
  return new SteleError('gateway_answer_malformed', `no answer of a gateway: ${why}`, {
    disposition: 'halt',
  });
}
