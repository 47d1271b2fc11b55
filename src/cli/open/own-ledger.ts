/** The ledger as `stele serve` opens it: with a store that has shown what it honours, or that is away for now. */
import { randomBytes } from 'node:crypto';
import { SteleError } from '../../core/errors.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import { loadKey } from '../../keys/key-files.ts';
import { jwsSigner, noteSigner } from '../../keys/signers.ts';
import type { KnownGenesis, PolicySwitch } from '../../ledger/context/components.ts';
import { knownGenesis } from '../../ledger/log/known-genesis.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { openLedger } from '../../ledger/open-ledger.ts';
import { StoreUnavailableError } from '../../storage/errors.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { probeStore } from '../../storage/probe.ts';
import type { Configuration } from '../settings/configuration.ts';
import { homeOf, loadStatement } from './home.ts';
import type { Log } from './logging.ts';

/** What the ledger is opened with besides its keys and settings. */
export interface OwnLedgerParts {
  readonly store: ObjectStore;
  readonly known: KnownGenesis;
  readonly log: Log;
  readonly policies: PolicySwitch;
  /** Sees to it that the archive has the founding policy. */
  readonly archive: ((store: ObjectStore) => Promise<void>) | null;
}

/**
 * Genesis of the configured ledger: of the store, or of this gateway's folder while the store is away.
 *
 * @throws {@link SteleError} `not_initialised`: `serve` never founds a ledger. `store_unavailable` when the store is away
 *   and the folder has none. `configuration_invalid` when the ledger has another origin than the one configured.
 */
export async function genesisToServe(
  configuration: Configuration,
  store: ObjectStore,
): Promise<KnownGenesis> {
  const ledger = configuration.text('ledger');
  const { writer: folder } = homeOf(configuration);
  const known = await knownGenesis(store, { ledger, folder }).catch((error: unknown) => {
    throw error instanceof StoreUnavailableError ? neverStarted(error) : error;
  });
  if (known !== null) {
    assertOrigin(configuration, known.genesis);
    return known;
  }
  const message = `there is no ledger ${ledger} in this store: run \`stele init\` first`;
  throw new SteleError('not_initialised', message, { disposition: 'fix-configuration' });
}

/**
 * Holds a configured origin against the one that genesis fixed: an operator who sets it believes that it holds.
 *
 * @throws {@link SteleError} `configuration_invalid` when it is set and differs.
 */
export function assertOrigin(configuration: Configuration, { origin }: Genesis): void {
  const wanted = configuration.optionalText('origin');
  if (wanted === null || wanted === origin) return;
  const message = `origin is ${wanted}, and ledger ${configuration.text('ledger')} was founded as ${origin}, which is fixed for ever: set that or none, or found another ledger`;
  throw new SteleError('configuration_invalid', message, { disposition: 'fix-configuration' });
}

function neverStarted(cause: StoreUnavailableError): StoreUnavailableError {
  const message = `${cause.message}. A gateway that has served before starts without the store; this one never has: start it again when the store answers`;
  return new StoreUnavailableError(message, { code: cause.code, cause });
}

/**
 * Opens the ledger as this gateway's writer. A store that answers has to show first that it keeps its promises; one that
 * is away has to as soon as it is back, before anything is learnt from it or taken.
 */
export async function openOwnLedger(
  configuration: Configuration,
  parts: OwnLedgerParts,
): Promise<{ ledger: Ledger; vkey: string }> {
  const home = homeOf(configuration);
  const { store, known, log, policies } = parts;
  const { genesis } = known;
  const name = configuration.text('ledger');
  const prepare = async (): Promise<void> => {
    await parts.archive?.(store);
    await probe(store, name, genesis, log);
  };
  const isAway = await isStoreAway(known, prepare);
  if (isAway) log.warn('store_away_at_start', { ledger: name });
  const writerSigner = jwsSigner(await loadKey(home.writerKey));
  const checkpointSigner = noteSigner(genesis.origin, await loadKey(home.checkpointKey));
  const ledger = await openLedger(
    {
      store,
      known,
      ...(isAway ? { prepare } : {}),
      clock: () => Date.now(),
      random: (bytes) => randomBytes(bytes),
      log,
      policies,
      writerSigner,
      writerCert: await loadStatement(home.writerCertificate),
      checkpointSigner,
      checkpointCert: await loadStatement(home.checkpointCertificate),
    },
    {
      ledger: name,
      folder: home.writer,
      sealIntervalMs: configuration.whole('sealing.intervalMs'),
      sealHurryMs: configuration.whole('sealing.hurryMs'),
      publishMs: configuration.whole('sealing.publishMs'),
      followMs: configuration.whole('sealing.followMs'),
      backlogBytes: configuration.whole('journal.maxBytes'),
      backlogMs: configuration.whole('journal.maxAgeMs'),
    },
  );
  return { ledger, vkey: checkpointSigner.vkey };
}

/** Tries the store now, where it answered before; a gateway that has never served does not start without it. */
async function isStoreAway(known: KnownGenesis, prepare: () => Promise<void>): Promise<boolean> {
  if (!known.confirmed) return true;
  try {
    await prepare();
    return false;
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    if (!known.pinned) throw neverStarted(error);
    return true;
  }
}

async function probe(
  store: ObjectStore,
  ledger: string,
  { weakStore }: Genesis,
  log: Log,
): Promise<void> {
  if (weakStore) return;
  const { prefix } = objectKeys(ledger);
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const { checks } = await probeStore(store, { prefix, random, clock: () => Date.now() });
  for (const { check, verdict, detail } of checks) {
    if (verdict === 'advisory') log.info('store_advisory', { check, detail });
  }
}
