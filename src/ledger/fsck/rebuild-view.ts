/**
 * The static view made again from the batches: what is lost is made, what was altered is replaced, and what is right is
 * left alone. A checkpoint cannot be made without its key: where the published one is lost or of another tree, the
 * newest that a batch carries, or that somebody kept, takes its place.
 */
import { equalBytes, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { parseCheckpoint } from '../../core/tree/checkpoint.ts';
import { MalformedError } from '../../core/errors.ts';
import { GENESIS_BYTES_MAX, parseGenesis } from '../../core/ledger/genesis.ts';
import { applyBatch, initialState } from '../../core/log/state.ts';
import type { LogState } from '../../core/log/state.ts';
import { step } from '../../core/verify/report.ts';
import type { Step } from '../../core/verify/report.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../../core/tree/signed-note.ts';
import type { NoteVerifier } from '../../core/tree/signed-note.ts';
import type { TreeHead } from '../../core/tree/tree.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { fsck } from './fsck.ts';
import { readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { isSigned, keysOf } from './published.ts';
import type { FsckOptions, FsckReport } from './report.ts';
import { readSlots } from './slots.ts';
import { NOTE_BYTES_MAX } from '../context/limits.ts';
import { TileReader } from '../tree/tile-reader.ts';
import { TileTree } from '../tree/tiles.ts';
import { CHECKPOINT, partialPaths, putRight, TILE } from '../tree/static-view.ts';

/** A note that may be published again. */
interface Candidate {
  readonly note: string;
  readonly head: TreeHead;
}

/**
 * Checks the ledger, remakes its static view where nothing speaks against the log itself, and checks it in full.
 *
 * @returns The report of the last check, with a step `rebuild` that says what was done: `fail` where the log is not the
 *   one that was shown before, for then the view is evidence and stays as it is.
 * @throws as `fsck`, and the store's errors: then some of the view may have been remade, and a repetition goes on.
 */
export async function rebuildView(
  store: ObjectStore,
  ledger: string,
  options: FsckOptions,
): Promise<FsckReport> {
  const before = await fsck(store, ledger, { ...options, records: false, view: false });
  const against = speaksAgainst(before);
  const done =
    against === null
      ? await new Rebuild(store, ledger, options).run()
      : step('rebuild', 'fail', `nothing was touched: ${against}`);
  const report = await fsck(store, ledger, options);
  const verdict = done.verdict === 'fail' ? 'invalid' : report.verdict;
  return { ...report, verdict, steps: [...report.steps, done] };
}

/** What makes the published view worth more than what the batches say; null where nothing does. */
function speaksAgainst({ findings, steps }: FsckReport): string | null {
  const found = findings.find(({ code, at }) => {
    return code === 'fork' || code === 'tail_cut' || (code === 'missing_object' && !at.key);
  });
  if (found !== undefined) return `${found.code}, ${found.detail}`;
  const open = steps.find(({ name, verdict }) => {
    return (name === 'genesis' && verdict === 'fail') || isUnread(name, verdict);
  });
  return open === undefined ? null : `${open.name}, ${open.detail}`;
}

/** A log that goes on in a format which this version does not know. */
function isUnread(name: string, verdict: Step['verdict']): boolean {
  return name === 'end_of_log' && verdict === 'unverifiable';
}

class Rebuild {
  readonly #context: FsckContext;
  readonly #options: FsckOptions;
  readonly #tree = new TileTree();
  readonly #reader: TileReader;
  /** The notes of the newest batch that carries any. */
  #carried: string[] = [];
  readonly #counts = { same: 0, made: 0, replaced: 0 };

  constructor(store: ObjectStore, ledger: string, options: FsckOptions) {
    const keys = objectKeys(ledger);
    this.#context = { store, keys, now: options.now, locks: false, open: false };
    this.#options = options;
    // It is made from the batches already, and what was put right is no finding any more.
    const parts = { store, keys, finding: () => undefined, leaves: () => [] };
    this.#reader = new TileReader(parts, this.#tree);
  }

  async run(): Promise<Step> {
    const state = await this.#readBatches();
    const said = await this.#publish(state);
    const { same, made, replaced } = this.#counts;
    const detail = `${made} made, ${replaced} replaced, ${same} left; ${said}`;
    return step('rebuild', 'pass', detail);
  }

  async #readBatches(): Promise<LogState> {
    const { store, keys } = this.#context;
    const genesis = await readRecorded(store, keys.genesis, {}, GENESIS_BYTES_MAX);
    let state = initialState(parseGenesis(genesis.bytes ?? new Uint8Array()));
    const bytesMax = (): number => state.config.limits.batchBytes;
    for await (const { number, versionId, bytes } of readSlots(this.#context, bytesMax)) {
      if (bytes === null || versionId === null) continue;
      const verdict = applyBatch(state, bytes, versionId, { number });
      if (!verdict.ok) continue;
      state = verdict.state;
      const { checkpoints } = verdict.batch.header;
      if (checkpoints.length > 0) this.#carried = [...checkpoints];
      this.#tree.add(verdict.batch.leaves, verdict.leafHashes);
      for (const { path, bytes: tile } of this.#tree.full) {
        await this.#put(path, tile);
        this.#tree.published(path);
      }
    }
    return state;
  }

  async #put(path: string, bytes: Uint8Array): Promise<void> {
    const { store, keys } = this.#context;
    this.#counts[await putRight(store, keys.tile(path), bytes, TILE)] += 1;
  }

  /** Completes the view of the newest genuine checkpoint, and puts it there if another has its place. */
  async #publish(state: LogState): Promise<string> {
    const { store, keys } = this.#context;
    const range = { start: 0, end: NOTE_BYTES_MAX };
    const found = await store.get(keys.checkpoint, { range });
    const published = found && (await this.#genuine(textOf(found.bytes), state, true));
    const newest = published ?? (await this.#newest(state));
    if (newest === null) return 'no checkpoint of this log is at hand: a gateway publishes one';
    for (const path of partialPaths(newest.head.size)) {
      const bytes = await this.#reader.read(path);
      if (bytes !== null) await this.#put(path, bytes);
    }
    const { size } = newest.head;
    if (published !== null) return `the checkpoint of size ${size} stands`;
    await putRight(store, keys.checkpoint, utf8Bytes(newest.note), CHECKPOINT);
    return `the checkpoint of size ${size} was put in its place`;
  }

  async #newest(state: LogState): Promise<Candidate | null> {
    let newest: Candidate | null = null;
    for (const note of [...this.#carried, ...(this.#options.checkpoints ?? [])]) {
      const candidate = await this.#genuine(note, state, false);
      if (candidate !== null && candidate.head.size > (newest?.head.size ?? 0)) newest = candidate;
    }
    return newest;
  }

  /**
   * A note that is a checkpoint of this very tree, signed by a key of the log; null for any other.
   * @param unnamed - Whether a key will do that no batch has named yet.
   */
  async #genuine(note: string, state: LogState, unnamed: boolean): Promise<Candidate | null> {
    try {
      const { size, root } = parseCheckpoint(parseSignedNote(note).text);
      const signed = isSigned(note, state.genesis.origin, this.#verifiers(state, size));
      if (size > this.#tree.size || !(signed || unnamed)) return null;
      const head = { size, root };
      return equalBytes(await this.#reader.root(size), root) ? { note, head } : null;
    } catch (error) {
      if (error instanceof MalformedError) return null;
      throw error;
    }
  }

  #verifiers(state: LogState, size: number): NoteVerifier[] {
    const { vkeys = [] } = this.#options;
    const anchors = vkeys.map((vkey) => verifierOf(parseVkey(vkey)));
    const ids = new Set(anchors.map(({ id }) => id));
    return [...anchors, ...keysOf(state, size).filter(({ id }) => !ids.has(id))];
  }
}

/** Bytes that are no text are no note. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8Text(bytes);
  } catch (error) {
    if (error instanceof MalformedError) return '';
    throw error;
  }
}
