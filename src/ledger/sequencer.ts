/**
 * The sequencer: the one loop that learns and seals. It goes at its own pace (a batch when the last one is done, not
 * before a least interval), so that load makes batches larger and not more frequent.
 */
import type { Orphan } from '../core/batch-header.ts';
import { buildBatch, prepareBatch, uploadPayloads } from './batch-builder.ts';
import type { PreparedBatch } from './batch-builder.ts';
import type { Boot } from './boot.ts';
import { commitBatch } from './commit.ts';
import type { BuiltBatch } from './commit.ts';
import { lockClock } from './context.ts';
import type { LedgerContext } from './context.ts';
import { POLLS_A_LISTING } from './limits.ts';
import type { LogView } from './log-view.ts';
import { findOrphans } from './payload-writer.ts';
import type { PendingEntries } from './pending.ts';
import { isTransient, retryMs } from './retry.ts';
import { learnToTip } from './tip.ts';

/** What the loop asks of the ledger around it. */
export interface SequencerHooks {
  /** The boot that seals now. */
  readonly boot: () => Boot;
  /** Called between two batches, when nothing is half done: deals with clones and heartbeats. */
  readonly between: () => Promise<void>;
  /** Signed notes that the next batch should carry. */
  readonly checkpoints: () => readonly string[];
  /** Something that waiting does not cure. The loop has ended. */
  readonly onHalt: (error: unknown) => void;
}

/** Learns and seals, one thing at a time. */
export class Sequencer {
  readonly #context: LedgerContext;
  readonly #view: LogView;
  readonly #pending: PendingEntries;
  readonly #hooks: SequencerHooks;
  readonly #stopping = new AbortController();
  #wakeUp: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #prepared: PreparedBatch | null = null;
  #built: BuiltBatch | null = null;
  #orphans: Orphan[] = [];
  #behind = false;
  #failures = 0;
  #polls = 0;
  #sealedAtMs = 0;
  #lookedAtMs = 0;
  #refreshes: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(
    context: LedgerContext,
    view: LogView,
    pending: PendingEntries,
    hooks: SequencerHooks,
  ) {
    this.#context = context;
    this.#view = view;
    this.#pending = pending;
    this.#hooks = hooks;
  }

  /** Whether the last thing asked of the store was answered. */
  get reachable(): boolean {
    return this.#failures === 0;
  }

  /** Payload objects of earlier plans that no batch names, to be listed in the next. */
  addOrphans(orphans: readonly Orphan[]): void {
    this.#orphans.push(...orphans);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something is pending. */
  wake(): void {
    this.#wakeUp();
  }

  /** Resolves after a look at the log that began after this call. */
  async refresh(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve, reject) => {
      this.#refreshes.push({ resolve, reject });
      this.wake();
    });
  }

  /** Ends the loop after what it is doing now. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#turn();
        this.#failures = 0;
      } catch (error) {
        if (!isTransient(error)) {
          this.#stopping.abort();
          this.#hooks.onHalt(error);
          break;
        }
        this.#failures += 1;
        this.#context.log.warn('store_failed', { error, failures: this.#failures });
        this.#settleRefreshes(error);
        await this.#sleep(retryMs(this.#context.random, this.#failures));
      }
    }
    this.#settleRefreshes(null);
  }

  async #turn(): Promise<void> {
    await this.#hooks.between();
    if (this.#refreshes.length > 0 || this.#behind) {
      const waiting = this.#refreshes;
      this.#refreshes = [];
      try {
        await learnToTip(this.#view);
      } catch (error) {
        this.#refreshes.push(...waiting);
        throw error;
      }
      this.#behind = false;
      this.#lookedAtMs = this.#context.clock();
      for (const { resolve } of waiting) resolve();
    }
    if (this.#pending.size > 0) await this.#seal();
    else await this.#idle();
  }

  async #idle(): Promise<void> {
    const { clock, settings } = this.#context;
    const waited = clock() - this.#lookedAtMs;
    // A clock that was set back must not stop the looking.
    if (waited >= 0 && waited < settings.followMs) {
      await this.#sleepUntilWoken(settings.followMs - waited);
      return;
    }
    this.#lookedAtMs = clock();
    await this.#look();
  }

  /** A cheap question at the tip; a delete marker would hide the answer, so now and then the full one. */
  async #look(): Promise<void> {
    const { store, keys } = this.#context;
    this.#polls += 1;
    const listing = this.#polls % POLLS_A_LISTING === 0;
    if (listing || (await store.head(keys.batch(this.#view.next))) !== null) {
      await learnToTip(this.#view);
    }
  }

  async #seal(): Promise<void> {
    const { clock, settings } = this.#context;
    const since = clock() - this.#sealedAtMs;
    if (this.#prepared === null && since >= 0 && since < settings.sealIntervalMs) {
      await this.#sleep(settings.sealIntervalMs - since);
    }
    this.#sealedAtMs = clock();
    const prepared = await this.#prepare();
    if (prepared === null) return;
    await uploadPayloads(this.#context, prepared);
    const built = await this.#build(prepared);
    const orphans = this.#orphans.length;
    const outcome = await commitBatch(this.#context, this.#view, built);
    this.#built = null;
    if (outcome === 'lost') {
      this.#behind = true;
      return;
    }
    prepared.plan?.release();
    this.#prepared = null;
    this.#orphans.splice(0, orphans);
  }

  /** What was prepared for a slot that was lost serves the next, unless some of it was sealed by somebody else. */
  async #prepare(): Promise<PreparedBatch | null> {
    const old = this.#prepared;
    if (old !== null && this.#isUsable(old)) return old;
    if (old !== null) {
      this.#orphans.push(...(await findOrphans(this.#context, old.payloads)));
      old.plan?.release();
      this.#prepared = null;
      this.#built = null;
    }
    const { journal } = this.#hooks.boot();
    if (this.#pending.size === 0) return null;
    this.#prepared = await prepareBatch(this.#context, this.#view, this.#pending, journal);
    return this.#prepared;
  }

  #isUsable({ entries, payloads, references }: PreparedBatch): boolean {
    const now = lockClock(this.#context);
    // A lock date that an outage has overtaken would be refused for ever: other objects, with later dates.
    const dated = payloads.every(({ retainUntil }) => retainUntil === null || retainUntil > now);
    return (references !== null || dated) && entries.every((e) => this.#pending.has(e.identity));
  }

  /** Step 3: the bytes for a slot are built once. After an unknown outcome the same bytes are sent again. */
  async #build(prepared: PreparedBatch): Promise<BuiltBatch> {
    const { next } = this.#view;
    if (this.#built?.number === next && !isExpired(this.#built, this.#context)) return this.#built;
    this.#built = await buildBatch(this.#context, this.#view, prepared, {
      boot: this.#hooks.boot().id,
      orphans: this.#orphans,
      checkpoints: this.#hooks.checkpoints(),
    });
    return this.#built;
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

/** The same for the batch itself. Other bytes for one slot are safe, since everything is learnt by hash. */
function isExpired({ retention }: BuiltBatch, context: LedgerContext): boolean {
  return retention !== null && retention.until <= lockClock(context);
}
