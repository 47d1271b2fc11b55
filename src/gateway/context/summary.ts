import type { Ledger } from '../../ledger/ledger.ts';
import type { ActionName } from '../../policy/contract/decision.ts';
import type { GatewayLog } from './components.ts';

/** What a request is counted as; no policy is asked about keys, for the root has spoken. */
export type CountedAction = ActionName | 'key.change';

/** What is counted instead of recorded: public reads, failed authentication, denials beyond a caller's budget. */
export interface Uncounted {
  readonly entrypoint: string;
  readonly action: string;
  readonly allow: boolean;
  readonly code?: string;
  /** Identity of the policy that decided, where one did. */
  readonly policy?: string;
}

interface Count extends Uncounted {
  count: number;
}

/** Most different counts of one summary. Its schema allows 256, and what could not be sealed comes on top. */
const COUNTS_MAX = 100;

/**
 * Counts what is left out of a ledger and seals the counts as `summary` entries, each over the time since the one
 * before. A crash loses the counts since the last one and nothing else.
 */
export class Summary {
  readonly #ledger: Pick<Ledger, 'appendSystem'>;
  readonly #clock: () => number;
  readonly #log: GatewayLog;
  #from: number;
  #counts = new Map<string, Count>();
  readonly #totals = new Map<string, Count>();

  constructor(ledger: Pick<Ledger, 'appendSystem'>, clock: () => number, log: GatewayLog) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#log = log;
    this.#from = clock();
  }

  /** Counts one, or several alike. Takes about a microsecond once the row is there. */
  count(what: Uncounted, times = 1): void {
    const { entrypoint, action, allow, code = '', policy = '' } = what;
    const kind = `${entrypoint} ${action} ${allow ? 'allow' : 'deny'}`;
    add(this.#totals, kind, { entrypoint, action, allow, count: times });
    const key = `${kind} ${code} ${policy}`;
    const isKnown = this.#counts.has(key) || this.#counts.size < COUNTS_MAX;
    if (isKnown) add(this.#counts, key, { ...what, count: times });
    else this.#countOther(allow, times);
  }

  /** All counts since the start by entrypoint, action and outcome, for metrics: few rows, for all of them are ours. */
  get totals(): Iterable<Readonly<Count>> {
    return this.#totals.values();
  }

  /** How many are counted and not sealed. */
  get pending(): number {
    let sum = 0;
    for (const row of this.#counts.values()) sum += row.count;
    return sum;
  }

  /** Seals what was counted; nothing when there is nothing. On failure the counts stay for the next time. */
  async flush(): Promise<void> {
    if (this.#counts.size === 0) return;
    const taken = this.#counts;
    const from = this.#from;
    const to = Math.max(this.#clock(), from);
    this.#counts = new Map();
    this.#from = to;
    try {
      await this.#ledger.appendSystem('summary', { from, to, counts: [...taken.values()] });
    } catch (error) {
      this.#giveBack(taken, from);
      this.#log.warn('summary_postponed', { code: (error as { code?: unknown }).code });
    }
  }

  #giveBack(taken: ReadonlyMap<string, Count>, from: number): void {
    const since = this.#counts;
    this.#counts = new Map(taken);
    this.#from = from;
    for (const [key, row] of since) add(this.#counts, key, row);
  }

  /** The table is full, so somebody makes up kinds of requests: they share a row. */
  #countOther(allow: boolean, count: number): void {
    const key = allow ? '* allow' : '* deny';
    add(this.#counts, key, { entrypoint: 'other', action: 'other', allow, count });
  }
}

function add(counts: Map<string, Count>, key: string, row: Count): void {
  const known = counts.get(key);
  if (known === undefined) counts.set(key, row);
  else known.count += row.count;
}
