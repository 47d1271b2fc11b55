/**
 * A ledger on a simulated bucket, its gateways, and the oracle of all fault tests: whatever failed, open it again, and
 * everything that was acknowledged is in the log exactly once.
 */
import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { DEFAULT_DEPTHS, discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import { entryPrefix } from '../../src/core/entry/entry.ts';
import type { Entry } from '../../src/core/entry/entry.ts';
import type { Genesis } from '../../src/core/ledger/genesis.ts';
import { applyBatch, entryIdentity, initialState } from '../../src/core/log/state.ts';
import type { JwsSigner } from '../../src/core/json/jws.ts';
import { formatRecord } from '../../src/core/record/record.ts';
import { makeCertificate } from '../../src/core/ledger/statement.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';
import { toBase64Url } from '../../src/core/platform/bytes.ts';
import { generateKey } from '../../src/keys/key-files.ts';
import { jwsSigner, noteSigner } from '../../src/keys/signers.ts';
import type {
  LedgerComponents,
  LedgerLog,
  LedgerOptions,
} from '../../src/ledger/context/components.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import { initLedger } from '../../src/ledger/log/init.ts';
import type { JournalFiles } from '../../src/ledger/context/files.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import type { EntryDraft, Receipt } from '../../src/ledger/context/receipt.ts';
import { writerIdOf } from '../../src/ledger/journal/writer-folder.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { objectKeys } from '../../src/storage/object-keys.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { MemoryDisk } from './memory-files.ts';

export const LEDGER = 'demo';
export const keys = objectKeys(LEDGER);
const ORIGIN = 'stele.test/log/demo';
const POLICY = 'P'.repeat(42) + 'A';
const DAY_MS = 86_400_000;
/** Waits are this much shorter than asked for. */
const SPEED = 10;

/** A store and a file system that a process uses until it is killed: then no call of it returns, or does anything. */
class Shell {
  killed = false;

  store(inner: ObjectStore): ObjectStore {
    return this.#wrap(inner, ['kind', 'probing', 'now']);
  }

  files(inner: JournalFiles): JournalFiles {
    const wrapped = this.#wrap(inner, ['identity']);
    return {
      ...wrapped,
      create: async (path) => this.#wrap(await wrapped.create(path), ['identity']),
    };
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms / SPEED);
      timer.unref();
      if (signal?.aborted === true) done();
      signal?.addEventListener('abort', done);
    });
    await this.#gate();
  }

  async #gate(): Promise<void> {
    if (this.killed) await new Promise(() => undefined);
  }

  #wrap<T extends object>(inner: T, plain: readonly string[]): T {
    return new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const bound = value.bind(target) as (...given: unknown[]) => unknown;
        if (plain.includes(String(name))) return bound;
        return async (...given: unknown[]) => {
          await this.#gate();
          const result = await bound(...given);
          // The effect may stand although the process never hears of it.
          await this.#gate();
          return result;
        };
      },
    });
  }
}

/** One gateway process. */
export interface Gateway {
  readonly ledger: Ledger;
  readonly folder: string;
  /** SIGKILL: nothing that it had under way comes back to it. */
  readonly kill: () => Promise<void>;
  /** Appends entries and remembers what was acknowledged. */
  readonly append: (count?: number, changes?: Partial<EntryDraft>) => Promise<readonly Receipt[]>;
}

export interface GatewayOptions extends Partial<LedgerOptions> {
  readonly store?: ObjectStore;
  readonly files?: JournalFiles;
  readonly random?: (bytes: number) => Uint8Array;
  readonly log?: LedgerLog;
  /** Wraps the signer of entries and batches. */
  readonly signer?: (inner: JwsSigner) => JwsSigner;
  /** What has to be done with the store before the log is learnt. */
  readonly prepare?: () => Promise<void>;
  /** Do not wait until it takes entries. */
  readonly early?: boolean;
}

const quiet: LedgerLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (event, fields) => {
    if (process.env['STELE_TEST_LOG'] !== undefined) console.error(event, fields);
  },
};

/** A ledger with its keys, its bucket and a clock that tests may set forward. */
export class TestWorld {
  readonly root = jwsSigner(generateKey());
  readonly store: MemoryStore;
  /** Where the folders of writers are. */
  readonly disk = new MemoryDisk();
  /** Added to the time of day, ms. */
  offsetMs = 0;
  genesis!: Genesis;
  /** Ids of entries that were acknowledged, with the hash under which. */
  readonly acknowledged = new Map<string, string>();
  readonly gateways: Gateway[] = [];
  readonly #checkpointKey = noteSigner(ORIGIN, generateKey());
  readonly #checkpointJwk: ReturnType<typeof generateKey>['jwk'];
  #folders = 0;
  readonly #used = new Set<string>();
  readonly #writerKeys = new Map<string, ReturnType<typeof generateKey>>();

  private constructor() {
    this.store = new MemoryStore({ clock: this.clock });
    const key = generateKey();
    this.#checkpointKey = noteSigner(ORIGIN, key);
    this.#checkpointJwk = key.jwk;
  }

  static async create(changes: Parameters<typeof initLedger>[0]['genesis'] | object = {}) {
    const world = new TestWorld();
    const time = world.clock();
    world.genesis = await initLedger({
      store: world.store,
      ledger: LEDGER,
      rootSigners: [world.root],
      genesis: {
        origin: ORIGIN,
        roots: { threshold: 1, keys: [world.root.jwk], next: [] },
        classes: {
          standard: { mode: 'compliance', days: 365, erasable: false, ground: null },
          short: { mode: 'governance', days: 1, erasable: false, ground: null },
        },
        fallbackClass: 'standard',
        labels: [],
        limits: {
          batchEntries: 1000,
          batchBytes: 4_194_304,
          headerBytes: 262_144,
          entryBytes: 65_535,
        },
        maxSealMs: 60_000,
        maxDecisionMs: 5000,
        heartbeatMs: 300_000,
        batchLock: { mode: 'compliance', days: 365 },
        policy: { id: POLICY, approvals: [] },
        weakStore: false,
        predecessor: null,
        time,
        ...changes,
      },
    });
    return world;
  }

  readonly random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
  readonly clock = (): number => Date.now() + this.offsetMs;

  get vkey(): string {
    return this.#checkpointKey.vkey;
  }

  async components(folder: string, files = this.disk.files): Promise<LedgerComponents> {
    const { random } = this;
    const writer = await writerIdOf(folder, random, files);
    const key = this.#writerKeys.get(writer) ?? generateKey();
    this.#writerKeys.set(writer, key);
    const { gen } = this.genesis;
    return {
      store: this.store,
      clock: this.clock,
      random,
      log: quiet,
      writerSigner: jwsSigner(key),
      writerCert: await makeCertificate({ gen, use: 'writer', jwk: key.jwk, writer }, [this.root]),
      checkpointSigner: this.#checkpointKey,
      checkpointCert: await makeCertificate(
        { gen, use: 'checkpoint', jwk: this.#checkpointJwk, vkey: this.vkey },
        [this.root],
      ),
    };
  }

  /** From the next start on, the writer of a folder has another key. */
  async rotateWriterKey(folder: string): Promise<void> {
    this.#writerKeys.set(await writerIdOf(folder, this.random, this.disk.files), generateKey());
  }

  /** Starts a gateway; without a folder it is a new writer. */
  async open(options: GatewayOptions = {}): Promise<Gateway> {
    const folder = options.folder ?? this.newFolder();
    const { store = this.store, files = this.disk.files, early = false, ...rest } = options;
    this.#used.add(folder);
    const shell = new Shell();
    const plain = await this.components(folder, files);
    const components = {
      ...plain,
      writerSigner: options.signer?.(plain.writerSigner) ?? plain.writerSigner,
      store: shell.store(store),
      files: shell.files(files),
      sleep: async (ms: number, signal?: AbortSignal) => shell.sleep(ms, signal),
      ...(options.random === undefined ? {} : { random: options.random }),
      ...(options.log === undefined ? {} : { log: options.log }),
      ...(options.prepare === undefined ? {} : { prepare: options.prepare }),
    };
    const ledger = await openLedger(components, {
      ledger: LEDGER,
      sealIntervalMs: 1,
      followMs: 50,
      publishMs: 500,
      closeMs: 30_000,
      policy: POLICY,
      ...rest,
      folder,
    });
    const gateway: Gateway = {
      ledger,
      folder,
      kill: async () => {
        shell.killed = true;
        await files.remove(`${folder}/lock`);
      },
      append: async (count = 1, changes = {}) => {
        const drafts = Array.from({ length: count }, () => ({ ...this.draft(), ...changes }));
        const receipts = await ledger.append(drafts);
        for (const { jti, jws } of receipts) this.acknowledged.set(jti, jws);
        return receipts;
      },
    };
    this.gateways.push(gateway);
    if (!early) await ledger.ready();
    return gateway;
  }

  /** An event with its record, decided just now. */
  draft(
    changes: {
      readonly at?: number;
      readonly class?: 'standard' | 'short';
      readonly input?: JsonObject;
    } = {},
  ): EntryDraft {
    const at = changes.at ?? this.clock();
    const jti = makeUuid7(at, new Uint8Array(randomBytes(10)));
    const name = changes.class ?? 'standard';
    const days = name === 'standard' ? 365 : 1;
    const mode = name === 'standard' ? 'compliance' : 'governance';
    const ret = { class: name, mode, until: at + days * DAY_MS } as const;
    const sby = at + 60_000;
    const key = new Uint8Array(randomBytes(32));
    const parts = {
      input: changes.input ?? { event: { action: 'test', jti: 'not this one' }, time: { ms: at } },
      result: { allow: true, class: name },
      source: { raw_hmac: null, media_type: 'application/json' },
    };
    const { sd } = discloseRecord({ jti, key, depth: DEFAULT_DEPTHS, parts });
    const { origin: iss, gen } = this.genesis;
    const prefix = entryPrefix({
      v: 1,
      iss,
      gen,
      jti,
      iat: Math.floor(at / 1000),
      at,
      kind: 'event',
      pol: { id: POLICY, entrypoint: 'stele/append', allow: true },
      ret,
      sby,
      dsc: formatDsc(DEFAULT_DEPTHS),
      _sd: sd,
      _sd_alg: 'sha-256',
    });
    const record = formatRecord({ v: 1, jti, key: toBase64Url(key), ...parts, sealed: [] });
    return { jti, at, sby, ret, prefix, record };
  }

  /** The prefix of a heartbeat. */
  beat(): string {
    const at = this.clock();
    const jti = makeUuid7(at, this.random(10));
    const { origin: iss, gen } = this.genesis;
    const ret = { class: 'standard', mode: 'compliance', until: at + 365 * DAY_MS } as const;
    const iat = Math.floor(at / 1000);
    const sby = at + 60_000;
    return entryPrefix({ v: 1, iss, gen, jti, iat, at, kind: 'heartbeat', ret, sby, ctl: {} });
  }

  /** The name of a folder that is not there yet. */
  newFolder(): string {
    this.#folders += 1;
    return `/writer-${this.#folders}`;
  }

  /** A copy of a writer's folder as it is now, as a backup or a machine image has it. */
  async imageOf(folder: string): Promise<string> {
    const image = this.newFolder();
    this.disk.copy(folder, image);
    await this.disk.files.remove(`${image}/lock`);
    return image;
  }

  /** Kills what still runs, starts a gateway on each folder and waits until it has recovered, and stops it. */
  async recover(): Promise<void> {
    for (const gateway of this.gateways.splice(0)) await gateway.kill();
    for (const folder of this.#used) {
      const gateway = await this.open({ folder });
      await gateway.ledger.close();
    }
    this.gateways.length = 0;
  }

  /** The log as any reader folds it from the bucket. */
  async log() {
    let state = initialState(this.genesis);
    const entries: Entry[] = [];
    for (let number = 0; ; number += 1) {
      const versions = await this.store.listVersions(keys.batch(number));
      const oldest = versions.find((version) => !version.isDeleteMarker);
      if (oldest === undefined) break;
      const { versionId } = oldest;
      const found = await this.store.get(keys.batch(number), { versionId });
      const verdict = applyBatch(state, found!.bytes, versionId, { number });
      if (!verdict.ok) continue;
      state = verdict.state;
      entries.push(...verdict.batch.entries);
    }
    return {
      state,
      jtis: entries.map(({ payload }) => payload.jti),
      kinds: entries.map(({ payload }) => payload.kind),
      identities: new Set(entries.map(entryIdentity)),
      reissued: entries.flatMap(({ payload }) => payload.was ?? []),
    };
  }

  /**
   * The oracle: everything that was acknowledged is in the log once, and the whole-ledger check finds nothing.
   * @param expected - Codes of findings that the test's own attack has to leave. All of them must be there.
   */
  async check(expected: readonly string[] = []): Promise<void> {
    const { jtis } = await this.log();
    const counts = new Map<string, number>();
    for (const jti of jtis) counts.set(jti, (counts.get(jti) ?? 0) + 1);
    const lost = [...this.acknowledged.keys()].filter((jti) => !counts.has(jti));
    const doubled = [...counts].filter(([, count]) => count > 1).map(([jti]) => jti);
    const report = await fsck(this.store, LEDGER, { now: this.clock(), vkeys: [this.vkey] });
    const failed = report.steps.filter(({ verdict }) => verdict === 'fail');
    const findings = report.findings.filter(({ code }) => !expected.includes(code));
    const seen = expected.filter((code) => report.findings.some((each) => each.code === code));
    expect({ lost, doubled, findings }).toEqual({ lost: [], doubled: [], findings: [] });
    expect(seen).toEqual(expected);
    if (expected.length === 0)
      expect({ failed, verdict: report.verdict }).toEqual({ failed: [], verdict: 'valid' });
  }
}
