/**
 * Reads sealed entries in a row, with their records: each entry bundle, batch header and gzip member once, and each leaf
 * proven against the tree.
 */
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { PayloadReference } from '../../core/log/batch-header.ts';
import { equalBytes, utf8Text } from '../../core/platform/bytes.ts';
import { parseEntry } from '../../core/entry/entry.ts';
import type { Entry, EntryPayload } from '../../core/entry/entry.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { hashLeaf } from '../../core/tree/hash.ts';
import { memberRange } from '../../core/log/payload-object.ts';
import { checkFullOpening, parseRecord } from '../../core/record/record.ts';
import { TILE_WIDTH } from '../../core/tree/tile.ts';
import { edgeHead } from '../../core/tree/tree.ts';
import type { TreeHead } from '../../core/tree/tree.ts';
import type { BatchRange, BatchReader, ReadHeader } from './batch-reader.ts';
import type { LedgerContext } from '../context/context.ts';
import type { LogView } from '../log/view.ts';
import type { FoundEntry } from '../context/receipt.ts';
import type { TileReader } from './tile-reader.ts';

const decompress = promisify(gunzip);
/** A member holds 64 KiB, or one record that is longer by itself. */
const PLAIN_BYTES_MAX = 67_108_864;
/** Entries between two turns of everybody else: some 5 ms of opening records. */
const ENTRIES_A_TURN = 16;

/** What is read from. */
export interface StretchParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly tiles: TileReader;
  readonly batches: BatchReader;
}

/** How entries are read. */
export interface Reading {
  /** Of leaves of which it does not hold, the record is not read. */
  readonly isWanted?: (payload: EntryPayload) => boolean;
  /** Asked before a record of so many characters is opened: a large one takes 100 ms of the thread. */
  readonly turn?: Turn;
}

/** Resolves when work of a weight (characters of text) may begin. */
export type Turn = (weight: number) => Promise<void>;

/** One batch on the way, with what was read of it. */
interface OpenBatch {
  readonly range: BatchRange;
  read: ReadHeader | null;
  leaves: readonly Uint8Array[] | null;
}

/**
 * Reads sealed entries from leaf `first` on, at most `count`, as far as the log is learnt; null where a leaf is lost or
 * changed, and a `leaf_unreadable` finding.
 *
 * @throws The store's errors.
 */
export async function readStretch(
  parts: StretchParts,
  first: number,
  count: number,
  reading: Reading = {},
): Promise<readonly (FoundEntry | null)[]> {
  const { size } = parts.view.state;
  if (!Number.isSafeInteger(first) || first < 0) return [];
  const end = Math.min(first + count, size);
  const stretch = new Stretch(parts, end, reading);
  const found: (FoundEntry | null)[] = [];
  for (let index = first; index < end; index += 1) {
    found.push(await stretch.entry(index));
    if (found.length % ENTRIES_A_TURN === 0) await setImmediate();
  }
  return found;
}

/** What one reading keeps: the latest tile and its bundle, the latest batch, and of each of its payload objects the latest member. */
class Stretch {
  readonly #parts: StretchParts;
  readonly #end: number;
  readonly #isWanted: (payload: EntryPayload) => boolean;
  readonly #turn: Turn | undefined;
  /** The tree as it was when the reading began: it may grow meanwhile. */
  readonly #head: TreeHead;
  #proven: { readonly tile: number; readonly hashes: readonly Uint8Array[] } | null = null;
  #bundle: { readonly tile: number; readonly leaves: readonly (Uint8Array | null)[] } | null = null;
  #batch: OpenBatch | null = null;
  readonly #members = new Map<string, { readonly start: number; readonly lines: string[] }>();

  constructor(parts: StretchParts, end: number, { isWanted, turn }: Reading) {
    this.#parts = parts;
    this.#isWanted = isWanted ?? (() => true);
    this.#turn = turn;
    this.#end = end;
    this.#head = edgeHead(parts.view.state.edge);
  }

  async entry(index: number): Promise<FoundEntry | null> {
    const leaf = await this.#leaf(index);
    if (leaf === null) return null;
    const entry = parseEntry(leaf);
    const isRead = entry.payload._sd !== undefined && this.#isWanted(entry.payload);
    const record = isRead ? await this.#record(index, entry) : null;
    const { jti } = entry.payload;
    return { jti, index, jws: utf8Text(leaf), record, state: 'sealed' };
  }

  /** The bytes of a leaf, from its entry bundle or else from its batch, proven to be in the tree. */
  async #leaf(index: number): Promise<Uint8Array | null> {
    const tile = Math.floor(index / TILE_WIDTH);
    if (this.#proven?.tile !== tile) {
      this.#proven = { tile, hashes: await this.#hashes(tile) };
    }
    const hash = this.#proven.hashes[index % TILE_WIDTH];
    // Without it no bytes prove to be the leaf.
    if (hash === undefined) return this.#lost(index);
    for (const read of [async () => this.#bundled(index), async () => this.#batched(index)]) {
      const leaf = await read();
      if (leaf !== null && equalBytes(hashLeaf(leaf), hash)) return leaf;
    }
    return this.#lost(index);
  }

  #lost(index: number): null {
    this.#parts.context.finding('leaf_unreadable', { index });
    return null;
  }

  /** The leaf hashes of a tile; none where nothing proves. */
  async #hashes(tile: number): Promise<readonly Uint8Array[]> {
    try {
      return await this.#parts.tiles.leafHashes(tile, this.#head);
    } catch (error) {
      if (error instanceof SteleError && error.code === 'view_incomplete') return [];
      throw error;
    }
  }

  async #bundled(index: number): Promise<Uint8Array | null> {
    const tile = Math.floor(index / TILE_WIDTH);
    if (this.#bundle?.tile !== tile) {
      const width = Math.min(this.#end - tile * TILE_WIDTH, TILE_WIDTH);
      this.#bundle = { tile, leaves: await this.#parts.tiles.leaves(tile, width) };
    }
    return this.#bundle.leaves[index % TILE_WIDTH] ?? null;
  }

  async #batched(index: number): Promise<Uint8Array | null> {
    const batch = await this.#batchOf(index);
    if (batch === null) return null;
    batch.leaves ??= (await this.#parts.batches.leaves(batch.range.number)) ?? [];
    return batch.leaves[index - batch.range.first] ?? null;
  }

  /** The record of a leaf: one ranged read of the member that has it. Null when it is gone. */
  async #record(index: number, entry: Entry): Promise<string | null> {
    const batch = await this.#batchOf(index);
    if (batch === null) return null;
    batch.read ??= await this.#parts.batches.header(batch.range.number);
    if (batch.read === null) return null;
    const { header } = batch.read;
    const { ret } = entry.payload;
    for (const payload of header.payloads) {
      if (payload.class !== ret.class || payload.mode !== ret.mode) continue;
      const lines = await this.#member(payload, index - header.first);
      if (lines === null) continue;
      const line = await this.#recordIn(lines, entry);
      if (line !== null) return line;
      this.#parts.context.finding('record_mismatch', { index, key: payload.key });
    }
    return null;
  }

  async #batchOf(index: number): Promise<OpenBatch | null> {
    const known = this.#batch?.range;
    if (known !== undefined && known.first <= index && index < known.first + known.count) {
      return this.#batch;
    }
    const range = await this.#parts.batches.byIndex(index);
    this.#members.clear();
    this.#batch = range && { range, read: null, leaves: null };
    return this.#batch;
  }

  /** The lines of the member that would hold the record of a leaf; null where there is none, or it is gone. */
  async #member(payload: PayloadReference, leaf: number): Promise<readonly string[] | null> {
    const range = memberRange(payload, leaf);
    if (range === undefined) return null;
    const { key, versionId } = payload;
    const known = this.#members.get(key);
    if (known?.start === range.start) return known.lines;
    const member = await this.#parts.context.store.get(key, { versionId, range });
    if (member === null) return null;
    const lines = await linesOf(member.bytes);
    this.#members.set(key, { start: range.start, lines });
    return lines;
  }

  /** The line of an entry, opened in full; null when it is not there or not what was committed to. */
  async #recordIn(lines: readonly string[], { payload }: Entry): Promise<string | null> {
    try {
      for (const line of lines) {
        // An event may quote another entry's id, so the first test only spares work.
        if (!line.includes(payload.jti)) continue;
        await this.#turn?.(line.length);
        const record = parseRecord(line);
        if (record.jti === payload.jti) return checkFullOpening(payload, record).ok ? line : null;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
    }
    return null;
  }
}

/** The lines of a gzip member; none where it is not one. */
async function linesOf(bytes: Uint8Array): Promise<string[]> {
  try {
    const plain = await decompress(bytes, { maxOutputLength: PLAIN_BYTES_MAX });
    return utf8Text(plain).split('\n');
  } catch (error) {
    if (!(error instanceof MalformedError) && !isZlibError(error)) throw error;
    return [];
  }
}

function isZlibError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && /^(Z_|ERR_BUFFER_TOO_LARGE)/.test(error.code);
}
