/**
 * Checkpoints in batches whose size is no end of a batch. Honest signers never make one; the verification of the log
 * remembers the roots at the ends only, so these are compared here, by reading the batch again that they fall into.
 */
import { frameBatch, widestLimits } from '../../core/log/batch.ts';
import { parseBatchHeader } from '../../core/log/batch-header.ts';
import { equalBytes, parseBase64Url } from '../../core/platform/bytes.ts';
import { parseCheckpoint } from '../../core/tree/checkpoint.ts';
import type { Checkpoint } from '../../core/tree/checkpoint.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import { hashLeaf, parseSha256Hash } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import type { Acceptance } from '../../core/log/state.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { parseSignedNote } from '../../core/tree/signed-note.ts';
import type { NoteVerifier } from '../../core/tree/signed-note.ts';
import {
  edgeRoot,
  emptyEdge,
  extendEdge,
  parseRightEdge,
  parseTreeSize,
} from '../../core/tree/tree.ts';
import type { RightEdge } from '../../core/tree/tree.ts';
import { readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { isSigned } from './published.ts';

/** A checkpoint inside a batch, of a size that is inside another. */
interface CarriedHead {
  readonly batch: number;
  readonly checkpoint: Checkpoint;
}

/** Compared at most, since each costs two reads. More of what should not be at all are not needed to see it. */
const ODD_MAX = 64;

/** Follows the log for checkpoints of odd sizes. Costs two numbers a batch. */
export class CarriedCheck {
  readonly #context: FsckContext;
  readonly #origin: string;
  /** Keys from elsewhere. */
  readonly #anchors: readonly NoteVerifier[];
  #isBound = false;
  /** Tree sizes after each batch, ascending, and beside them the batches' numbers. */
  readonly #ends: number[] = [0];
  readonly #numbers: number[] = [-1];
  readonly #odd: CarriedHead[] = [];
  /** The first batch with one too many. */
  #excess: number | null = null;

  constructor(context: FsckContext, origin: string, anchors: readonly NoteVerifier[]) {
    this.#context = context;
    this.#origin = origin;
    this.#anchors = anchors;
  }

  /** Whether a batch carries a head that a key from elsewhere signed. Where its root differs, that is a finding. */
  get isBound(): boolean {
    return this.#isBound;
  }

  /** Takes the next batch. */
  add({ batch: { header }, state }: Acceptance): void {
    for (const note of header.checkpoints) {
      const checkpoint = checkpointIn(note);
      this.#isBound ||= checkpoint !== null && this.#isAnchored(note, checkpoint.size);
      if (checkpoint === null || checkpoint.size > header.first) continue;
      if (this.#ends[this.#endBefore(checkpoint.size)] === checkpoint.size) continue;
      this.#odd.push({ batch: header.number, checkpoint });
      if (this.#odd.length <= ODD_MAX) continue;
      this.#odd.pop();
      this.#excess ??= header.number;
    }
    this.#ends.push(state.size);
    this.#numbers.push(header.number);
  }

  /** Compares them. */
  async finish(): Promise<Finding[]> {
    const found: Finding[] = [];
    for (const { batch, checkpoint } of this.#odd) {
      const { size, root } = checkpoint;
      if (equalBytes(await this.#rootAt(size), root)) continue;
      found.push(finding('bad_checkpoint', { batch }, `root of size ${size} differs`));
    }
    if (this.#excess !== null) {
      const detail = `more than ${ODD_MAX} of sizes inside batches`;
      found.push(finding('bad_checkpoint', { batch: this.#excess }, detail));
    }
    return found;
  }

  #isAnchored(note: string, size: number): boolean {
    // The tree of size 0 is every log's.
    if (size === 0 || this.#anchors.length === 0) return false;
    try {
      return isSigned(note, this.#origin, this.#anchors);
    } catch (error) {
      caughtMalformed(error);
      return false;
    }
  }

  /** Place of the last end at or before `size`. */
  #endBefore(size: number): number {
    let low = 0;
    let high = this.#ends.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#ends[middle] ?? 0) <= size) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  async #rootAt(size: number): Promise<Sha256Hash> {
    const place = this.#endBefore(size);
    const end = this.#ends[place] ?? 0;
    const edge = place === 0 ? emptyEdge() : await this.#edgeAfter(place, end);
    const { leaves } = frameBatch(await this.#bytesOf(place + 1), widestLimits);
    return edgeRoot(extendEdge(edge, leaves.slice(0, size - end).map(hashLeaf)));
  }

  async #edgeAfter(place: number, size: number): Promise<RightEdge> {
    const { headerLine } = frameBatch(await this.#bytesOf(place), widestLimits);
    const { edge } = parseBatchHeader(headerLine).header;
    const hashes = edge.map((text) => parseSha256Hash(parseBase64Url(text)));
    return parseRightEdge(parseTreeSize(size), hashes);
  }

  async #bytesOf(place: number): Promise<Uint8Array> {
    const { store, keys } = this.#context;
    const key = keys.batch(this.#numbers[place] ?? 0);
    const { bytes } = await readRecorded(store, key, {}, widestLimits.batchBytes);
    return bytes ?? new Uint8Array();
  }
}

/** What is no checkpoint at all the verification of its batch has reported. */
function checkpointIn(note: string): Checkpoint | null {
  try {
    return parseCheckpoint(parseSignedNote(note).text);
  } catch (error) {
    caughtMalformed(error);
    return null;
  }
}
