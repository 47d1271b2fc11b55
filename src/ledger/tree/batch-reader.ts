/**
 * Finds batches in the store by leaf index or by time, with a binary search over headers. Nothing is kept in memory
 * for each entry or batch but a bounded cache; what is read here is believed only after a proof against the tree.
 */
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { parseBatchHeader } from '../../core/log/batch-header.ts';
import type { BatchHeader } from '../../core/log/batch-header.ts';
import { frameBatch } from '../../core/log/batch.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { MalformedError } from '../../core/errors.ts';
import type { AdmissionRun, AdmissionTimes } from '../log/admission-times.ts';
import type { LedgerContext } from '../context/context.ts';
import { HEADER_CACHE_ENTRIES, HEADER_READ_BYTES } from '../context/limits.ts';
import type { LogView } from '../log/view.ts';
import type { PastBatch } from '../log/look-back.ts';
import { oldestObject } from '../log/slot.ts';

/** What a search needs of a batch. */
export interface BatchRange {
  readonly number: number;
  readonly first: number;
  readonly count: number;
  readonly time: number;
  /** Lowest and highest admission time of its entries; null while nobody has read them. */
  readonly admitted: readonly [number, number] | null;
}

/** A batch's header with where it was read. */
export interface ReadHeader {
  readonly header: BatchHeader;
  readonly versionId: string;
}

/** Leaf indices in a row, the end excluded. */
export interface LeafStretch {
  readonly first: number;
  readonly end: number;
}

const LF = 0x0a;
/** Runs that a search by time looks into one by one. */
const RUNS_SEARCHED_MAX = 32;

/** Finds and reads batches that are known to be in the log. */
export class BatchReader {
  readonly #context: LedgerContext;
  readonly #view: LogView;
  readonly #times: AdmissionTimes;
  readonly #ranges = new LRUCache<number, BatchRange>({ max: HEADER_CACHE_ENTRIES });

  constructor(context: LedgerContext, view: LogView, times: AdmissionTimes) {
    this.#context = context;
    this.#view = view;
    this.#times = times;
  }

  /** Keeps what was just learnt: most questions are about what is new. */
  remember({ header, facts }: PastBatch): void {
    const { number, time } = header;
    const admitted = spanOf(facts);
    this.#times.add({ number, time, admitted });
    this.#keep(header, admitted);
  }

  /** The batch that holds a leaf; null when the store does not give it any more. */
  async byIndex(index: number): Promise<BatchRange | null> {
    const found = await this.#search((range) => range.first + range.count > index);
    return found !== null && found.first <= index ? found : null;
  }

  /** Batches that may hold an entry admitted at `at`, oldest first, however long after it they were sealed. */
  async *around(at: number): AsyncGenerator<BatchRange> {
    for (const run of this.#times.around(at)) {
      for await (const range of this.#inRun(run, at)) {
        const [low, high] = range.admitted ?? [-Infinity, Infinity];
        if (low <= at && at <= high) yield range;
      }
    }
  }

  /**
   * Stretches of leaf indices, in order, outside of which no entry was admitted in [`from`, `to`] (epoch ms): two
   * searches among headers for each run of batches. Inside there may be others.
   */
  async admitted(from: number, to: number): Promise<readonly LeafStretch[]> {
    const runs = this.#times.between(from, to);
    const [one, last] = [runs[0], runs.at(-1)];
    if (one === undefined || last === undefined) return [];
    // A ledger of many outages: what lies between them is read as well, rather than searching each.
    const few =
      runs.length <= RUNS_SEARCHED_MAX ? runs : [{ ...one, last: last.last, lagMs: null }];
    const stretches: LeafStretch[] = [];
    for (const { first, last: end, lagMs } of few) {
      const bound = [first, end] as const;
      // Batches are in order of time but for the lag, so past these marks nothing of the time comes before, or after.
      const begin =
        lagMs === null
          ? await this.#atOrAfter(first, end)
          : await this.#search((range) => range.time >= from - lagMs, bound);
      if (begin === null) continue;
      const after =
        lagMs === null ? null : await this.#search((range) => range.time > to + 2 * lagMs, bound);
      const beyond = after ?? (await this.#atOrAfter(end + 1, this.#view.state.number));
      stretches.push({ first: begin.first, end: beyond?.first ?? this.#view.state.size });
    }
    return stretches.filter(({ first, end }) => first < end);
  }

  /** Batches of a run: all of them, or where it is in order those dated within its bound. */
  async *#inRun({ first, last, lagMs }: AdmissionRun, at: number): AsyncGenerator<BatchRange> {
    let number = first;
    if (lagMs !== null) {
      const found = await this.#search((range) => range.time >= at - lagMs, [first, last]);
      number = found?.number ?? Infinity;
    }
    for (; number <= last; number += 1) {
      const range = await this.#range(number);
      if (range === null) continue;
      if (lagMs === null) yield range;
      // Batches of other writers may stand up to the bound before or behind their time.
      else if (range.time > at + 2 * lagMs) return;
      else if (range.time >= at && range.time <= at + lagMs) yield range;
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

  /** The leaves [`first`, `end`), batch by batch; it ends early at a batch that the store does not give any more. */
  async *between(first: number, end: number): AsyncGenerator<readonly Uint8Array[]> {
    let range = await this.byIndex(first);
    for (let at = first; range !== null && range.first <= at && at < end;) {
      const leaves = await this.leaves(range.number);
      if (leaves === null) return;
      const part = leaves.slice(at - range.first, end - range.first);
      if (part.length === 0) return;
      yield part;
      at += part.length;
      if (at < end) range = await this.#atOrAfter(range.number + 1, this.#view.state.number);
      // A file store answers before anything else gets a turn.
      await setImmediate();
    }
  }

  /** The first batch of a stretch of which `isThere` holds, given that it holds of all after it. */
  async #search(
    isThere: (range: BatchRange) => boolean,
    stretch: readonly [number, number] = [0, this.#view.state.number],
  ): Promise<BatchRange | null> {
    let [low, high] = stretch;
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
    return this.#keep(read.header, null);
  }

  #keep({ number, first, count, time }: BatchHeader, admitted: BatchRange['admitted']): BatchRange {
    const range = { number, first, count, time, admitted };
    this.#ranges.set(number, range);
    return range;
  }
}

function spanOf(facts: PastBatch['facts']): readonly [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const { at } of facts) [low, high] = [Math.min(low, at), Math.max(high, at)];
  return facts.length === 0 ? null : [low, high];
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}
