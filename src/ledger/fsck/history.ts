/**
 * The history of a ledger with its stored records, from the store alone: every batch judged valid, every payload object
 * held against the hash that its batch signed for. What else may be wrong with a log is for `fsck` to say.
 */
import type { PayloadReference, VoidSlot } from '../../core/log/batch-header.ts';
import type { Batch } from '../../core/log/batch.ts';
import { toBase64Url } from '../../core/platform/bytes.ts';
import { SteleError } from '../../core/errors.ts';
import { GENESIS_BYTES_MAX } from '../../core/ledger/genesis.ts';
import type { LogState } from '../../core/log/state.ts';
import type { Report } from '../../core/verify/report.ts';
import { LogVerification } from '../../core/verify/log.ts';
import { sha256 } from '#platform';
import { StoreUnavailableError } from '../../storage/errors.ts';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { hashesTo, readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { countListed, readSlots } from './slots.ts';

/** One valid batch with the records that are still there. */
export interface HistoryBatch {
  readonly batch: Batch;
  /** The log after it. */
  readonly state: LogState;
  readonly payloads: readonly HistoryPayload[];
}

/** A payload object of a batch; its bytes are null where it is gone, or not what the batch says. */
export interface HistoryPayload {
  readonly reference: PayloadReference;
  readonly bytes: Uint8Array | null;
}

/** What the reader got elsewhere. */
export interface HistoryAnchors {
  readonly vkeys?: readonly string[];
  readonly checkpoints?: readonly string[];
  readonly gen?: string;
}

/** Larger objects are not read, as `fsck` does. */
const PAYLOAD_BYTES_MAX = 268_435_456;

/** Reads one history once. */
export class History {
  readonly #context: FsckContext;
  readonly #verification: LogVerification;

  private constructor(context: FsckContext, verification: LogVerification) {
    this.#context = context;
    this.#verification = verification;
  }

  /** @throws {@link SteleError} `ledger_missing`; {@link MalformedError} for a genesis or anchors that are not good. */
  static async open(
    store: ObjectStore,
    ledger: string,
    anchors: HistoryAnchors = {},
  ): Promise<History> {
    const keys = objectKeys(ledger);
    const { bytes } = await readRecorded(store, keys.genesis, {}, GENESIS_BYTES_MAX);
    if (bytes === null) {
      throw new SteleError('ledger_missing', `there is no ${keys.genesis} in this store`, {
        disposition: 'fix-configuration',
      });
    }
    // Signatures of leaves are findings; that their gateway sealed them, the batch's own signature says.
    const options = { signatures: false, repetitions: false };
    const verification = new LogVerification(bytes, anchors, options);
    return new History({ store, keys, now: 0, locks: false, open: true }, verification);
  }

  /** What was read so far: whose log, and how many entries. */
  get head(): { readonly origin: string; readonly size: number } {
    const { genesis, size } = this.#verification.state;
    return { origin: genesis.origin, size };
  }

  /** The log after what was read so far. */
  get state(): LogState {
    return this.#verification.state;
  }

  /** SHA-256 of the bundle of a policy, by its activation as far as was read; null where the log does not say. */
  bundleDigest(policy: string): string | null {
    return this.#verification.state.policies.get(policy)?.digest ?? null;
  }

  /** How many batches a listing shows: for progress only. */
  async countBatches(): Promise<number> {
    return countListed(this.#context);
  }

  /**
   * Valid batches in their order, as far as they go.
   *
   * @param wantsRecords - Whether the payload objects of a batch are read too. Default: all are.
   */
  async *batches(
    wantsRecords: (batch: Batch) => boolean = () => true,
  ): AsyncGenerator<HistoryBatch> {
    const verification = this.#verification;
    let voids: VoidSlot[] = [];
    const bytesMax = (): number => verification.state.config.limits.batchBytes;
    for await (const slot of readSlots(this.#context, bytesMax)) {
      const { number, versionId, bytes, size, unreadable } = slot;
      if (versionId === null) return;
      if (unreadable !== null)
        throw new StoreUnavailableError(unreadable, { code: 'slot_unreadable' });
      const verdict = bytes === null ? null : verification.add(bytes, { number, versionId, voids });
      if (verdict?.ok === true) {
        voids = [];
        const { batch, state } = verdict;
        const references = wantsRecords(batch) ? batch.header.payloads : [];
        const payloads = await Promise.all(
          references.map(async (reference) => this.#payload(reference)),
        );
        yield { batch, state, payloads };
        continue;
      }
      if (verdict?.stop === true) return;
      const hash = bytes === null ? null : toBase64Url(sha256(bytes));
      voids.push({ number, versionId, size, sha256: hash });
    }
  }

  /** What the history that was read so far is worth. */
  report(): Report {
    return this.#verification.report({ steps: [], findings: [] });
  }

  async #payload(reference: PayloadReference): Promise<HistoryPayload> {
    const { key, size, versionId } = reference;
    const gone = { reference, bytes: null };
    if (!key.startsWith(this.#context.keys.payloadPrefix) || size > PAYLOAD_BYTES_MAX) return gone;
    const found = await this.#context.store.get(key, { versionId });
    if (found === null || !hashesTo(found.bytes, reference.sha256)) return gone;
    return { reference, bytes: found.bytes };
  }
}
