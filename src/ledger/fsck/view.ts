/**
 * The published static view against the batches: every tile and entry bundle of the published size is made again while
 * the log streams by, and compared. The view is derived, so what differs can be made again; still somebody may have been
 * shown it.
 */
import { equalBytes } from '../../core/platform/bytes.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import type { LeafHash, Sha256Hash } from '../../core/tree/hash.ts';
import {
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  TILE_WIDTH,
  tilePath,
} from '../../core/tree/tile.ts';
import { edgeRoot, emptyEdge, extendEdge } from '../../core/tree/tree.ts';
import type { FsckContext } from './objects.ts';

/** Compares the view of one published size with a log that is fed to it in order. */
export class ViewCheck {
  readonly #context: FsckContext;
  /** Leaves that the published checkpoint covers. */
  readonly #size: number;
  readonly #findings: Finding[] = [];
  /** Per level, the hashes of the tile that is not full yet, and that tile's index. */
  readonly #levels: { hashes: Sha256Hash[]; index: number }[] = [];
  #bundle: Uint8Array[] = [];
  #bundleIndex = 0;
  #taken = 0;
  #compared = 0;

  constructor(context: FsckContext, size: number) {
    this.#context = context;
    this.#size = size;
  }

  /** Takes the next leaves of the log. */
  async add(leaves: readonly Uint8Array[], hashes: readonly LeafHash[]): Promise<void> {
    for (const [i, hash] of hashes.entries()) {
      if (this.#taken === this.#size) return;
      this.#taken += 1;
      this.#bundle.push(leaves[i] ?? new Uint8Array());
      if (this.#bundle.length === TILE_WIDTH) await this.#closeBundle();
      await this.#push(0, hash);
    }
  }

  /** Compares what is partial at the published size. @returns findings, and how many objects were compared. */
  async finish(): Promise<{ readonly findings: readonly Finding[]; readonly compared: number }> {
    if (this.#taken === this.#size) {
      if (this.#bundle.length > 0) await this.#closeBundle();
      for (const [level, { hashes, index }] of this.#levels.entries()) {
        if (hashes.length === 0) continue;
        await this.#compare(tilePath({ level, index, width: hashes.length }), encodeTile(hashes));
      }
    }
    return { findings: this.#findings, compared: this.#compared };
  }

  async #push(level: number, hash: Sha256Hash): Promise<void> {
    const tile = (this.#levels[level] ??= { hashes: [], index: 0 });
    tile.hashes.push(hash);
    if (tile.hashes.length < TILE_WIDTH) return;
    const full = tile.hashes;
    await this.#compare(
      tilePath({ level, index: tile.index, width: TILE_WIDTH }),
      encodeTile(full),
    );
    this.#levels[level] = { hashes: [], index: tile.index + 1 };
    await this.#push(level + 1, subtreeRoot(full));
  }

  async #closeBundle(): Promise<void> {
    const path = entryBundlePath(this.#bundleIndex, this.#bundle.length);
    await this.#compare(path, encodeEntryBundle(this.#bundle));
    this.#bundle = [];
    this.#bundleIndex += 1;
  }

  async #compare(path: string, wanted: Uint8Array): Promise<void> {
    const { store, keys } = this.#context;
    const key = keys.tile(path);
    // One byte more than wanted shows that there is more; the object may be of any size.
    const found = await store.get(key, { range: { start: 0, end: wanted.length + 1 } });
    this.#compared += 1;
    if (found === null) {
      this.#findings.push(finding('view_mismatch', { key }, 'missing'));
    } else if (!equalBytes(found.bytes, wanted)) {
      this.#findings.push(finding('view_mismatch', { key }, 'differs from the batches'));
    }
  }
}

/** The root over the hashes of one full tile: what stands for it a level up. */
function subtreeRoot(hashes: readonly Sha256Hash[]): Sha256Hash {
  const edge = extendEdge(emptyEdge(), hashes as readonly LeafHash[]);
  return edgeRoot(edge);
}
