/** Reads entries with their records: from what is pending, or from the store with a proof against the tree. */
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { utf8Text } from '../../core/platform/bytes.ts';
import { uuid7Time } from '../../core/entry/uuid7.ts';
import { RECENT_ENTRIES } from '../context/limits.ts';
import type { PastBatch } from '../log/look-back.ts';
import type { PendingEntries } from '../journal/pending.ts';
import { idMatcher } from './leaf-id.ts';
import type { FoundEntry } from '../context/receipt.ts';
import { parseRecordLine } from '../journal/recovered.ts';
import { readStretch } from './stretch-reader.ts';
import type { Reading, StretchParts, Turn } from './stretch-reader.ts';
import { incomplete } from './tile-reader.ts';

/** What a reader reads from. */
export interface ReaderParts extends StretchParts {
  readonly pending: PendingEntries;
}

/** Finds entries by id or leaf index. */
export class EntryReader {
  readonly #parts: ReaderParts;
  readonly #recent = new LRUCache<string, number>({ max: RECENT_ENTRIES });

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** Remembers where the entries of a batch stand. */
  remember({ header, facts }: PastBatch): void {
    for (const [offset, { jti }] of facts.entries()) {
      // The first entry of an id is the one that is found by it.
      if (!this.#recent.has(jti)) this.#recent.set(jti, header.first + offset);
    }
  }

  /** Sealed entries in a row: see {@link readStretch}. */
  async stretch(
    first: number,
    count: number,
    reading?: Reading,
  ): Promise<readonly (FoundEntry | null)[]> {
    return readStretch(this.#parts, first, count, reading);
  }

  /**
   * @returns null for an entry that this ledger does not have, as far as it is known.
   * @throws SteleError `view_incomplete` for one that it has, and that neither its batch nor the static view gives.
   */
  async find(idOrIndex: string | number, turn?: Turn): Promise<FoundEntry | null> {
    if (typeof idOrIndex === 'number') return this.#sealed(idOrIndex, turn);
    const pending = this.#parts.pending.find(idOrIndex);
    if (pending !== undefined) {
      const record = parseRecordLine(pending.record)?.trimEnd() ?? null;
      const jws = utf8Text(pending.bytes);
      return { jti: pending.jti, index: null, jws, record, state: 'durable' };
    }
    const index = await this.#indexOf(idOrIndex);
    const found = index === null ? null : await this.#sealed(index, turn);
    // The place came from what the store gave; what stands there is proven.
    return found?.jti === idOrIndex ? found : null;
  }

  async #indexOf(jti: string): Promise<number | null> {
    const recent = this.#recent.get(jti);
    if (recent !== undefined) return recent;
    const at = uuid7Time(jti);
    if (at < 0) return null;
    const hasId = idMatcher(jti);
    for await (const range of this.#parts.batches.around(at)) {
      const leaves = (await this.#parts.batches.leaves(range.number)) ?? [];
      const offset = leaves.findIndex(hasId);
      if (offset >= 0) {
        this.#recent.set(jti, range.first + offset);
        return range.first + offset;
      }
      // A file store answers before anything else gets a turn.
      await setImmediate();
    }
    return null;
  }

  async #sealed(index: number, turn: Turn | undefined): Promise<FoundEntry | null> {
    const [found] = await readStretch(this.#parts, index, 1, turn && { turn });
    if (found === null) throw incomplete(index);
    return found ?? null;
  }
}
