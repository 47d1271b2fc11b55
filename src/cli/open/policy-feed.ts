import { setTimeout } from 'node:timers/promises';
import { SteleError } from '../../core/errors.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { archivePolicy } from '../../ledger/log/policy-archive.ts';
import { PolicyFeed } from '../../policy/bundle/feed.ts';
import type { FeedEvents, FeedFailure } from '../../policy/bundle/feed.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Configuration } from '../settings/configuration.ts';
import type { Log } from './logging.ts';
import { openDefaultPolicy } from './policy.ts';
import { openSource, openStager } from './source.ts';

/** Entries of refused bundles that one process makes in an hour; beyond, they are logged and counted only. */
const REFUSALS_PER_HOUR = 30;
const HOUR_MS = 3_600_000;
/** Times that such an entry is tried while the ledger takes none, and milliseconds between the first two. */
const TRIES_MAX = 10;
const RETRY_MS = 1000;
/** Of the bounds of an entry's facts. */
const REASON_MAX = 500;

/** What of a ledger takes refusals. */
type RefusalLedger = Pick<Ledger, 'ready' | 'appendSystem'>;

/** Follows the configured source, and says in the log and in the ledger what came of it. */
export interface OpenedFeed {
  readonly feed: PolicyFeed;
  /** From here on refusals are entries; those before are made now. */
  attach(ledger: RefusalLedger): void;
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
 * What decides is what the log puts in charge, from the ledger's archive, and never what a source or a file has. Only
 * where the archive lacks the policy that the ledger was founded with, it is taken from there, once.
 *
 * @returns the step that archives it; null where another policy or none is configured.
 */
export async function foundingPolicy(
  genesis: Genesis,
  parts: { readonly feed: PolicyFeed | null; readonly ledger: string; readonly log: Log },
): Promise<((store: ObjectStore) => Promise<void>) | null> {
  const { feed, ledger, log } = parts;
  const offered = feed === null ? await openDefaultPolicy() : await feed.look();
  const configured = offered?.prepared.identity.id ?? null;
  const founding = genesis.policy?.id ?? null;
  if (offered === null || founding === null || configured !== founding) {
    log.info('configured_policy_decides_nothing', { configured, founding });
    return null;
  }
  const policy = { id: founding, archive: offered.archive };
  return async (store) => archivePolicy(store, ledger, genesis, policy, () => Date.now());
}

/** Makes entries of refused bundles: few, and not before there is a ledger to take them. */
class Refusals {
  readonly #log: Log;
  #ledger: RefusalLedger | null = null;
  #waiting: FeedFailure[] = [];
  #times: number[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  attach(ledger: RefusalLedger): void {
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
    void this.#record(this.#ledger, failure);
  }

  /** Takes its time: a ledger takes nothing before it is ready, nor while its backlog is full. */
  async #record(ledger: RefusalLedger, failure: FeedFailure): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await ledger.ready();
        await ledger.appendSystem('policy', refusalFacts(failure));
        return;
      } catch (error) {
        const again = error instanceof SteleError && error.disposition === 'retry';
        if (!again || error.code === 'closing' || tries === TRIES_MAX) {
          const message = error instanceof Error ? error.message : String(error);
          this.#log.error('policy_refusal_not_recorded', { digest: failure.digest, message });
          return;
        }
        await setTimeout(RETRY_MS * tries, undefined, { ref: false });
      }
    }
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
