/**
 * The batch that this process wants sealed next, from the first pending entry to the bytes for one slot. What it
 * consists of survives lost slots, failed calls and other writers, as far as they leave it true.
 */
import type { Orphan } from '../../core/log/batch-header.ts';
import { buildBatch, prepareBatch, uploadPayloads } from './batch-builder.ts';
import type { PreparedBatch } from './batch-builder.ts';
import type { Boot } from './boot.ts';
import type { BuiltBatch } from './commit.ts';
import { lockClock } from '../context/context.ts';
import type { LedgerContext } from '../context/context.ts';
import { ORPHANS_LISTED_MAX } from '../context/limits.ts';
import type { LogView } from '../log/view.ts';
import { findOrphans } from './payload-writer.ts';
import type { PendingEntries } from '../journal/pending.ts';
import type { Segment } from '../journal/segment.ts';
import { assertTail } from '../log/tip.ts';

/** Payload objects that no batch names, and the file of the journal that remembers them. */
export interface KeptOrphans {
  readonly orphans: readonly Orphan[];
  readonly plan: Segment | null;
}

interface KeptOrphan {
  /** Null where nothing of a plan was found: its file goes with the next batch. */
  readonly orphan: Orphan | null;
  readonly plan: Segment | null;
}

/** What a next batch is made from. */
export interface NextBatchParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly pending: PendingEntries;
  /** The boot that seals now. */
  readonly boot: () => Boot;
  /** Signed notes that the next batch should carry. */
  readonly checkpoints: () => readonly string[];
}

/** Makes one batch after the other. */
export class NextBatch {
  readonly #parts: NextBatchParts;
  #prepared: PreparedBatch | null = null;
  /** Whether a batch in the log names the payload objects of what is prepared. */
  #isNamed = false;
  #built: BuiltBatch | null = null;
  /** In the order in which they are to be listed; the last one of a plan has its file. */
  #orphans: KeptOrphan[] = [];
  /** How many of them the built batch lists. */
  #listed = 0;

  constructor(parts: NextBatchParts) {
    this.#parts = parts;
  }

  /** Whether a batch is under way. */
  get isPrepared(): boolean {
    return this.#prepared !== null;
  }

  /** Takes payload objects of earlier plans: the next batch lists them. */
  addOrphans({ orphans, plan }: KeptOrphans): void {
    if (orphans.length === 0) this.#orphans.push({ orphan: null, plan });
    for (const [i, orphan] of orphans.entries()) {
      this.#orphans.push({ orphan, plan: i === orphans.length - 1 ? plan : null });
    }
  }

  /** A batch names this payload object: it is no orphan, whatever becomes of what is prepared. */
  named(key: string): void {
    if (this.#prepared?.payloads.some((payload) => payload.key === key) === true) {
      this.#isNamed = true;
    }
  }

  /**
   * The bytes for the next slot, with all that they name in the store. Built once for a slot: after an unknown outcome
   * the same bytes are sent again (design 3.5 step 3).
   *
   * @returns null when nothing is pending.
   * @throws HaltError `tail_cut`: nothing is sealed behind a log that was rolled back or cut under this process.
   */
  async build(): Promise<BuiltBatch | null> {
    const { context, view } = this.#parts;
    const prepared = await this.#prepare();
    if (prepared === null) return null;
    // At once, so that the look costs no time.
    await Promise.all([uploadPayloads(context, prepared), assertTail(context, view.state)]);
    if (this.#built?.number === view.next && !isExpired(this.#built, context)) return this.#built;
    this.#listed = Math.min(this.#orphans.length, ORPHANS_LISTED_MAX);
    this.#built = await buildBatch(context, view, prepared, {
      boot: this.#parts.boot().id,
      orphans: this.#orphans.slice(0, this.#listed).flatMap(({ orphan }) => orphan ?? []),
      checkpoints: this.#parts.checkpoints(),
    });
    return this.#built;
  }

  /** The batch is in the log. */
  committed(): void {
    this.#prepared?.plan?.release();
    this.#prepared = null;
    this.#built = null;
    for (const { plan } of this.#orphans.splice(0, this.#listed)) plan?.release();
  }

  /** Something else is in its slot. */
  lost(): void {
    this.#built = null;
  }

  async #prepare(): Promise<PreparedBatch | null> {
    const { context, view, pending, boot } = this.#parts;
    const old = this.#prepared;
    if (old !== null && this.#isUsable(old)) return old;
    if (old !== null) await this.#abandon(old);
    if (pending.size === 0) return null;
    this.#isNamed = false;
    this.#prepared = await prepareBatch(context, view, pending, boot().journal);
    return this.#prepared;
  }

  /** It is usable for another slot unless somebody else has sealed some of it. */
  #isUsable({ entries, payloads, references }: PreparedBatch): boolean {
    const now = lockClock(this.#parts.context);
    // A lock date that an outage has overtaken would be refused for ever: other objects, with later dates.
    const dated = payloads.every(({ retainUntil }) => retainUntil === null || retainUntil > now);
    const { pending } = this.#parts;
    return (references !== null || dated) && entries.every((each) => pending.has(each.identity));
  }

  /** Its uploaded objects stay in the store, locked; the journal has their keys until a batch lists them. */
  async #abandon({ payloads, plan }: PreparedBatch): Promise<void> {
    const orphans = this.#isNamed ? [] : await findOrphans(this.#parts.context, payloads);
    this.addOrphans({ orphans, plan });
    this.#prepared = null;
    this.#built = null;
  }
}

/** The same for the batch itself. Other bytes for one slot are safe, since everything is learnt by hash. */
function isExpired({ retention }: BuiltBatch, context: LedgerContext): boolean {
  return retention !== null && retention.until <= lockClock(context);
}
