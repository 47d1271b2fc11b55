import { randomBytes } from 'node:crypto';
import type { Genesis } from '../core/genesis.ts';
import type { PolicyChanges } from '../gateway/components.ts';
import { PoolSwitch } from '../gateway/policy-switch.ts';
import { startGateway } from '../gateway/server.ts';
import { loadKey } from '../keys/key-files.ts';
import { loadLedgerSecret } from '../keys/ledger-secret.ts';
import type { LedgerSecret } from '../keys/ledger-secret.ts';
import { jwsSigner, noteSigner } from '../keys/signers.ts';
import { readGenesis } from '../ledger/init.ts';
import { openLedger } from '../ledger/open-ledger.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { DEFAULT_INPUT_LIMITS } from '../policy/input.ts';
import type { DecideSettings } from '../policy/decide.ts';
import { evaluateOnce } from '../policy/one-shot.ts';
import { SwapPool } from '../policy/swap-pool.ts';
import { openWorkerPool } from '../policy/worker-pool.ts';
import { SteleError } from '../core/errors.ts';
import { objectKeys } from '../storage/object-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { probeStore } from '../storage/probe.ts';
import type { Configuration } from './configuration.ts';
import { gatewaySettingsOf } from './gateway-settings.ts';
import { homeOf, loadStatement } from './home.ts';
import { createLog } from './logging.ts';
import type { Log } from './logging.ts';
import { openCallers } from './open-callers.ts';
import { stageArchived, stageSubmitted } from './open-policy.ts';
import { openStore } from './open-store.ts';
import { archiveFounding, openFeed } from './policy-feed.ts';
import { version } from './version.ts';

/** A gateway that serves, and what it is made of. */
export interface Composition {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly ledger: Ledger;
  readonly vkey: string;
  /** Stops listening, drains, seals, closes. May be called twice. */
  close(): Promise<void>;
}

/**
 * Composes and starts the gateway that the configuration describes. What was opened is closed again when a later part
 * fails.
 */
export async function composeGateway(configuration: Configuration): Promise<Composition> {
  const log = createLog(configuration.text('log.level'));
  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const step of closers.reverse()) {
      // One part that does not close must not keep the lock of another.
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    const store = await openStore(configuration);
    closers.push(async () => store.close());
    const genesis = await genesisOf(configuration, store);
    const name = configuration.text('ledger');
    const opened = await openFeed(configuration, log);
    const feed = opened?.feed ?? null;
    closers.push(async () => feed?.close());
    await archiveFounding(genesis, { feed, store, ledger: name, log });
    const secret = await loadLedgerSecret(homeOf(configuration).ledgerSecret);
    const decide = decideSettingsOf(genesis, secret);
    const pool = await openPool(configuration, decide);
    closers.push(async () => pool.close());
    const policies = new PoolSwitch({ pool, stage: stageArchived });
    const parts = { store, genesis, log, policies };
    const { ledger, vkey } = await openOwnLedger(configuration, parts);
    closers.push(async () => ledger.close());
    opened?.attach(ledger);
    feed?.start();
    // Before the ledger closes, so that nothing is refused into a ledger that is gone.
    closers.push(async () => feed?.close());
    const { callers, following } = await openCallers(configuration, log);
    closers.push(async () => {
      following.stop();
      return Promise.resolve();
    });
    const changes: PolicyChanges = {
      prepared: () => pool.prepared,
      stage: async (archive, authors) => stageSubmitted(archive, authors, configuration),
      keep: (staged) => {
        policies.keep(staged);
      },
      evaluate: evaluateOnce,
      decide,
    };
    const gateway = await startGateway(
      {
        ledgers: [{ name, ledger, policy: pool, feed, changes, secret }],
        callers,
        clock: () => Date.now(),
        random: (bytes) => randomBytes(bytes),
        log,
        version,
      },
      gatewaySettingsOf(configuration),
      { host: configuration.text('listen.host'), port: configuration.whole('listen.port') },
    );
    closers.push(async () => gateway.close());
    const url = `http://${gateway.host}:${gateway.port}`;
    return { url, ledger, vkey, close: async () => (closed ??= close()) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Genesis of the configured ledger. @throws {@link SteleError} `not_initialised`: `serve` never founds a ledger. */
async function genesisOf(configuration: Configuration, store: ObjectStore): Promise<Genesis> {
  const ledger = configuration.text('ledger');
  const genesis = await readGenesis(store, ledger);
  if (genesis !== null) return genesis;
  throw new SteleError(
    'not_initialised',
    `there is no ledger ${ledger} in this store: run \`stele init\` first`,
    { disposition: 'fix-configuration' },
  );
}

function decideSettingsOf(genesis: Genesis, secret: LedgerSecret): DecideSettings {
  const { origin, gen, classes, fallbackClass, labels, maxSealMs } = genesis;
  const limits = DEFAULT_INPUT_LIMITS;
  return { origin, gen, classes, fallbackClass, labels, maxSealMs, secret, limits };
}

async function openPool(configuration: Configuration, decide: DecideSettings): Promise<SwapPool> {
  const options = {
    workers: configuration.whole('policy.workers'),
    deadlineMs: configuration.whole('policy.deadlineMs'),
  };
  return SwapPool.open(async (policy) => openWorkerPool(policy, decide, options));
}

/** Opens the ledger as this gateway's writer, after the store has shown that it keeps its promises. */
async function openOwnLedger(
  configuration: Configuration,
  parts: { store: ObjectStore; genesis: Genesis; log: Log; policies: PoolSwitch },
): Promise<{ ledger: Ledger; vkey: string }> {
  const home = homeOf(configuration);
  const { store, genesis, log, policies } = parts;
  const name = configuration.text('ledger');
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const clock = (): number => Date.now();
  if (!genesis.weakStore) {
    await probeStore(store, { prefix: objectKeys(name).prefix, random, clock });
  }
  const writerSigner = jwsSigner(await loadKey(home.writerKey));
  const checkpointSigner = noteSigner(genesis.origin, await loadKey(home.checkpointKey));
  const ledger = await openLedger(
    {
      store,
      clock,
      random,
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
      publishMs: configuration.whole('sealing.publishMs'),
      followMs: configuration.whole('sealing.followMs'),
      backlogBytes: configuration.whole('journal.maxBytes'),
      backlogMs: configuration.whole('journal.maxAgeMs'),
    },
  );
  return { ledger, vkey: checkpointSigner.vkey };
}
