/**
 * Asks `stele/alert` of every sealed entry, in the order of the log, and makes its alerts entries. It follows the log and
 * stands in nobody's way: appends and seals know nothing of it. Where it begins is said by the log alone
 * (docs/decisions/0014).
 */
import { setTimeout } from 'node:timers/promises';
import { entryBytes, parseEntry } from '../../core/entry/entry.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';
import { SteleError } from '../../core/errors.ts';
import type { LedgerLog } from '../../ledger/context/components.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { ALERT_ENTRYPOINTS } from '../../policy/alert/job.ts';
import type { AlertAnswer, AlertTask } from '../../policy/alert/job.ts';
import { RecentFacts } from '../../policy/alert/facts.ts';
import type { AlertAsker } from '../../policy/alert/thread.ts';
import type { DenialCode } from '../../policy/contract/decision.ts';
import type { CompiledPolicy } from '../../policy/engine/engine.ts';
import type { PreparedPolicy } from '../../policy/bundle/prepare.ts';
import { AlertRaiser } from './raiser.ts';
import type { RaiserCounts } from './raiser.ts';

/** What a walk is made of. */
export interface AlertWalkParts {
  readonly ledger: Pick<Ledger, 'ready' | 'writer' | 'status' | 'stretch' | 'appendSystem'>;
  /** The policy that decides here. */
  readonly policy: () => PreparedPolicy | null;
  readonly open: (compiled: CompiledPolicy, recent: RecentFacts) => AlertAsker;
  /** Epoch ms. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly chance: () => number;
  readonly log: Pick<LedgerLog, 'warn'>;
  /** Entries before the end of the log that a start asks about again; default 10,000. */
  readonly lookBack?: number;
  /** Milliseconds that alerts of what others sealed are left to them; default 10 s. */
  readonly othersMs?: number;
}

/** How far it came, and what came of it since the start. */
export interface AlertStatus extends RaiserCounts {
  /** Whether the policy in charge has `stele/alert`. */
  readonly asks: boolean;
  /** Sealed entries that were not asked about yet. */
  readonly lag: number;
  /** Whether it is further behind than a start looks back: what a crash now would pass over. */
  readonly behind: boolean;
  readonly asked: number;
  /** Entries where a rule gave no usable answer. */
  readonly failed: number;
  /** Entries whose record is gone or cannot be read. */
  readonly unread: number;
  /** Code of what it waits for; null while it goes on. */
  readonly fault: string | null;
  /** Leaf from which on nothing is asked about while it waits; null while it goes on, or before it began. */
  readonly waitsAt: number | null;
}

/** Told of each entry where a rule failed, and of each alert beyond the budget. */
export type AlertFailureSink = (code: DenialCode | 'over_budget', policy: string) => void;

const LOOK_BACK = 10_000;
const OTHERS_MS = 10_000;
/** Entries read at once. */
const STRETCH = 64;
/** Milliseconds between two looks at the end of the log. */
const IDLE_MS = 200;
/** Most milliseconds between two tries. */
const RETRY_MS_MAX = 30_000;
interface Read {
  readonly index: number;
  readonly payload: EntryPayload;
  readonly record: string | null;
}

/** The walk over one ledger. */
export class AlertWalk {
  readonly #parts: AlertWalkParts;
  readonly #lookBack: number;
  readonly #ending = new AbortController();
  readonly #recent = new RecentFacts();
  readonly #raiser: AlertRaiser;
  #asker: { readonly policy: string; readonly asker: AlertAsker } | null = null;
  #onFailure: AlertFailureSink = () => undefined;
  #walking: Promise<void> | null = null;
  /** Leaf that is asked about next; null before it is known where to begin. */
  #next: number | null = null;
  /** From here on alerts are wanted, and not only what is to be kept. */
  #live = 0;
  #counts = { asked: 0, failed: 0, unread: 0 };
  /** What it waits for, and where. */
  #wait: { readonly code: string; readonly at: number | null } | null = null;

  constructor(parts: AlertWalkParts) {
    this.#parts = parts;
    this.#lookBack = parts.lookBack ?? LOOK_BACK;
    this.#raiser = new AlertRaiser(parts, (policy) => {
      this.#onFailure('over_budget', policy);
    });
  }

  /** @param onFailure - Told of failures from here on. */
  start(onFailure: AlertFailureSink): void {
    this.#onFailure = onFailure;
    this.#walking ??= this.#walk();
  }

  /** Ends it, whatever it is at. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#asker?.asker.close();
    await this.#walking;
  }

  status(): AlertStatus {
    const lag = this.#next === null ? 0 : Math.max(0, this.#size() - this.#next);
    return {
      asks: this.#policy() !== null,
      lag,
      behind: lag > this.#lookBack,
      ...this.#counts,
      ...this.#raiser.counts,
      fault: this.#wait?.code ?? null,
      waitsAt: this.#wait?.at ?? null,
    };
  }

  async #walk(): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted;) {
      try {
        const isIdle = await this.#step();
        failures = 0;
        this.#wait = null;
        if (isIdle) await this.#sleep(IDLE_MS);
      } catch (error) {
        if (this.#ending.signal.aborted) break;
        failures += 1;
        this.#waits(error);
        await this.#sleep(Math.min(RETRY_MS_MAX, IDLE_MS * 2 ** Math.min(failures, 10)));
      }
    }
  }

  /** Says it once: it is tried again until it can be done, which may be for days where rights are missing. */
  #waits(error: unknown): void {
    const code = error instanceof SteleError ? error.code : 'internal_error';
    const at = this.#next;
    if (this.#wait?.code === code && this.#wait.at === at) return;
    this.#wait = { code, at };
    this.#parts.log.warn('alerts_wait', { code, entry: at, error });
  }

  /** @returns whether there is nothing to do now. */
  async #step(): Promise<boolean> {
    const next = this.#next ?? (await this.#begin());
    this.#next = next;
    await this.#raiser.raise(next);
    const prepared = this.#policy();
    const size = this.#size();
    if (prepared === null) {
      // What is sealed while no policy asks is not asked about later.
      this.#next = size;
      return true;
    }
    if (next >= size || this.#raiser.isFull) return true;
    await this.#ask(await this.#read(next, size), prepared);
    return false;
  }

  /** Behind what earlier boots left: the alerts of a boot before may be in the journal. */
  async #begin(): Promise<number> {
    await Promise.race([this.#parts.ledger.ready(), this.#sleep(IDLE_MS * 5)]);
    if (!this.#parts.ledger.status().ready) throw notReady();
    this.#live = Math.max(0, this.#size() - this.#lookBack);
    this.#raiser.begin(this.#live);
    return Math.max(0, this.#live - this.#lookBack);
  }

  async #read(next: number, size: number): Promise<readonly Read[]> {
    const count = Math.min(STRETCH, size - next);
    const found = await this.#parts.ledger.stretch(next, count);
    this.#next = next + found.length;
    return found.flatMap((one, offset) => {
      const index = next + offset;
      const payload = one === null ? null : parseEntry(entryBytes(one.jws)).payload;
      this.#raiser.know(index, payload);
      if (payload === null || (one?.record === null && payload._sd !== undefined)) {
        this.#counts.unread += 1;
      }
      return payload === null ? [] : [{ index, record: one?.record ?? null, payload }];
    });
  }

  async #ask(entries: readonly Read[], prepared: PreparedPolicy): Promise<void> {
    const asked = entries.flatMap(({ index, record, payload }) => {
      return record === null ? [] : [{ payload, task: this.#taskOf(index, payload, record) }];
    });
    const [first] = asked;
    if (first === undefined) return;
    const policy = prepared.identity.id;
    try {
      const asker = await this.#askerOf(policy, prepared);
      const answers = await asker.ask(asked.map(({ task }) => task));
      for (const [at, { payload, task }] of asked.entries()) {
        const answer = answers[at];
        if (answer !== undefined) this.#answered(task, payload.wtr.id, policy, answer);
      }
      // What has no answer is asked about next.
      const rest = asked[answers.length];
      if (rest !== undefined) this.#next = rest.task.entry.index;
    } catch (error) {
      // Nothing of it came to anything: it is asked again.
      this.#next = first.task.entry.index;
      throw error;
    }
  }

  #taskOf(index: number, { kind, jti, at, pol }: EntryPayload, record: string): AlertTask {
    const entry = { kind, id: jti, index, allow: pol?.allow ?? false };
    return { entry, at, record, past: index < this.#live };
  }

  #answered(task: AlertTask, writer: string, policy: string, answer: AlertAnswer): void {
    const { clock, chance, ledger, othersMs = OTHERS_MS } = this.#parts;
    if (task.past) return;
    this.#counts.asked += 1;
    if (answer.failed !== null) {
      this.#counts.failed += 1;
      this.#onFailure(answer.failed, policy);
    }
    // Whoever sealed it says so at once. Others do when nobody has, and not all at the same time.
    const wait = writer === ledger.writer.id ? 0 : othersMs * (1 + chance());
    const due = clock() + wait;
    for (const { severity, title } of answer.alerts) {
      const alert = { source: task.entry.index, policy, severity, title };
      this.#raiser.take(alert, { writer, at: task.at, due });
    }
  }

  async #askerOf(policy: string, { compiled }: PreparedPolicy): Promise<AlertAsker> {
    if (this.#asker?.policy === policy) return this.#asker.asker;
    await this.#asker?.asker.close();
    const asker = this.#parts.open(compiled, this.#recent);
    this.#asker = { policy, asker };
    // Whoever stops it may have looked a moment ago.
    if (this.#ending.signal.aborted) await asker.close();
    return asker;
  }

  /** The policy in charge, where it has something to ask. */
  #policy(): PreparedPolicy | null {
    const prepared = this.#parts.policy();
    const asks = prepared?.identity.entrypoints.includes(ALERT_ENTRYPOINTS.alert) === true;
    return asks ? prepared : null;
  }

  #size(): number {
    return this.#parts.ledger.status().treeSize;
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#ending;
    await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

function notReady(): SteleError {
  return new SteleError('alerts_early', 'the ledger takes no entries yet', {
    disposition: 'retry',
  });
}
