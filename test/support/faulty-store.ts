/**
 * A store whose calls fail as real stores fail: before their effect, after it, with every answer that was ever seen, with
 * torn bytes, or with a write that lands long after its writer gave up. What fails is a plan, so a run can be repeated.
 */
import {
  ObjectExistsError,
  PreconditionError,
  StoreConflictError,
  StoreDeniedError,
  StoreUnavailableError,
} from '../../src/storage/errors.ts';
import type * as port from '../../src/storage/object-store.ts';

/** The calls of the port that can fail. */
export type StoreMethod =
  'putNew' | 'head' | 'get' | 'listVersions' | 'list' | 'extendRetention' | 'replace';

/** One call, numbered from 0 in the order of their beginning. */
export interface StoreCall {
  readonly index: number;
  readonly method: StoreMethod;
  /** The key, or the prefix of a list. */
  readonly key: string;
}

/**
 * What the caller sees. `reset`, `timeout`, `500`: unknown. `409`: undecided. `412`: taken (of a read: unknown).
 * `403`: refused. `torn`: bytes cut in half (of anything but a get: unknown).
 */
export type FaultAnswer = 'reset' | 'timeout' | '500' | '409' | '412' | '403' | 'torn';

export const FAULT_ANSWERS: readonly FaultAnswer[] = [
  'reset',
  'timeout',
  '500',
  '409',
  '412',
  'torn',
];

/**
 * A fault: nothing happens and the caller sees `answer` (`before`); everything happens and it sees `answer` all the same
 * (`after`); or it sees a time-out, and the write lands `calls` calls later, or at `landLate()` (`late`).
 */
export type Fault =
  | { readonly effect: 'before' | 'after'; readonly answer: FaultAnswer }
  | { readonly effect: 'late'; readonly calls: number };

/** Decides for each call whether and how it fails. */
export type FaultPlan = (call: StoreCall) => Fault | null;

interface LateWrite {
  readonly due: number;
  readonly land: () => Promise<unknown>;
}

/** Every method and answer, before and after: the rows of a sweep over one call. */
export const ALL_FAULTS: readonly Fault[] = FAULT_ANSWERS.flatMap((answer) => [
  { effect: 'before', answer } as const,
  { effect: 'after', answer } as const,
]);

/** Fails the call number `index`, and no other. */
export function failOnly(index: number, fault: Fault): FaultPlan {
  return (call) => (call.index === index ? fault : null);
}

/**
 * Fails a share of all calls, each in a way of its own, the same for the same seed.
 *
 * @param share - 0 to 1.
 */
export function seededFaults(seed: number, share: number): FaultPlan {
  const random = seededRandom(seed);
  return ({ method }) => {
    const draw = random();
    const answer = FAULT_ANSWERS[Math.floor(random() * FAULT_ANSWERS.length)] ?? 'reset';
    const shape = random();
    const distance = Math.floor(random() * 20);
    if (draw >= share) return null;
    const isWrite = method === 'putNew' || method === 'replace';
    if (isWrite && shape < 0.2) return { effect: 'late', calls: distance };
    // A create that was lost and is answered "taken" would be a lie, which no store was seen to tell.
    const honest = answer === '412' || answer === '409' ? 'after' : 'before';
    return { effect: shape < 0.6 ? honest : 'after', answer };
  };
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The inner store behind a network that follows `plan`. The plan can be changed at any time; probing never fails. */
export class FaultyStore implements port.ObjectStore {
  readonly kind: string;
  readonly probing: port.StoreProbing;
  /** Every call so far, in the order of their beginning. */
  readonly calls: StoreCall[] = [];
  plan: FaultPlan;
  readonly #inner: port.ObjectStore;
  #late: LateWrite[] = [];

  constructor(inner: port.ObjectStore, plan: FaultPlan = () => null) {
    this.kind = `faulty ${inner.kind}`;
    this.probing = inner.probing;
    this.plan = plan;
    this.#inner = inner;
  }

  /** Lets every write that is still on its way land now. */
  async landLate(): Promise<void> {
    const writes = this.#late;
    this.#late = [];
    for (const write of writes) await write.land().catch(() => undefined);
  }

  async putNew(
    key: string,
    bytes: Uint8Array,
    options: port.PutOptions,
  ): Promise<{ readonly versionId: string }> {
    const kept = bytes.slice();
    return this.#call('putNew', key, async () => this.#inner.putNew(key, kept, options));
  }

  async head(key: string, versionId?: string): Promise<port.ObjectHead | null> {
    return this.#call('head', key, async () => this.#inner.head(key, versionId));
  }

  async get(key: string, options?: port.GetOptions): Promise<port.StoredObject | null> {
    return this.#call(
      'get',
      key,
      async () => this.#inner.get(key, options),
      (object) => object && { ...object, bytes: object.bytes.slice(0, object.bytes.length >> 1) },
    );
  }

  async listVersions(key: string): Promise<readonly port.ObjectVersion[]> {
    return this.#call('listVersions', key, async () => this.#inner.listVersions(key));
  }

  async list(prefix: string, options?: port.ListOptions): Promise<readonly string[]> {
    return this.#call('list', prefix, async () => this.#inner.list(prefix, options));
  }

  async extendRetention(key: string, versionId: string, wanted: port.Retention): Promise<void> {
    return this.#call('extendRetention', key, async () =>
      this.#inner.extendRetention(key, versionId, wanted),
    );
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    options: port.ReplaceOptions,
  ): Promise<{ readonly etag: string }> {
    const kept = bytes.slice();
    return this.#call('replace', key, async () => this.#inner.replace(key, kept, options));
  }

  now(): number | null {
    return this.#inner.now();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #call<T>(
    method: StoreMethod,
    key: string,
    effect: () => Promise<T>,
    tear?: (result: T) => T,
  ): Promise<T> {
    const call = { index: this.calls.length, method, key };
    this.calls.push(call);
    const fault = this.plan(call);
    await this.#landDue(call.index);
    if (fault === null) return effect();
    if (fault.effect === 'late') {
      this.#late.push({ due: call.index + fault.calls, land: effect });
      throw answerOf('timeout', method, key);
    }
    if (fault.answer === 'torn' && tear !== undefined) return tear(await effect());
    if (fault.effect === 'after') await effect();
    throw answerOf(fault.answer, method, key);
  }

  async #landDue(index: number): Promise<void> {
    const due = this.#late.filter((write) => write.due < index);
    this.#late = this.#late.filter((write) => write.due >= index);
    for (const write of due) await write.land().catch(() => undefined);
  }
}

function answerOf(answer: FaultAnswer, method: StoreMethod, key: string): Error {
  const isWrite = method === 'putNew' || method === 'replace' || method === 'extendRetention';
  if (answer === '403') return new StoreDeniedError(`injected refusal of ${method} ${key}`);
  if (answer === '409' && isWrite) return new StoreConflictError(key);
  if (answer === '412' && method === 'putNew') return new ObjectExistsError(key);
  if (answer === '412' && method === 'replace') return new PreconditionError(key);
  return new StoreUnavailableError(`injected ${answer} of ${method} ${key}`, {
    ...(isWrite ? { durability: 'unknown' } : {}),
  });
}
