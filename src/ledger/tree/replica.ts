/**
 * The tree as this process has learnt it, and all that is derived from it: signed heads, proofs, the static view, the
 * places of entries. Fed with every batch, own or foreign.
 */
import { LRUCache } from 'lru-cache';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import { edgeHead, parseTreeSize } from '../../core/tree/tree.ts';
import type { TreeHead } from '../../core/tree/tree.ts';
import { AdmissionTimes } from '../log/admission-times.ts';
import { BatchReader } from './batch-reader.ts';
import type { LeafStretch } from './batch-reader.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError } from '../context/errors.ts';
import { HeadSigner } from './head-signer.ts';
import { RECENT_NOTES, SNAPSHOT_BATCHES, UNPUBLISHED_BYTES_MAX } from '../context/limits.ts';
import type { LearntBatch, LogView } from '../log/view.ts';
import { lookBack } from '../log/look-back.ts';
import type { PastBatch } from '../log/look-back.ts';
import type { PendingEntries, PendingReceipt } from '../journal/pending.ts';
import { EntryReader } from './reader.ts';
import type { FoundEntry, ProofAt, SealedAt, SignedHead } from '../context/receipt.ts';
import { SignerGuard } from './signer-guard.ts';
import { loadSnapshot, saveSnapshot } from './snapshot.ts';
import type { Reading, Turn } from './stretch-reader.ts';
import { TileReader } from './tile-reader.ts';
import { TileTree } from './tiles.ts';
import { learnToTip } from '../log/tip.ts';
import { checkpointVerifiers, readPublished, ViewPublisher } from './static-view.ts';

/** What a replica works with. */
export interface ReplicaParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly pending: PendingEntries;
  /** Folder of the heads that the checkpoint key signed. */
  readonly heads: string;
  /** Folder of the snapshot. */
  readonly folder: string;
  /** Told of batches that were learnt by an earlier process and are read once more. */
  readonly onPast: (batch: PastBatch) => void;
  readonly onHalt: (error: unknown) => void;
}

/** Everything that is read from a log. */
export class Replica {
  readonly #context: LedgerContext;
  readonly #view: LogView;
  readonly #tree = new TileTree();
  readonly #times = new AdmissionTimes();
  readonly #tiles: TileReader;
  readonly #batches: BatchReader;
  readonly #entries: EntryReader;
  readonly #publisher: ViewPublisher;
  readonly #guard: SignerGuard;
  readonly #signer: HeadSigner;
  readonly #notes = new LRUCache<number, string>({ max: RECENT_NOTES });
  readonly #closing = new AbortController();
  #publishing: Promise<void> = Promise.resolve();
  readonly #parts: ReplicaParts;
  #started = false;
  /** Number of the last batch in the snapshot. */
  #savedNumber = -1;

  constructor(parts: ReplicaParts) {
    const { context, view, pending } = parts;
    this.#parts = parts;
    this.#context = context;
    this.#view = view;
    const batches = new BatchReader(context, view, this.#times);
    this.#batches = batches;
    const leaves = (first: number, end: number) => batches.between(first, end);
    const { store, keys, finding } = context;
    const tiles = new TileReader({ store, keys, finding, leaves }, this.#tree);
    this.#tiles = tiles;
    this.#guard = new SignerGuard({
      files: context.files,
      folder: parts.heads,
      signer: context.checkpointSigner,
      origin: context.genesis.origin,
      prove: async (from, to) => tiles.path(from, to),
    });
    this.#entries = new EntryReader({ context, view, pending, tiles, batches });
    this.#publisher = new ViewPublisher(context, this.#tree, tiles);
    this.#signer = new HeadSigner(context, this.#guard, parts.onHalt);
  }

  /** The newest signed head; null before the first. */
  get head(): SignedHead | null {
    return this.#signer.head;
  }

  /** Tree size of the published static view. */
  get publishedSize(): number {
    return this.#publisher.size;
  }

  /** Takes a batch that was just learnt. */
  learn(learnt: LearntBatch): void {
    this.#tree.add(learnt.leaves, learnt.leafHashes);
    this.#batches.remember(learnt);
    this.#entries.remember(learnt);
    // Before the start, heads of the past come by, which are no news to sign.
    if (this.#started) this.#signer.sign(learnt.state);
  }

  /** Remembers whom to tell when a signed head covers an entry. */
  await(receipt: PendingReceipt, at: SealedAt): void {
    this.#signer.await(receipt, at);
  }

  /**
   * Learns the log to its end, and holds it against the published checkpoint: a log that is shorter than a head of it,
   * or another, was rolled back or forked, and nothing is signed. May be called again after any failure.
   *
   * @param signal - Ends it early.
   * @throws {@link HaltError} `head_conflict`.
   */
  async catchUp(signal: AbortSignal): Promise<void> {
    await this.#guard.load();
    if (this.#tree.size === 0) await this.#restore();
    const own = checkpointVerifiers(this.#context, this.#view.state);
    const { checkpoint } = await readPublished(this.#context, own);
    if (checkpoint !== null) this.#tree.skipTo(checkpoint.head.size);
    await this.#learn(signal);
    await this.#guard.check(edgeHead(this.#view.state.edge));
    const all = checkpointVerifiers(this.#context, this.#view.state);
    const published = (await readPublished(this.#context, all)).checkpoint;
    if (published === null) return;
    // Another gateway may have published since the look at the tip.
    if (published.head.size > this.#view.state.size) await this.#learn(signal);
    await this.#guard.witness(published.head, edgeHead(this.#view.state.edge));
    this.#publisher.found(published.head.size);
  }

  /** From here on every new head is signed, and the static view is published at its cadence. */
  start(): void {
    this.#started = true;
    this.#signer.sign(this.#view.state);
    this.#publishing = this.#publishAtCadence();
  }

  /** An entry by id or leaf index. */
  async entry(idOrIndex: string | number, turn?: Turn): Promise<FoundEntry | null> {
    return this.#entries.find(idOrIndex, turn);
  }

  /** Sealed entries in a row. */
  async stretch(
    first: number,
    count: number,
    reading?: Reading,
  ): Promise<readonly (FoundEntry | null)[]> {
    return this.#entries.stretch(first, count, reading);
  }

  /** Where the entries of a time stand. */
  async admitted(from: number, to: number): Promise<readonly LeafStretch[]> {
    return this.#batches.admitted(from, to);
  }

  /** A verified inclusion proof, to the newest signed head or to one of `size`. */
  async inclusion(index: number, size?: number): Promise<ProofAt> {
    const head = await this.#headAt(size);
    const { path } = await this.#tiles.inclusion(index, head);
    return { index, path, head };
  }

  /** A verified consistency proof. */
  async consistency(from: number, to: number): Promise<readonly Sha256Hash[]> {
    const [older, newer] = await Promise.all([this.#headAt(from), this.#headAt(to)]);
    return this.#tiles.consistency(older, newer);
  }

  /** A file of the static view, as new as this process knows it. */
  async readView(path: string): Promise<Uint8Array | null> {
    if (path !== 'checkpoint') return this.#tiles.read(path);
    return this.head === null ? null : utf8Bytes(this.head.note);
  }

  /** Signs and publishes what is there, as far as the store lets it. @returns receipts that no head covers. */
  async close(): Promise<readonly PendingReceipt[]> {
    this.#closing.abort();
    await this.#publishing;
    await this.#signer.settled();
    // What was sealed since the last turn.
    if (this.#started) await this.#publish();
    const left = await this.#signer.close();
    await this.#guard.close();
    return left;
  }

  /** Goes on from what an earlier process of this writer had learnt, if the store still has it. */
  async #restore(): Promise<void> {
    const { files, genesis, log } = this.#context;
    const snapshot = await loadSnapshot(files, this.#parts.folder, genesis);
    if (snapshot === null) return;
    const { state, tiles, admitted } = snapshot;
    const bases = [...this.#parts.pending.values()].map(({ base }) => base);
    const past = await lookBack(this.#view, state, Math.min(Infinity, ...bases));
    if (past === null) {
      log.warn('snapshot_refused', { number: state.number });
      return;
    }
    this.#view.restore(state);
    this.#tree.restore(tiles);
    this.#times.restore(admitted);
    this.#savedNumber = state.number;
    for (const batch of past) {
      this.#batches.remember(batch);
      this.#entries.remember(batch);
      this.#parts.onPast(batch);
    }
  }

  /** Keeps what is learnt for the next start, when it is worth it and every full tile is in the store. */
  async #save(batchesMin: number): Promise<void> {
    if (this.#view.state.number - this.#savedNumber < batchesMin) return;
    await this.#publisher.publishFull();
    const tiles = this.#tree.image();
    if (tiles === null) return;
    // All of it changes together, in one turn: this is of one moment.
    const { state } = this.#view;
    const admitted = this.#times.runs;
    await saveSnapshot(this.#context.files, this.#parts.folder, { state, tiles, admitted });
    this.#savedNumber = state.number;
  }

  async #learn(signal: AbortSignal): Promise<void> {
    await learnToTip(this.#view, signal, async () => {
      if (this.#tree.fullBytes > UNPUBLISHED_BYTES_MAX) await this.#publisher.publishFull();
    });
  }

  async #publishAtCadence(): Promise<void> {
    const { signal } = this.#closing;
    // What a long way to the end of the log was learnt for is not learnt again if this life is short.
    await this.#derive(async () => this.#save(SNAPSHOT_BATCHES));
    while (!signal.aborted) {
      await this.#context.sleep(this.#context.settings.publishMs, signal);
      await this.#publish();
    }
  }

  async #publish(): Promise<void> {
    const head = this.#signer.head;
    // Others could not tell our checkpoint from junk before a batch has named its key.
    const { kid } = this.#context.checkpointCert;
    if (head === null || this.#view.state.keys.get(kid) === undefined) return;
    await this.#derive(async () => {
      const verifiers = checkpointVerifiers(this.#context, this.#view.state);
      await this.#publisher.publish(head, verifiers);
      await this.#save(this.#closing.signal.aborted ? 1 : SNAPSHOT_BATCHES);
    });
  }

  /** What is derived never stops the ledger: it is tried again at the next turn. */
  async #derive(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#context.log.warn('view_not_published', { error, size: this.#view.state.size });
    }
  }

  /** A head of the log at some size, proven to be part of the newest. */
  async #headAt(size: number | undefined): Promise<SignedHead> {
    const newest = this.#signer.head;
    if (newest === null) throw new HaltError('head_conflict', 'no head is signed yet');
    this.#notes.set(newest.size, newest.note);
    if (size === undefined || size === newest.size) return newest;
    const head = { size: parseTreeSize(size), root: await this.#tiles.root(size) };
    const anchor: TreeHead = size < newest.size ? newest : edgeHead(this.#view.state.edge);
    await this.#tiles.consistency(head, anchor);
    return { ...head, note: this.#notes.get(size) ?? '' };
  }
}
