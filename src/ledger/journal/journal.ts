/**
 * The journal: what makes an acknowledgement true before the store has the entry. Group commit: everything that is
 * queued becomes one write and one sync, and while that runs the next group gathers, so batching needs no timer.
 *
 * Each boot writes segments of its own, created exclusively; nobody appends to another boot's. A write or sync that
 * failed is never tried again: the kernel may have dropped the pages and would call the second sync a success.
 */
import { join } from 'node:path';
import { HaltError, LedgerHaltedError } from '../context/errors.ts';
import type { AppendFile, JournalFiles } from '../context/files.ts';
import { encodeGroup, recordBytes, segmentFile } from './format.ts';
import type { JournalRecord, SegmentName } from './format.ts';
import { segmentRecord } from './records.ts';
import type { SegmentHead } from './records.ts';
import { GROUP_BYTES_MAX, SEGMENT_BYTES_MAX } from '../context/limits.ts';
import { Segment } from './segment.ts';

/** Where a boot writes, and the facts that each of its segments begins with. */
export interface JournalPlace {
  readonly folder: string;
  readonly boot: string;
  /** Number of the first segment: above those of all earlier boots. */
  readonly firstNumber: number;
  /** The first record of a segment that is begun now. */
  readonly head: () => SegmentHead;
}

interface Group {
  readonly records: readonly JournalRecord[];
  readonly bytes: number;
  readonly resolve: (segment: Segment) => void;
  readonly reject: (error: unknown) => void;
}

interface OpenSegment {
  readonly segment: Segment;
  readonly name: SegmentName;
  readonly file: AppendFile;
  bytes: number;
  records: number;
}

/** The journal of one boot. All of its writing happens in one loop, one group at a time. */
export class Journal {
  readonly #files: JournalFiles;
  readonly #place: JournalPlace;
  readonly #onFailure: (error: HaltError) => void;
  #queue: Group[] = [];
  #current: OpenSegment | null = null;
  #nextNumber: number;
  #writing: Promise<void> | null = null;
  #failure: HaltError | null = null;

  /** @param onFailure - Told once, when a write or sync failed: no append succeeds after it. */
  constructor(files: JournalFiles, place: JournalPlace, onFailure: (error: HaltError) => void) {
    this.#files = files;
    this.#place = place;
    this.#nextNumber = place.firstNumber;
    this.#onFailure = onFailure;
  }

  /** Number that the next segment of this folder gets. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /**
   * Appends records, in the order of calls. Resolves when they are written and synced, each counted as held.
   *
   * @throws {@link LedgerHaltedError} once anything failed; its durability says what became of these records.
   */
  async append(records: readonly JournalRecord[]): Promise<Segment> {
    if (this.#failure !== null) throw halted(this.#failure, 'not-durable');
    const bytes = records.reduce((total, record) => total + recordBytes(record), 0);
    return new Promise((resolve, reject) => {
      this.#queue.push({ records, bytes, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Ends writing. The last segment goes if nothing holds it. Appends under way are finished first. */
  async close(): Promise<void> {
    await this.#writing;
    this.#failure ??= new HaltError('journal_failed', 'the journal is closed');
    await this.#endSegment();
  }

  async #write(): Promise<void> {
    // Yield first, so that all callers of this turn share the group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const groups = this.#takeGroups();
      try {
        const segment = await this.#writeGroups(groups);
        for (const group of groups) group.resolve(segment);
      } catch (cause) {
        this.#fail(cause, groups);
      }
    }
    this.#writing = null;
  }

  #takeGroups(): Group[] {
    let bytes = 0;
    let count = 0;
    for (const group of this.#queue) {
      if (count > 0 && bytes + group.bytes > GROUP_BYTES_MAX) break;
      bytes += group.bytes;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #writeGroups(groups: readonly Group[]): Promise<Segment> {
    const records = groups.flatMap((group) => group.records);
    if (this.#current !== null && this.#current.bytes >= SEGMENT_BYTES_MAX)
      await this.#endSegment();
    const open = this.#current ?? (await this.#beginSegment());
    const at = { offset: open.bytes, sequence: open.records };
    const bytes = encodeGroup(records, open.name, at);
    await open.file.write(bytes);
    await open.file.sync();
    this.#assertOwned(open);
    open.bytes += bytes.length;
    open.records += records.length;
    open.segment.hold(records.length);
    return open.segment;
  }

  async #beginSegment(): Promise<OpenSegment> {
    const name = { number: this.#nextNumber, boot: this.#place.boot };
    const path = join(this.#place.folder, segmentFile(name, 'journal'));
    const file = await this.#files.create(path);
    const bytes = encodeGroup([segmentRecord(this.#place.head())], name, {
      offset: 0,
      sequence: 0,
    });
    await file.write(bytes);
    await file.sync();
    // Without this the file's name could be gone after a power cut, and its synced bytes with it.
    await this.#files.syncFolder(this.#place.folder);
    this.#nextNumber += 1;
    const segment = new Segment(this.#files, path);
    this.#current = { segment, name, file, bytes: bytes.length, records: 1 };
    return this.#current;
  }

  async #endSegment(): Promise<void> {
    const open = this.#current;
    if (open === null) return;
    this.#current = null;
    await open.file.close();
    open.segment.end();
  }

  /**
   * A later boot that takes a folder over renames its segments before it reads them. Seen here after the sync and
   * before the acknowledgement: either the rename came first, and nothing more is acknowledged, or the later boot
   * reads what was written.
   */
  #assertOwned(open: OpenSegment): void {
    if (this.#files.identity(open.segment.path) !== open.file.identity) {
      throw new HaltError('journal_taken', 'another process has taken over this journal folder');
    }
  }

  #fail(cause: unknown, groups: readonly Group[]): void {
    const failure =
      cause instanceof HaltError
        ? cause
        : new HaltError('journal_failed', 'the journal could not be written', cause);
    this.#failure = failure;
    // What was in the failed write may be on the disk or not; what had not been written is not.
    for (const group of groups) group.reject(halted(failure, 'unknown'));
    for (const group of this.#queue) group.reject(halted(failure, 'not-durable'));
    this.#queue = [];
    this.#onFailure(failure);
  }
}

function halted(cause: HaltError, durability: 'unknown' | 'not-durable'): LedgerHaltedError {
  return new LedgerHaltedError(`${cause.message}: nothing more is taken`, cause, durability);
}
