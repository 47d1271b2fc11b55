/**
 * The writing side: takes entries while the journal may carry them, and deals with everything that ends or begins a
 * boot. `append` is refused until the boot entry is sealed; from then on outages of the store are the journal's.
 */
import { assert } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { beginBoot, bootDraft, lineageOf, reissue } from './boot.ts';
import type { Boot, BootParts } from './boot.ts';
import { HaltError, LedgerHaltedError, NotTakenError } from '../context/errors.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { IdempotencyWindow } from './idempotency.ts';
import type { Learner } from './learn.ts';
import type { EntryDraft, Receipt } from '../context/receipt.ts';
import { systemDraft } from './system-entry.ts';

/** What an intake works with besides the parts of its boots. */
export interface IntakeParts extends BootParts {
  readonly learner: Learner;
  readonly clocks: ClockWatch;
  readonly identities: IdempotencyWindow;
  /** Entries have become pending. */
  readonly onPending: () => void;
}

/** Takes the entries of one writer. */
export class Intake {
  readonly #parts: IntakeParts;
  #boot: Boot | null = null;
  /** Those who wait for the boot entry, to look again. */
  #waiting: (() => void)[] = [];
  #open = false;
  #closing = false;
  /** Whether the boot has its first entry, and what it issues again. */
  #isBegun = false;
  #halted: unknown = null;
  #inFlightBytes = 0;
  /** The policy whose decisions this writer takes. */
  #deciding: string | null;
  /** The last batch, and when it was sealed or, of a clock ahead of ours, learnt. */
  #last = { number: -1, atMs: 0 };
  /** Which part of the heartbeat interval this process waits, 0.75 to 1. */
  readonly #patience: number;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#deciding = parts.context.settings.policy;
    const [byte = 0] = parts.context.random(1);
    this.#patience = 0.75 + byte / 1024;
  }

  /** The boot that issues now. */
  get boot(): Boot {
    assert(this.#boot !== null, 'a boot has begun');
    return this.#boot;
  }

  /** Id of the present boot; empty before the first. */
  get bootId(): string {
    return this.#boot?.id ?? '';
  }

  /** The policy that this writer has adopted, in the order of its entries. */
  get deciding(): string | null {
    return this.#deciding;
  }

  /** Bytes that are durable or on their way to it, and not sealed. */
  get backlogBytes(): number {
    return this.#parts.pending.bytes + this.#inFlightBytes;
  }

  /** Why nothing is taken now; null when entries are. */
  get refusal(): string | null {
    if (this.#halted !== null) return isFinal(this.#halted) ? 'ledger_final' : 'ledger_halted';
    if (this.#closing) return 'closing';
    if (this.#parts.clocks.isOff) return 'clock_skew';
    if (!this.#open) return 'store_unreachable';
    return this.#isFull(0) ? 'backlog_full' : null;
  }

  /**
   * Begins the first boot of this process, behind what earlier ones left.
   * @param firstSegment - Number of its first journal segment.
   */
  async begin(firstSegment: number): Promise<void> {
    await this.#begin(firstSegment);
  }

  /** Takes entries, all or none. Resolves when they are durable. */
  async append(drafts: readonly EntryDraft[]): Promise<readonly Receipt[]> {
    // Whoever decides again does so under the same identity: it is not released.
    if (!drafts.every((draft) => this.isCurrent(draft))) {
      throw new NotTakenError(
        'policy_superseded',
        'another policy is in charge than the one asked',
      );
    }
    const bytes = drafts.reduce((total, draft) => total + sizeOf(draft), 0);
    try {
      this.#assertTaking(bytes);
      return await this.#issue(drafts, bytes);
    } catch (error) {
      // A repetition finds that there was no such write.
      for (const { idk } of drafts) if (idk !== undefined) this.#parts.identities.release(idk);
      throw error;
    }
  }

  /** Whether what a policy decided may stand as the next entry of this writer. */
  isCurrent({ policy = null, at }: Pick<EntryDraft, 'policy' | 'at'>): boolean {
    if (this.#parts.context.policies === null || policy === null) return true;
    if (policy !== this.#deciding) return false;
    const until = this.#parts.view.state.policies.get(policy)?.until ?? null;
    return until === null || at <= until;
  }

  /** Says what decides, before the first boot entry says so in the log. */
  decideWith(policy: string | null): void {
    this.#deciding = policy;
  }

  /**
   * Adopts a policy: it decides from the next entry of this writer on.
   * @param go - Makes it decide; called in the turn in which the adoption gets its place.
   */
  async adopt(policy: { readonly id: string; readonly index: number | null }, go: () => void) {
    this.#assertTaking(0);
    const { id, index } = policy;
    const before = this.#deciding;
    go();
    this.#deciding = id;
    try {
      await this.#issueSystem('policy', {
        ...{ act: 'adopt', id, digest: null, revision: null, previous: before, signer: null },
        ...{ approvals: [], grace: null, activation: index },
      });
      // Until it is sealed, others cannot tell that somebody runs it.
      this.#parts.onAwaited();
    } catch (error) {
      // It has no place after all, nor has anything behind it.
      this.#deciding = before;
      throw error;
    }
  }

  /** Appends an entry of the system itself. */
  async appendSystem(kind: string, ctl: JsonObject): Promise<Receipt> {
    this.#assertTaking(0);
    return this.#issueSystem(kind, ctl);
  }

  /** Between two batches: a boot that has a double, or whose clock was set back, ends, and what can never be sealed as it is, is issued again. */
  async settle(): Promise<void> {
    const { learner } = this.#parts;
    if (this.#halted !== null) return;
    // A boot whose first entries could not be signed has not begun: nobody else would begin it again.
    if (!this.#isBegun || learner.cloned || this.#isClockBehind()) await this.#reboot();
    else if (learner.suspect) await this.#reissueStranded();
    await this.#beat();
  }

  /** Takes nothing more, and ends the boot with a `close` entry if it had begun. @returns its receipt. */
  async close(): Promise<Receipt | null> {
    const wasOpen = this.#open && this.#halted === null && !this.#closing;
    this.#closing = true;
    this.#tellWaiting();
    return wasOpen ? this.#issueSystem('close', { reason: 'shutdown' }) : null;
  }

  /** Ends the journal's writing. */
  async end(): Promise<void> {
    await this.#boot?.issuer.idle();
    await this.#boot?.journal.close();
  }

  /** Takes nothing ever again. */
  halt(cause: unknown): void {
    this.#halted ??= cause;
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #begin(firstSegment: number): Promise<void> {
    const { learner, view } = this.#parts;
    this.#open = false;
    this.#isBegun = false;
    const lineage = lineageOf(this.#parts, firstSegment);
    const boot = beginBoot(this.#parts, lineage);
    this.#boot = boot;
    learner.begin(boot.id);
    const stranded = learner.stranded(view.state);
    const [entry] = await boot.issuer.issue([bootDraft(this.#parts, lineage, this.#deciding)]);
    assert(entry?.receipt != null, 'a boot entry has a receipt');
    await reissue(this.#parts, boot, stranded);
    this.#isBegun = true;
    void entry.receipt.sealed.then(
      () => {
        this.#open = this.#boot === boot;
        this.#tellWaiting();
      },
      () => undefined,
    );
    this.#parts.onPending();
  }

  /** Resolves when the present boot is open. @throws as {@link append} would for ever. */
  async opened(): Promise<void> {
    if (this.#open) return;
    if (this.#halted !== null) throw halted(this.#halted);
    if (this.#closing) throw new NotTakenError('closing', 'the ledger is closing');
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    await this.opened();
  }

  async #reboot(): Promise<void> {
    const old = this.boot;
    this.#open = false;
    await old.issuer.idle();
    await old.journal.close();
    await this.#begin(old.journal.nextNumber);
  }

  /** Everything would be refused as stale until the clock is back where it was; times only grow within a boot. */
  #isClockBehind(): boolean {
    const { context, view } = this.#parts;
    const behind = this.boot.issuer.highestAt - context.clock();
    if (behind <= view.state.config.maxDecisionMs) return false;
    context.finding('clock_went_back', { ms: behind });
    return true;
  }

  async #reissueStranded(): Promise<void> {
    const { learner, view } = this.#parts;
    const stranded = learner.stranded(view.state);
    try {
      if (stranded.length > 0) await reissue(this.#parts, this.boot, stranded);
    } catch (error) {
      learner.suspectAgain();
      throw error;
    }
  }

  /**
   * An idle log says at its interval that it is alive, so that cutting its tail shows. Each process is a little early by
   * a part of its own, so that mostly one of them says so for all.
   */
  async #beat(): Promise<void> {
    const { view, pending } = this.#parts;
    const { heartbeatMs } = view.state.config;
    if (!this.#open || this.#closing || pending.size > 0) return;
    if (this.#silenceMs() >= heartbeatMs * this.#patience) await this.#issueSystem('heartbeat', {});
  }

  /** Since the last batch, by this clock: another writer's may be ahead, and would keep everybody silent. */
  #silenceMs(): number {
    const { context, view } = this.#parts;
    const { number, time } = view.state;
    const now = context.clock();
    if (this.#last.number !== number) this.#last = { number, atMs: Math.min(time, now) };
    return now - this.#last.atMs;
  }

  async #issueSystem(kind: string, ctl: JsonObject): Promise<Receipt> {
    const { context, view } = this.#parts;
    const [receipt] = await this.#issue([systemDraft(context, view.state.config, kind, ctl)], 0);
    assert(receipt !== undefined, 'an entry has a receipt');
    return receipt;
  }

  async #issue(drafts: readonly EntryDraft[], bytes: number): Promise<readonly Receipt[]> {
    this.#inFlightBytes += bytes;
    try {
      const entries = await this.boot.issuer.issue(drafts);
      this.#parts.onPending();
      return entries.map(({ receipt }) => {
        assert(receipt !== null, 'an entry of this boot has a receipt');
        return receipt;
      });
    } finally {
      this.#inFlightBytes -= bytes;
    }
  }

  #assertTaking(bytes: number): void {
    if (this.#halted !== null) throw halted(this.#halted);
    if (this.#closing) throw new NotTakenError('closing', 'the ledger is closing');
    if (this.#parts.clocks.isOff) {
      throw new NotTakenError('clock_skew', 'the clocks of this machine and of the store differ');
    }
    if (!this.#open) {
      throw new NotTakenError(
        'store_unreachable',
        'the boot entry of this process is not sealed yet',
      );
    }
    if (this.#isFull(bytes)) {
      throw new NotTakenError(
        'backlog_full',
        'the journal carries all that it may: the store is slow',
      );
    }
  }

  #isFull(bytes: number): boolean {
    const { context, pending } = this.#parts;
    const { backlogBytes, backlogMs } = context.settings;
    if (this.backlogBytes + bytes > backlogBytes) return true;
    return pending.oldestMs !== null && context.clock() - pending.oldestMs > backlogMs;
  }
}

/** About what an entry takes: its prefix in base64url, the rest of the JWS, its record. */
function sizeOf({ prefix, record }: EntryDraft): number {
  return Math.ceil((prefix.length * 4) / 3) + 512 + (record?.length ?? 0);
}

function isFinal(error: unknown): boolean {
  return error instanceof HaltError && error.code === 'ledger_final';
}

function halted(cause: unknown): LedgerHaltedError {
  const message = cause instanceof Error ? cause.message : 'something went wrong';
  return new LedgerHaltedError(`the ledger has halted: ${message}`, cause);
}
