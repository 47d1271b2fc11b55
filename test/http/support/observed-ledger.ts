import { randomBytes } from 'node:crypto';
import type { SteleError } from '../../../src/core/errors.ts';
import type { Genesis } from '../../../src/core/ledger/genesis.ts';
import { makeCertificate } from '../../../src/core/ledger/statement.ts';
import { generateKey } from '../../../src/keys/key-files.ts';
import { jwsSigner, noteSigner } from '../../../src/keys/signers.ts';
import type { LedgerLog } from '../../../src/ledger/context/components.ts';
import { initLedger } from '../../../src/ledger/log/init.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import type { EntryDraft, Receipt } from '../../../src/ledger/context/receipt.ts';
import { writerIdOf } from '../../../src/ledger/journal/writer-folder.ts';
import { MemoryStore } from '../../../src/storage/memory-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { MemoryDisk } from '../../support/memory-files.ts';

export const ORIGIN = 'stele.example/log/demo';
const LEDGER = 'demo';
const FOLDER = '/writer';
const DAY_MS = 86_400_000;

/** What went into a ledger through its interface. */
export interface Appended {
  readonly jti: string;
  readonly jws: string;
  readonly record: string | null;
}

/** A real ledger over a simulated bucket, with what a test may look at and break. */
export interface ObservedLedger extends Ledger {
  /** In the order in which they were acknowledged; the ledger's own boot and close are not among them. */
  readonly entries: Appended[];
  readonly faults: {
    /** Thrown by appends while it is set. */
    appendError: SteleError | null;
    /** The store takes no batch while it is set. */
    holdSeals: boolean;
  };
}

/** A ledger with the keys that a gateway has to know. */
export interface LedgerWithKeys {
  readonly ledger: ObservedLedger;
  readonly vkey: string;
}

/** Founds and opens a ledger. */
export async function openObserved(): Promise<LedgerWithKeys> {
  const clock = (): number => Date.now();
  const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
  const bucket = new MemoryStore({ clock });
  const root = jwsSigner(generateKey());
  const genesis = await initLedger({
    store: bucket,
    ledger: LEDGER,
    rootSigners: [root],
    genesis: genesisFields(root.jwk, clock()),
  });
  const { gen } = genesis;
  const disk = new MemoryDisk();
  const writer = await writerIdOf(FOLDER, random, disk.files);
  const writerSigner = jwsSigner(generateKey());
  const checkpointKey = generateKey();
  const checkpointSigner = noteSigner(ORIGIN, checkpointKey);
  const gate = new Gate();
  const ledger = await openLedger(
    {
      store: gate.before(bucket),
      files: disk.files,
      clock,
      random,
      log: silent,
      writerSigner,
      writerCert: await makeCertificate({ gen, use: 'writer', jwk: writerSigner.jwk, writer }, [
        root,
      ]),
      checkpointSigner,
      checkpointCert: await makeCertificate(
        { gen, use: 'checkpoint', jwk: checkpointKey.jwk, vkey: checkpointSigner.vkey },
        [root],
      ),
    },
    { ledger: LEDGER, folder: FOLDER, sealIntervalMs: 1, publishMs: 500, followMs: 100 },
  );
  await ledger.ready();
  return {
    ledger: observe(ledger, gate),
    vkey: checkpointSigner.vkey,
  };
}

/** Lets nothing through while it is closed. */
class Gate {
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | null = null;

  get closed(): boolean {
    return this.#release !== null;
  }

  set closed(closed: boolean) {
    if (closed === this.closed) return;
    if (closed) {
      this.#open = new Promise((resolve) => (this.#release = resolve));
      return;
    }
    this.#release?.();
    this.#release = null;
  }

  /** A store whose batches wait for the gate. */
  before(store: ObjectStore): ObjectStore {
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const bound = value.bind(target) as (...given: unknown[]) => unknown;
        if (name !== 'putNew') return bound;
        return async (key: string, ...rest: unknown[]) => {
          if (key.includes('/batch/')) await this.#open;
          return bound(key, ...rest);
        };
      },
    });
  }
}

/** The same ledger, watched. Members can be exchanged by a test. */
function observe(inner: Ledger, gate: Gate): ObservedLedger {
  const entries: Appended[] = [];
  let appendError: SteleError | null = null;
  const check = (): void => {
    if (appendError !== null) throw appendError;
  };
  const note = (receipt: Receipt, draft: EntryDraft | null): void => {
    entries.push({ jti: receipt.jti, jws: receipt.jws, record: draft?.record ?? null });
  };
  return {
    entries,
    faults: {
      get appendError() {
        return appendError;
      },
      set appendError(error) {
        appendError = error;
      },
      get holdSeals() {
        return gate.closed;
      },
      set holdSeals(hold) {
        gate.closed = hold;
      },
    },
    genesis: inner.genesis,
    writer: inner.writer,
    ready: async () => inner.ready(),
    append: async (drafts) => {
      check();
      const receipts = await inner.append(drafts);
      receipts.forEach((receipt, index) => {
        note(receipt, drafts[index] ?? null);
      });
      return receipts;
    },
    appendSystem: async (kind, ctl) => {
      check();
      const receipt = await inner.appendSystem(kind, ctl);
      note(receipt, null);
      return receipt;
    },
    appendKeyStatement: async (statement) => {
      check();
      return inner.appendKeyStatement(statement);
    },
    isCurrent: (draft) => inner.isCurrent(draft),
    policy: () => inner.policy(),
    adopted: async (at) => inner.adopted(at),
    approvalContext: () => inner.approvalContext(),
    archivePolicy: async (id, archive) => inner.archivePolicy(id, archive),
    archivedPolicy: async (id) => inner.archivedPolicy(id),
    archivedDigest: async (id) => inner.archivedDigest(id),
    reserve: (idk, idb, owner) => inner.reserve(idk, idb, owner),
    certificates: () => inner.certificates(),
    keys: () => inner.keys(),
    head: () => inner.head(),
    entry: async (idOrIndex, turn) => inner.entry(idOrIndex, turn),
    stretch: async (first, count, reading) => inner.stretch(first, count, reading),
    admitted: async (from, to) => inner.admitted(from, to),
    inclusion: async (index, size) => inner.inclusion(index, size),
    consistency: async (from, to) => inner.consistency(from, to),
    readView: async (path) => inner.readView(path),
    policies: () => inner.policies(),
    refresh: async () => inner.refresh(),
    hurry: () => {
      inner.hurry();
    },
    status: () => {
      const status = inner.status();
      return appendError === null ? status : { ...status, ready: false, reason: appendError.code };
    },
    close: async () => {
      gate.closed = false;
      await inner.close();
    },
  };
}

const silent: LedgerLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function genesisFields(
  root: object,
  time: number,
): Parameters<typeof initLedger>[0]['genesis'] & { readonly time: Genesis['time'] } {
  return {
    origin: ORIGIN,
    roots: { threshold: 1, keys: [root as never], next: [] },
    classes: { standard: { mode: 'governance', days: 1, erasable: false, ground: null } },
    fallbackClass: 'standard',
    labels: ['source', 'operation', 'outcome'],
    limits: {
      batchEntries: 1000,
      batchBytes: 10_000_000,
      headerBytes: 1_000_000,
      entryBytes: 65_535,
    },
    maxSealMs: DAY_MS,
    maxDecisionMs: 5000,
    heartbeatMs: 300_000,
    batchLock: { mode: 'governance', days: 1 },
    policy: null,
    weakStore: false,
    predecessor: null,
    time,
  };
}
