import { randomBytes } from 'node:crypto';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { PolicyChanges, PolicyShadow } from '../../gateway/context/components.ts';
import { AlertWalk } from '../../gateway/alert/walk.ts';
import { PoolSwitch } from '../../gateway/activation/policy-switch.ts';
import { startGateway } from '../../gateway/server.ts';
import { loadLedgerSecret } from '../../keys/ledger-secret.ts';
import type { LedgerSecret } from '../../keys/ledger-secret.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { DEFAULT_INPUT_LIMITS } from '../../policy/decide/input.ts';
import type { DecideSettings } from '../../policy/decide/decide.ts';
import { AlertThread } from '../../policy/alert/thread.ts';
import { evaluateOnce } from '../../policy/decide/one-shot.ts';
import { Shadow, shadowed } from '../../policy/shadow/shadow.ts';
import { SwapPool } from '../../policy/pool/swap-pool.ts';
import { openWorkerPool } from '../../policy/pool/worker-pool.ts';
import { baseUrl } from '../address.ts';
import type { Configuration } from '../settings/configuration.ts';
import { gatewaySettingsOf } from './gateway-settings.ts';
import { homeOf } from './home.ts';
import { createLog } from './logging.ts';
import type { Log } from './logging.ts';
import { openCallers } from './callers.ts';
import { signerFault, stageArchived, stageShadow, stageSubmitted } from './policy.ts';
import { genesisToServe, openOwnLedger } from './own-ledger.ts';
import { openStore } from './store.ts';
import { foundingPolicy, openFeed } from './policy-feed.ts';
import { version } from '../version.ts';

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
    const known = await genesisToServe(configuration, store);
    const { genesis } = known;
    const name = configuration.text('ledger');
    const opened = await openFeed(configuration, log);
    const feed = opened?.feed ?? null;
    closers.push(async () => feed?.close());
    const archive = await foundingPolicy(genesis, { feed, ledger: name, log });
    const secret = await loadLedgerSecret(homeOf(configuration).ledgerSecret);
    const decide = decideSettingsOf(genesis, secret);
    const pool = await openPool(configuration, decide);
    closers.push(async () => pool.close());
    const policies = new PoolSwitch({
      ...{ pool, stage: stageArchived, signerFault, evaluate: evaluateOnce },
    });
    const parts = { store, known, log, policies, archive };
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
    const changes = changesOf(configuration, { pool, policies, decide });
    const shadow = openShadow(configuration, decide);
    closers.push(async () => shadow.stop());
    const alerts = openAlerts(configuration, { ledger, pool, log });
    closers.push(async () => alerts?.stop());
    const policy = shadowed(pool, shadow.observer);
    const served = { name, ledger, policy, feed, changes, shadow, secret };
    const gateway = await startGateway(
      {
        ledgers: [alerts === null ? served : { ...served, alerts }],
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
    const url = baseUrl(gateway.host, gateway.port);
    return { url, ledger, vkey, close: async () => (closed ??= close()) };
  } catch (error) {
    await close();
    throw error;
  }
}

function decideSettingsOf(genesis: Genesis, secret: LedgerSecret): DecideSettings {
  const { origin, gen, classes, fallbackClass, labels, maxSealMs } = genesis;
  const limits = DEFAULT_INPUT_LIMITS;
  return { origin, gen, classes, fallbackClass, labels, maxSealMs, secret, limits };
}

/** How the policy is changed here. */
function changesOf(
  configuration: Configuration,
  {
    pool,
    policies,
    decide,
  }: Pick<PolicyChanges, 'decide'> & {
    readonly pool: SwapPool;
    readonly policies: PoolSwitch;
  },
): PolicyChanges {
  return {
    prepared: () => pool.prepared,
    stage: async (archive, from) => stageSubmitted(archive, from, configuration),
    keep: (staged) => {
      policies.keep(staged);
    },
    evaluate: evaluateOnce,
    decide,
  };
}

function openShadow(
  configuration: Configuration,
  settings: DecideSettings,
): PolicyShadow & { readonly observer: Shadow } {
  const observer = new Shadow({
    settings,
    deadlineMs: configuration.whole('policy.deadlineMs'),
    queue: configuration.whole('policy.shadowQueue'),
    samples: configuration.whole('policy.shadowSamples'),
    clock: () => Date.now(),
  });
  return {
    observer,
    stage: async (archive) => stageShadow(archive, configuration),
    start: async (candidate, sample) => observer.start(candidate, sample),
    stop: async () => observer.stop(),
    status: () => observer.status(),
  };
}

/** @returns null where nobody asks about what is sealed. */
function openAlerts(
  configuration: Configuration,
  { ledger, pool, log }: { readonly ledger: Ledger; readonly pool: SwapPool; readonly log: Log },
): AlertWalk | null {
  if (!configuration.flag('policy.alerts')) return null;
  const deadlineMs = configuration.whole('policy.deadlineMs');
  return new AlertWalk({
    ledger,
    policy: () => pool.prepared,
    open: (compiled, recent) => new AlertThread({ compiled, recent, deadlineMs }),
    clock: () => Date.now(),
    chance: () => Math.random(),
    log,
  });
}

async function openPool(configuration: Configuration, decide: DecideSettings): Promise<SwapPool> {
  const options = {
    workers: configuration.whole('policy.workers'),
    deadlineMs: configuration.whole('policy.deadlineMs'),
  };
  return SwapPool.open(async (policy) => openWorkerPool(policy, decide, options));
}
