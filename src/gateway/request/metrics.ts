import { setImmediate } from 'node:timers/promises';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Callers } from '../../keys/callers.ts';
import type { FeedStatus } from '../../policy/bundle/feed.ts';
import type { ShadowStatus } from '../../policy/shadow/tally.ts';
import type { AlertStatus } from '../alert/walk.ts';
import type { Desk } from './desk.ts';

/** Seconds: from one fast append to a caller who waits for a slow store. */
const SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

interface Observer {
  observe(value: number): void;
}
interface Incrementer {
  inc(): void;
}

/**
 * What the gateway counts, in Prometheus' base units. Labels are routes, statuses and ledger names, all of which the
 * operator chose: never an id or anything of a caller.
 */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly #durations: Histogram<'route'>;
  readonly #requests: Counter<'route' | 'status'>;
  /** Children are kept: looking one up by labels costs more than counting. */
  readonly #observers = new Map<string, Observer>();
  readonly #counters = new Map<string, Incrementer>();
  #page: Promise<string> | null = null;

  constructor(desks: ReadonlyMap<string, Desk>, callers: Pick<Callers, 'files'>, version: string) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'stele_build_info',
      help: 'Always 1.',
      labelNames: ['version'],
      registers,
    })
      .labels(version)
      .set(1);
    this.#durations = new Histogram({
      name: 'stele_http_request_duration_seconds',
      help: 'From the headers to the last byte handed over.',
      labelNames: ['route'],
      buckets: SECONDS,
      registers,
    });
    this.#requests = new Counter({
      name: 'stele_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['route', 'status'],
      registers,
    });
    const to = { desks, registers };
    registerGauges(LEDGER_GAUGES, (desk) => desk, to);
    registerCountedGauge(desks, registers);
    registerCallersGauge(callers, registers);
    registerGauges(FEED_GAUGES, ({ served }) => served.feed?.status, to);
    registerGauges(SHADOW_GAUGES, ({ served }) => served.shadow?.status(), to);
    registerShadowKinds(desks, registers);
    registerGauges(ALERT_GAUGES, ({ served }) => served.alerts?.status(), to);
    registerRaisedGauge(desks, registers);
  }

  /** What a scrape reads. Made once for all who ask meanwhile: it takes some ms, and anybody may ask. */
  async page(): Promise<string> {
    this.#page ??= this.#made().finally(() => {
      this.#page = null;
    });
    return this.#page;
  }

  async #made(): Promise<string> {
    // Everybody who has asked by now is answered by it.
    await setImmediate();
    return this.registry.metrics();
  }

  /** Counts one answered request. */
  observe(route: string, status: number, seconds: number): void {
    let observer = this.#observers.get(route);
    if (observer === undefined) {
      observer = this.#durations.labels(route);
      this.#observers.set(route, observer);
    }
    observer.observe(seconds);
    const key = `${route} ${status}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.#requests.labels(route, String(status));
      this.#counters.set(key, counter);
    }
    counter.inc();
  }
}

function registerCallersGauge(callers: Pick<Callers, 'files'>, registers: Registry[]): void {
  new Gauge({
    name: 'stele_caller_keys_stale',
    help: 'Whether what stands in a file of keys now cannot be used, so that what was read before holds.',
    labelNames: ['file'],
    registers,
    collect() {
      for (const { name, fault } of callers.files) this.labels(name).set(Number(fault !== null));
    },
  });
}

function registerRaisedGauge(desks: ReadonlyMap<string, Desk>, registers: Registry[]): void {
  new Gauge({
    name: 'stele_alerts_raised',
    help: 'Alerts that this process made entries, by severity.',
    labelNames: ['ledger', 'severity'],
    registers,
    collect() {
      for (const [ledger, { served }] of desks) {
        const raised = Object.entries(served.alerts?.status().raisedBy ?? {});
        for (const [severity, count] of raised) this.labels(ledger, severity).set(count);
      }
    },
  });
}

function registerCountedGauge(desks: ReadonlyMap<string, Desk>, registers: Registry[]): void {
  new Gauge({
    name: 'stele_counted_requests',
    help: 'What was counted since the start instead of becoming an entry of its own: the ledger has it in summaries.',
    labelNames: ['ledger', 'entrypoint', 'action', 'outcome'],
    registers,
    collect() {
      for (const [ledger, { summary }] of desks) {
        for (const { entrypoint, action, allow, count } of summary.totals) {
          this.labels(ledger, entrypoint, action, allow ? 'allow' : 'deny').set(count);
        }
      }
    },
  });
}

interface StatusGauge<Of> {
  readonly name: string;
  readonly help: string;
  readonly value: (of: Of) => number;
}

const LEDGER_GAUGES: readonly StatusGauge<Desk>[] = [
  {
    name: 'stele_ledger_ready',
    help: 'Whether entries are taken.',
    value: ({ served }) => Number(served.ledger.status().ready),
  },
  {
    name: 'stele_ledger_tree_size',
    help: 'Leaves of the newest head that this process knows.',
    value: ({ served }) => served.ledger.status().treeSize,
  },
  {
    name: 'stele_ledger_published_size',
    help: 'Leaves that the published static view covers.',
    value: ({ served }) => served.ledger.status().publishedSize,
  },
  {
    name: 'stele_ledger_backlog_entries',
    help: 'Entries that are durable and not sealed.',
    value: ({ served }) => served.ledger.status().backlogEntries,
  },
  {
    name: 'stele_ledger_backlog_bytes',
    help: 'Bytes of entries that are durable and not sealed.',
    value: ({ served }) => served.ledger.status().backlogBytes,
  },
  {
    name: 'stele_ledger_oldest_unsealed_seconds',
    help: 'Age of the oldest entry that is durable and not sealed.',
    value: ({ served }) => served.ledger.status().oldestUnsealedMs / 1000,
  },
  {
    name: 'stele_ledger_findings',
    help: 'Findings met since the start.',
    value: ({ served }) =>
      Object.values(served.ledger.status().findings).reduce((sum, count) => sum + count, 0),
  },
  {
    name: 'stele_policy_behind',
    help: 'Whether another policy is in charge than the one that decides here.',
    value: ({ served }) => {
      const { active, deciding } = served.ledger.policy();
      return Number(active !== null && deciding !== null && active.id !== deciding);
    },
  },
  {
    name: 'stele_policy_fallback',
    help: 'Whether the policy in charge cannot be run here, so that the one before it decides the next change of policy.',
    value: ({ served }) => Number(served.ledger.policy().fallback !== null),
  },
  {
    name: 'stele_ledger_summary_pending',
    help: 'What is counted and not yet sealed in a summary entry.',
    value: ({ summary }) => summary.pending,
  },
];

/** Of ledgers that follow a source of policies. */
const FEED_GAUGES: readonly StatusGauge<FeedStatus>[] = [
  {
    name: 'stele_policy_source_failing',
    help: 'Whether the last look at the source of policies came to nothing, or its bundle was refused.',
    value: ({ failure }) => Number(failure !== null),
  },
  {
    name: 'stele_policy_source_looked_seconds',
    help: 'Unix time at which the source answered last; 0 before the first time.',
    value: ({ lookedAt }) => (lookedAt ?? 0) / 1000,
  },
  {
    name: 'stele_policy_bundles_staged',
    help: 'Bundles that passed their staging since the start.',
    value: ({ staged }) => staged,
  },
  {
    name: 'stele_policy_bundles_refused',
    help: 'Bundles that were refused since the start.',
    value: ({ refused }) => refused,
  },
  {
    name: 'stele_policy_source_failures',
    help: 'Looks at the source that failed since the start.',
    value: ({ failed }) => failed,
  },
];

/** Of ledgers where a candidate may decide in the shadow; counts are since it began. */
const SHADOW_GAUGES: readonly StatusGauge<ShadowStatus>[] = [
  {
    name: 'stele_policy_shadow_running',
    help: 'Whether a candidate decides in the shadow.',
    value: ({ running }) => Number(running),
  },
  {
    name: 'stele_policy_shadow_compared',
    help: 'Decisions that the candidate made again.',
    value: ({ compared }) => compared,
  },
  {
    name: 'stele_policy_shadow_changed',
    help: 'Decisions that the candidate would make otherwise.',
    value: ({ changed }) => changed,
  },
  {
    name: 'stele_policy_shadow_dropped',
    help: 'Decisions that found no room before the candidate.',
    value: ({ dropped }) => dropped,
  },
  {
    name: 'stele_policy_shadow_timeouts',
    help: 'Decisions of the candidate that took longer than the deadline.',
    value: ({ timeouts }) => timeouts,
  },
];

/** Of ledgers whose sealed entries are asked about; counts are since the start. */
const ALERT_GAUGES: readonly StatusGauge<AlertStatus>[] = [
  {
    name: 'stele_alerts_lag_entries',
    help: 'Sealed entries that stele/alert was not asked about yet.',
    value: ({ lag }) => lag,
  },
  {
    name: 'stele_alerts_asked',
    help: 'Sealed entries that stele/alert was asked about.',
    value: ({ asked }) => asked,
  },
  {
    name: 'stele_alerts_waiting',
    help: 'Whether no alert is made because something fails: /readyz?verbose says what, and at which entry.',
    value: ({ fault }) => Number(fault !== null),
  },
  {
    name: 'stele_alerts_over_budget',
    help: 'Alerts that were not made entries, because there were many of their title in a minute.',
    value: ({ passed }) => passed,
  },
  {
    name: 'stele_alerts_failed',
    help: 'Sealed entries for which stele/alert or stele/fact gave no usable answer.',
    value: ({ failed }) => failed,
  },
  {
    name: 'stele_alerts_unread',
    help: 'Sealed entries that were not asked about because their record is gone or cannot be read.',
    value: ({ unread }) => unread,
  },
];

function registerShadowKinds(desks: ReadonlyMap<string, Desk>, registers: Registry[]): void {
  new Gauge({
    name: 'stele_policy_shadow_changes',
    help: 'Decisions that the candidate would make otherwise, by kind; one may be of several.',
    labelNames: ['ledger', 'kind'],
    registers,
    collect() {
      for (const [ledger, { served }] of desks) {
        const kinds: Readonly<Record<string, number>> = served.shadow?.status().kinds ?? {};
        for (const [kind, count] of Object.entries(kinds)) this.labels(ledger, kind).set(count);
      }
    },
  });
}

/** One gauge of each row, with a value for each ledger that has what it is of. */
function registerGauges<Of>(
  gauges: readonly StatusGauge<Of>[],
  of: (desk: Desk) => Of | undefined,
  { desks, registers }: { desks: ReadonlyMap<string, Desk>; registers: Registry[] },
): void {
  for (const { name, help, value } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: ['ledger'],
      registers,
      collect() {
        for (const [ledger, desk] of desks) {
          const found = of(desk);
          if (found !== undefined) this.labels(ledger).set(value(found));
        }
      },
    });
  }
}
