/**
 * What learning a batch does to what is pending (design 3.5 step 2): every entry whose signing input hashes to one of
 * its leaves is in the log, and is pending no more. By hash, at every learning, own batch or foreign. Counters only
 * tell that something is wrong.
 */
import type { LogState } from '../../core/log/state.ts';
import { isStranded } from './boot.ts';
import type { LedgerContext } from '../context/context.ts';
import type { IdempotencyWindow } from './idempotency.ts';
import type { LearntLeaf } from '../log/judged-batch.ts';
import type { PastBatch } from '../log/look-back.ts';
import type { PendingEntries, PendingEntry } from '../journal/pending.ts';
import type { SealedAt } from '../context/receipt.ts';

/** Takes entries out of the pending ones as they are seen in the log. */
export class Learner {
  readonly #context: LedgerContext;
  readonly #pending: PendingEntries;
  readonly #identities: IdempotencyWindow;
  readonly #onSealed: (entry: PendingEntry, at: SealedAt) => void;
  #boot: string | null = null;
  #cloned = false;
  #suspect = false;

  constructor(
    context: LedgerContext,
    pending: PendingEntries,
    identities: IdempotencyWindow,
    onSealed: (entry: PendingEntry, at: SealedAt) => void,
  ) {
    this.#context = context;
    this.#pending = pending;
    this.#identities = identities;
    this.#onSealed = onSealed;
  }

  /** Whether the log has an entry under this boot's name that this boot did not make: there is another one like us. */
  get cloned(): boolean {
    return this.#cloned;
  }

  /** Whether something of this writer came from elsewhere since the last {@link stranded}: a look is worth while. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /** Names the boot that issues from now on. */
  begin(boot: string): void {
    this.#boot = boot;
    this.#cloned = false;
  }

  /** Learns a batch, now or once more after a start. */
  learn({ header, facts }: PastBatch): void {
    const { number, first } = header;
    for (const [offset, leaf] of facts.entries()) {
      const index = first + offset;
      const at = { number, index };
      const dropped = this.#pending.drop(leaf.identity);
      if (dropped === undefined) this.#noteIdentity(leaf, index);
      else this.#sealed(dropped, at);
      if (leaf.writer !== this.#context.writer) continue;
      if (dropped === undefined) this.#noteStranger(leaf, at);
      if (leaf.was !== undefined) this.#dropReissued(leaf.was, at);
    }
  }

  /** What is stranded could not be issued again: it is to be looked for once more. */
  suspectAgain(): void {
    this.#suspect = true;
  }

  /** Pending entries that can never be sealed as they are, in order. */
  stranded(state: LogState): PendingEntry[] {
    this.#suspect = false;
    return [...this.#pending.values()].filter((entry) => isStranded(entry, state));
  }

  #sealed(entry: PendingEntry, at: SealedAt): void {
    entry.segment.release();
    if (entry.idk !== null) this.#identities.seal(entry.idk, entry.jti, at.index);
    this.#onSealed(entry, at);
  }

  #noteIdentity({ idk, idb, jti, at }: LearntLeaf, index: number): void {
    if (idk === undefined || idb === undefined) return;
    this.#identities.record(idk, { jti, idb, receipt: null, index }, at);
  }

  /** A leaf of this writer that was not pending here: trimmed long ago, sealed by another process, or a clone's. */
  #noteStranger({ boot, seq }: LearntLeaf, { number, index }: SealedAt): void {
    this.#suspect = true;
    if (boot !== this.#boot || this.#cloned) return;
    this.#cloned = true;
    this.#context.finding('writer_clone', { boot, seq, number, index });
  }

  /** An entry was reissued, here or in another process that found the same journal: what it stands for is sealed. */
  #dropReissued(was: string, at: SealedAt): void {
    const old = this.#pending.drop(was) ?? this.#dropTwin(was);
    if (old !== undefined) this.#sealed(old, at);
  }

  #dropTwin(was: string): PendingEntry | undefined {
    const twin = this.#pending.reissueOf(was);
    return twin && this.#pending.drop(twin.identity);
  }
}
