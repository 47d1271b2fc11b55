/** Reads entries with their records: from what is pending, or from the store with a proof against the tree. */
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { equalBytes, utf8Text } from '../core/bytes.ts';
import { parseEntry } from '../core/entry.ts';
import { MalformedError } from '../core/errors.ts';
import type { Entry } from '../core/entry.ts';
import { hashLeaf } from '../core/hash.ts';
import { memberRange } from '../core/payload-object.ts';
import { checkFullOpening, parseRecord } from '../core/record.ts';
import { entryBundlePath, parseEntryBundle, TILE_WIDTH } from '../core/tile.ts';
import { edgeHead } from '../core/tree.ts';
import { uuid7Time } from '../core/uuid7.ts';
import type { BatchReader } from './batch-reader.ts';
import type { LedgerContext } from './context.ts';
import { RECENT_ENTRIES } from './limits.ts';
import type { LogView } from './log-view.ts';
import type { PastBatch } from './look-back.ts';
import type { PendingEntries } from './pending.ts';
import { idMatcher } from './leaf-id.ts';
import type { FoundEntry } from './receipt.ts';
import { parseRecordLine } from './recovered.ts';
import type { TileReader } from './tile-reader.ts';

const decompress = promisify(gunzip);
/** A member holds 64 KiB, or one record that is longer by itself. */
const PLAIN_BYTES_MAX = 67_108_864;

/** What a reader reads from. */
export interface ReaderParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly pending: PendingEntries;
  readonly tiles: TileReader;
  readonly batches: BatchReader;
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

  /** @returns null for an entry that this ledger does not have, as far as it is known. */
  async find(idOrIndex: string | number): Promise<FoundEntry | null> {
    if (typeof idOrIndex === 'number') return this.#sealed(idOrIndex);
    const pending = this.#parts.pending.find(idOrIndex);
    if (pending !== undefined) {
      const record = parseRecordLine(pending.record)?.trimEnd() ?? null;
      const jws = utf8Text(pending.bytes);
      return { jti: pending.jti, index: null, jws, record, state: 'durable' };
    }
    const index = await this.#indexOf(idOrIndex);
    const found = index === null ? null : await this.#sealed(index);
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

  async #sealed(index: number): Promise<FoundEntry | null> {
    const { state } = this.#parts.view;
    if (!Number.isSafeInteger(index) || index < 0 || index >= state.size) return null;
    const leaf = await this.#leaf(index);
    if (leaf === null) return null;
    const entry = parseEntry(leaf);
    const record = entry.payload._sd === undefined ? null : await this.#record(index, entry);
    const { jti } = entry.payload;
    return { jti, index, jws: utf8Text(leaf), record, state: 'sealed' };
  }

  /** The bytes of a leaf, from its entry bundle or else from its batch, proven to be in the tree. */
  async #leaf(index: number): Promise<Uint8Array | null> {
    const { tiles, view, context } = this.#parts;
    const { leaf: hash } = await tiles.inclusion(index, edgeHead(view.state.edge));
    for (const read of [async () => this.#bundled(index), async () => this.#batched(index)]) {
      const leaf = await read();
      if (leaf !== null && equalBytes(hashLeaf(leaf), hash)) return leaf;
    }
    context.finding('leaf_unreadable', { index });
    return null;
  }

  async #bundled(index: number): Promise<Uint8Array | null> {
    const width = (index % TILE_WIDTH) + 1;
    const path = entryBundlePath(Math.floor(index / TILE_WIDTH), width);
    const bytes = await this.#parts.tiles.read(path);
    return bytes === null ? null : (parseEntryBundle(bytes).at(-1) ?? null);
  }

  async #batched(index: number): Promise<Uint8Array | null> {
    const range = await this.#parts.batches.byIndex(index);
    if (range === null) return null;
    const leaves = await this.#parts.batches.leaves(range.number);
    return leaves?.[index - range.first] ?? null;
  }

  /** The record of a leaf: one ranged read of the member that has it. Null when it is gone. */
  async #record(index: number, entry: Entry): Promise<string | null> {
    const { batches, context } = this.#parts;
    const range = await batches.byIndex(index);
    const read = range && (await batches.header(range.number));
    if (read === null) return null;
    const { ret } = entry.payload;
    for (const payload of read.header.payloads) {
      if (payload.class !== ret.class || payload.mode !== ret.mode) continue;
      const place = memberRange(payload, index - read.header.first);
      if (place === undefined) continue;
      const { key, versionId } = payload;
      const member = await context.store.get(key, { versionId, range: place });
      if (member === null) continue;
      const line = await recordIn(member.bytes, entry);
      if (line !== null) return line;
      context.finding('record_mismatch', { index, key });
    }
    return null;
  }
}

/** The line of an entry in a gzip member, opened in full; null when it is not there or not what was committed to. */
async function recordIn(member: Uint8Array, { payload }: Entry): Promise<string | null> {
  try {
    const plain = await decompress(member, { maxOutputLength: PLAIN_BYTES_MAX });
    for (const line of utf8Text(plain).split('\n')) {
      // An event may quote another entry's id, so the first test only spares work.
      if (!line.includes(payload.jti)) continue;
      const record = parseRecord(line);
      if (record.jti === payload.jti) return checkFullOpening(payload, record).ok ? line : null;
    }
  } catch (error) {
    if (!(error instanceof MalformedError) && !isZlibError(error)) throw error;
  }
  return null;
}

function isZlibError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && /^(Z_|ERR_BUFFER_TOO_LARGE)/.test(error.code);
}
