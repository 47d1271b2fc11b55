/** Which genesis a gateway goes by: the one that its folder was first opened with, whatever the store shows later. */
import { join } from 'node:path';
import { equalBytes } from '../../core/platform/bytes.ts';
import { parseGenesis } from '../../core/ledger/genesis.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { KnownGenesis } from '../context/components.ts';
import { HaltError } from '../context/errors.ts';
import { readGenesis } from './init.ts';
import { journalFiles } from '../context/files.ts';
import type { JournalFiles } from '../context/files.ts';
import { isTransient } from '../context/retry.ts';
import { writeWhole } from '../journal/writer-folder.ts';

const GENESIS_FILE = 'genesis.json';

/**
 * Reads genesis from the store, and holds it against the one of the folder. Where the store is away, the folder's will do.
 *
 * @returns null where neither has one.
 * @throws {@link HaltError} `ledger_corrupt` where the two differ; the store's errors where the folder has none.
 */
export async function knownGenesis(
  store: ObjectStore,
  { ledger, folder }: { readonly ledger: string; readonly folder: string },
  files: JournalFiles = journalFiles,
): Promise<KnownGenesis | null> {
  const pin = await files.read(join(folder, GENESIS_FILE));
  const pinned = pin !== null;
  try {
    const found = await readGenesis(store, ledger);
    if (pinned) assertSame(found, pin, ledger);
    return found === null ? null : { genesis: found, confirmed: true, pinned };
  } catch (error) {
    if (!pinned || !isTransient(error)) throw error;
    return { genesis: parseGenesis(pin), confirmed: false, pinned };
  }
}

/** Keeps a genesis in the folder, durably: from here on the store cannot put another in its place. */
export async function pinGenesis(
  files: JournalFiles,
  folder: string,
  { bytes }: Genesis,
): Promise<void> {
  await writeWhole(files, folder, GENESIS_FILE, bytes);
}

/**
 * Asks a store that was away whether it has the very genesis that was gone by.
 * @throws {@link HaltError} `ledger_corrupt` where it has not, and the store's errors.
 */
export async function confirmGenesis(
  store: ObjectStore,
  ledger: string,
  { bytes }: Genesis,
): Promise<void> {
  assertSame(await readGenesis(store, ledger), bytes, ledger);
}

function assertSame(found: Genesis | null, pin: Uint8Array, ledger: string): void {
  if (found === null) {
    const message = `the store has no ledger ${ledger}, and this gateway has written to one: it is another store, or was emptied`;
    throw new HaltError('ledger_corrupt', message);
  }
  if (equalBytes(found.bytes, pin)) return;
  throw new HaltError('ledger_corrupt', `genesis of ${ledger} is not the one of this folder`);
}
