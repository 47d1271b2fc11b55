/**
 * Checks a whole ledger from its store alone, with nothing of any gateway: every version of every batch key, validity,
 * signatures, chains, locks, records opened in full, checkpoints and the static view. The one oracle of all fault
 * tests, and what an auditor runs. Reads each object once, in order, and keeps what identifies entries, no bytes.
 */
import type { VoidSlot } from '../../core/log/batch-header.ts';
import { toBase64Url } from '../../core/platform/bytes.ts';
import { SteleError } from '../../core/errors.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import { GENESIS_BYTES_MAX, parseGenesis } from '../../core/ledger/genesis.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { Acceptance, LogState } from '../../core/log/state.ts';
import { step } from '../../core/verify/report.ts';
import type { Step } from '../../core/verify/report.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { parseVkey, verifierOf } from '../../core/tree/signed-note.ts';
import { edgeRoot } from '../../core/tree/tree.ts';
import type { RightEdge } from '../../core/tree/tree.ts';
import { LogVerification } from '../../core/verify/log.ts';
import { sha256 } from '#platform';
import { objectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { CarriedCheck } from './carried.ts';
import { confirmBytes, lockFindings, readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { checkPayloads } from './payloads.ts';
import { PolicyCheck } from './policies.ts';
import { PublishedCheck } from './published.ts';
import { behindEnd, countListed, readSlots } from './slots.ts';
import type { BatchSlot } from './slots.ts';
import { genesisLock } from '../log/heal.ts';
import { NamedObjects } from './unnamed.ts';
import { lockStep, recordStep, silence, versionStep, withoutGenesis } from './report.ts';
import type { FsckOptions, FsckReport } from './report.ts';
import { ViewCheck } from './view.ts';

export type { FsckOptions, FsckReport } from './report.ts';

/** Slots without a valid batch that are named one by one: behind the first, the others follow from it. */
const REFUSALS_NAMED = 16;

/**
 * Checks the ledger named `ledger`.
 *
 * @throws {@link SteleError} `ledger_missing` when there is nothing of it, {@link MalformedError} for anchors that are
 *   malformed or not of this log, and the store's errors: then nothing can be said.
 */
export async function fsck(
  store: ObjectStore,
  ledger: string,
  options: FsckOptions,
): Promise<FsckReport> {
  const keys = objectKeys(ledger);
  const key = keys.genesis;
  const object = await readRecorded(store, key, {}, GENESIS_BYTES_MAX);
  const found = [...object.findings];
  if (object.versionId === null) {
    if ((await store.list(keys.prefix, { max: 1 })).length === 0) throw missing(key);
    return withoutGenesis([...found, finding('missing_object', { key }, 'gone')], 'gone');
  }
  let genesis: Genesis;
  try {
    genesis = parseGenesis(object.bytes ?? new Uint8Array());
  } catch (error) {
    await confirmBytes(store, key, object);
    const { code, message } = caughtMalformed(error);
    return withoutGenesis(found, `${code}: ${message}`);
  }
  const { gen = genesis.gen, now, records = true } = options;
  if (genesis.gen !== gen) return withoutGenesis(found, `is ${genesis.gen}, want ${gen}`);
  const context = { store, keys, now, locks: !genesis.weakStore, open: records };
  const place = { key, versionId: object.versionId };
  found.push(...(await lockFindings(context, place, genesisLock(genesis), {})));
  return new Fsck(context, genesis, options, found).run();
}

class Fsck {
  readonly #context: FsckContext;
  readonly #genesis: Genesis;
  readonly #options: FsckOptions;
  readonly #findings: Finding[];
  readonly #steps: Step[] = [];
  #records = 0;
  #ended = 0;

  constructor(context: FsckContext, genesis: Genesis, options: FsckOptions, found: Finding[]) {
    this.#context = context;
    this.#genesis = genesis;
    this.#options = options;
    this.#findings = found;
  }

  async run(): Promise<FsckReport> {
    const { vkeys = [], checkpoints = [], gen } = this.#options;
    const { origin, bytes } = this.#genesis;
    const anchors = vkeys.map((vkey) => verifierOf(parseVkey(vkey)));
    const published = await PublishedCheck.read(this.#context, origin, anchors);
    const verification = new LogVerification(bytes, {
      vkeys,
      checkpoints,
      published: published.anchored,
      ...(gen === undefined ? {} : { gen }),
    });
    const { size } = published;
    const view =
      this.#options.view === false || size === null ? null : new ViewCheck(this.#context, size);
    const carried = new CarriedCheck(this.#context, origin, anchors);
    const named = new NamedObjects(this.#context, this.#genesis);
    const { policies: open } = this.#options;
    const policies =
      open === undefined ? null : new PolicyCheck(this.#context, this.#genesis, open);
    await this.#readBatches(verification, async (before, accepted, slot) => {
      published.add(before, accepted);
      carried.add(accepted);
      named.add(accepted.batch);
      policies?.add(accepted.batch, accepted.state);
      await Promise.all([
        view?.add(accepted.batch.leaves, accepted.leafHashes),
        this.#checkBatch(accepted, slot),
      ]);
    });
    this.#note(await carried.finish());
    const { state } = verification;
    const shown = published.finish(state);
    this.#note(shown.findings);
    this.#steps.push(shown.step);
    await this.#finishPolicies(policies);
    await this.#finishView(view);
    this.#finishStore(state);
    // Of a log that is damaged or cut, everything behind is named by nothing.
    const needed = ['end_of_log'];
    const bound = carried.isBound;
    const found = { steps: this.#steps, findings: this.#findings, needed, bound };
    const judged = verification.report(found);
    if (judged.verdict !== 'invalid') this.#note(await named.finish(state));
    return {
      ...verification.report(found),
      origin,
      entries: state.size,
      batches: state.number + 1,
      root: toBase64Url(edgeRoot(state.edge)),
      records: this.#records,
    };
  }

  async #readBatches(
    verification: LogVerification,
    onBatch: (before: RightEdge, accepted: Acceptance, slot: BatchSlot) => Promise<void>,
  ): Promise<void> {
    const { progress } = this.#options;
    const listed = progress === undefined ? 0 : await countListed(this.#context);
    const bytesMax = (): number => verification.state.config.limits.batchBytes;
    let voids: VoidSlot[] = [];
    let reasons: string[] = [];
    for await (const slot of readSlots(this.#context, bytesMax)) {
      const { number, versionId, bytes } = slot;
      this.#note(slot.findings);
      if (versionId === null) {
        this.#note(await behindEnd(this.#context, verification.state, number));
        break;
      }
      if (slot.unreadable !== null) {
        this.#steps.push(step('end_of_log', 'unverifiable', slot.unreadable));
        return;
      }
      const before = verification.state.edge;
      const verdict = bytes === null ? null : verification.add(bytes, { number, versionId, voids });
      if (verdict?.ok === true) {
        voids = [];
        reasons = [];
        await onBatch(before, verdict, slot);
        progress?.(verification.state.size, number, listed);
        continue;
      }
      await confirmBytes(this.#context.store, slot.key, slot);
      const why = verdict === null ? 'too large or gone' : `${verdict.reason}: ${verdict.detail}`;
      const hash = bytes === null ? null : toBase64Url(sha256(bytes));
      voids.push({ number, versionId, size: slot.size, sha256: hash });
      if (reasons.length < REFUSALS_NAMED) reasons.push(why);
      if (verdict?.stop === true) {
        this.#steps.push(step('end_of_log', 'unverifiable', `batch ${number}: ${why}`));
        return;
      }
    }
    this.#finishSlots(voids, reasons);
  }

  /** Slots at the end without a valid batch: damage, or garbage that no batch has passed over yet. */
  #finishSlots(voids: readonly VoidSlot[], reasons: readonly string[]): void {
    const [first] = voids;
    if (first === undefined) {
      this.#steps.push(step('end_of_log', 'pass', 'the slot behind the last batch is empty'));
      return;
    }
    for (const [i, why] of reasons.entries()) {
      this.#findings.push(finding('void_batch', { batch: first.number + i }, why));
    }
    const where = `${voids.length} slots hold no valid batch; ${first.number}: ${reasons[0] ?? ''}`;
    this.#steps.push(step('end_of_log', 'fail', where));
  }

  async #checkBatch({ batch, state }: Acceptance, slot: BatchSlot): Promise<void> {
    const { key } = slot;
    const at = { batch: slot.number };
    const object = { key, versionId: slot.versionId ?? '' };
    const [locks, payloads] = await Promise.all([
      lockFindings(this.#context, object, batch.header, at),
      checkPayloads(this.#context, batch, state.config.fallbackClass),
    ]);
    this.#note(locks);
    this.#note(payloads.findings);
    this.#records += payloads.opened;
    this.#ended += payloads.ended;
  }

  async #finishPolicies(policies: PolicyCheck | null): Promise<void> {
    if (policies === null) return;
    const { findings, step: judged } = await policies.finish();
    this.#note(findings);
    this.#steps.push(judged);
  }

  async #finishView(view: ViewCheck | null): Promise<void> {
    if (view === null) {
      const why = this.#options.view === false ? 'left out by option' : 'nothing is published';
      this.#steps.push(step('static_view', 'not_checked', why));
      return;
    }
    const { findings, compared } = await view.finish();
    this.#note(findings);
    const detail =
      findings.length === 0 ? `${compared} objects` : `${findings.length} of ${compared} differ`;
    this.#steps.push(step('static_view', findings.length === 0 ? 'pass' : 'fail', detail));
  }

  #finishStore(state: LogState): void {
    this.#note(silence(state, this.#options.now));
    this.#steps.push(
      versionStep(this.#findings, state),
      lockStep(this.#findings, this.#context, state),
      recordStep(this.#findings, this.#context, { opened: this.#records, ended: this.#ended }),
    );
  }

  /** One by one: a call takes only so many arguments. */
  #note(findings: readonly Finding[]): void {
    for (const one of findings) this.#findings.push(one);
  }
}

function missing(key: string): SteleError {
  return new SteleError('ledger_missing', `there is no ${key} in this store`, {
    disposition: 'fix-configuration',
  });
}
