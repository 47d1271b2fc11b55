/**
 * The policies that were ever in charge: each is archived as the log says, and each activation was decided by the one
 * before it, whose module is executed again over the recorded input.
 */
import { gunzipSync } from 'node:zlib';
import { sha256Base64Url } from '#platform';
import { parseBatch } from '../../core/log/batch.ts';
import type { Batch } from '../../core/log/batch.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { SteleError } from '../../core/errors.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding, FindingPlace } from '../../core/verify/findings.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { LogState } from '../../core/log/state.ts';
import { memberRange } from '../../core/log/payload-object.ts';
import { findRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { step } from '../../core/verify/report.ts';
import type { Step } from '../../core/verify/report.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { NamedSigner } from '../context/components.ts';
import { claimsDecision, disagreement, effectiveChange } from '../log/effective-change.ts';
import type { EffectiveChange } from '../log/effective-change.ts';
import { lockFindings, readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { reportFault } from '../log/replay-report.ts';

/** A policy of an archive, as it can be executed. */
export interface ExecutablePolicy {
  /**
   * Why it is not the policy of its place; undefined where it is.
   *
   * @param digest - Of its bundle by its activation; null where the log does not say.
   */
  readonly fault: (
    id: string,
    digest: string | null,
  ) => { readonly code: 'policy_altered' | 'engine_version'; readonly detail: string } | undefined;
  /** Of its manifest; null where that has none. */
  readonly revision: string | null;
  /** Why its bundle is not signed as the activation says; undefined where it is. */
  signerFault(named: NamedSigner): Promise<string | undefined>;
  /** Evaluates an entrypoint over RFC 8785 text. Rejects where there is no answer. */
  evaluate(entrypoint: string, input: string): Promise<JsonValue>;
}

/** Opens the bundle of an archive; rejects with a {@link SteleError} where it makes no policy. */
export type OpenExecutable = (archive: Uint8Array) => Promise<ExecutablePolicy>;

const DAY_MS = 86_400_000;
const BUNDLE_BYTES_MAX = 268_435_456;
const ADMIN = 'stele/admin';

interface Change extends EffectiveChange {
  readonly batch: Batch;
  readonly at: FindingPlace;
}

/** An entry that an approval names. */
interface Reported {
  readonly entry: Entry;
  readonly record: StoredRecord | null;
  /** What it says is not to be had, or not to be read. */
  readonly isGone: boolean;
}

/** Collects the activations that took effect, then checks each. */
export class PolicyCheck {
  readonly #context: FsckContext;
  readonly #genesis: Genesis;
  readonly #open: OpenExecutable;
  readonly #changes: Change[] = [];
  readonly #archives = new Map<string, Uint8Array | null>();
  /** Null where the bundle makes no policy. */
  readonly #opened = new Map<string, ExecutablePolicy | null>();
  /** The policy of its name, by this engine. */
  readonly #runnable = new Map<string, ExecutablePolicy>();
  /** What no gateway adopts, since its bundle is not by the author that is named. */
  readonly #missigned = new Set<string>();
  /** What no gateway adopts, since its last activation was not decided so. */
  readonly #undecidedIds = new Set<string>();
  readonly #findings: Finding[] = [];
  /** Where batches begin, in order. */
  readonly #places: { readonly number: number; readonly first: number }[] = [];
  #executed = 0;
  #gone = 0;

  constructor(context: FsckContext, genesis: Genesis, open: OpenExecutable) {
    this.#context = context;
    this.#genesis = genesis;
    this.#open = open;
  }

  /** Takes a valid batch. @param state - After it. */
  add(batch: Batch, state: LogState): void {
    const { number, first } = batch.header;
    this.#places.push({ number, first });
    for (const [offset, entry] of batch.entries.entries()) {
      if (entry.payload.kind !== 'policy') continue;
      const index = first + offset;
      const change = effectiveChange(entry, index, state);
      if (change !== null) this.#changes.push({ ...change, batch, at: { batch: number, index } });
    }
  }

  /** Checks all that were collected. */
  async finish(): Promise<{ readonly findings: readonly Finding[]; readonly step: Step }> {
    const { policy, time } = this.#genesis;
    if (policy !== null) await this.#archived({ id: policy.id, digest: null }, time, {});
    for (const change of this.#changes) {
      const policy = await this.#archived(change, change.entry.payload.at, change.at);
      if (policy !== null) await this.#signed(change, policy);
    }
    for (const change of this.#changes) {
      await this.#decided(change);
      await this.#reported(change);
    }
    const found = this.#findings.filter(({ severity }) => severity !== 'warning').length;
    const gone = this.#gone === 0 ? '' : `, records of ${this.#gone} gone`;
    const said = `${this.#archives.size} archived, ${this.#executed} activations executed again${gone}`;
    const detail = found === 0 ? said : `${found} found; ${said}`;
    return { findings: this.#findings, step: step('policies_archived', verdict(found), detail) };
  }

  /** The policy as the archive has it; null where that is not what was activated. */
  async #archived(
    named: { readonly id: string; readonly digest: string | null },
    time: number,
    at: FindingPlace,
  ): Promise<ExecutablePolicy | null> {
    const { id, digest } = named;
    const place = { ...at, key: this.#context.keys.policy(id, 'bundle.tar.gz') };
    let archive = this.#archives.get(id);
    if (archive === undefined) {
      archive = await this.#read(id, time, place);
      this.#archives.set(id, archive);
    }
    if (archive === null) return null;
    const hash = sha256Base64Url(archive);
    if (digest !== null && hash !== digest) {
      this.#mismatch(place, `bundle hashes to ${hash}, activated was ${digest}`);
      return null;
    }
    if (!this.#opened.has(id)) this.#opened.set(id, await this.#openBundle(named, archive, place));
    return this.#opened.get(id) ?? null;
  }

  async #read(
    id: string,
    time: number,
    place: FindingPlace & { readonly key: string },
  ): Promise<Uint8Array | null> {
    const { key, ...at } = place;
    const object = await readRecorded(this.#context.store, key, at, BUNDLE_BYTES_MAX);
    this.#findings.push(...object.findings);
    if (object.versionId === null || object.bytes === null) {
      this.#findings.push(finding('missing_object', place, `the bundle of policy ${id}`));
      return null;
    }
    const { mode, days } = this.#genesis.batchLock;
    const retainUntil = time - (time % 1000) + days * DAY_MS;
    const locked = { key, versionId: object.versionId };
    this.#findings.push(
      ...(await lockFindings(this.#context, locked, { mode, retainUntil }, place)),
    );
    return object.bytes;
  }

  async #openBundle(
    { id, digest }: { readonly id: string; readonly digest: string | null },
    archive: Uint8Array,
    place: FindingPlace,
  ): Promise<ExecutablePolicy | null> {
    try {
      const policy = await this.#open(archive);
      const fault = policy.fault(id, digest);
      if (fault === undefined) this.#runnable.set(id, policy);
      else if (fault.code === 'policy_altered') this.#mismatch(place, fault.detail);
      else this.#findings.push(finding('engine_version', place, fault.detail));
      return policy;
    } catch (error) {
      if (!(error instanceof SteleError)) throw error;
      this.#mismatch(place, `bundle makes no policy: ${error.message}`);
      return null;
    }
  }

  /** Whether the bundle says of itself what its activation says: who wrote it must not have approved it. */
  async #signed({ id, facts, author, at }: Change, policy: ExecutablePolicy): Promise<void> {
    const { signer, revision } = facts;
    const fault = await policy.signerFault({ signer, author: author?.jwk ?? null });
    if (fault !== undefined) {
      this.#mismatch(at, fault);
      this.#missigned.add(id);
    }
    if (policy.revision !== revision) {
      this.#mismatch(at, `the bundle is of revision ${String(policy.revision)}`);
    }
  }

  /** Whether the policy before said so. */
  async #decided(change: Change): Promise<void> {
    const { facts, entry, batch, at } = change;
    const by = entry.payload.pol?.id ?? '';
    this.#undecidedIds.delete(change.id);
    // Where none was in charge there was nobody to ask.
    if (facts.previous === null) return;
    if (!claimsDecision(entry, by)) {
      this.#unfit(change, 'no decision of a policy');
      return;
    }
    if (this.#missigned.has(by) || this.#undecidedIds.has(by)) {
      // Whoever was put in charge without right has put nobody in charge by right.
      this.#unfit(change, `policy ${by}, which decided it, was not put in charge by right`);
      return;
    }
    if (by !== facts.previous) {
      this.#findings.push(finding('former_decided', at, formerText(by, facts.previous)));
    }
    const policy = this.#runnable.get(by) ?? null;
    const record = await this.#recordOf(entry, batch, at.index);
    // That the record is what the leaf commits to, or why it is gone, is said with the other records.
    if (record === null || policy === null) {
      this.#gone += 1;
      return;
    }
    const fault = disagreement(change, record) ?? (await repeat(policy, record));
    if (fault !== undefined) this.#unfit(change, fault);
    this.#executed += 1;
  }

  /** Whether the replays that its approvals name are of this bundle. */
  async #reported(change: Change): Promise<void> {
    for (const report of new Set(change.approvers.flatMap((one) => one.report ?? []))) {
      const found = await this.#entryAt(report);
      const fault =
        found === null
          ? 'it cannot be read'
          : reportFault(found.entry.payload.kind, found.record, change);
      if (fault === undefined) continue;
      if (found?.isGone === true) this.#gone += 1;
      else this.#undecided(change, `the report at leaf ${report}: ${fault}`);
    }
  }

  async #entryAt(index: number): Promise<Reported | null> {
    const place = this.#places.findLast(({ first }) => first <= index);
    if (place === undefined) return null;
    const { number } = place;
    const key = this.#context.keys.batch(number);
    const { bytes } = await readRecorded(this.#context.store, key, { batch: number }, Infinity);
    if (bytes === null) return null;
    const batch = parseBatch(bytes);
    const entry = batch.entries[index - batch.header.first];
    if (entry === undefined) return null;
    const record = await this.#recordOf(entry, batch, index);
    return { entry, record, isGone: record === null && entry.payload._sd !== undefined };
  }

  async #recordOf(entry: Entry, batch: Batch, index = 0): Promise<StoredRecord | null> {
    if (!this.#context.open) return null;
    const { ret, jti } = entry.payload;
    const { payloads, first } = batch.header;
    const reference = payloads.find((one) => one.class === ret.class && one.mode === ret.mode);
    const range = reference === undefined ? null : memberRange(reference, index - first);
    if (reference === undefined || range == null) return null;
    const { key, versionId } = reference;
    try {
      const found = await this.#context.store.get(key, { versionId, range });
      const text = found === null ? '' : gunzipSync(found.bytes).toString('utf8');
      return findRecord(text, jti);
    } catch {
      return null;
    }
  }

  #mismatch(at: FindingPlace, detail: string): void {
    this.#findings.push(finding('policy_mismatch', at, detail));
  }

  /** What no gateway adopts. */
  #unfit(change: Change, detail: string): void {
    this.#undecidedIds.add(change.id);
    this.#undecided(change, detail);
  }

  #undecided({ at }: Change, detail: string): void {
    this.#findings.push(finding('undecided_activation', at, detail));
  }
}

function formerText(by: string, previous: string): string {
  return `policy ${by} decided it: nobody had taken up ${previous}, which was in charge`;
}

function verdict(found: number): 'pass' | 'fail' {
  return found === 0 ? 'pass' : 'fail';
}

async function repeat(
  policy: ExecutablePolicy,
  { input, result }: StoredRecord,
): Promise<string | undefined> {
  try {
    const again = await policy.evaluate(ADMIN, canonicalJson(input));
    if (canonicalJson(again) === canonicalJson(result)) return undefined;
    return 'executed again, the policy in charge gives another result';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return `executed again, the policy in charge gives no result: ${message}`;
  }
}
