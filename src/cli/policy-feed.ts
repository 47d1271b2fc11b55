import { SteleError } from '../core/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { PolicyFeed } from '../policy/feed.ts';
import type { FeedEvents, FeedFailure } from '../policy/feed.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Configuration } from './configuration.ts';
import type { Log } from './logging.ts';
import { openArchivedPolicy, openDefaultPolicy } from './open-policy.ts';
import { openSource, openStager } from './open-source.ts';

/** Entries of refused bundles that one process makes in an hour; beyond, they are logged and counted only. */
const REFUSALS_PER_HOUR = 30;
const HOUR_MS = 3_600_000;
/** Of the bounds of an entry's facts. */
const REASON_MAX = 500;

/** Follows the configured source, and says in the log and in the ledger what came of it. */
export interface OpenedFeed {
  readonly feed: PolicyFeed;
  /** From here on refusals are entries; those before are made now. */
  attach(ledger: Pick<Ledger, 'appendSystem'>): void;
}

/** @returns null where the default policy decides: nothing is to be followed. */
export async function openFeed(configuration: Configuration, log: Log): Promise<OpenedFeed | null> {
  const source = await openSource(configuration);
  if (source === null) return null;
  const refusals = new Refusals(log);
  const events: FeedEvents = {
    staged: ({ prepared, digest, revision, signer }) => {
      log.info('policy_staged', { policy: prepared.identity.id, digest, revision, signer });
    },
    refused: (failure) => {
      log.warn('policy_refused', { ...failure });
      refusals.add(failure);
    },
    failed: (failure) => {
      log.warn('policy_source_failed', { ...failure });
    },
  };
  try {
    const feed = new PolicyFeed(
      {
        source,
        stage: await openStager(configuration),
        events,
        clock: () => Date.now(),
        chance: () => Math.random(),
      },
      {
        minDelayMs: configuration.whole('policy.pollMinMs'),
        maxDelayMs: configuration.whole('policy.pollMaxMs'),
      },
    );
    return {
      feed,
      attach: (ledger) => {
        refusals.attach(ledger);
      },
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * The policy in charge: the one that the source has at present, where that is it, else the one that the ledger has archived.
 *
 * @param id - What the log says is in charge.
 * @throws {@link SteleError} `policy_not_active` when neither has it.
 */
export async function policyInCharge(
  id: string | null,
  parts: {
    readonly feed: PolicyFeed | null;
    readonly store: ObjectStore;
    readonly ledger: string;
  },
): Promise<StagedPolicy> {
  const { feed, store, ledger } = parts;
  const offered = feed === null ? await openDefaultPolicy() : await feed.look();
  if (offered !== null && offered.prepared.identity.id === id) return offered;
  const archived = id === null ? null : await openArchivedPolicy(store, ledger, id);
  if (archived !== null) return archived;
  const found = offered?.prepared.identity.id ?? feed?.status.failure?.message ?? 'none';
  throw notActive(id, `${feed?.status.source ?? 'this version'} has ${found}`);
}

function notActive(id: string | null, offer: string): SteleError {
  return new SteleError(
    'policy_not_active',
    `the ledger has policy ${id ?? 'none'} in charge, ${offer}, and it is not in the ledger's archive`,
    { disposition: 'fix-configuration' },
  );
}

/** Makes entries of refused bundles: few, and not before there is a ledger to take them. */
class Refusals {
  readonly #log: Log;
  #ledger: Pick<Ledger, 'appendSystem'> | null = null;
  #waiting: FeedFailure[] = [];
  #times: number[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  attach(ledger: Pick<Ledger, 'appendSystem'>): void {
    this.#ledger = ledger;
    for (const failure of this.#waiting.splice(0)) this.add(failure);
  }

  add(failure: FeedFailure): void {
    if (this.#ledger === null) {
      this.#waiting = [...this.#waiting, failure].slice(-REFUSALS_PER_HOUR);
      return;
    }
    const now = Date.now();
    this.#times = this.#times.filter((at) => at > now - HOUR_MS);
    if (this.#times.push(now) > REFUSALS_PER_HOUR) return;
    this.#ledger.appendSystem('policy', refusalFacts(failure)).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('policy_refusal_not_recorded', { digest: failure.digest, message });
    });
  }
}

/** What a bundle calls itself is not repeated: nothing of it was believed. */
function refusalFacts({ code, message, digest }: FeedFailure): Record<string, unknown> {
  return {
    act: 'reject',
    id: null,
    digest,
    revision: null,
    previous: null,
    signer: null,
    approvals: [],
    grace: null,
    activation: null,
    code,
    reason: message.slice(0, REASON_MAX),
  };
}
