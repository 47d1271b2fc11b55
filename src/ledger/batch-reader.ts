/**
 * Finds batches in the store by leaf index or by time, with a binary search over headers. Nothing is kept in memory
 * for each entry or batch but a bounded cache; what is read here is believed only after a proof against the tree.
 */
import { LRUCache } from 'lru-cache';
import { parseBatchHeader } from '../core/batch-header.ts';
import type { BatchHeader } from '../core/batch-header.ts';
import { frameBatch } from '../core/batch.ts';
import { utf8Text } from '../core/bytes.ts';
import { MalformedError } from '../core/errors.ts';
import type { LedgerContext } from './context.ts';
import { HEADER_CACHE_ENTRIES, HEADER_READ_BYTES, TIME_SKEW_MS } from './limits.ts';
import type { LogView } from './log-view.ts';
import { oldestObject } from './slot.ts';

/** What a search needs of a batch. */
export interface BatchRange {
  readonly number: number;
  readonly first: number;
  readonly count: number;
  readonly time: number;
}

/** A batch's header with where it was read. */
export interface ReadHeader {
  readonly header: BatchHeader;
  readonly versionId: string;
}

const LF = 0x0a;

/** Finds and reads batches that are known to be in the log. */
export class BatchReader {
  readonly #context: LedgerContext;
  readonly #view: LogView;
  readonly #ranges = new LRUCache<number, BatchRange>({ max: HEADER_CACHE_ENTRIES });

  constructor(context: LedgerContext, view: LogView) {
    this.#context = context;
    this.#view = view;
  }

  /** Keeps what was just learnt: most questions are about what is new. */
  remember({ number, first, count, time }: BatchHeader): void {
    this.#ranges.set(number, { number, first, count, time });
  }

  /** The batch that holds a leaf; null when the store does not give it any more. */
  async byIndex(index: number): Promise<BatchRange | null> {
    const found = await this.#search((range) => range.first + range.count > index);
    return found !== null && found.first <= index ? found : null;
  }

  /**
   * Batches that may hold an entry admitted at `at`, nearest first: from a little before, for clocks differ, until the
   * batches are older than any outage that a journal carries.
   */
  async *around(at: number): AsyncGenerator<BatchRange> {
    const { settings } = this.#context;
    const { maxSealMs } = this.#view.state.config;
    const until = at + maxSealMs + settings.backlogMs + TIME_SKEW_MS;
    const found = await this.#search((range) => range.time >= at - TIME_SKEW_MS);
    let number = found?.number ?? Infinity;
    while (number <= this.#view.state.number) {
      const range = await this.#range(number);
      if (range !== null && range.time > until) return;
      if (range !== null) yield range;
      number += 1;
    }
  }

  /** Reads the header of a batch; null for a void slot, or one that the store does not give any more. */
  async header(number: number): Promise<ReadHeader | null> {
    const { store, keys } = this.#context;
    const key = keys.batch(number);
    const oldest = oldestObject(await store.listVersions(key));
    if (oldest === undefined) return null;
    const { versionId } = oldest;
    const { headerBytes } = this.#view.state.config.limits;
    for (const end of [HEADER_READ_BYTES, headerBytes + 1]) {
      const part = await store.get(key, { versionId, range: { start: 0, end } });
      const length = part?.bytes.indexOf(LF) ?? -1;
      if (part === null || length < 0) continue;
      return orNull(() => {
        const line = utf8Text(part.bytes.subarray(0, length));
        return { header: parseBatchHeader(line).header, versionId };
      });
    }
    return null;
  }

  /** All leaves of a batch; null as with {@link header}. */
  async leaves(number: number): Promise<readonly Uint8Array[] | null> {
    const slot = await this.#view.read(number);
    const bytes = slot?.bytes;
    if (bytes == null) return null;
    return orNull(() => frameBatch(bytes, this.#view.state.config.limits).leaves);
  }

  /** The first batch of which `isThere` holds, given that it holds of all after it. */
  async #search(isThere: (range: BatchRange) => boolean): Promise<BatchRange | null> {
    let [low, high] = [0, this.#view.state.number];
    let found: BatchRange | null = null;
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const range = await this.#atOrAfter(middle, high);
      if (range === null) high = middle - 1;
      else if (isThere(range)) [found, high] = [range, middle - 1];
      else low = range.number + 1;
    }
    return found;
  }

  /** The first valid batch of `[number, last]`: void slots have no range. */
  async #atOrAfter(number: number, last: number): Promise<BatchRange | null> {
    for (let at = number; at <= last; at += 1) {
      const range = await this.#range(at);
      if (range !== null) return range;
    }
    return null;
  }

  async #range(number: number): Promise<BatchRange | null> {
    const cached = this.#ranges.get(number);
    if (cached !== undefined) return cached;
    const read = await this.header(number);
    if (read?.header.number !== number) return null;
    this.remember(read.header);
    return this.#ranges.get(number) ?? null;
  }
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}
