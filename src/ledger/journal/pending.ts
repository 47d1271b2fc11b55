import type { LeafFacts } from '../../core/log/batch-plan.ts';
import { assert } from '../../core/errors.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { REFERENCE_BYTES_MAX } from '../context/limits.ts';
import type { EntryRetention, PublishedAt, Receipt, SealedAt } from '../context/receipt.ts';
import type { Segment } from './segment.ts';

/** An entry that is durable in the journal and not known to be in the log. */
export interface PendingEntry {
  /** SHA-256 of its signing input, base64url: by it alone an entry is known again. */
  readonly identity: string;
  readonly facts: LeafFacts;
  /** The leaf's bytes. */
  readonly bytes: Uint8Array;
  readonly record: Uint8Array | null;
  readonly jti: string;
  readonly at: number;
  readonly ret: EntryRetention;
  readonly idk: string | null;
  /** Identity of the entry that this one reissues. */
  readonly was: string | null;
  /** Certificate of the key that signed it. */
  readonly cert: Statement;
  readonly segment: Segment;
  /** When it was journalled, epoch ms. */
  readonly sinceMs: number;
  /** Slots below this did not hold it when it was made. */
  readonly base: number;
  /** Null for an entry of an earlier boot, whose caller is gone. */
  readonly receipt: PendingReceipt | null;
  /** Whether this process has checked its form, when it issued it. */
  readonly checked: boolean;
}

/** The receipt of an entry; its promises are made when somebody asks for them. */
export class PendingReceipt implements Receipt {
  readonly jti: string;
  readonly jws: string;
  readonly #sealed: Later<SealedAt>;
  readonly #published = new Later<PublishedAt>();

  /** @param onAwaited - Somebody waits for the seal, which is not there yet. */
  constructor(jti: string, jws: string, onAwaited: () => void) {
    this.jti = jti;
    this.jws = jws;
    this.#sealed = new Later(onAwaited);
  }

  get sealed(): Promise<SealedAt> {
    return this.#sealed.promise;
  }

  get published(): Promise<PublishedAt> {
    // A head covers nothing that is not sealed.
    void this.sealed;
    return this.#published.promise;
  }

  /** Tells where the entry is in the log. */
  seal(at: SealedAt): void {
    this.#sealed.resolve(at);
  }

  /** Tells which signed head covers it. */
  publish(at: PublishedAt): void {
    this.#published.resolve(at);
  }

  /** Tells that this process stops first. What is settled stays. */
  fail(error: Error): void {
    this.#sealed.reject(error);
    this.#published.reject(error);
  }
}

/** A promise that exists only if it is asked for: most callers never wait past `durable`. */
class Later<T> {
  readonly #onAwaited: () => void;
  #promise: Promise<T> | null = null;
  #settle: ((promise: Promise<T>) => void) | null = null;

  constructor(onAwaited: () => void = () => undefined) {
    this.#onAwaited = onAwaited;
  }

  get promise(): Promise<T> {
    if (this.#promise === null) {
      this.#promise = new Promise<T>((resolve) => {
        this.#settle = resolve;
      });
      mayFail(this.#promise);
      this.#onAwaited();
    }
    return this.#promise;
  }

  resolve(value: T): void {
    this.#end(Promise.resolve(value));
  }

  reject(error: Error): void {
    const failed = Promise.reject<T>(error);
    mayFail(failed);
    this.#end(failed);
  }

  #end(outcome: Promise<T>): void {
    if (this.#promise === null) this.#promise = outcome;
    else this.#settle?.(outcome);
    this.#settle = null;
  }
}

/** Nobody need be listening when the process stops. */
function mayFail(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/** Bounds of one batch, in bytes but for `entries`. `headerBytes` is what its leaves may add to the header. */
export interface BatchBounds {
  readonly entries: number;
  readonly leafBytes: number;
  readonly recordBytes: number;
  readonly headerBytes: number;
}

/** All entries that are durable and not known to be in the log, in the order in which they are to be sealed. */
export class PendingEntries {
  readonly #entries = new Map<string, PendingEntry>();
  readonly #byJti = new Map<string, PendingEntry>();
  /** Reissues by what they reissue. */
  readonly #byWas = new Map<string, PendingEntry>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of leaves and records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest was journalled, epoch ms; null when there is none. */
  get oldestMs(): number | null {
    for (const entry of this.#entries.values()) return entry.sinceMs;
    return null;
  }

  /** Adds an entry behind all others. */
  add(entry: PendingEntry): void {
    assert(!this.#entries.has(entry.identity), 'an entry is made once');
    this.#entries.set(entry.identity, entry);
    this.#byJti.set(entry.jti, entry);
    if (entry.was !== null) this.#byWas.set(entry.was, entry);
    this.#bytes += sizeOf(entry);
  }

  /** Takes an entry out: it was seen in the log. @returns undefined when it was not pending. */
  drop(identity: string): PendingEntry | undefined {
    const entry = this.#entries.get(identity);
    if (entry === undefined) return undefined;
    this.#entries.delete(identity);
    if (this.#byJti.get(entry.jti) === entry) this.#byJti.delete(entry.jti);
    if (entry.was !== null) this.#byWas.delete(entry.was);
    this.#bytes -= sizeOf(entry);
    return entry;
  }

  has(identity: string): boolean {
    return this.#entries.has(identity);
  }

  /** The pending reissue of an entry. */
  reissueOf(identity: string): PendingEntry | undefined {
    return this.#byWas.get(identity);
  }

  find(jti: string): PendingEntry | undefined {
    return this.#byJti.get(jti);
  }

  /** The first entries that fit a batch, at least one if there is any. They stay. */
  first(bounds: BatchBounds): PendingEntry[] {
    const taken: PendingEntry[] = [];
    const ids = new Set<string>();
    const named = new Set<string>();
    let [leafBytes, recordBytes, headerBytes] = [0, 0, 0];
    for (const entry of this.#entries.values()) {
      leafBytes += entry.bytes.length + 2;
      recordBytes += entry.record?.length ?? 0;
      headerBytes += headerCost(entry, taken.at(-1), named);
      const full =
        taken.length >= bounds.entries ||
        leafBytes > bounds.leafBytes ||
        recordBytes > bounds.recordBytes ||
        headerBytes > bounds.headerBytes;
      // An id is unique within a batch: an entry and its reissue can both be pending after a clone.
      if ((full && taken.length > 0) || ids.has(entry.jti)) break;
      ids.add(entry.jti);
      taken.push(entry);
    }
    return taken;
  }

  /** All of them, in order. */
  values(): IterableIterator<PendingEntry> {
    return this.#entries.values();
  }
}

function sizeOf(entry: PendingEntry): number {
  return entry.bytes.length + (entry.record?.length ?? 0);
}

/**
 * At most what a leaf adds to a header: its offset in `control`, a run, its share of a payload's members, and for the
 * first of a key or of a class and mode its certificate or the reference to the payload object.
 *
 * @param named - Keys and payload objects that the header has.
 */
function headerCost(
  { facts, record, ret, cert }: PendingEntry,
  before: PendingEntry | undefined,
  named: Set<string>,
): number {
  const control = facts.control ? 8 : 0;
  const run = facts.boot === before?.facts.boot ? 0 : 160;
  // A member holds at least half of its bound, or one long record.
  const members = record === null ? 0 : Math.min(24, record.length / 1000);
  const once = (name: string, bytes: number): number => {
    if (named.has(name)) return 0;
    named.add(name);
    return bytes;
  };
  const certificate = once(facts.kid, cert.join().length + 16);
  const reference = record === null ? 0 : once(`${ret.class} ${ret.mode}`, REFERENCE_BYTES_MAX);
  return control + run + members + certificate + reference;
}
