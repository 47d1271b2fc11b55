import { completePayload, entryBytes, parseEntry, signingInput } from '../../../src/core/entry.ts';
import { sealJws } from '../../../src/core/jws.ts';
import type { JwsSigner } from '../../../src/core/jws.ts';
import { entryPrefix } from '../../../src/core/entry.ts';
import { parseGenesis } from '../../../src/core/genesis.ts';
import type { Genesis } from '../../../src/core/genesis.ts';
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../../src/core/hash.ts';
import type { LeafHash, Sha256Hash } from '../../../src/core/hash.ts';
import {
  completeProof,
  planConsistency,
  planInclusion,
  planNodes,
} from '../../../src/core/proof.ts';
import type { ProofPlan } from '../../../src/core/proof.ts';
import { formatCheckpoint } from '../../../src/core/checkpoint.ts';
import { formatSignedNote } from '../../../src/core/signed-note.ts';
import type { NoteSigner } from '../../../src/core/signed-note.ts';
import { encodeEntryBundle, encodeTile, parseTilePath } from '../../../src/core/tile.ts';
import { parseLeafIndex, parseTreeSize } from '../../../src/core/tree.ts';
import { utf8Bytes } from '../../../src/core/bytes.ts';
import { makeUuid7 } from '../../../src/core/uuid7.ts';
import type { SteleError } from '../../../src/core/errors.ts';
import { IdempotencyWindow } from '../../../src/ledger/idempotency.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type {
  EntryDraft,
  FoundEntry,
  LedgerStatus,
  ProofAt,
  Receipt,
  SignedHead,
} from '../../../src/ledger/receipt.ts';

/** How a fake ledger misbehaves. */
export interface FakeLedgerFaults {
  /** Thrown by the next appends while it is set. */
  appendError: SteleError | null;
  /** Nothing is sealed while it is set. */
  holdSeals: boolean;
}

interface Held {
  readonly jti: string;
  readonly jws: string;
  readonly record: string | null;
  index: number | null;
  readonly seal: (place: { number: number; index: number }) => void;
}

/**
 * A ledger in memory: signs, chains and builds the tree as the real one, but keeps nothing and takes no part in the
 * commit protocol. It seals a moment after an append.
 */
export class FakeLedger implements Ledger {
  readonly genesis: Genesis;
  readonly writer = { id: 'A'.repeat(21) + 'A', boot: 'B'.repeat(21) + 'A' };
  readonly faults: FakeLedgerFaults = { appendError: null, holdSeals: false };
  readonly entries: Held[] = [];
  readonly window = new IdempotencyWindow({ entriesMax: 1000, ageMsMax: 86_400_000 });
  readonly #writerSigner: JwsSigner;
  readonly #noteSigner: NoteSigner;
  readonly #clock: () => number;
  readonly #leaves: LeafHash[] = [];
  readonly #bundles: Uint8Array[] = [];
  #head: SignedHead | null = null;
  #prev: string;
  #seq = 0;

  constructor(parts: {
    genesis: Uint8Array;
    writerSigner: JwsSigner;
    noteSigner: NoteSigner;
    clock: () => number;
  }) {
    this.genesis = parseGenesis(parts.genesis);
    this.#writerSigner = parts.writerSigner;
    this.#noteSigner = parts.noteSigner;
    this.#clock = parts.clock;
    this.#prev = this.genesis.gen;
  }

  async ready(): Promise<void> {
    await Promise.resolve();
  }

  async append(drafts: readonly EntryDraft[]): Promise<readonly Receipt[]> {
    if (this.faults.appendError !== null) throw this.faults.appendError;
    const receipts: Receipt[] = [];
    for (const draft of drafts) receipts.push(await this.#take(draft));
    if (!this.faults.holdSeals) setTimeout(() => void this.sealAll(), 1);
    return receipts;
  }

  async appendSystem(kind: string, ctl: Readonly<Record<string, unknown>>): Promise<Receipt> {
    const at = this.#clock();
    const jti = makeUuid7(at, crypto.getRandomValues(new Uint8Array(10)));
    const ret = { class: this.genesis.fallbackClass, mode: 'none', until: null } as const;
    const prefix = entryPrefix({
      v: 1,
      iss: this.genesis.origin,
      gen: this.genesis.gen,
      jti,
      iat: Math.floor(at / 1000),
      at,
      kind,
      ret,
      sby: at + 1000,
      ctl: ctl as never,
    });
    const [receipt] = await this.append([{ jti, at, sby: at + 1000, ret, prefix, record: null }]);
    return receipt!;
  }

  reserve(idk: string, idb: string): ReturnType<Ledger['reserve']> {
    return this.window.reserve(idk, idb);
  }

  head(): SignedHead | null {
    return this.#head;
  }

  async entry(idOrIndex: string | number): Promise<FoundEntry | null> {
    await Promise.resolve();
    const held = this.entries.find(({ jti, index }) => jti === idOrIndex || index === idOrIndex);
    if (held === undefined) return null;
    const { jti, jws, record, index } = held;
    const line = record === null ? null : record.slice(0, -1);
    return { jti, jws, record: line, index, state: index === null ? 'durable' : 'sealed' };
  }

  async inclusion(index: number): Promise<ProofAt> {
    await Promise.resolve();
    const head = this.#head!;
    const plan = planInclusion(parseLeafIndex(index), parseTreeSize(head.size));
    return { index, path: this.#complete(plan), head };
  }

  async consistency(from: number, to: number): Promise<readonly Sha256Hash[]> {
    await Promise.resolve();
    return this.#complete(planConsistency(parseTreeSize(from), parseTreeSize(to)));
  }

  async readView(path: string): Promise<Uint8Array | null> {
    await Promise.resolve();
    if (path === 'checkpoint') return this.#head === null ? null : utf8Bytes(this.#head.note);
    const parsed = parseTilePath(path);
    const { index, width } = parsed.kind === 'entries' ? parsed : parsed.tile;
    if (parsed.kind === 'tile' && parsed.tile.level > 0) return null;
    if (index * 256 + width > this.#leaves.length) return null;
    const range = [index * 256, index * 256 + width] as const;
    return parsed.kind === 'entries'
      ? encodeEntryBundle(this.#bundles.slice(...range))
      : encodeTile(this.#leaves.slice(...range));
  }

  async refresh(): Promise<void> {
    await Promise.resolve();
  }

  status(): LedgerStatus {
    const backlogEntries = this.entries.filter(({ index }) => index === null).length;
    return {
      ready: this.faults.appendError === null,
      reason: this.faults.appendError?.code ?? null,
      backlogEntries,
      backlogBytes: 0,
      oldestUnsealedMs: 0,
      treeSize: this.#leaves.length,
      batchNumber: 0,
      publishedSize: 0,
      storeReachable: true,
      findings: {},
    };
  }

  async close(): Promise<void> {
    await this.sealAll();
  }

  /** Seals what is held, in order. */
  async sealAll(): Promise<void> {
    if (this.faults.holdSeals) return;
    const fresh = this.entries.filter(({ index }) => index === null);
    for (const held of fresh) {
      held.index = this.#leaves.length;
      this.#bundles.push(entryBytes(held.jws));
      this.#leaves.push(hashLeaf(entryBytes(held.jws)));
    }
    const size = parseTreeSize(this.#leaves.length);
    const root = size === 0 ? EMPTY_ROOT : this.#subtree(0, size);
    const text = formatCheckpoint({
      origin: this.genesis.origin,
      size,
      root,
      extensions: [],
    });
    const signature = await this.#noteSigner.sign(text);
    this.#head = { size, root, note: formatSignedNote(text, [signature]) };
    for (const held of fresh) held.seal({ number: 0, index: held.index! });
  }

  async #take(draft: EntryDraft): Promise<Receipt> {
    const wtr = { ...this.writer, seq: this.#seq, prev: this.#prev };
    const input = signingInput(this.#writerSigner.kid, completePayload(draft.prefix, wtr));
    const jws = sealJws(input, await this.#writerSigner.sign(utf8Bytes(input)));
    parseEntry(entryBytes(jws));
    this.#seq += 1;
    const { jti, record } = draft;
    let seal: Held['seal'] = () => undefined;
    const sealed = new Promise<{ number: number; index: number }>((resolve) => {
      seal = resolve;
    });
    this.entries.push({ jti, jws, record, index: null, seal });
    const receipt = {
      jti,
      jws,
      sealed,
      published: sealed.then((place) => ({
        ...place,
        size: this.#head!.size,
        note: this.#head!.note,
      })),
    };
    if (draft.idk !== undefined && draft.idb !== undefined) {
      this.window.record(draft.idk, { jti, idb: draft.idb, receipt }, this.#clock());
    }
    return receipt;
  }

  #complete(plan: ProofPlan): Sha256Hash[] {
    const hashes = planNodes(plan).map(({ level, index }) =>
      this.#subtree(index * 2 ** level, 2 ** level),
    );
    return completeProof(plan, hashes);
  }

  #subtree(start: number, count: number): Sha256Hash {
    if (count === 1) return this.#leaves[start]!;
    let left = 1;
    while (left * 2 < count) left *= 2;
    return hashNode(this.#subtree(start, left), this.#subtree(start + left, count - left));
  }
}
