/**
 * The log as this process has learnt it: one slot after the other, own batches and foreign ones alike. Nothing about
 * the log is known in any other way, after a crash as in normal running.
 */
import { toBase64Url } from '../../core/platform/bytes.ts';
import { sha256 } from '#platform';
import type { BatchHeader, VoidSlot } from '../../core/log/batch-header.ts';
import { initialState } from '../../core/log/state.ts';
import type { LogState, Refusal } from '../../core/log/state.ts';
import { StoreUnavailableError } from '../../storage/errors.ts';
import { retentionOf, wholeSecond } from '../../storage/retention.ts';
import { lockClock } from '../context/context.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError } from '../context/errors.ts';
import { healLock, lockVoid } from './heal.ts';
import { judgeBatch } from './judged-batch.ts';
import type { JudgedBatch } from './judged-batch.ts';
import { isCertain, readSlot } from './slot.ts';
import type { FilledSlot } from './slot.ts';

/** A batch that was just learnt. */
export interface LearntBatch extends JudgedBatch {
  readonly versionId: string;
}

/** What one look at the next slot brought. */
export type Learnt = 'empty' | 'batch' | 'void';

const DAY_MS = 86_400_000;

/** Follows one log, slot by slot. Calls must not overlap. */
export class LogView {
  readonly #context: LedgerContext;
  readonly #onBatch: (learnt: LearntBatch) => void;
  #state: LogState;
  /** Slots after the last valid batch that hold something else. */
  #voids: VoidSlot[] = [];

  /** @param onBatch - Told of every batch, in order, before anything else happens. */
  constructor(context: LedgerContext, onBatch: (learnt: LearntBatch) => void) {
    this.#context = context;
    this.#onBatch = onBatch;
    this.#state = initialState(context.genesis);
  }

  /** The log after the last valid batch. */
  get state(): LogState {
    return this.#state;
  }

  get voids(): readonly VoidSlot[] {
    return this.#voids;
  }

  /** Number of the slot that the next batch goes to. */
  get next(): number {
    return this.#state.number + 1 + this.#voids.length;
  }

  /** Goes on from a state that was learnt before, by this writer on this disk. */
  restore(state: LogState): void {
    this.#state = state;
    this.#voids = [];
  }

  /**
   * Learns what the next slot holds: heals its lock, judges it, and goes on to the slot after it.
   *
   * @param ahead - The slot, when it was read already.
   * @returns `empty` when nobody has put anything there: nothing changed, and nothing is proven.
   */
  async learn(ahead?: FilledSlot | null): Promise<Learnt> {
    const slot = await this.#fresh(ahead);
    if (slot === null) return 'empty';
    const verdict = this.judge(slot);
    if (verdict.ok) {
      await this.accept(verdict, slot);
      return 'batch';
    }
    await this.#void(slot, verdict);
    return 'void';
  }

  /** A slot read ahead under limits that have grown since then has to be read again. */
  async #fresh(ahead: FilledSlot | null | undefined): Promise<FilledSlot | null> {
    const { batchBytes } = this.#state.config.limits;
    const stale = ahead?.bytes === null && ahead.size <= batchBytes;
    return ahead == null || stale ? this.read(this.next) : ahead;
  }

  /** Reads a slot under the limits that hold now. */
  async read(number: number): Promise<FilledSlot | null> {
    return readSlot(this.#context, number, this.#state.config.limits);
  }

  /** Judges what stands in a slot as the next batch, without learning it. */
  judge({ number, bytes }: Pick<FilledSlot, 'number' | 'bytes'>): JudgedBatch | Refusal {
    return bytes === null ? tooLarge : judgeBatch(this.#state, number, bytes);
  }

  /**
   * Makes a valid batch part of what is known. First its lock: a batch that can still be deleted is not learnt.
   * @param verdict - Of {@link judge}, on the present state.
   */
  async accept(
    judged: JudgedBatch,
    { key, versionId, head }: Pick<FilledSlot, 'key' | 'versionId' | 'head'>,
  ): Promise<void> {
    const { header } = judged;
    await this.heal(header, { key, versionId, head });
    // Validity does not depend on the version; what the next batch says of this one does.
    this.#state = { ...judged.state, versionId };
    this.#voids = [];
    this.#onBatch({ ...judged, state: this.#state, versionId });
    if (this.#state.final) this.#context.finding('final_batch', { number: header.number });
  }

  /** Sees to the lock of a batch. */
  async heal(
    header: BatchHeader,
    { key, versionId, head }: Pick<FilledSlot, 'key' | 'versionId' | 'head'>,
  ): Promise<void> {
    await healLock(this.#context, key, versionId, retentionOf(header), head);
  }

  /**
   * Names a slot void: garbage that somebody put there and nobody can take away. Locked as a batch would be, because
   * the next batch commits to it, and a slot that became empty again would look like the end of the log.
   */
  async #void(slot: FilledSlot, refusal: Refusal): Promise<void> {
    const { number, key, versionId, size, bytes } = slot;
    if (refusal.stop) {
      throw new HaltError('unsupported_format', `batch ${number}: ${refusal.detail}`);
    }
    if (!(await isCertain(this.#context, slot))) {
      throw new StoreUnavailableError(`${key} is not read twice alike`);
    }
    const { mode, days } = this.#state.config.batchLock;
    const retainUntil = wholeSecond(lockClock(this.#context) + days * DAY_MS);
    await lockVoid(this.#context, key, versionId, retentionOf({ mode, retainUntil }));
    const { reason, detail } = refusal;
    this.#context.finding('void_batch', { number, key, versionId, reason, detail });
    const hash = bytes === null ? null : toBase64Url(sha256(bytes));
    this.#voids.push({ number, versionId, size, sha256: hash });
  }
}

const tooLarge: Refusal = {
  ok: false,
  reason: 'invalid_framing',
  detail: 'larger than a batch may be',
  stop: false,
};
