/**
 * Recovery, on every start and without anybody's help: take over what earlier boots left in the journal, learn the log
 * to its end (which takes out of the pending ones all that is in it), and seal the rest. The sealing is the
 * sequencer's, by the commit protocol, so a start after a crash runs no code that a normal day does not.
 */
import { parseEntry } from '../core/entry.ts';
import type { Orphan } from '../core/batch-header.ts';
import type { LedgerContext } from './context.ts';
import type { IdempotencyWindow } from './idempotency.ts';
import type { PlannedPayload } from './journal-records.ts';
import { findOrphans } from './payload-writer.ts';
import type { PendingEntries } from './pending.ts';
import { recoveredEntries } from './recovered.ts';
import type { TakenJournal } from './writer-folder.ts';

/** What earlier boots of this writer left. */
export class Inheritance {
  readonly #taken: TakenJournal;
  readonly #plans: Map<string, PlannedPayload>;

  /** Makes every entry of the journal pending; those in the log go when it is learnt. */
  constructor(
    context: LedgerContext,
    taken: TakenJournal,
    pending: PendingEntries,
    identities: IdempotencyWindow,
  ) {
    this.#taken = taken;
    const plans = taken.segments.flatMap((segment) => segment.plans);
    this.#plans = new Map(plans.map((plan) => [plan.key, plan]));
    for (const entry of recoveredEntries(taken.segments, context.clock())) {
      if (pending.has(entry.identity)) continue;
      pending.add(entry);
      const { idk, idb, jti, at } = parseEntry(entry.bytes).payload;
      if (idk !== undefined && idb !== undefined) {
        identities.record(idk, { jti, idb, receipt: null }, at);
      }
    }
  }

  /** A batch names this payload object: it is no orphan. */
  isNamed(key: string): void {
    this.#plans.delete(key);
  }

  /** Payload objects that were uploaded for batches that never came to be. Call when the log is learnt. */
  async orphans(context: LedgerContext): Promise<Orphan[]> {
    const found = await findOrphans(context, [...this.#plans.values()]);
    this.#plans.clear();
    return found;
  }

  /** Lets the journal files go as soon as none of their entries is pending. */
  release(): void {
    for (const { segment } of this.#taken.segments) segment.end();
  }

  /** Number that the first journal segment of the new boot gets. */
  get nextSegment(): number {
    return this.#taken.nextNumber;
  }
}
