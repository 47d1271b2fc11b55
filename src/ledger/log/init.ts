import { equalBytes } from '../../core/platform/bytes.ts';
import { SteleError } from '../../core/errors.ts';
import { GENESIS_BYTES_MAX, makeGenesis, parseGenesis } from '../../core/ledger/genesis.ts';
import type { Genesis, GenesisDraft } from '../../core/ledger/genesis.ts';
import type { JwsSigner } from '../../core/json/jws.ts';
import { ObjectExistsError } from '../../storage/errors.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { retentionOf, wholeSecond } from '../../storage/retention.ts';
import { healGenesis } from './heal.ts';
import { LOCK_MARGIN_MS } from '../context/limits.ts';
import { oldestObject } from './slot.ts';

/** What a ledger is made from. */
export interface LedgerFoundation {
  readonly store: ObjectStore;
  /** Name of the ledger: the first part of its object keys. */
  readonly ledger: string;
  readonly genesis: GenesisDraft;
  /** At least the threshold of the root keys that genesis names. */
  readonly rootSigners: readonly JwsSigner[];
}

const DAY_MS = 86_400_000;

/**
 * Creates a ledger: writes and locks its genesis. Never touches one that is there: its identity is for ever.
 *
 * @throws SteleError `ledger_exists` when another ledger has the name; a repetition with the same bytes is let through.
 */
export async function initLedger(foundation: LedgerFoundation): Promise<Genesis> {
  const { store, ledger } = foundation;
  const bytes = await makeGenesis(foundation.genesis, foundation.rootSigners);
  const { mode, days } = foundation.genesis.batchLock;
  const now = Math.max(foundation.genesis.time, store.now() ?? 0);
  const retainUntil = wholeSecond(now + days * DAY_MS + LOCK_MARGIN_MS);
  const retention = retentionOf({ mode, retainUntil });
  try {
    const options = { retention, contentType: 'application/json' };
    await store.putNew(objectKeys(ledger).genesis, bytes, options);
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  const genesis = await readGenesis(store, ledger);
  if (genesis === null || !equalBytes(genesis.bytes, bytes)) throw exists(ledger);
  // What all hangs on: a store may show an object before its lock, or never lock it.
  const clock = (): number => genesis.time;
  await healGenesis({ store, clock, genesis, keys: objectKeys(ledger), finding: () => undefined });
  return genesis;
}

/** Reads and verifies the genesis of a ledger: the oldest version of its key. @returns null when there is none. */
export async function readGenesis(store: ObjectStore, ledger: string): Promise<Genesis | null> {
  const key = objectKeys(ledger).genesis;
  const oldest = oldestObject(await store.listVersions(key));
  if (oldest === undefined) return null;
  // One byte more than a genesis may have shows that it is none.
  const range = { start: 0, end: GENESIS_BYTES_MAX + 1 };
  const found = await store.get(key, { versionId: oldest.versionId, range });
  return found === null ? null : parseGenesis(found.bytes);
}

function exists(ledger: string): SteleError {
  return new SteleError('ledger_exists', `there is a ledger ${ledger} already`, {
    disposition: 'fix-configuration',
    durability: 'not-durable',
  });
}
