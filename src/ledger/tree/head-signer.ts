import { edgeHead } from '../../core/tree/tree.ts';
import type { LogState } from '../../core/log/state.ts';
import { SteleError } from '../../core/errors.ts';
import { HaltError } from '../context/errors.ts';
import type { LedgerContext } from '../context/context.ts';
import { RETRY_MS_MAX } from '../context/limits.ts';
import type { PendingReceipt } from '../journal/pending.ts';
import type { SealedAt, SignedHead } from '../context/receipt.ts';
import type { SignerGuard } from './signer-guard.ts';

/**
 * Signs the newest head whenever there is one, one at a time: heads that come meanwhile are covered by the next. Tells
 * the entries that a head covers.
 */
export class HeadSigner {
  readonly #context: LedgerContext;
  readonly #guard: SignerGuard;
  readonly #onHalt: (error: unknown) => void;
  #state: LogState | null = null;
  #signed: SignedHead | null = null;
  #waiting: { readonly receipt: PendingReceipt; readonly at: SealedAt }[] = [];
  #working: Promise<void> | null = null;
  #closed = false;

  constructor(context: LedgerContext, guard: SignerGuard, onHalt: (error: unknown) => void) {
    this.#context = context;
    this.#guard = guard;
    this.#onHalt = onHalt;
  }

  /** The newest signed head; null before the first. */
  get head(): SignedHead | null {
    return this.#signed;
  }

  /** Remembers whom to tell when a head covers an entry. */
  await(receipt: PendingReceipt, at: SealedAt): void {
    this.#waiting.push({ receipt, at });
  }

  /** Signs the head of this state, or of a later one. */
  sign(state: LogState): void {
    this.#state = state;
    // Without anything new, the work would be over before it is remembered, and remembered for ever.
    if (this.#closed || state.size <= (this.#signed?.size ?? 0)) return;
    this.#working ??= this.#work();
  }

  /** Resolves when the newest head is signed or cannot be, or after `closeMs`: a store that is away holds no close. */
  async settled(): Promise<void> {
    if (this.#working === null) return;
    const { sleep, settings } = this.#context;
    const waiting = new AbortController();
    await Promise.race([this.#working, sleep(settings.closeMs, waiting.signal)]);
    waiting.abort();
  }

  /** Signs nothing more. @returns the receipts that no head covers. */
  async close(): Promise<readonly PendingReceipt[]> {
    this.#closed = true;
    await this.#working;
    return this.#waiting.splice(0).map(({ receipt }) => receipt);
  }

  async #work(): Promise<void> {
    while (this.#state !== null && this.#state.size > (this.#signed?.size ?? 0)) {
      try {
        const head = await this.#guard.sign(edgeHead(this.#state.edge));
        this.#signed = head;
        this.#tell(head);
      } catch (error) {
        if (this.#closed || !isTransient(error)) {
          if (!this.#closed) this.#onHalt(error);
          break;
        }
        this.#context.log.warn('checkpoint_not_signed', { error });
        await this.#context.sleep(RETRY_MS_MAX);
      }
    }
    this.#working = null;
  }

  #tell(head: SignedHead): void {
    const { size, note } = head;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ at }) => at.index >= size);
    for (const { receipt, at } of waiting) {
      if (at.index < size) receipt.publish({ number: at.number, index: at.index, size, note });
    }
  }
}

/** A store that is away, tiles that are lost, a signer that does not answer: entries are sealed all the same. */
function isTransient(error: unknown): boolean {
  if (error instanceof HaltError) return false;
  return (
    !(error instanceof SteleError) ||
    error.disposition !== 'halt' ||
    error.code === 'view_incomplete'
  );
}
