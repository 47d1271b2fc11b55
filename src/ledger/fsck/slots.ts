/** Batch objects in the order of their numbers, and what may stand behind the end of the log. */
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import type { LogState } from '../../core/log/state.ts';
import { readRecorded } from './objects.ts';
import type { FsckContext, RecordedObject } from './objects.ts';
import { GALLOP_DOUBLINGS, LISTED_AHEAD } from '../context/limits.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { isUnreadable, readListed } from '../log/slot.ts';
import { isCertified } from '../log/tip.ts';

/** What stands in the slot of a batch. */
export interface BatchSlot extends RecordedObject {
  readonly number: number;
  readonly key: string;
  /** Why it cannot be told what stands there; null where it can. */
  readonly unreadable: string | null;
}

/** Slots read at once: hides the way to the store, holds few batches in memory. */
const READ_AHEAD = 3;

/** Keys of one page of a listing: as few pages as a store likes, as few keys as memory likes. */
const PAGE_KEYS = 100_000;

/**
 * Reads slot after slot, ends included: the last one that is given has no object.
 * @param bytesMax - The ledger's limit as the log stands, which the log may change.
 */
export async function* readSlots(
  context: FsckContext,
  bytesMax: () => number,
): AsyncGenerator<BatchSlot> {
  const ahead: Promise<BatchSlot>[] = [];
  for (let number = 0; ; number += 1) {
    while (ahead.length < READ_AHEAD) {
      const read = readSlot(context, number + ahead.length, bytesMax());
      // Whether it failed is seen when its turn comes, or never.
      read.catch(() => undefined);
      ahead.push(read);
    }
    const read = await ahead.shift();
    const stale = read?.bytes == null && (read?.size ?? 0) <= bytesMax();
    const slot = read === undefined || stale ? await readSlot(context, number, bytesMax()) : read;
    yield slot;
    if (slot.versionId === null || slot.unreadable !== null) return;
  }
}

async function readSlot(
  { store, keys }: FsckContext,
  number: number,
  bytesMax: number,
): Promise<BatchSlot> {
  const key = keys.batch(number);
  const at = { batch: number };
  const recorded = await readRecorded(store, key, at, -1);
  const { versionId, size, findings } = recorded;
  const slot = { number, key, unreadable: null, ...recorded };
  if (versionId === null || size > bytesMax) return slot;
  try {
    const { bytes } = await readListed(store, key, versionId);
    return { ...slot, bytes };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const named = finding('slot_unreadable', { ...at, key }, error.message);
    return { ...slot, findings: [...findings, named], unreadable: error.message };
  }
}

/** All keys with a prefix that a listing shows, in pages. A hint. */
export async function* listPages(
  store: ObjectStore,
  prefix: string,
): AsyncGenerator<readonly string[]> {
  for (let after = prefix; ;) {
    const page = await store.list(prefix, { after, max: PAGE_KEYS });
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_KEYS) return;
    after = last;
  }
}

/** How many batch keys a listing shows. A hint, for progress only. */
export async function countListed({ store, keys }: FsckContext): Promise<number> {
  let count = 0;
  for await (const page of listPages(store, keys.batchPrefix)) {
    count += page.filter((key) => keys.parseBatch(key) !== null).length;
  }
  return count;
}

/**
 * Looks behind an empty slot. A batch that a certified key signed says that one before it was taken away; anything else
 * is garbage that somebody put where no batch has come yet.
 */
export async function behindEnd(
  context: FsckContext,
  state: LogState,
  end: number,
): Promise<Finding[]> {
  const { store, keys } = context;
  const options = { after: keys.batch(end), max: LISTED_AHEAD };
  const listed = await store.list(keys.batchPrefix, options);
  const numbers = new Set(listed.flatMap((key) => keys.parseBatch(key) ?? []));
  for (let doubling = 0; doubling < GALLOP_DOUBLINGS; doubling += 1) {
    numbers.add(end + 2 ** doubling);
  }
  const found: Finding[] = [];
  for (const number of numbers) {
    const slot = await readSlot(context, number, state.config.limits.batchBytes);
    found.push(...slot.findings);
    if (slot.versionId === null || slot.unreadable !== null) continue;
    if (!isCertified(state, slot)) {
      found.push(finding('void_batch', { batch: number }, `no batch, and the log ends at ${end}`));
      continue;
    }
    // A log that is written to may have gone on since the slot was seen empty.
    const { versionId } = await readSlot(context, end, -1);
    if (versionId !== null) return [];
    found.push(
      finding('missing_object', { batch: end }, `no batch, though batch ${number} is there`),
    );
  }
  return found;
}
