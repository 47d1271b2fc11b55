/**
 * The sequencer: the one loop that learns and seals. It goes at its own pace (a batch when the last one is done, not
 * before an interval), so that load makes batches larger and not more frequent. Where nobody waits for a seal the
 * interval is long, for a batch costs about the same whatever its size.
 */
import { StoreDeniedError } from '../../storage/errors.ts';
import type { ClockWatch } from './clock-watch.ts';
import { commitBatch } from './commit.ts';
import type { LedgerContext } from '../context/context.ts';
import { NotTakenError } from '../context/errors.ts';
import { POLLS_A_LISTING } from '../context/limits.ts';
import type { LogView } from '../log/view.ts';
import type { NextBatch } from './next-batch.ts';
import type { PendingEntries } from '../journal/pending.ts';
import type { SettingsWatch } from './settings-watch.ts';
import { faultOf, isClosing, isTransient, retryMs } from '../context/retry.ts';
import { learnToTip } from '../log/tip.ts';

/** What a sequencer works with. */
export interface SequencerParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly pending: PendingEntries;
  readonly next: NextBatch;
  readonly clocks: ClockWatch;
  readonly settings: SettingsWatch;
  /** Called between two batches, when nothing is half done: deals with clones and heartbeats. */
  readonly between: () => Promise<void>;
  /** Something that waiting does not cure. The loop has ended. */
  readonly onHalt: (error: unknown) => void;
}

/** Learns and seals, one thing at a time. */
export class Sequencer {
  readonly #parts: SequencerParts;
  readonly #context: LedgerContext;
  readonly #view: LogView;
  readonly #pending: PendingEntries;
  readonly #next: NextBatch;
  readonly #stopping = new AbortController();
  #wakeUp: () => void = () => undefined;
  #isIdle = false;
  #running: Promise<void> = Promise.resolve();
  #started = false;
  #behind = false;
  /** Whether somebody waits for the seal of what is pending. */
  #hurried = false;
  #failures = 0;
  #fault: string | null = null;
  #polls = 0;
  #sealedAtMs = 0;
  #lookedAtMs = 0;
  #refreshes: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(parts: SequencerParts) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#view = parts.view;
    this.#pending = parts.pending;
    this.#next = parts.next;
  }

  /** Code of what the last turn failed with; null where it did not. */
  get fault(): string | null {
    return this.#fault;
  }

  start(): void {
    this.#started = true;
    this.#running = this.#run();
  }

  /** Something is pending. */
  wake(): void {
    if (this.#isIdle) this.#wakeUp();
  }

  /** Somebody waits for what is pending. */
  hurry(): void {
    this.#hurried = true;
    this.#wakeUp();
  }

  /**
   * Resolves after a look at the log that began after this call.
   * @throws NotTakenError `store_unreachable` while the log is not learnt for the first time: nobody waits for that.
   */
  async refresh(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    if (!this.#started) throw new NotTakenError('store_unreachable', 'the log is not learnt yet');
    await new Promise<void>((resolve, reject) => {
      this.#refreshes.push({ resolve, reject });
      this.#wakeUp();
    });
  }

  /** Ends the loop after what it is doing now. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeUp();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#turn();
        this.#failures = 0;
        this.#fault = null;
      } catch (error) {
        if (!isTransient(error)) {
          this.#stopping.abort();
          this.#parts.onHalt(error);
          break;
        }
        if (isClosing(error)) break;
        this.#failures += 1;
        this.#fault = faultOf(error);
        this.#context.log.warn('store_failed', { error, failures: this.#failures });
        this.#settleRefreshes(error);
        await this.#sleep(retryMs(this.#context.random, this.#failures));
      }
    }
    this.#settleRefreshes(null);
  }

  async #turn(): Promise<void> {
    // First: learning locks things too.
    await this.#parts.clocks.check(this.#context.keys.batch(this.#view.next));
    await this.#parts.settings.check();
    await this.#parts.between();
    if (this.#refreshes.length > 0 || this.#behind) {
      const waiting = this.#refreshes;
      this.#refreshes = [];
      try {
        await learnToTip(this.#view, this.#stopping.signal);
      } catch (error) {
        this.#refreshes.push(...waiting);
        throw error;
      }
      this.#behind = false;
      this.#lookedAtMs = this.#context.clock();
      for (const { resolve } of waiting) resolve();
    }
    // Behind a final batch nothing is ever sealed; who reads the log is served.
    if (this.#pending.size > 0 && !this.#view.state.final) await this.#seal();
    else await this.#idle();
  }

  async #idle(): Promise<void> {
    const { clock, settings } = this.#context;
    const waited = clock() - this.#lookedAtMs;
    // A clock that was set back must not stop the looking.
    if (waited >= 0 && waited < settings.followMs) {
      this.#isIdle = true;
      await this.#sleepUntilWoken(settings.followMs - waited);
      this.#isIdle = false;
      return;
    }
    this.#lookedAtMs = clock();
    await this.#look();
  }

  /** A cheap question at the tip; a delete marker would hide the answer, so now and then the full one. */
  async #look(): Promise<void> {
    this.#polls += 1;
    const listing = this.#polls % POLLS_A_LISTING === 0;
    if (listing || (await this.#isFilled())) await learnToTip(this.#view, this.#stopping.signal);
  }

  async #isFilled(): Promise<boolean> {
    const { store, keys } = this.#context;
    try {
      return (await store.head(keys.batch(this.#view.next))) !== null;
    } catch (error) {
      // Perhaps something that is there and cannot be read: a listing tells.
      if (error instanceof StoreDeniedError) return true;
      throw error;
    }
  }

  async #seal(): Promise<void> {
    const { clock } = this.#context;
    if (!this.#next.isPrepared && !(await this.#isTurn())) return;
    this.#sealedAtMs = clock();
    this.#hurried = false;
    const built = await this.#next.build();
    if (built === null) return;
    const outcome = await commitBatch(this.#context, this.#view, built);
    if (outcome === 'committed') {
      this.#next.committed();
      // What did not fit has waited long enough.
      this.#hurried ||= (this.#pending.oldestMs ?? Infinity) < this.#sealedAtMs;
    } else {
      this.#next.lost();
      this.#behind = true;
    }
  }

  /** Waits until the next batch may be made. @returns false where something else comes first. */
  async #isTurn(): Promise<boolean> {
    const { clock, settings } = this.#context;
    const interval = settings.sealIntervalMs;
    const least = Math.min(settings.sealHurryMs, interval);
    const since = clock() - this.#sealedAtMs;
    // A clock that was set back must not stop the sealing.
    if (since < 0 || since >= interval) return true;
    if (since < least) await this.#sleep(least - since);
    if (!this.#hurried) await this.#sleepUntilWoken(interval - Math.max(since, least));
    const isDue = this.#hurried || clock() - this.#sealedAtMs >= interval;
    return isDue || this.#refreshes.length === 0;
  }

  #settleRefreshes(error: unknown): void {
    for (const { resolve, reject } of this.#refreshes.splice(0)) {
      if (error === null) resolve();
      else reject(error);
    }
  }

  async #sleep(ms: number): Promise<void> {
    await this.#context.sleep(ms, this.#stopping.signal);
  }

  async #sleepUntilWoken(ms: number): Promise<void> {
    // What arrived while something else was awaited is not slept over.
    if (this.#refreshes.length > 0 || this.#stopping.signal.aborted) return;
    const waiting = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
    });
    await Promise.race([woken, this.#context.sleep(ms, waiting.signal)]);
    this.#wakeUp = () => undefined;
    waiting.abort();
  }
}
