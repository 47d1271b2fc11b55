/**
 * Verification of a whole log from its batch objects: each is fed in the order of its number, and the report says of
 * every step of the specification how it went. What only a store can show (versions, locks, payloads) its reader adds.
 */
import { findingsOf } from './batch-findings.ts';
import type { FindingsContext } from './batch-findings.ts';
import type { VoidSlot } from '../log/batch-header.ts';
import { equalBytes, toBase64Url, utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { openCheckpoint } from '../tree/checkpoint.ts';
import type { FirstWithKey } from './entry-findings.ts';
import { MalformedError } from '../errors.ts';
import { finding } from './findings.ts';
import type { Finding } from './findings.ts';
import { parseGenesis } from '../ledger/genesis.ts';
import type { LeafHash, Sha256Hash } from '../tree/hash.ts';
import { FINDING_STEPS, HEADS_STEP } from './log-steps.ts';
import type { FindingStep } from './log-steps.ts';
import { applyBatch } from '../log/state.ts';
import type { Acceptance, LogState, Refusal } from '../log/state.ts';
import { initialState } from '../ledger/log-position.ts';
import { step, verdictOf } from './report.ts';
import type { Report, Step } from './report.ts';
import { parseVkey, verifierOf } from '../tree/signed-note.ts';
import { edgeRoot, extendEdge } from '../tree/tree.ts';
import type { RightEdge, TreeHead } from '../tree/tree.ts';

/** What the verifier got elsewhere, and trusts. */
export interface LogAnchors {
  /** Hash of genesis, base64url. */
  readonly gen?: string;
  /** Checkpoint keys of the log. */
  readonly vkeys?: readonly string[];
  /** Signed notes that the verifier has seen before: the log may not have lost or changed any of it. */
  readonly checkpoints?: readonly string[];
  /**
   * Signed notes that came with the log itself. They bind it all the same, but show nothing of its end: whoever rolled
   * the log back has an older note as well.
   */
  readonly published?: readonly string[];
}

/** How much is looked at. */
export interface LogOptions {
  /** Default true. A signature a leaf is most of the time that a verification takes. */
  readonly signatures?: boolean;
  /** Default true: remember all ids and idempotency keys, about 100 bytes an entry. */
  readonly repetitions?: boolean;
}

/** What is known of a batch object beside its bytes. */
export interface BatchSource {
  /** The number in its key. */
  readonly number?: number;
  /** Null where the copy at hand has no versions. */
  readonly versionId: string | null;
  /** What stands on the numbers that this batch passes over, where the reader looked. */
  readonly voids?: readonly VoidSlot[];
}

interface KnownHead extends TreeHead {
  readonly note: number;
}

/** A verification under way. Feed it every batch with {@link LogVerification.add}, then ask for the report. */
export class LogVerification {
  readonly #options: LogOptions;
  readonly #anchors: LogAnchors;
  readonly #steps: Step[] = [];
  readonly #findings: Finding[] = [];
  readonly #ids = new Map<string, number>();
  readonly #keys = new Map<string, FirstWithKey>();
  /** Roots at the end of each batch, and at the sizes of the known heads. */
  readonly #roots = new Map<number, Sha256Hash>();
  readonly #heads: readonly KnownHead[];
  #state: LogState;
  #refusal: { readonly number: number; readonly refusal: Refusal } | null = null;

  /**
   * @param genesis - Bytes of the genesis object.
   * @throws {@link MalformedError} when genesis does not verify, or an anchor is malformed or of another log: then
   *   there is nothing to go on with.
   */
  constructor(genesis: Uint8Array, anchors: LogAnchors = {}, options: LogOptions = {}) {
    const parsed = parseGenesis(genesis);
    const wanted = anchors.gen ?? parsed.gen;
    if (parsed.gen !== wanted) {
      throw new MalformedError(`genesis is ${parsed.gen}, want ${wanted}`, 'other_genesis');
    }
    this.#options = options;
    this.#anchors = anchors;
    this.#state = initialState(parsed);
    const verifiers = (anchors.vkeys ?? []).map((vkey) => verifierOf(parseVkey(vkey)));
    const { checkpoints = [], published = [] } = anchors;
    this.#heads = [...checkpoints, ...published].map((note, i) => {
      const { size, root } = openCheckpoint(note, parsed.origin, verifiers).checkpoint;
      return { size, root, note: i };
    });
    this.#remember(this.#state.edge);
    this.#steps.push(step('genesis', 'pass', `${parsed.gen} of ${parsed.origin}`));
  }

  /** The log after the last valid batch. */
  get state(): LogState {
    return this.#state;
  }

  /**
   * Takes the next batch object. A refused one changes nothing: it is for the reader to take it for void and go on with
   * the next number, or to stop where `stop` says so.
   */
  add(bytes: Uint8Array, source: BatchSource): Acceptance | Refusal {
    const { number, versionId, voids } = source;
    const before = this.#state;
    const place = number === undefined ? {} : { number };
    const verdict = applyBatch(before, bytes, versionId, place);
    if (!verdict.ok) {
      // The first is the fault; that others do not follow on it is no news.
      this.#refusal ??= { number: number ?? before.number + 1, refusal: verdict };
      return verdict;
    }
    // One by one: a call takes only so many arguments.
    for (const one of findingsOf(before, verdict.batch, this.#context(voids))) {
      this.#findings.push(one);
    }
    this.#rememberEntries(before, verdict);
    this.#rememberRoots(before.edge, verdict.leafHashes);
    this.#state = verdict.state;
    this.#remember(verdict.state.edge);
    this.#refusal = null;
    return verdict;
  }

  /**
   * Adds what the reader of a store found by itself.
   * @param more.needed - Names of steps among its own without which nothing is shown.
   * @param more.bound - Whether a batch carries a head of this log by one of the anchors' keys: it tells whose log this is
   *   as well as one that was kept, and nothing of its end.
   */
  report(
    more: {
      steps?: readonly Step[];
      findings?: readonly Finding[];
      needed?: readonly string[];
      bound?: boolean;
    } = {},
  ): Report {
    const state = this.#state;
    const findings = [
      ...this.#findings,
      ...alarmFindings(state),
      ...this.#headFindings(),
      ...(more.findings ?? []),
    ];
    const steps = [
      ...this.#steps,
      this.#batchStep(),
      ...FINDING_STEPS.map((row) => this.#stepOf(findings, row)),
      this.#headStep(findings),
      ...(more.steps ?? []),
    ];
    const { gen } = this.#anchors;
    // The tree of size 0 is every log's; the first leaf names genesis, so any other size holds the whole.
    const known = more.bound === true || this.#heads.some(({ size }) => size > 0);
    const needed = ['genesis', 'batches', ...(more.needed ?? [])];
    return {
      verdict: verdictOf(steps, findings, needed, gen !== undefined || known),
      steps,
      findings,
      establishes: establishes(state, steps),
      doesNotEstablish: doesNotEstablish(this.#anchors, steps),
    };
  }

  #context(voids: readonly VoidSlot[] | undefined): FindingsContext {
    return {
      indexOfId: (jti) => this.#ids.get(jti),
      firstWithKey: (idk) => this.#keys.get(idk),
      rootAt: (size) => this.#roots.get(size),
      knowsAllRoots: true,
      signatures: this.#options.signatures ?? true,
      ...(voids === undefined ? {} : { voids }),
    };
  }

  #rememberEntries(before: LogState, { batch }: Acceptance): void {
    if (this.#options.repetitions === false) return;
    for (const [offset, { payload }] of batch.entries.entries()) {
      const index = before.size + offset;
      if (!this.#ids.has(payload.jti)) this.#ids.set(copyOf(payload.jti), index);
      const { idk, idb = '' } = payload;
      if (idk === undefined || this.#keys.has(idk)) continue;
      this.#keys.set(copyOf(idk), { index, idb: copyOf(idb) });
    }
  }

  /** A checkpoint that somebody kept may be of a size inside a batch. */
  #rememberRoots(edge: RightEdge, leaves: readonly LeafHash[]): void {
    for (const { size } of this.#heads) {
      const inside = size - edge.size;
      if (inside <= 0 || inside >= leaves.length) continue;
      this.#remember(extendEdge(edge, leaves.slice(0, inside)));
    }
  }

  #remember(edge: RightEdge): void {
    this.#roots.set(edge.size, edgeRoot(edge));
  }

  #headFindings(): Finding[] {
    return this.#heads.flatMap(({ size, root, note }) => {
      const ours = this.#roots.get(size);
      if (ours === undefined) {
        const detail = `checkpoint ${note} is of size ${size}, the log has ${this.#state.size}`;
        return [finding('tail_cut', { index: this.#state.size }, detail)];
      }
      if (equalBytes(ours, root)) return [];
      return [finding('fork', {}, `checkpoint ${note} has another root at size ${size}`)];
    });
  }

  #headStep(findings: readonly Finding[]): Step {
    const judged = this.#stepOf(findings, HEADS_STEP);
    const { checkpoints = [] } = this.#anchors;
    if (checkpoints.length > 0 || judged.verdict === 'fail') return judged;
    return step(HEADS_STEP.name, 'not_checked', 'none was given: a cut tail would not show');
  }

  #batchStep(): Step {
    const { number, size } = this.#state;
    const refused = this.#refusal;
    if (refused !== null) {
      const { reason, detail, stop } = refused.refusal;
      // What a certified key signed in a newer format is not wrong: this version cannot say.
      const verdict = stop ? 'unverifiable' : 'fail';
      return step('batches', verdict, `batch ${refused.number}: ${reason}: ${detail}`);
    }
    return step('batches', 'pass', `${number + 1} numbers, ${size} entries`);
  }

  #countOf(of: FindingStep['of']): number {
    const { size, number } = this.#state;
    return { entries: size, batches: number + 1, checkpoints: this.#heads.length }[of];
  }

  #stepOf(findings: readonly Finding[], { name, codes, of }: FindingStep): Step {
    if (name === 'leaf_signatures' && this.#options.signatures === false) {
      return step(name, 'not_checked', 'left out by option');
    }
    if (name === 'ids' && this.#options.repetitions === false) {
      return step(name, 'not_checked', 'left out by option');
    }
    const found = findings.filter(({ code }) => codes.includes(code));
    const worst = found.some(({ severity }) => severity === 'violation');
    const detail = codes
      .map((code) => [code, found.filter((one) => one.code === code).length] as const)
      .filter(([, count]) => count > 0)
      .map(([code, count]) => `${count} ${code}`);
    const looked = `${this.#countOf(of)} ${of} checked, no findings`;
    return step(name, worst ? 'fail' : 'pass', detail.join(', ') || looked);
  }
}

/** What the whole log lacks is known at its end. */
function alarmFindings({ alarms }: LogState): Finding[] {
  return [...alarms.entries()].flatMap(([, { index, raised, policy }]) =>
    raised ? [] : [finding('alert_missing', { index }, `it put policy ${policy} in charge`)],
  );
}

/** A text of its own memory: one that was cut out of an entry would keep the whole entry in memory. */
function copyOf(text: string): string {
  return utf8Text(utf8Bytes(text));
}

function establishes(state: LogState, steps: readonly Step[]): string[] {
  const passed = (name: string): boolean =>
    steps.some((one) => one.name === name && one.verdict === 'pass');
  const root = toBase64Url(edgeRoot(state.edge));
  const said: string[] = [];
  if (passed('batches')) {
    said.push(
      `The batches are one history of ${state.size} entries from genesis ${state.genesis.gen}, with root ${root}.`,
      'Every batch was signed by a gateway that the root keys had certified and not withdrawn.',
    );
  }
  if (passed('leaf_signatures')) said.push('Every entry was signed by the gateway that it names.');
  if (passed('known_checkpoints')) said.push('It continues every checkpoint that you gave.');
  return said;
}

function doesNotEstablish(anchors: LogAnchors, steps: readonly Step[]): string[] {
  const said = [
    'That what the entries say is true.',
    'When anything happened: times are claims of the gateways, without a token or a witness.',
    'That events which never reached a gateway did not happen.',
  ];
  if (anchors.gen === undefined && (anchors.vkeys ?? []).length === 0) {
    said.push('Whose log this is: compare the genesis hash with one that you got elsewhere.');
  }
  if (steps.some((one) => one.name === 'known_checkpoints' && one.verdict === 'not_checked')) {
    said.push('That the end is not missing: give a checkpoint that you have seen.');
  }
  if (steps.some((one) => one.name === 'locks' && one.verdict === 'not_checked')) {
    said.push(
      'That nobody can remove or replace the whole: no lock was seen that keeps them from it.',
    );
  }
  return said;
}
