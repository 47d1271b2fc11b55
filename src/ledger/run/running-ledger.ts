/** A ledger that is open in this process: assembles its parts and keeps them in step. */
import type { Activation } from '../../core/ledger/log-position.ts';
import type { ApprovalContext } from '../../core/ledger/approval.ts';
import { sha256Base64Url } from '#platform';
import { approvalContext } from '../../core/log/policy-effect.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { Adoption } from './adoption.ts';
import { Alarms } from './alarms.ts';
import type { LeafStretch } from '../tree/batch-reader.ts';
import type { Boot } from '../write/boot.ts';
import { ClockWatch } from '../write/clock-watch.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError, LedgerHaltedError } from '../context/errors.ts';
import type { FindingCounter } from '../context/findings.ts';
import { IdempotencyWindow } from '../write/idempotency.ts';
import type { Reservation } from '../write/idempotency.ts';
import { Intake } from '../write/intake.ts';
import type { Ledger } from '../ledger.ts';
import { Learner } from '../write/learn.ts';
import { IDENTITIES_MAX, IDENTITY_MS_MAX } from '../context/limits.ts';
import { certificatesOf, logKeys } from '../log/keys.ts';
import type { LogKeys } from '../log/keys.ts';
import { readKeyStatement } from '../write/key-statements.ts';
import { LogView } from '../log/view.ts';
import type { LearntBatch } from '../log/view.ts';
import type { PastBatch } from '../log/look-back.ts';
import { PendingEntries } from '../journal/pending.ts';
import { archivePolicy, readArchivedPolicy } from '../log/policy-archive.ts';
import type {
  EntryDraft,
  FoundEntry,
  LedgerStatus,
  PolicyStatus,
  ProofAt,
  Receipt,
  SignedHead,
} from '../context/receipt.ts';
import { NextBatch } from '../write/next-batch.ts';
import { errorBy, refusalBy } from '../write/not-begun.ts';
import { Inheritance, recover } from './recovery.ts';
import { Replica } from '../tree/replica.ts';
import type { Reading, Turn } from '../tree/stretch-reader.ts';
import { Sequencer } from '../write/sequencer.ts';
import { SettingsWatch } from '../write/settings-watch.ts';
import type { TakenJournal, WriterFolder } from '../journal/writer-folder.ts';

/** What a ledger is assembled from. */
export interface RunningLedgerParts {
  readonly context: LedgerContext;
  readonly folder: WriterFolder;
  /** What earlier boots left. */
  readonly taken: TakenJournal;
  readonly findings: FindingCounter;
  /** What the store has failed with while the ledger was opened; null where it answered. */
  readonly storeFault: string | null;
}

/** The ledger of one process. Begins to learn and to seal when it is made. */
export class RunningLedger implements Ledger {
  readonly genesis: Genesis;
  readonly #context: LedgerContext;
  readonly #folder: WriterFolder;
  readonly #findings: FindingCounter;
  readonly #pending = new PendingEntries();
  readonly #identities = new IdempotencyWindow({
    entriesMax: IDENTITIES_MAX,
    ageMsMax: IDENTITY_MS_MAX,
  });
  readonly #view: LogView;
  readonly #replica: Replica;
  readonly #learner: Learner;
  readonly #intake: Intake;
  readonly #next: NextBatch;
  readonly #sequencer: Sequencer;
  readonly #clocks: ClockWatch;
  readonly #adoption: Adoption;
  readonly #alarms: Alarms;
  readonly #inheritance: Inheritance;
  readonly #closing = new AbortController();
  readonly #starting: Promise<void>;
  #closed: Promise<void> | null = null;
  /** Whether the log was learnt to its end: before that its end says more than what was read. */
  #isStarted = false;
  /** Tree size of the newest checkpoint that a batch carries. */
  #carriedSize = 0;
  /** What recovery failed with last. */
  #startFault: string | null;

  constructor({ context, folder, taken, findings, storeFault }: RunningLedgerParts) {
    this.genesis = context.genesis;
    this.#startFault = storeFault;
    this.#context = context;
    this.#folder = folder;
    this.#findings = findings;
    const clocks = new ClockWatch(context);
    this.#clocks = clocks;
    const onHalt = (error: unknown): void => {
      this.#halt(error);
    };
    const pending = this.#pending;
    const identities = this.#identities;
    this.#inheritance = new Inheritance(context, taken, pending, identities);
    const view = new LogView(context, (learnt) => {
      this.#learn(learnt);
    });
    this.#view = view;
    const onPast = (batch: PastBatch): void => {
      this.#learnPast(batch);
    };
    const { heads } = folder;
    const place = { heads, folder: context.settings.folder };
    this.#replica = new Replica({ context, view, pending, ...place, onPast, onHalt });
    this.#learner = new Learner(context, pending, identities, ({ receipt }, at) => {
      if (receipt === null) return;
      receipt.seal(at);
      this.#replica.await(receipt, at);
    });
    const onPending = (): void => {
      this.#sequencer.wake();
    };
    const boots = { context, view, pending, folder: folder.journal, onFailure: onHalt };
    const onAwaited = (): void => {
      this.hurry();
    };
    const wakes = { onPending, onAwaited };
    this.#intake = new Intake({ ...boots, ...wakes, clocks, identities, learner: this.#learner });
    const boot = (): Boot => this.#intake.boot;
    const checkpoints = (): readonly string[] => this.#notesToCarry();
    const next = new NextBatch({ context, view, pending, boot, checkpoints });
    this.#next = next;
    const intake = (): Intake => this.#intake;
    const { signal } = this.#closing;
    const entry = async (index: number): Promise<FoundEntry | null> => {
      return (await this.#replica.stretch(index, 1))[0] ?? null;
    };
    this.#adoption = new Adoption({ context, view, intake, entry, signal });
    this.#alarms = new Alarms({ context, view, intake, signal });
    const between = async (): Promise<void> => this.#intake.settle();
    const settings = new SettingsWatch(context);
    const watches = { clocks, settings };
    this.#sequencer = new Sequencer({ context, view, pending, next, ...watches, between, onHalt });
    this.#starting = this.#start();
  }

  get writer(): { readonly id: string; readonly boot: string } {
    return { id: this.#context.writer, boot: this.#intake.bootId };
  }

  async ready(): Promise<void> {
    await this.#intake.opened();
  }

  async append(drafts: readonly EntryDraft[]): Promise<readonly Receipt[]> {
    let receipts: readonly Receipt[];
    try {
      receipts = await this.#intake.append(drafts);
    } catch (error) {
      throw errorBy(error, this.#storeFault);
    }
    for (const [i, { idk, idb, jti, at }] of drafts.entries()) {
      if (idk === undefined || idb === undefined) continue;
      this.#identities.record(idk, { jti, idb, receipt: receipts[i] ?? null, index: null }, at);
    }
    return receipts;
  }

  async appendSystem(kind: string, ctl: Readonly<Record<string, unknown>>): Promise<Receipt> {
    try {
      return await this.#intake.appendSystem(kind, ctl as JsonObject);
    } catch (error) {
      throw errorBy(error, this.#storeFault);
    }
  }

  async appendKeyStatement(statement: Statement): Promise<Receipt> {
    readKeyStatement(this.#context, this.#view.state, statement);
    return this.appendSystem('key', { statement });
  }

  isCurrent(draft: Pick<EntryDraft, 'policy' | 'at'>): boolean {
    return this.#intake.isCurrent(draft);
  }

  policy(): PolicyStatus {
    const { active, fault, fallback } = this.#adoption;
    const { deciding } = this.#intake;
    const decides = this.#intake.isCurrent({ policy: deciding, at: this.#context.clock() });
    return { active, deciding, decides, fault, fallback };
  }

  policies(): readonly Activation[] {
    const all = [...this.#view.state.policies.entries()].map(([, policy]) => policy);
    return all.sort((a, b) => (a.index ?? -1) - (b.index ?? -1));
  }

  async adopted(index: number): Promise<void> {
    await this.#adoption.adopted(index);
  }

  approvalContext(): ApprovalContext {
    return approvalContext(this.#view.state);
  }

  async archivePolicy(id: string, archive: Uint8Array): Promise<void> {
    const { store, settings, clock } = this.#context;
    await archivePolicy(store, settings.ledger, this.genesis, { id, archive }, clock);
  }

  async archivedPolicy(id: string): Promise<Uint8Array | null> {
    const { store, settings } = this.#context;
    const known = this.#view.state.policies.get(id);
    return known === undefined ? null : readArchivedPolicy(store, settings.ledger, known);
  }

  async archivedDigest(id: string): Promise<string | null> {
    const { store, settings } = this.#context;
    const known = this.#view.state.policies.get(id) ?? { id, digest: null };
    const archive = await readArchivedPolicy(store, settings.ledger, known);
    return archive === null ? null : sha256Base64Url(archive);
  }

  reserve(idk: string, idb: string, owner: string): Reservation {
    return this.#identities.reserve(idk, idb, owner);
  }

  certificates(): readonly Statement[] {
    return certificatesOf(this.#context, this.#view.state);
  }

  keys(): LogKeys {
    return logKeys(this.#context, this.#view.state);
  }

  head(): SignedHead | null {
    return this.#replica.head;
  }

  async entry(idOrIndex: string | number, turn?: Turn): Promise<FoundEntry | null> {
    return this.#replica.entry(idOrIndex, turn);
  }

  async stretch(
    first: number,
    count: number,
    reading?: Reading,
  ): Promise<readonly (FoundEntry | null)[]> {
    return this.#replica.stretch(first, count, reading);
  }

  async admitted(from: number, to: number): Promise<readonly LeafStretch[]> {
    return this.#replica.admitted(from, to);
  }

  async inclusion(index: number, size?: number): Promise<ProofAt> {
    return this.#replica.inclusion(index, size);
  }

  async consistency(from: number, to: number): Promise<readonly Sha256Hash[]> {
    return this.#replica.consistency(from, to);
  }

  async readView(path: string): Promise<Uint8Array | null> {
    return this.#replica.readView(path);
  }

  async refresh(): Promise<void> {
    try {
      await this.#sequencer.refresh();
    } catch (error) {
      throw errorBy(error, this.#storeFault);
    }
  }

  hurry(): void {
    this.#sequencer.hurry();
  }

  status(): LedgerStatus {
    const { oldestMs } = this.#pending;
    const { refusal } = this.#intake;
    const storeFault = this.#storeFault;
    return {
      ready: refusal === null,
      reason: refusalBy(refusal, storeFault),
      backlogEntries: this.#pending.size,
      backlogBytes: this.#intake.backlogBytes,
      oldestUnsealedMs: oldestMs === null ? 0 : Math.max(0, this.#context.clock() - oldestMs),
      treeSize: this.#view.state.size,
      batchNumber: this.#view.state.number,
      publishedSize: this.#replica.publishedSize,
      storeFault,
      findings: this.#findings.counts,
    };
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  get #storeFault(): string | null {
    return this.#startFault ?? this.#sequencer.fault;
  }

  /** Recovery, then normal running. */
  async #start(): Promise<void> {
    // Yield, so that whoever made this object has it before anything happens.
    await Promise.resolve();
    try {
      const hasBegun = await recover({
        context: this.#context,
        view: this.#view,
        replica: this.#replica,
        inheritance: this.#inheritance,
        intake: this.#intake,
        adoption: this.#adoption,
        next: this.#next,
        clocks: this.#clocks,
        signal: this.#closing.signal,
        onFinal: () => {
          this.#end();
        },
        onReach: (fault) => {
          this.#startFault = fault;
        },
      });
      if (!hasBegun) return;
      this.#replica.start();
      this.#sequencer.start();
      this.#adoption.look();
      this.#alarms.look();
      this.#isStarted = true;
    } catch (error) {
      this.#halt(error);
    }
  }

  /** Every batch comes by here, once and in order: first what is pending, then what is derived. */
  #learn(learnt: LearntBatch): void {
    this.#learnPast(learnt);
    this.#replica.learn(learnt);
    if (learnt.state.final) this.#end();
    this.#adoption.look();
    if (this.#isStarted) this.#alarms.look();
  }

  /** The log has ended for good: nothing more is taken, by anybody; reading goes on. */
  #end(): void {
    const message = 'the last batch of this ledger says that none follows';
    const error = new HaltError('ledger_final', message);
    this.#intake.halt(error);
    this.#failReceipts(error);
  }

  #learnPast(batch: PastBatch): void {
    const { payloads, checkpoints, first } = batch.header;
    for (const { key } of payloads) {
      this.#inheritance.isNamed(key);
      this.#next.named(key);
    }
    if (checkpoints.length > 0) this.#carriedSize = first;
    this.#learner.learn(batch);
  }

  /** The newest checkpoint, unless a batch has it. */
  #notesToCarry(): readonly string[] {
    const { head } = this.#replica;
    return head === null || head.size <= this.#carriedSize ? [] : [head.note];
  }

  #halt(error: unknown): void {
    this.#context.log.error('ledger_halted', { error });
    this.#intake.halt(error);
    this.#closing.abort();
    // Sealing behind a log that is not what it was would fork it further.
    void this.#sequencer.stop();
    this.#failReceipts(error);
  }

  #failReceipts(cause: unknown): void {
    const message = 'stopped before it was sealed; the journal has it';
    const error = new LedgerHaltedError(message, cause, 'durable');
    for (const { receipt } of this.#pending.values()) receipt?.fail(error);
  }

  async #close(): Promise<void> {
    const { sleep, settings } = this.#context;
    const receipt = await this.#intake.close().catch(() => null);
    const deadline = sleep(settings.closeMs, this.#closing.signal);
    if (receipt !== null) await Promise.race([receipt.sealed.catch(() => undefined), deadline]);
    this.#closing.abort();
    await this.#starting;
    await this.#adoption.end();
    await this.#alarms.end();
    await this.#sequencer.stop();
    for (const left of await this.#replica.close()) left.fail(closedEarly());
    await this.#intake.end();
    this.#failReceipts(closedEarly());
    await this.#folder.lock.release();
  }
}

function closedEarly(): LedgerHaltedError {
  return new LedgerHaltedError('the ledger was closed first', undefined, 'durable');
}
