import { sha256 } from '#platform';
import type { BatchHeader } from '../../core/log/batch-header.ts';
import { parseBatch } from '../../core/log/batch.ts';
import type { Batch } from '../../core/log/batch.ts';
import { equalBytes, parseBase64Url } from '../../core/platform/bytes.ts';
import { MalformedError } from '../../core/errors.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import type { LogState } from '../../core/log/state.ts';
import { factsOf } from './judged-batch.ts';
import type { LearntLeaf } from './judged-batch.ts';
import { LEARN_AHEAD, LOOK_BACK_BATCHES, LOOK_BACK_ENTRIES } from '../context/limits.ts';
import type { LogView } from './view.ts';
import type { FilledSlot } from './slot.ts';

/** A batch of the past: what dropping pending entries and finding recent ones need of it. */
export interface PastBatch {
  readonly header: BatchHeader;
  readonly facts: readonly LearntLeaf[];
}

/**
 * Reads the last batches up to `state` again, back to the slot `base` at least. Each is believed because its hash is in
 * the one after it, and the last one's in `state`. Their locks are seen to, as when they were learnt.
 *
 * @param base - The lowest slot that may hold an entry which is pending here.
 * @returns In the order of the log; null when the store does not have the batch that `state` ends with, or one before.
 */
export async function lookBack(
  view: LogView,
  state: LogState,
  base: number,
): Promise<readonly PastBatch[] | null> {
  const batches: PastBatch[] = [];
  const { read, drop } = readerAhead(view);
  let { number, sha256: hash } = state;
  let entries = 0;
  const isEnough = (): boolean => {
    return entries >= LOOK_BACK_ENTRIES || batches.length >= LOOK_BACK_BATCHES;
  };
  while (number >= 0 && (number >= base || !isEnough())) {
    const slot = await read(number);
    // The version of the last one, too: it is what the next batch will say of it.
    const other = number === state.number && slot?.versionId !== state.versionId;
    if (slot?.bytes == null || other || !equalBytes(sha256(slot.bytes), hash)) return null;
    const batch = parsed(slot.bytes);
    if (batch === null) return null;
    await view.heal(batch.header, slot);
    batches.push({ header: batch.header, facts: batch.entries.map(factsOf) });
    drop(number);
    entries += batch.entries.length;
    number = batch.header.previous.number;
    hash = parseSha256Hash(parseBase64Url(batch.header.previous.sha256));
  }
  return batches.reverse();
}

/** Reads slots downwards, some ahead of what is asked for. */
function readerAhead(view: LogView) {
  const reads = new Map<number, Promise<FilledSlot | null>>();
  return {
    read: async (number: number): Promise<FilledSlot | null> => {
      for (let at = number; at >= 0 && at > number - LEARN_AHEAD; at -= 1) {
        if (reads.has(at)) continue;
        const reading = view.read(at);
        reading.catch(() => undefined);
        reads.set(at, reading);
      }
      return (await reads.get(number)) ?? null;
    },
    drop: (number: number): void => {
      reads.delete(number);
    },
  };
}

function parsed(bytes: Uint8Array): Batch | null {
  try {
    return parseBatch(bytes);
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}
