/**
 * The static view: what the tree is made of, published in the store in the C2SP tlog-tiles layout, so that any reader
 * of that format needs no process of ours. Derived and unlocked. Tiles first, then the checkpoint, and only upwards:
 * whoever sees a checkpoint finds its tiles.
 */
import { equalBytes, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../../core/tree/checkpoint.ts';
import { MalformedError } from '../../core/errors.ts';
import type { LogState } from '../../core/log/state.ts';
import {
  formatSignedNote,
  parseSignedNote,
  parseVkey,
  verifierOf,
} from '../../core/tree/signed-note.ts';
import type { NoteVerifier } from '../../core/tree/signed-note.ts';
import { entryBundlePath, TILE_WIDTH, tilePath, tilesOf } from '../../core/tree/tile.ts';
import { parseTreeSize } from '../../core/tree/tree.ts';
import type { TreeHead } from '../../core/tree/tree.ts';
import { PreconditionError, StoreUnavailableError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { LedgerContext } from '../context/context.ts';
import { NOTE_BYTES_MAX, VIEW_WRITES } from '../context/limits.ts';
import type { SignedHead } from '../context/receipt.ts';
import type { TileReader } from './tile-reader.ts';
import type { TileTree } from './tiles.ts';

/** A checkpoint that stands in the store, signed by a key of this log. */
export interface PublishedCheckpoint {
  readonly head: TreeHead;
  readonly note: string;
}

/** The keys whose signature makes a checkpoint of this log: those certified as far as the log is known. */
export function checkpointVerifiers(context: LedgerContext, state: LogState): NoteVerifier[] {
  const vkeys = new Set([context.checkpointSigner.vkey]);
  for (const [, { status, certificate }] of state.keys.entries()) {
    if (status === 'certified' && certificate?.use === 'checkpoint') vkeys.add(certificate.vkey);
  }
  return [...vkeys].map((vkey) => verifierOf(parseVkey(vkey)));
}

/** What stands where the checkpoint is published. */
export interface Published {
  readonly etag: string | null;
  /** Null when there is none, or none that a known key has signed. */
  readonly checkpoint: PublishedCheckpoint | null;
  /** The size that a checkpoint of this log claims whose key no batch has named, as far as the log is learnt. */
  readonly claimed: number | null;
}

/** Reads the published checkpoint. It is a hint: only its signature is checked here. What is none is a finding. */
export async function readPublished(
  context: LedgerContext,
  verifiers: readonly NoteVerifier[],
): Promise<Published> {
  const range = { start: 0, end: NOTE_BYTES_MAX };
  const found = await context.store.get(context.keys.checkpoint, { range });
  if (found === null) return { etag: null, checkpoint: null, claimed: null };
  const { etag } = found;
  const { origin } = context.genesis;
  try {
    const note = utf8Text(found.bytes);
    const claim = parseCheckpoint(parseSignedNote(note).text);
    if (claim.origin === origin && !isSignedBy(note, origin, verifiers)) {
      return { etag, checkpoint: null, claimed: claim.size };
    }
    const { size, root } = openCheckpoint(note, origin, verifiers).checkpoint;
    return { etag, checkpoint: { head: { size, root }, note }, claimed: null };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    badCheckpoint(context, error.code);
    return { etag, checkpoint: null, claimed: null };
  }
}

function isSignedBy(note: string, origin: string, verifiers: readonly NoteVerifier[]): boolean {
  try {
    openCheckpoint(note, origin, verifiers);
    return true;
  } catch (error) {
    if (error instanceof MalformedError && error.code === 'note_unverified') return false;
    throw error;
  }
}

function badCheckpoint({ finding, keys }: LedgerContext, reason: string): void {
  finding('bad_checkpoint', { key: keys.checkpoint, reason });
}

/** Publishes the static view. Calls must not overlap. */
export class ViewPublisher {
  readonly #context: LedgerContext;
  readonly #tree: TileTree;
  readonly #reader: TileReader;
  #size = 0;
  /** Size of the newest own head that is published, or that a larger one of another gateway has overtaken. */
  #doneSize = 0;
  /** Since when, at each look, a checkpoint of an unknown key stood there that is ahead of us: one, or one after the other. */
  #doubtedSinceMs: number | null = null;

  constructor(context: LedgerContext, tree: TileTree, reader: TileReader) {
    this.#context = context;
    this.#tree = tree;
    this.#reader = reader;
  }

  /** Takes note of a checkpoint that is published already. */
  found(size: number): void {
    this.#size = Math.max(this.#size, size);
  }

  /** Size of the newest checkpoint that is known to be published. */
  get size(): number {
    return this.#size;
  }

  /** Writes the full tiles and bundles that wait in memory. No checkpoint covers them yet, so nobody misses others. */
  async publishFull(): Promise<void> {
    await inParallel(this.#tree.full, async ({ path, bytes }) => {
      await this.#create(path, bytes);
      this.#reader.remember(path, bytes);
      this.#tree.published(path);
    });
  }

  /**
   * Publishes a signed head with all tiles of its tree.
   * @param verifiers - Of {@link checkpointVerifiers}: a newer checkpoint of another gateway stays.
   */
  async publish(head: SignedHead, verifiers: readonly NoteVerifier[]): Promise<void> {
    if (head.size <= this.#doneSize) return;
    await this.publishFull();
    await inParallel(partialPaths(head.size), async (path) => {
      const bytes = await this.#reader.read(path);
      if (bytes !== null) await this.#create(path, bytes);
    });
    await this.#publishCheckpoint(head, verifiers);
  }

  async #publishCheckpoint(head: SignedHead, verifiers: readonly NoteVerifier[]): Promise<void> {
    const { store, keys } = this.#context;
    let absent = 0;
    for (let attempt = 1; ; attempt += 1) {
      const { etag, checkpoint, claimed } = await readPublished(this.#context, verifiers);
      const joined = checkpoint === null ? null : this.#joined(checkpoint, head, verifiers);
      if (checkpoint !== null && joined === null && checkpoint.head.size >= head.size) {
        this.#size = checkpoint.head.size;
        // One that is ahead gets our line once we have learnt as much.
        this.#doneSize = head.size;
        return;
      }
      if (claimed === null) this.#doubtedSinceMs = null;
      else if (!this.#isJunk(claimed, head)) return;
      try {
        const note = utf8Bytes(joined ?? head.note);
        await store.replace(keys.checkpoint, note, { etag, ...CHECKPOINT });
        this.#size = head.size;
        this.#doneSize = head.size;
        return;
      } catch (error) {
        // Another gateway was faster: perhaps with less.
        if (!(error instanceof PreconditionError)) throw error;
        if (etag === null) absent += 1;
        if (absent === ABSENT_MAX) throw hiddenCheckpoint(keys.checkpoint);
        if (attempt === PUT_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * The published checkpoint with our signature beside those of other gateways, where it is of this very head and has
   * none of ours: a reader who knows the key of one gateway follows the log of all. Null where there is nothing to add.
   */
  #joined(
    { note }: PublishedCheckpoint,
    head: SignedHead,
    verifiers: readonly NoteVerifier[],
  ): string | null {
    const published = parseSignedNote(note);
    const own = parseSignedNote(head.note);
    const { id } = this.#context.checkpointSigner;
    if (published.text !== own.text || published.signatures.some((line) => line.id === id)) {
      return null;
    }
    // Lines of keys that nobody here knows are not carried on.
    const known = new Set(verifiers.map((verifier) => verifier.id));
    const { origin } = this.#context.genesis;
    const others = published.signatures.filter(({ name, id: line }) => {
      return name === origin && known.has(line);
    });
    return formatSignedNote(own.text, [...others.slice(0, LINES_KEPT_MAX), ...own.signatures]);
  }

  /**
   * Whether a checkpoint of an unknown key may be replaced. One that is ahead of us may be of a gateway whose batch we
   * have not learnt: it stands until we have looked at the log again, which is said. Nobody publishes before the log names
   * his key, so the time counts from the first one: who puts another there before each look keeps nothing back.
   */
  #isJunk(claimed: number, head: SignedHead): boolean {
    const { clock, settings, log } = this.#context;
    if (claimed > head.size) {
      this.#doubtedSinceMs ??= clock();
      if (clock() - this.#doubtedSinceMs < settings.followMs) {
        log.warn('view_not_published', { code: 'checkpoint_doubted', claimed, size: head.size });
        return false;
      }
    }
    badCheckpoint(this.#context, 'note_unverified');
    return true;
  }

  /** Who comes second wrote the same, for what a tile holds follows from its address; or it is put right. */
  async #create(path: string, bytes: Uint8Array): Promise<void> {
    const { store, keys } = this.#context;
    const key = keys.tile(path);
    try {
      await store.replace(key, bytes, { etag: null, ...TILE });
    } catch (error) {
      if (!(error instanceof PreconditionError)) throw error;
      const done = await putRight(store, key, bytes, TILE);
      if (done === 'replaced') this.#context.finding('view_mismatch', { key });
    }
  }
}

/** How a tile or entry bundle is stored. */
export const TILE = {
  contentType: 'application/octet-stream',
  cacheControl: 'public, max-age=31536000, immutable',
} as const;

/** How the checkpoint is stored. */
export const CHECKPOINT = {
  contentType: 'text/plain; charset=utf-8',
  cacheControl: 'no-cache',
} as const;

/**
 * Makes sure that a derived object holds what it should: leaves it, makes it, or replaces what is there.
 * @throws PreconditionError when others change it all the time, and the store's errors.
 */
export async function putRight(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  kind: typeof TILE | typeof CHECKPOINT,
): Promise<'same' | 'made' | 'replaced'> {
  for (let attempt = 1; ; attempt += 1) {
    // One byte more than wanted shows that there is more; the object may be of any size.
    const found = await store.get(key, { range: { start: 0, end: bytes.length + 1 } });
    if (found !== null && equalBytes(found.bytes, bytes)) return 'same';
    try {
      await store.replace(key, bytes, { etag: found?.etag ?? null, ...kind });
      return found === null ? 'made' : 'replaced';
    } catch (error) {
      if (!(error instanceof PreconditionError) || attempt === PUT_ATTEMPTS) throw error;
    }
  }
}

/** Others who put right or publish at the same time make one attempt fail, and are done. */
const PUT_ATTEMPTS = 5;

/** Signatures of other gateways that are kept on a checkpoint: more than write to one ledger, few enough for any reader. */
const LINES_KEPT_MAX = 15;

/** How often a checkpoint may read as absent and be taken all the same: once, another gateway made it in between. */
const ABSENT_MAX = 2;

function hiddenCheckpoint(key: string): Error {
  return new StoreUnavailableError(
    `${key} is not there and cannot be made: if a delete marker stands on it, delete that version`,
    { code: 'checkpoint_hidden', durability: 'not-durable' },
  );
}

/** Paths of the partial tiles of a tree, and of its partial entry bundle. */
export function partialPaths(size: number): string[] {
  const tiles = tilesOf(parseTreeSize(size)).filter(({ width }) => width < TILE_WIDTH);
  const paths = tiles.map(tilePath);
  const entries = size % TILE_WIDTH;
  if (entries > 0) paths.push(entryBundlePath(Math.floor(size / TILE_WIDTH), entries));
  return paths;
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items].reverse();
  const lane = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: VIEW_WRITES }, lane));
}
