/** A sealed ledger in the memory store with something of everything, and the means to falsify it. Not a test. */
import { gzipSync } from 'node:zlib';
import { encodeBatch } from '../../src/core/log/batch.ts';
import type { BatchHeader, PayloadReference, VoidSlot } from '../../src/core/log/batch-header.ts';
import { planBatch } from '../../src/core/log/batch-plan.ts';
import type { BatchDraft } from '../../src/core/log/batch-plan.ts';
import { concatBytes, toBase64Url, utf8Bytes } from '../../src/core/platform/bytes.ts';
import { DEFAULT_DEPTHS, discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import type { DisclosedRecord, RecordParts } from '../../src/core/record/disclosure.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import type { FindingCode } from '../../src/core/verify/findings.ts';
import type { GenesisDraft } from '../../src/core/ledger/genesis.ts';
import { hashLeaf } from '../../src/core/tree/hash.ts';
import type { Sha256Hash } from '../../src/core/tree/hash.ts';
import type { JwsSigner } from '../../src/core/json/jws.ts';
import { applyBatch } from '../../src/core/log/state.ts';
import type { LogState } from '../../src/core/log/state.ts';
import { planMembers } from '../../src/core/log/payload-object.ts';
import { sha256 } from '../../src/core/platform/platform.node.ts';
import { formatRecord, takeValues } from '../../src/core/record/record.ts';
import type { StoredRecord } from '../../src/core/record/record.ts';
import type { ReportVerdict } from '../../src/core/verify/report.ts';
import { makeKeyStatement } from '../../src/core/ledger/statement.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import {
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  TILE_WIDTH,
  tilePath,
  tilesOf,
} from '../../src/core/tree/tile.ts';
import { edgeRoot, emptyEdge, extendEdge, parseTreeSize } from '../../src/core/tree/tree.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import type { FsckOptions, FsckReport } from '../../src/ledger/fsck/fsck.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import type { MemoryImage } from '../../src/storage/memory-store.ts';
import { objectKeys } from '../../src/storage/object-keys.ts';
import { wholeSecond } from '../../src/storage/retention.ts';
import {
  allowed,
  approvedActivation,
  bootFacts,
  bytesOf,
  checkpointKey,
  idOf,
  MiniLog,
  recordParts,
  signHead,
  START,
} from '../golden/support.ts';
import type { EntryChanges, TestCheckpointKey, TestWriter } from '../golden/support.ts';

export const LEDGER = 'golden';
export const DAY = 86_400_000;
export const keys = objectKeys(LEDGER);
export const policyTwo = idOf('policy two', 32);

/** A leaf, with its record's line where it has one. */
export interface Drafted {
  readonly leaf: Uint8Array;
  readonly line: string | null;
  readonly record?: StoredRecord;
  readonly disclosed?: DisclosedRecord;
}

/** How a record departs from the ordinary. */
export interface RecordChanges {
  /** Of the leaf. */
  readonly leaf?: EntryChanges;
  readonly kind?: string;
  readonly parts?: (at: number) => RecordParts;
  /** Pointers that are sealed to a subject. */
  readonly sealed?: readonly string[];
  /** Of what the leaf commits to. */
  readonly digests?: (sd: readonly string[], disclosed: DisclosedRecord) => readonly string[];
  /** Of the stored record. */
  readonly record?: (record: StoredRecord) => StoredRecord;
}

/** How a batch departs from the ordinary. */
export interface SealChanges {
  readonly draft?: Partial<BatchDraft>;
  readonly header?: (header: BatchHeader) => BatchHeader;
  readonly bytes?: (bytes: Uint8Array) => Uint8Array;
  readonly signer?: JwsSigner;
  /** The lines of each payload object, by its class. */
  readonly lines?: (lines: readonly string[], name: string) => readonly string[];
  /** The stored bytes of each payload object. */
  readonly stored?: (bytes: Uint8Array) => Uint8Array;
  readonly payload?: (reference: PayloadReference) => PayloadReference;
}

/** One attack, and what names it. */
export interface Attack {
  readonly name: string;
  /** Does it. @returns what the auditor knows beside the key of the log. */
  readonly act: (world: World) => Promise<Partial<FsckOptions> | undefined>;
  /** Every code that the report has, and no other. */
  readonly found: readonly FindingCode[];
  /** In the detail of a finding or of a step that did not pass. */
  readonly says?: string;
  /** Default `invalid`. `valid`: reported, for nothing was falsified. */
  readonly verdict?: ReportVerdict;
}

/** Everything that a restore has to put back. */
interface Snapshot {
  readonly image: MemoryImage;
  readonly state: LogState;
  readonly leaves: readonly Uint8Array[];
  readonly time: number;
  readonly writers: readonly {
    readonly boot: string;
    readonly seq: number;
    readonly prev: string;
  }[];
}

/** A retention of the class `short`, for an entry admitted at `at`. */
export function shortLived(at: number): EntryChanges {
  return { ret: { class: 'short', mode: 'governance', until: wholeSecond(at + 30 * DAY) } };
}

/** Flips one bit; a negative place counts from the end. */
export function flip(at: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const place = at < 0 ? bytes.length + at : at;
    bytes[place]! ^= 1;
    return bytes;
  };
}

/** The ledger. `one` and `two` are certified writers; `two` is retired at the end. */
export class World {
  readonly store: MemoryStore;
  readonly log: MiniLog;
  readonly one: TestWriter;
  readonly two: TestWriter;
  readonly key: TestCheckpointKey;
  time = START;
  /** All leaves of the log. */
  leaves: Uint8Array[] = [];
  /** What was published last. */
  published = '';
  #plans = 0;
  #snapshots: Snapshot[] = [];
  #built = 0;

  private constructor(log: MiniLog, one: TestWriter, two: TestWriter, key: TestCheckpointKey) {
    this.store = new MemoryStore({ clock: () => this.time });
    this.log = log;
    this.one = one;
    this.two = two;
    this.key = key;
  }

  /** A ledger with nothing but its genesis. */
  static async found(changes: Partial<GenesisDraft> = {}, key = 'one'): Promise<World> {
    const log = await MiniLog.create(changes);
    const writers = [await log.writer('one'), await log.writer('two')] as const;
    const world = new World(log, ...writers, await checkpointKey(log, key));
    const { genesis } = log;
    const until = genesis.time + genesis.batchLock.days * DAY;
    const { mode } = genesis.batchLock;
    await world.store.putNew(keys.genesis, genesis.bytes, {
      retention: mode === 'none' ? null : { mode, until },
      contentType: 'application/json',
    });
    return world;
  }

  /** A ledger of six batches with two writers, two policies, two classes, sealed values and a static view. */
  static async build(): Promise<World> {
    const world = await World.found();
    const { one, two, log } = world;
    await world.seal(one, [
      await world.entry(one, 'boot', bootFacts(log)),
      await world.recorded(one),
      await world.recorded(one, { leaf: identity('first') }),
      await world.short(one),
    ]);
    await world.seal(two, [
      await world.entry(two, 'boot', bootFacts(log)),
      await world.recorded(two, { sealed: ['/input/event/actor'] }),
      await world.recorded(one, {
        kind: 'policy',
        leaf: { ...(await activation(log, policyTwo)), pol: decidedByAdmin(log) },
      }),
    ]);
    const beats: Drafted[] = [await world.entry(one, 'policy', adoption(policyTwo, 6))];
    for (let i = 0; i < 260; i += 1) beats.push(await world.entry(one, 'heartbeat', { ctl: {} }));
    await world.seal(one, beats);
    const carried = await world.head();
    await world.seal(
      one,
      [
        await world.recorded(one, { leaf: decidedBy(policyTwo, true) }),
        await world.denial(one),
        await world.entry(two, 'close', { ctl: { reason: 'shutdown' } }),
      ],
      { draft: { certs: [one.cert, two.cert, world.key.cert], checkpoints: [carried] } },
    );
    await world.seal(one, [await world.entry(one, 'key', await world.retirement(two))]);
    await world.seal(one, [await world.recorded(one, { leaf: decidedBy(policyTwo, true) })]);
    await world.publish();
    world.keep();
    world.#built = world.#snapshots.length;
    return world;
  }

  /** Puts everything back as it was built, or as it was after batch `number`, when nothing was published yet. */
  restore(number?: number): void {
    this.#snapshots = this.#snapshots.slice(0, this.#built);
    const snapshot = this.#snapshots.at(number ?? -1)!;
    this.store.restore(snapshot.image);
    this.log.state = snapshot.state;
    this.leaves = [...snapshot.leaves];
    this.time = snapshot.time;
    [this.one, this.two].forEach((writer, i) => Object.assign(writer, snapshot.writers[i]));
  }

  /** Remembers everything for {@link restore}. */
  keep(): void {
    this.#snapshots.push({
      image: this.store.image(),
      state: this.log.state,
      leaves: [...this.leaves],
      time: this.time,
      writers: [this.one, this.two].map(({ boot, seq, prev }) => ({ boot, seq, prev })),
    });
  }

  async entry(writer: TestWriter, kind: string, changes: EntryChanges = {}): Promise<Drafted> {
    this.time += 10;
    const bare = { pol: undefined, _sd: undefined, _sd_alg: undefined, dsc: undefined };
    const all = { at: this.time, ...bare, ...changes } as EntryChanges;
    const leaf = await this.log.entry(writer, kind, all);
    return { leaf, line: null };
  }

  async recorded(writer: TestWriter, changes: RecordChanges = {}): Promise<Drafted> {
    this.time += 10;
    const { sealed = [], kind = 'event', parts: partsOf = recordParts } = changes;
    const draft = this.log.payload(writer, kind, {
      at: this.time,
      ...allowed(this.log),
      lbl: { env: 'test' },
      ...changes.leaf,
    });
    const { jti } = draft;
    const key = bytesOf(`record key ${jti}`);
    const parts = partsOf(draft.at);
    const set = { pointers: sealed, key: bytesOf(`set key ${jti}`) };
    const sets = sealed.length === 0 ? [] : [set];
    const disclosed = discloseRecord({ jti, key, depth: DEFAULT_DEPTHS, parts, sealed: sets });
    const head = toBase64Url(
      utf8Bytes(`{"alg":"dir","enc":"A256GCM","kid":"${idOf('subject key')}"}`),
    );
    const jwe = `${head}..${idOf('iv', 12)}.${idOf('ciphertext', 32)}.${idOf('tag', 16)}`;
    const stored: StoredRecord = {
      v: 1,
      jti,
      key: toBase64Url(key),
      ...takeValues(parts, sealed).parts,
      sealed: sets.map(({ pointers }) => ({ pointers, digests: disclosed.sealed[0]!, jwe })),
    };
    const record = changes.record?.(stored) ?? stored;
    const leaf = await this.log.entry(writer, kind, {
      ...draft,
      dsc: formatDsc(DEFAULT_DEPTHS),
      _sd: [...(changes.digests?.(disclosed.sd, disclosed) ?? disclosed.sd)],
      _sd_alg: 'sha-256',
    });
    return { leaf, line: formatRecord(record), record, disclosed };
  }

  /** An event in the class `short`. */
  async short(writer: TestWriter, changes: RecordChanges = {}): Promise<Drafted> {
    const parts = (at: number): RecordParts => {
      const all = recordParts(at);
      return { ...all, result: { ...(all.result as object), class: 'short' } };
    };
    return this.recorded(writer, {
      parts,
      ...changes,
      leaf: { ...shortLived(this.time + 10), ...changes.leaf },
    });
  }

  /** A denial, under the second policy. */
  async denial(writer: TestWriter): Promise<Drafted> {
    const parts = (at: number): RecordParts => ({ ...recordParts(at), result: { allow: false } });
    const leaf = { ...decidedBy(policyTwo, false), lbl: {} };
    return this.recorded(writer, { kind: 'denial', parts, leaf });
  }

  /** Seals what was drafted: payload objects, then the batch. One that is refused stands all the same. */
  async seal(
    writer: TestWriter,
    drafted: readonly Drafted[],
    changes: SealChanges = {},
  ): Promise<BatchHeader> {
    this.time += 10;
    const leaves = drafted.map(({ leaf }) => leaf);
    const payloads = await this.#payloads(drafted, changes);
    const writers = [this.one, this.two].filter(({ id }) => {
      const ids = leaves.map((leaf) => parseEntry(leaf).payload.wtr.id);
      return id === writer.id || ids.includes(id);
    });
    const draft = this.log.draft(writer, leaves, {
      certs: writers.map(({ cert }) => cert),
      time: this.time,
      payloads,
      ...changes.draft,
    });
    const planned = planBatch(this.log.state, draft).header;
    const header = changes.header?.(planned) ?? planned;
    const signed = await encodeBatch(header, leaves, changes.signer ?? writer.signer);
    const bytes = changes.bytes?.(signed) ?? signed;
    const { versionId } = await this.store.putNew(keys.batch(header.number), bytes, {
      retention: lockOf(header),
      contentType: 'application/octet-stream',
    });
    const verdict = applyBatch(this.log.state, bytes, versionId);
    if (verdict.ok) {
      this.log.state = verdict.state;
      this.leaves.push(...leaves);
      this.keep();
    }
    return header;
  }

  /** Puts bytes into the next slot, as somebody with store credentials would. @returns the slot. */
  async squat(bytes: Uint8Array, number = this.log.state.number + 1): Promise<VoidSlot> {
    const retention = { mode: 'compliance' as const, until: wholeSecond(this.time + 400 * DAY) };
    const options = { retention, contentType: 'application/octet-stream' };
    const { versionId } = await this.store.putNew(keys.batch(number), bytes, options);
    return { number, versionId, size: bytes.length, sha256: toBase64Url(sha256(bytes)) };
  }

  /** A signed head of the log as it stands. */
  async head(size = this.leaves.length, root: Uint8Array = this.rootOf(size)): Promise<string> {
    return signHead(this.key, this.log.genesis.origin, size, root);
  }

  /** The root over the first `size` leaves. */
  rootOf(size: number): Sha256Hash {
    return edgeRoot(extendEdge(emptyEdge(), this.leaves.slice(0, size).map(hashLeaf)));
  }

  /** Publishes the static view of the log as it stands. */
  async publish(): Promise<void> {
    const nodes = new Map<number, Sha256Hash[]>();
    extendEdge(emptyEdge(), this.leaves.map(hashLeaf), ({ level }, hash) => {
      if (level % 8 === 0) nodes.set(level / 8, [...(nodes.get(level / 8) ?? []), hash]);
    });
    const size = parseTreeSize(this.leaves.length);
    for (const tile of tilesOf(size)) {
      const start = tile.index * TILE_WIDTH;
      const hashes = nodes.get(tile.level)!.slice(start, start + tile.width);
      this.derive(keys.tile(tilePath(tile)), encodeTile(hashes));
      if (tile.level > 0) continue;
      const entries = this.leaves.slice(start, start + tile.width);
      const bundle = encodeEntryBundle(entries);
      this.derive(keys.tile(entryBundlePath(tile.index, tile.width)), bundle);
    }
    this.published = await this.head();
    this.derive(keys.checkpoint, utf8Bytes(this.published));
  }

  /** Writes an object that is not locked. */
  derive(key: string, bytes: Uint8Array): void {
    this.store.overwrite(key, bytes);
  }

  /** The version of record of a key. */
  async versionOf(key: string): Promise<string> {
    return (await this.store.listVersions(key))[0]!.versionId;
  }

  /** Makes a key as if it had never been: what a thief of disks can do, or an operator of the store. */
  async erase(key: string): Promise<void> {
    for (const { versionId } of await this.store.listVersions(key)) {
      this.store.eraseVersion(key, versionId);
    }
  }

  /** The keys of all payload objects. */
  async payloadKeys(): Promise<readonly string[]> {
    return this.store.list(keys.payloadPrefix);
  }

  /** The facts of an entry that retires a writer's key after its last entry. */
  async retirement(writer: TestWriter): Promise<EntryChanges> {
    const { gen } = this.log.genesis;
    const final = { boot: writer.boot, seq: writer.seq - 1 };
    const says = {
      v: 1,
      gen,
      act: 'retire',
      kid: writer.signer.kid,
      use: 'writer',
      final,
    } as const;
    return { ctl: { statement: [...(await makeKeyStatement(says, this.log.roots))] } };
  }

  /** What an auditor runs who knows the key of the log. */
  async check(options: Partial<FsckOptions> = {}): Promise<FsckReport> {
    return fsck(this.store, LEDGER, { vkeys: [this.key.vkey], now: this.time + 1000, ...options });
  }

  async #payloads(drafted: readonly Drafted[], changes: SealChanges): Promise<PayloadReference[]> {
    const groups = new Map<string, { line: string; leaf: number; draft: Drafted }[]>();
    for (const [leaf, draft] of drafted.entries()) {
      if (draft.line === null) continue;
      const { ret } = parseEntry(draft.leaf).payload;
      const name = `${ret.class} ${ret.mode}`;
      groups.set(name, [...(groups.get(name) ?? []), { line: draft.line, leaf, draft }]);
    }
    const references: PayloadReference[] = [];
    for (const group of groups.values()) {
      const { ret } = parseEntry(group[0]!.draft.leaf).payload;
      const original = group.map(({ line }) => line);
      const lines = (changes.lines?.(original, ret.class) ?? original).map(utf8Bytes);
      const plan = planMembers(
        lines.map((line, i) => ({ leaf: group[i]?.leaf ?? 0, bytes: line.length })),
      );
      const members: [number, number][] = [];
      const packed: Uint8Array[] = [];
      for (const { start, end, leaf } of plan) {
        members.push([concatBytes(...packed).length, leaf]);
        packed.push(gzipSync(concatBytes(...lines.slice(start, end))));
      }
      const bytes = changes.stored?.(concatBytes(...packed)) ?? concatBytes(...packed);
      this.#plans += 1;
      const ends = group.map(({ draft }) => parseEntry(draft.leaf).payload.ret.until ?? 0);
      const made = {
        key: keys.payload(ret.class, '2026-01-01', idOf(`plan ${this.#plans}`)),
        size: bytes.length,
        sha256: toBase64Url(sha256(bytes)),
        class: ret.class,
        mode: ret.mode,
        retainUntil: ret.mode === 'none' ? null : wholeSecond(Math.max(...ends)),
        members,
      };
      const put = changes.payload?.({ ...made, versionId: '' }) ?? made;
      const { versionId } = await this.store.putNew(made.key, bytes, {
        retention: lockOf(put),
        contentType: 'application/gzip',
      });
      references.push({ ...put, versionId });
    }
    return references;
  }
}

/** `pol` of an event or denial. */
export function decidedBy(policy: string, allow: boolean): EntryChanges {
  return { pol: { id: policy, entrypoint: 'stele/append', allow } };
}

/** An idempotency key, and a body under it. */
export function identity(name: string, body = name): EntryChanges {
  return { idk: `s.${idOf(`idk ${name}`, 32)}`, idb: `s.${idOf(`idb ${body}`, 32)}` };
}

/** The facts of an activation that two people approved, with a grace of ten minutes. */
export async function activation(
  log: MiniLog,
  id: string,
  changes: JsonObject = {},
): Promise<EntryChanges> {
  return { ctl: await approvedActivation(log, id, changes) };
}

/** `pol` of an activation that the first policy allowed. */
function decidedByAdmin(log: MiniLog): NonNullable<EntryChanges['pol']> {
  return { id: log.genesis.policy!.id, entrypoint: 'stele/admin', allow: true };
}

/** The facts of an adoption that cites the activation at a leaf index. */
export function adoption(id: string, index: number | null): EntryChanges {
  return { ctl: { ...policyFacts, act: 'adopt', id, activation: index } };
}

const policyFacts = {
  act: 'adopt',
  id: null,
  digest: null,
  revision: null,
  previous: null,
  signer: null,
  approvals: [],
  grace: null,
  activation: null,
} as const;

function lockOf({ mode, retainUntil }: Pick<PayloadReference, 'mode' | 'retainUntil'>) {
  return mode === 'none' || retainUntil === null ? null : { mode, until: retainUntil };
}
