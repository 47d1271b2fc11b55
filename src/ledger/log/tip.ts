/**
 * Where the log ends: at the first slot that nobody has filled, reached slot by slot from what is known. A listing
 * only helps to look ahead; junk far out misleads it, so only what a certified key signed counts.
 */
import { parseBatchHeader } from '../../core/log/batch-header.ts';
import { frameBatch } from '../../core/log/batch.ts';
import { MalformedError } from '../../core/errors.ts';
import { verifyJws } from '../../core/json/jws.ts';
import { readCertificates } from '../../core/log/key-status.ts';
import type { LogState } from '../../core/log/state.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError, NotTakenError } from '../context/errors.ts';
import { GALLOP_DOUBLINGS, LEARN_AHEAD, LISTED_AHEAD } from '../context/limits.ts';
import type { LogView } from './view.ts';
import type { FilledSlot } from './slot.ts';

/**
 * Learns everything up to the end of the log. Reads further ahead the longer the way turns out to be.
 *
 * @param signal - Ends it between two slots: the way may be long, and who has asked may be closing.
 * @param onStretch - Awaited now and then on a long way.
 * @throws NotTakenError `closing` when it was ended first, and the store's errors.
 */
export async function learnToTip(
  view: LogView,
  signal: AbortSignal,
  onStretch?: () => Promise<void>,
): Promise<void> {
  for (let width = 1; ; width = Math.min(width * 2, LEARN_AHEAD)) {
    const from = view.next;
    const reads = Array.from({ length: width }, async (_, i) => view.read(from + i));
    for (const read of reads) read.catch(() => undefined);
    for (const read of reads) {
      if (signal.aborted) throw new NotTakenError('closing', 'the end of the log was not reached');
      const slot = await read;
      if (slot === null) return;
      await view.learn(slot);
    }
    await onStretch?.();
  }
}

/**
 * Makes sure that the log really ends at an empty slot: a certified batch behind it means that a batch was taken away,
 * and filling the slot again would fork the log.
 *
 * @throws {@link HaltError} `ledger_corrupt`.
 */
export async function assertTip(context: LedgerContext, view: LogView): Promise<void> {
  const { keys, store } = context;
  const listed = await store.list(keys.batchPrefix, {
    after: keys.batch(view.next),
    max: LISTED_AHEAD,
  });
  const ahead = new Set(listed.flatMap((key) => keys.parseBatch(key) ?? []));
  for (let doubling = 0; doubling < GALLOP_DOUBLINGS; doubling += 1) {
    ahead.add(view.next + 2 ** doubling);
  }
  for (const number of ahead) {
    const slot = await view.read(number);
    if (slot !== null && isCertified(view.state, slot)) {
      throw new HaltError(
        'ledger_corrupt',
        `batch ${number} stands, and slot ${view.next} is empty`,
      );
    }
  }
}

/**
 * Makes sure that the batch which the next one follows still stands: a store that was rolled back or cut under a running
 * process would else get batches behind a hole, where no reader comes.
 *
 * @throws {@link HaltError} `tail_cut`.
 */
export async function assertTail(context: LedgerContext, state: LogState): Promise<void> {
  const { number, versionId } = state;
  if (number < 0 || versionId === null) return;
  const { store, keys } = context;
  const key = keys.batch(number);
  if ((await store.head(key, versionId)) !== null) return;
  // Nobody halts for an answer that was one too few.
  const versions = await store.listVersions(key);
  if (versions.some((version) => version.versionId === versionId)) return;
  throw new HaltError('tail_cut', `batch ${number} was in the log and is gone from the store`);
}

/**
 * Whether a certified writer key of this ledger signed the header of what stands in a slot, for that very slot: a
 * genuine batch that somebody copied to a later key is junk there.
 */
export function isCertified(
  state: LogState,
  { bytes, number }: Pick<FilledSlot, 'bytes' | 'number'>,
): boolean {
  if (bytes === null) return false;
  try {
    const { headerLine } = frameBatch(bytes, state.config.limits);
    const { jws, header } = parseBatchHeader(headerLine);
    const certificate = readCertificates(state, header.certs).get(jws.header.kid);
    if (header.number !== number || header.gen !== state.genesis.gen) return false;
    if (certificate?.use !== 'writer') return false;
    return verifyJws(jws, certificate.jwk, certificate.alg);
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}
