import { CLOCK_SKEW_MAX_MS } from '../../storage/probe.ts';
import type { LedgerContext } from '../context/context.ts';
import { NotTakenError } from '../context/errors.ts';

/**
 * Holds this machine's clock against the store's for as long as the ledger runs, as the probe does at its start. Lock
 * dates come from the later of the two: what is sealed by a clock that jumped ahead, nobody can unlock for as long.
 */
export class ClockWatch {
  readonly #context: LedgerContext;
  #isOff = false;

  constructor(context: LedgerContext) {
    this.#context = context;
  }

  /** Whether the clocks were too far apart at the last look. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /**
   * Looks at the clocks. Asks the store only when its last answer gives reason to: it may just be long ago.
   *
   * @param key - Any key of the ledger.
   * @throws {@link NotTakenError} `clock_skew`, and the store's errors.
   */
  async check(key: string): Promise<void> {
    const { store, clock, genesis } = this.#context;
    // A store that keeps no locks is not probed either.
    if (genesis.weakStore) return;
    const known = store.now();
    if (!this.#isOff && known !== null && isNear(known - clock())) return;
    const before = clock();
    await store.head(key);
    const ahead = aheadOf(store.now(), before, clock());
    this.#isOff = !isNear(ahead);
    if (!this.#isOff) return;
    this.#context.finding('clock_skew', { ahead: ahead > 0 });
    throw new NotTakenError(
      'clock_skew',
      `the clock of this machine is ${Math.round(ahead)} ms ahead of the store's, at most ${CLOCK_SKEW_MAX_MS}`,
    );
  }
}

/** By how much a clock was ahead of one that showed `now` somewhere between two looks at it, ms; negative: behind. */
function aheadOf(now: number | null, before: number, after: number): number {
  if (now === null) return 0;
  return now < before ? before - now : Math.min(0, after - now);
}

function isNear(ms: number): boolean {
  return Math.abs(ms) <= CLOCK_SKEW_MAX_MS;
}
