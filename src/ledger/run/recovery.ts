/**
 * Recovery, on every start and without anybody's help: take over what earlier boots left in the journal, learn the log
 * to its end (which takes out of the pending ones all that is in it), and seal the rest. The sealing is the
 * sequencer's, by the commit protocol, so a start after a crash runs no code that a normal day does not.
 */
import { parseEntry } from '../../core/entry/entry.ts';
import type { Orphan } from '../../core/log/batch-header.ts';
import { parseBase64Url } from '../../core/platform/bytes.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import { bootHead } from '../../core/log/state.ts';
import type { LogState } from '../../core/log/state.ts';
import type { Adoption } from './adoption.ts';
import type { ClockWatch } from '../write/clock-watch.ts';
import type { LedgerContext } from '../context/context.ts';
import { healGenesis } from '../log/heal.ts';
import type { IdempotencyWindow } from '../write/idempotency.ts';
import type { Intake } from '../write/intake.ts';
import { planRecord } from '../journal/records.ts';
import type { PlannedPayload } from '../journal/records.ts';
import type { LogView } from '../log/view.ts';
import type { NextBatch } from '../write/next-batch.ts';
import { findOrphans } from '../write/payload-writer.ts';
import type { PendingEntries } from '../journal/pending.ts';
import { recoveredEntries } from '../journal/recovered.ts';
import type { Replica } from '../tree/replica.ts';
import { faultOf, isClosing, isTransient, retryMs } from '../context/retry.ts';
import type { Segment } from '../journal/segment.ts';
import { assertTip } from '../log/tip.ts';
import type { TakenJournal } from '../journal/writer-folder.ts';

/** What a recovery works with. */
export interface RecoveryParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly replica: Replica;
  readonly inheritance: Inheritance;
  readonly intake: Intake;
  readonly adoption: Adoption;
  readonly next: NextBatch;
  readonly clocks: ClockWatch;
  /** Ends the waiting for a store that is away. */
  readonly signal: AbortSignal;
  /** Told that the log has ended for good: no boot begins behind it. */
  readonly onFinal: () => void;
  /** Told with what the store has failed; null when it has answered. */
  readonly onReach: (fault: string | null) => void;
}

/**
 * Learns the log to its end, and begins this boot behind what earlier ones left; as often as the store makes it
 * necessary.
 *
 * @returns false when it was ended first.
 */
export async function recover(parts: RecoveryParts): Promise<boolean> {
  const { context, view, replica, inheritance, intake, adoption, next, clocks, signal } = parts;
  let isPrepared = false;
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      if (!isPrepared) await context.prepare();
      isPrepared = true;
      await clocks.check(context.keys.genesis);
      await healGenesis(context);
      await replica.catchUp(signal);
      await assertTip(context, view);
      inheritance.noteHoles(context, view.state);
      const orphans = await inheritance.orphans(context);
      parts.onReach(null);
      await adoption.begin();
      if (view.state.final) {
        // What is in the journal stays there: no log takes it.
        parts.onFinal();
        return true;
      }
      await intake.begin(inheritance.nextSegment);
      // In this boot's journal, so that those of earlier boots can go.
      const plan = orphans.length === 0 ? null : await keepPlan(intake, orphans);
      next.addOrphans({ orphans, plan });
      inheritance.release();
      return true;
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (isClosing(error)) break;
      parts.onReach(faultOf(error));
      context.log.warn('store_failed', { error, failures });
      await context.sleep(retryMs(context.random, failures), signal);
    }
  }
  return false;
}

async function keepPlan(intake: Intake, orphans: readonly Orphan[]): Promise<Segment> {
  const plans = orphans.map((orphan) => {
    return { ...orphan, sha256: parseSha256Hash(parseBase64Url(orphan.sha256)) };
  });
  return intake.boot.journal.append([planRecord(plans)]);
}

/** What earlier boots of this writer left. */
export class Inheritance {
  readonly #taken: TakenJournal;
  readonly #plans: Map<string, PlannedPayload>;
  readonly #pending: PendingEntries;

  /** Makes every entry of the journal pending; those in the log go when it is learnt. */
  constructor(
    context: LedgerContext,
    taken: TakenJournal,
    pending: PendingEntries,
    identities: IdempotencyWindow,
  ) {
    this.#taken = taken;
    this.#pending = pending;
    const plans = taken.segments.flatMap((segment) => segment.plans);
    this.#plans = new Map(plans.map((plan) => [plan.key, plan]));
    for (const entry of recoveredEntries(taken.segments, context.clock())) {
      if (pending.has(entry.identity)) {
        entry.segment.release();
        continue;
      }
      pending.add(entry);
      const { idk, idb, jti, at } = parseEntry(entry.bytes).payload;
      if (idk !== undefined && idb !== undefined) {
        identities.record(idk, { jti, idb, receipt: null, index: null }, at);
      }
    }
  }

  /** A batch names this payload object: it is no orphan. */
  isNamed(key: string): void {
    this.#plans.delete(key);
  }

  /**
   * Reports numbers that neither the log nor the journal has, of boots that the journal goes on with: what stood there
   * was acknowledged, and this disk has lost it. Call when the log is learnt.
   */
  noteHoles(context: LedgerContext, state: LogState): void {
    const last = new Map<string, number>();
    for (const { facts } of this.#pending.values()) {
      const { writer, boot, seq } = facts;
      const before = last.get(boot) ?? bootHead(state, writer, boot)?.seq ?? -1;
      if (seq > before + 1) context.finding('seq_hole', { boot, from: before + 1, to: seq - 1 });
      last.set(boot, Math.max(before, seq));
    }
  }

  /** Payload objects that were uploaded for batches that never came to be. Call when the log is learnt. */
  async orphans(context: LedgerContext): Promise<Orphan[]> {
    return findOrphans(context, [...this.#plans.values()]);
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
