/**
 * Checks a whole ledger from its store alone, with nothing of any gateway: every version of every batch key, validity,
 * signatures, chains, locks, records opened in full, checkpoints and the static view. The one oracle of all fault
 * tests, and what an auditor runs.
 */
import type { VoidSlot } from '../core/batch-header.ts';
import { toBase64Url, utf8Text } from '../core/bytes.ts';
import { openCheckpoint } from '../core/checkpoint.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import { finding } from '../core/findings.ts';
import type { Finding } from '../core/findings.ts';
import { GENESIS_BYTES_MAX, parseGenesis } from '../core/genesis.ts';
import type { Genesis } from '../core/genesis.ts';
import type { Acceptance } from '../core/log-state.ts';
import { step } from '../core/report.ts';
import type { Report, Step } from '../core/report.ts';
import { parseVkey, verifierOf } from '../core/signed-note.ts';
import { edgeRoot } from '../core/tree.ts';
import { LogVerification } from '../core/verify-log.ts';
import { sha256 } from '#platform';
import { objectKeys } from '../storage/object-keys.ts';
import type { ObjectKeys } from '../storage/object-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { lockFindings, readRecorded } from './fsck-objects.ts';
import { checkPayloads } from './fsck-payloads.ts';
import { ViewCheck } from './fsck-view.ts';

/** What the checker got elsewhere, and how much it is to look at. */
export interface FsckOptions {
  /** Checkpoint keys of the log, from a source that is not the store. */
  readonly vkeys?: readonly string[];
  /** Signed notes that somebody kept: nothing of what they cover may be missing or changed. */
  readonly checkpoints?: readonly string[];
  /** Hash of genesis, base64url, from elsewhere. */
  readonly gen?: string;
  /** Default true: read every payload object and open every record. */
  readonly records?: boolean;
  /** Default true: compare the published tiles and entry bundles. */
  readonly view?: boolean;
  /** Epoch ms: what has to be locked still. */
  readonly now: number;
  /** Called after each batch with the leaves so far and the batches that a listing shows. */
  readonly progress?: (entries: number, batch: number, batches: number) => void;
}

/** A report with the sizes that it speaks of. */
export interface FsckReport extends Report {
  readonly origin: string;
  readonly entries: number;
  readonly batches: number;
  readonly root: string;
  readonly records: number;
}

/**
 * Checks the ledger named `ledger`.
 *
 * @throws {@link SteleError} `ledger_missing` when there is no genesis, {@link MalformedError} when genesis or an anchor
 *   does not verify, and the store's errors: then nothing can be said.
 */
export async function fsck(
  store: ObjectStore,
  ledger: string,
  options: FsckOptions,
): Promise<FsckReport> {
  return new Fsck(store, objectKeys(ledger), options).run();
}

class Fsck {
  readonly #store: ObjectStore;
  readonly #keys: ObjectKeys;
  readonly #options: FsckOptions;
  readonly #findings: Finding[] = [];
  readonly #steps: Step[] = [];
  #records = 0;
  #ended = 0;

  constructor(store: ObjectStore, keys: ObjectKeys, options: FsckOptions) {
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
  }

  async run(): Promise<FsckReport> {
    const genesis = await this.#readGenesis();
    const published = await this.#readPublished(genesis);
    const { vkeys = [], checkpoints = [], gen } = this.#options;
    const known =
      published === null || vkeys.length === 0 ? checkpoints : [...checkpoints, published.note];
    const verification = new LogVerification(genesis.bytes, {
      vkeys,
      checkpoints: known,
      ...(gen === undefined ? {} : { gen }),
    });
    const view =
      this.#options.view === false || published === null
        ? null
        : new ViewCheck(this.#store, this.#keys, published.size);
    await this.#readBatches(verification, view);
    await this.#finishView(view);
    this.#finishStore();
    const { state } = verification;
    const report = verification.report({ steps: this.#steps, findings: this.#findings });
    return {
      ...report,
      origin: genesis.origin,
      entries: state.size,
      batches: state.number + 1,
      root: toBase64Url(edgeRoot(state.edge)),
      records: this.#records,
    };
  }

  async #readGenesis(): Promise<Genesis> {
    const key = this.#keys.genesis;
    const object = await readRecorded(this.#store, key, {}, GENESIS_BYTES_MAX);
    if (object.bytes === null || object.versionId === null) {
      throw new SteleError('ledger_missing', `there is no ${key} in this store`, {
        disposition: 'fix-configuration',
      });
    }
    const genesis = parseGenesis(object.bytes);
    const { mode, days } = genesis.batchLock;
    // Genesis has no declared end of its lock; what counts is that it is locked at all.
    const declared = { mode, retainUntil: days === 0 ? null : this.#options.now + 1000 };
    const place = { key, versionId: object.versionId };
    this.#findings.push(
      ...object.findings,
      ...(await lockFindings(this.#store, place, declared, {}, this.#options.now)),
    );
    return genesis;
  }

  /** The published checkpoint is a hint. With a key from elsewhere it binds the log; without, it sizes the view. */
  async #readPublished(genesis: Genesis): Promise<{ note: string; size: number } | null> {
    const found = await this.#store.get(this.#keys.checkpoint);
    if (found === null) return null;
    const at = { key: this.#keys.checkpoint };
    try {
      const note = utf8Text(found.bytes);
      const vkeys = this.#options.vkeys ?? [];
      const verifiers = vkeys.map((vkey) => verifierOf(parseVkey(vkey)));
      if (verifiers.length > 0) {
        const { size } = openCheckpoint(note, genesis.origin, verifiers).checkpoint;
        return { note, size };
      }
      const size = Number(note.split('\n')[1]);
      return Number.isSafeInteger(size) && size >= 0 ? { note, size } : null;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#findings.push(
        finding('bad_checkpoint', at, `published: ${error.code}: ${error.message}`),
      );
      return null;
    }
  }

  async #readBatches(verification: LogVerification, view: ViewCheck | null): Promise<void> {
    const listed = (await this.#store.list(this.#keys.batchPrefix))
      .map((key) => this.#keys.parseBatch(key))
      .filter((number) => number !== null);
    const last = Math.max(-1, ...listed);
    let voids: VoidSlot[] = [];
    for (let number = 0; ; number += 1) {
      const { batchBytes } = verification.state.config.limits;
      const key = this.#keys.batch(number);
      const object = await readRecorded(this.#store, key, { batch: number }, batchBytes);
      this.#findings.push(...object.findings);
      const { versionId } = object;
      if (versionId === null) {
        if (number > last) return;
        this.#findings.push(
          finding(
            'missing_object',
            { batch: number, key },
            'no batch, though later ones are there',
          ),
        );
        return;
      }
      const verdict =
        object.bytes === null ? null : verification.add(object.bytes, { number, versionId, voids });
      if (verdict?.ok === true) {
        await this.#checkBatch(verdict, { key, versionId }, view);
        voids = [];
        this.#options.progress?.(verification.state.size, number, last + 1);
        continue;
      }
      const hash = object.bytes === null ? null : toBase64Url(sha256(object.bytes));
      voids = [...voids, { number, versionId, size: object.size, sha256: hash }];
      if (verdict?.stop === true) return;
    }
  }

  async #checkBatch(
    { batch, leafHashes, state }: Acceptance,
    object: { readonly key: string; readonly versionId: string },
    view: ViewCheck | null,
  ): Promise<void> {
    const { now } = this.#options;
    const at = { batch: batch.header.number };
    this.#findings.push(...(await lockFindings(this.#store, object, batch.header, at, now)));
    await view?.add(batch.leaves, leafHashes);
    if (this.#options.records === false) return;
    const { fallbackClass } = state.config;
    const check = await checkPayloads(this.#store, batch, { now, fallbackClass });
    this.#findings.push(...check.findings);
    this.#records += check.opened;
    this.#ended += check.ended;
  }

  async #finishView(view: ViewCheck | null): Promise<void> {
    if (view === null) {
      const why = this.#options.view === false ? 'left out by option' : 'nothing is published';
      this.#steps.push(step('static_view', 'not_checked', why));
      return;
    }
    const { findings, compared } = await view.finish();
    this.#findings.push(...findings);
    const detail =
      findings.length === 0 ? `${compared} objects` : `${findings.length} of ${compared} differ`;
    this.#steps.push(step('static_view', findings.length === 0 ? 'pass' : 'fail', detail));
  }

  #finishStore(): void {
    const count = (codes: readonly string[]): number =>
      this.#findings.filter(({ code }) => codes.includes(code)).length;
    const versions = count(['extra_version', 'delete_marker', 'missing_object']);
    this.#steps.push(
      step('object_versions', versions === 0 ? 'pass' : 'fail', `${versions} found`),
    );
    const locks = count(['missing_lock', 'short_lock']);
    this.#steps.push(step('locks', locks === 0 ? 'pass' : 'fail', `${locks} found`));
    if (this.#options.records === false) {
      this.#steps.push(step('records', 'not_checked', 'left out by option'));
      return;
    }
    const records = count(['payload_mismatch', 'record_mismatch', 'disagreement']);
    const ended = this.#ended === 0 ? '' : `, ${this.#ended} of ended classes gone`;
    this.#steps.push(
      step('records', records === 0 ? 'pass' : 'fail', `${this.#records} opened in full${ended}`),
    );
  }
}
