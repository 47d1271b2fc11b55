/** One served ledger at work: decides, records, waits. The order is the design: nothing has an effect unrecorded. */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { SteleError } from '../../core/errors.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import { formatTlogProof } from '../../core/tree/tlog-proof.ts';
import { parseLeafIndex } from '../../core/tree/tree.ts';
import type { Turn } from '../../ledger/tree/stretch-reader.ts';
import type { KnownWrite, Reservation } from '../../ledger/write/idempotency.ts';
import type { FoundEntry, Receipt } from '../../ledger/context/receipt.ts';
import { ALERT_ENTRYPOINTS } from '../../policy/alert/job.ts';
import { ENTRYPOINTS } from '../../policy/contract/decision.ts';
import { DEFAULT_INPUT_LIMITS } from '../../policy/decide/input.ts';
import type {
  AppendJob,
  AppendOutcome,
  KnownFacts,
  WriteIdentity,
} from '../../policy/decide/jobs.ts';
import type { Turns } from '../../policy/pool/turns.ts';
import { bodyDigest, identityDigest } from '../../policy/decide/write-identity.ts';
import { Activations } from '../activation/activation.ts';
import type { Asker } from '../context/asker.ts';
import { ArchivedBundles } from '../activation/archived-bundles.ts';
import { Budgets } from '../quota/budgets.ts';
import { collector } from '../entry/collect.ts';
import type { Collect } from '../entry/collect.ts';
import type { GatewayComponents, ServedLedger } from '../context/components.ts';
import { Cursors } from '../entry/cursor.ts';
import { EntryIds } from '../entry/ids.ts';
import { Finds } from '../quota/finds.ts';
import { ownerOf } from '../quota/shares.ts';
import { JobFacts } from '../entry/job-facts.ts';
import type { Asked } from '../entry/job-facts.ts';
import {
  ENTRY_BYTES,
  FINDS_OF_STRANGERS_MAX,
  FINDS_PER_CALLER_MAX,
  PAGES_OF_STRANGERS_MAX,
  PAGES_PER_CALLER_MAX,
  REPLAY_WEIGHT,
} from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';
import { again, denied, refused, within } from '../context/outcomes.ts';
import { Reads } from '../entry/reads.ts';
import { Recorder } from '../entry/recorder.ts';
import type { GatewaySettings } from '../context/settings.ts';
import { Summary } from '../context/summary.ts';

/** A state that a caller can wait for here. */
export type Ack = 'durable' | 'sealed';

/** One event to be appended. */
export interface Write {
  /** Its JSON text. */
  readonly event: string;
  readonly mediaType: string;
  /** `null`: a repetition of it is another event. */
  readonly identity: WriteIdentity | null;
}

/** A write that is durable at least. */
export interface Accepted {
  readonly jti: string;
  readonly jws: string;
  /** Leaf index; null until it is sealed. */
  readonly index: number | null;
  /** C2SP tlog-proof, where a signed head covers the entry. */
  readonly proof: string | null;
  /** Whether it is the answer to an earlier request with the same identity. */
  readonly replayed: boolean;
}

const APPEND_ACTION = 'entry.append';
/** What a repeated write is counted as in the summary; no policy is asked for it. */
const REPLAY_ACTION = 'entry.replay';
/** What a sealed entry is counted as in the summary where `stele/alert` gave no usable answer. */
const ALERT_FAILED = {
  entrypoint: ALERT_ENTRYPOINTS.alert,
  action: 'alert',
  allow: false,
} as const;
/** Milliseconds that a sealed write waits for the signed head that proves it: usually it comes with the seal. */
const HEAD_WAIT_MS = 1_000;
/** Decides and records what is asked of one ledger. */
export class Desk {
  readonly served: ServedLedger;
  readonly summary: Summary;
  readonly bundles: ArchivedBundles;
  readonly activations: Activations;
  readonly reads: Reads;
  readonly finds = new Finds(FINDS_PER_CALLER_MAX, FINDS_OF_STRANGERS_MAX);
  /** Pages in the making: each is a search among many entries. */
  readonly pages = new Finds(PAGES_PER_CALLER_MAX, PAGES_OF_STRANGERS_MAX);
  readonly cursors: Cursors;
  readonly #ids: EntryIds;
  readonly #clock: () => number;
  readonly #budgets: Budgets;
  readonly #settings: GatewaySettings;
  readonly #recorder: Recorder;
  readonly #facts: JobFacts;
  readonly #turns: Turns;
  readonly #ledgerResource: KnownFacts['resource'];
  readonly #decideAppend: Collect<AppendJob, AppendOutcome>;

  constructor(
    served: ServedLedger,
    components: GatewayComponents,
    settings: GatewaySettings,
    turns: Turns,
  ) {
    this.served = served;
    this.#turns = turns;
    this.#ids = new EntryIds(components.clock, components.random);
    this.cursors = new Cursors(served.secret, served.ledger.genesis.gen);
    this.#settings = settings;
    const { name, ledger, policy } = served;
    this.summary = new Summary(ledger, components.clock, components.log);
    served.alerts?.start((code, id) => {
      this.summary.count({ ...ALERT_FAILED, code, policy: id });
    });
    this.#clock = components.clock;
    this.#budgets = new Budgets(settings, this.summary);
    this.#recorder = new Recorder(ledger, this.summary, this.#budgets);
    this.bundles = new ArchivedBundles(ledger);
    this.activations = new Activations(served, components, settings, this.#budgets, this.summary);
    this.#facts = new JobFacts(name, ledger.genesis.origin);
    this.#ledgerResource = Object.freeze({ type: 'ledger', id: name, properties: {} });
    this.#decideAppend = collector(async (jobs) => policy.append(jobs), setImmediate);
    const [ids, facts, recorder] = [this.#ids, this.#facts, this.#recorder];
    this.reads = new Reads({ pool: policy, ids, facts, recorder, settings });
  }

  /** The ledger itself as the resource of a request. */
  get ledgerResource(): KnownFacts['resource'] {
    return this.#ledgerResource;
  }

  /**
   * Appends one event.
   *
   * @throws {@link ProblemError} for bad input, a conflict of identities, a budget that is spent, and a denial, which is
   *   durable by then;
   *   {@link SteleError} of the ledger and the pool.
   */
  async append(asker: Asker, write: Write, ack: Ack): Promise<Accepted> {
    if (write.identity === null) return this.#appendNew(asker, write, ack);
    const turn = this.turnOf(asker);
    await turn(write.event.length);
    const held = this.#reserve(asker, write.identity, write.event);
    if (held.outcome === 'reserved') {
      try {
        return await this.#appendNew(asker, write, ack);
      } finally {
        // After a write that is durable there is nothing to give back, unless its entry got another identity.
        held.release();
      }
    }
    if (!held.sameBody) throw new ProblemError('idempotency_conflict');
    if (held.outcome === 'in_flight') throw new ProblemError('idempotency_in_flight');
    // No new decision (docs/decisions/0006), but not unseen either.
    this.summary.count({ entrypoint: ENTRYPOINTS.append, action: REPLAY_ACTION, allow: true });
    await turn(REPLAY_WEIGHT);
    return this.#replay(held.write, ack, turn);
  }

  /**
   * Waits for the seal of a durable write, and for the head that proves it. Never throws: the write is durable, and an
   * error would say that it is not.
   */
  async settle(receipt: Receipt, ack: Ack, replayed: boolean): Promise<Accepted> {
    const { jti, jws } = receipt;
    const durable = { jti, jws, index: null, proof: null, replayed };
    if (ack === 'durable') return durable;
    const sealed = await within(receipt.sealed, this.#settings.sealWaitMs);
    if (sealed === null) return durable;
    const { index } = sealed;
    const published = await within(receipt.published, HEAD_WAIT_MS);
    const proof = published === null ? null : await this.proof(index).catch(() => null);
    return { jti, jws, index, proof, replayed };
  }

  /** The C2SP tlog-proof of a leaf in the newest signed head. */
  async proof(index: number): Promise<string> {
    const { path, head } = await this.served.ledger.inclusion(index);
    return formatTlogProof({ index: parseLeafIndex(index), path, checkpoint: head.note });
  }

  /** How work for a caller waits that grows with a text. */
  turnOf({ caller }: Asker): Turn {
    const { key } = ownerOf(caller);
    return async (weight) => this.#turns.take(key, weight);
  }

  /** @throws {@link ProblemError} `budget_spent` when nothing new of a caller would be taken now. */
  assertBudget({ caller }: Asker): void {
    this.#budgets.assertLeft(caller, this.#clock());
  }

  /**
   * Records what the root says about a key, and waits for its seal. No policy is asked: it is the root's to say.
   * @throws {@link ProblemError} `budget_spent`; {@link SteleError} of the ledger.
   */
  async appendKeyStatement({ caller }: Asker, statement: Statement): Promise<Accepted> {
    const bytes = statement.join().length + ENTRY_BYTES;
    this.#budgets.spend(caller, { at: this.#clock(), bytes, action: 'key.change' });
    const receipt = await this.served.ledger.appendKeyStatement(statement);
    return this.settle(receipt, 'sealed', false);
  }

  async #appendNew(asker: Asker, write: Write, ack: Ack): Promise<Accepted> {
    // Before it is decided: that costs, and a denial is an entry too. A repetition is none.
    const bytes = Buffer.byteLength(write.event) + ENTRY_BYTES;
    this.#budgets.spend(asker.caller, { at: this.#clock(), bytes, action: APPEND_ACTION });
    return again(async () => this.#appendOnce(asker, write, ack));
  }

  async #appendOnce(asker: Asker, write: Write, ack: Ack): Promise<Accepted> {
    const { jti, at } = this.#ids.next();
    const { mediaType } = write;
    const asked: Asked = { action: APPEND_ACTION, resource: this.#ledgerResource, mediaType };
    const outcome = await this.#decideAppend({
      at,
      jti,
      event: write.event,
      ...this.#facts.of(asker, asked),
      identity: write.identity,
    });
    if (outcome.outcome === 'refused') throw refused(outcome);
    if (!outcome.allow) {
      throw denied(outcome, await this.#recorder.recordDenial(asker.caller, outcome));
    }
    const receipt = await this.#recorder.record(outcome);
    const wanted = outcome.ack === undefined || outcome.ack === 'durable' ? ack : 'sealed';
    return this.settle(receipt, wanted, false);
  }

  #reserve({ caller }: Asker, identity: WriteIdentity, event: string): Reservation {
    const { secret, ledger } = this.served;
    const body = canonicalJson(parseStrictJson(event, DEFAULT_INPUT_LIMITS.event));
    const { key } = ownerOf(caller);
    return ledger.reserve(identityDigest(secret, identity), bodyDigest(secret, body), key);
  }

  async #replay(write: KnownWrite, ack: Ack, turn: Turn): Promise<Accepted> {
    if (write.receipt !== null) return this.settle(write.receipt, ack, true);
    const found = await this.#written(write, turn).catch((cause: unknown) => {
      const lost = cause instanceof SteleError && cause.code === 'view_incomplete';
      const code = lost ? 'view_incomplete' : 'store_unavailable';
      throw new ProblemError(code, { durability: 'durable', cause });
    });
    if (found === null) throw new ProblemError('internal', { durability: 'durable' });
    const { jti, jws, index } = found;
    const wanted = index !== null && ack === 'sealed';
    const proof = wanted ? await this.proof(index).catch(() => null) : null;
    return { jti, jws, index, proof, replayed: true };
  }

  /** The entry of an earlier write, at the place where it was sealed or else by its id. */
  async #written({ jti, index }: KnownWrite, turn: Turn): Promise<FoundEntry | null> {
    const { ledger } = this.served;
    if (index === null) return ledger.entry(jti, turn);
    // Its record is not answered with.
    const [found] = await ledger.stretch(index, 1, { isWanted: () => false });
    return found?.jti === jti ? found : ledger.entry(jti, turn);
  }
}
