import { LRUCache } from 'lru-cache';
import type { Ledger } from '../../ledger/ledger.ts';

/** Bytes of archived bundles kept: those of a few policies, which never change. Who asks at the same time shares one copy. */
const KEPT_BYTES_MAX = 67_108_864;

/** Bundles out of the archive of a ledger, for readers: however many there are, each is in memory once. */
export class ArchivedBundles {
  readonly #kept: LRUCache<string, Uint8Array>;

  constructor(ledger: Pick<Ledger, 'archivedPolicy'>) {
    this.#kept = new LRUCache({
      maxSize: KEPT_BYTES_MAX,
      sizeCalculation: (archive) => Math.max(1, archive.length),
      fetchMethod: async (id) => (await ledger.archivedPolicy(id)) ?? undefined,
    });
  }

  /** The bundle of a policy that was ever in charge; undefined where there is none. @throws as {@link Ledger.archivedPolicy}. */
  async of(id: string): Promise<Uint8Array | undefined> {
    return this.#kept.fetch(id);
  }
}
