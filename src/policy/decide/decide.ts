/**
 * One job from its raw bytes to a decision with everything of its entry but the writer's position: parse, evaluate,
 * mask, judge, disclose. Pure over an evaluator and a source of random bytes, so that the worker, the main thread (when
 * no worker can answer) and a test run the same code.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { RECORD_KEY_BYTES } from '../../core/record/disclosure.ts';
import { MalformedError } from '../../core/errors.ts';
import { recordHmac } from '../../core/record/hmac.ts';
import type { CommittedBytes } from '../../core/record/hmac.ts';
import { findLoneSurrogate } from '../../core/json/strict-json.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { composeEntry, entryFacts, sourceOf, withholdEvent } from './compose.ts';
import type { ComposedEntry, ComposeSettings, DecisionDraft } from './compose.ts';
import { ENTRYPOINTS, selectOf } from '../contract/decision.ts';
import type { AppendResult, DenialCode, Obligation, ReadResult } from '../contract/decision.ts';
import { effectOf, failure, readEffectOf } from './effect.ts';
import type { Effect } from './effect.ts';
import type { Evaluator } from '../engine/engine.ts';
import { buildInput, KnownParser, parseEvent } from './input.ts';
import type { Canonical, InputLimits, KnownTexts } from './input.ts';
import type { AppendOutcome, ReadEntry, ReadOutcome, Refused, WriteIdentity } from './jobs.ts';
import { PolicyError } from '../contract/policy-error.ts';
import { judgeAppend, judgeRead, NO_RESULT } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { bodyDigest, identityDigest } from './write-identity.ts';
import type { LedgerSecret } from './write-identity.ts';

/** What a ledger fixes for its decisions. Plain data; may be posted. */
export interface DecideSettings extends ComposeSettings {
  readonly secret: LedgerSecret;
  readonly limits: InputLimits;
}

/** What is asked as it crosses a thread: known facts and source as JSON texts. */
export interface AskWork {
  readonly at: number;
  readonly jti: string;
  readonly known: KnownTexts;
  /** JSON text of a source without `raw_hmac`. */
  readonly source: string;
}

/** A read as it crosses a thread. */
export interface ReadWork extends AskWork {
  readonly entry: ReadEntry;
}

/** An append as it crosses a thread. */
export interface AppendWork extends AskWork {
  readonly event: Uint8Array | string;
  readonly identity: WriteIdentity | null;
}

/** What evaluates, and what is random. */
export interface DecideComponents {
  readonly evaluator: Evaluator;
  /** Identity of the policy that the evaluator runs, null where it runs none. */
  readonly policy: string | null;
  /** Unpredictable bytes, that many, shared with nobody. */
  readonly random: (bytes: number) => Uint8Array;
}

/** What {@link Decider} adds the rest of the facts to. */
interface EntryDraft extends Omit<DecisionDraft, 'at' | 'jti' | 'policy' | 'source'> {
  /** `raw_hmac` of the source. */
  readonly rawHmac: string | null;
}

/** `raw_hmac` or `withheld.hmac`, null where there may be none. */
type ConfirmableBytes = (what: CommittedBytes, bytes: Uint8Array | string) => string | null;

/** An evaluator that answers nothing: how a denial is made without one. */
export function refusingEvaluator(code: DenialCode): Evaluator {
  return {
    evaluate: () => {
      throw new PolicyError(code, `nothing was evaluated: ${code}`);
    },
  };
}

/** Decides jobs of one ledger by one policy, one at a time. */
export class Decider {
  readonly #settings: DecideSettings;
  readonly #components: DecideComponents;
  readonly #known = new KnownParser();

  constructor(components: DecideComponents, settings: DecideSettings) {
    this.#components = components;
    this.#settings = settings;
  }

  /** Decides one event by `stele/append`. Bad input is refused and a failing policy denies; neither throws. */
  append(work: AppendWork): AppendOutcome {
    return refusing(() => {
      const event = parseEvent(work.event, this.#settings.limits.event);
      assertWellFormed(work.identity);
      const input = this.#input(work, event);
      const verdict = judgeAppend(this.#components.evaluator, input);
      return this.#concludeAppend(work, event, verdict);
    });
  }

  /** Decides one access by `stele/read`. */
  read(work: ReadWork): ReadOutcome {
    return refusing(() => {
      const input = this.#input(work, null);
      return this.#concludeRead(work, judgeRead(this.#components.evaluator, input));
    });
  }

  #concludeAppend(
    work: AppendWork,
    event: Canonical,
    verdict: Verdict<AppendResult>,
  ): AppendOutcome {
    const effect = this.#appendEffect(verdict);
    const kind = effect.allow ? 'event' : 'denial';
    // A policy that failed may have wanted anything hidden, and nobody can tell what: nothing of the event is stored.
    const failed = effect.err !== undefined;
    const identity = effect.allow ? this.#identify(work.identity, event) : null;
    const key = this.#components.random(RECORD_KEY_BYTES);
    const hmacOf = this.#confirmable(work, effect, key);
    const composed = this.#compose(work, key, {
      kind,
      entrypoint: ENTRYPOINTS.append,
      effect,
      input: effect.allow ? verdict.input : this.#deniedInput(verdict.input, failed, hmacOf),
      result: failed ? NO_RESULT : verdict.result,
      rawHmac: failed || verdict.masked ? null : hmacOf('raw', work.event),
      identity,
    });
    const facts = entryFacts(work, effect, this.#settings);
    const answer = { ...answerOf(verdict, effect), ...identity, ...facts, ...composed };
    const ack = verdict.parsed?.ack;
    return { outcome: 'decided', kind, ...answer, ...(ack === undefined ? {} : { ack }) };
  }

  #concludeRead(work: ReadWork, verdict: Verdict<ReadResult>): ReadOutcome {
    const { parsed, input, result } = verdict;
    const effect = this.#readEffect(verdict);
    const kind = effect.allow ? 'access' : 'denial';
    const record = parsed?.record ?? true;
    const entrypoint = ENTRYPOINTS.read;
    const rest = { effect, input, result, rawHmac: null, identity: null };
    const key = isEntry(work.entry, record) ? this.#components.random(RECORD_KEY_BYTES) : null;
    const composed = key && this.#compose(work, key, { kind, entrypoint, ...rest });
    return {
      outcome: 'decided',
      kind,
      ...answerOf(verdict, effect),
      select: parsed !== null && effect.allow ? selectOf(parsed) : 'leaf',
      record,
      obligations: effect.allow ? obligationsOf(parsed) : [],
      prefix: composed?.prefix ?? null,
      recordLine: composed?.record ?? null,
      ...entryFacts(work, effect, this.#settings),
    };
  }

  #appendEffect({ parsed, err = 'policy_bad_output' }: Verdict<AppendResult>): Effect {
    return parsed === null ? failure(err, this.#settings) : effectOf(parsed, this.#settings);
  }

  #readEffect({ parsed, input, err = 'policy_bad_output' }: Verdict<ReadResult>): Effect {
    if (parsed === null) return failure(err, this.#settings);
    return readEffectOf(parsed, input.value, this.#settings);
  }

  #compose(work: AskWork, key: Uint8Array, { rawHmac, ...rest }: EntryDraft): ComposedEntry {
    const source = sourceOf(this.#known.source(work.source), rawHmac);
    const whole = { ...rest, at: work.at, jti: work.jti, policy: this.#components.policy, source };
    return composeEntry(whole, this.#settings, key);
  }

  /**
   * What lets whoever has the record confirm bytes that it does not hold. Never of what may be erased: the record and
   * its key outlive that.
   */
  #confirmable({ jti }: AskWork, effect: Effect, key: Uint8Array): ConfirmableBytes {
    const erasable = this.#settings.classes[effect.class]?.erasable === true;
    return (what, bytes) => (erasable ? null : recordHmac(what, { jti, key }, bytes));
  }

  /** What of a denied input is kept: refusals must not fill locked storage, and nothing hidden may slip into it. */
  #deniedInput(
    input: Canonical<JsonObject>,
    failed: boolean,
    hmacOf: ConfirmableBytes,
  ): Canonical<JsonObject> {
    const { denialEventBytes } = this.#settings.limits;
    const { event } = input.value;
    if (event === undefined) return input;
    // The event is a part of the text, so a short text needs no look at the event itself.
    if (!failed && Buffer.byteLength(input.text) <= denialEventBytes) return input;
    const text = canonicalJson(event);
    if (failed) return withholdEvent(input, text, 'may_hold_what_is_hidden', null);
    if (Buffer.byteLength(text) <= denialEventBytes) return input;
    return withholdEvent(input, text, 'too_large', hmacOf('withheld', text));
  }

  #input(work: AskWork, event: Canonical | null): Canonical<JsonObject> {
    const input = buildInput(this.#known.parse(work.known), work.at, event);
    const bytes = Buffer.byteLength(input.text);
    if (bytes <= this.#settings.limits.inputBytes) return input;
    throw new MalformedError(
      `input is ${bytes} bytes, at most ${this.#settings.limits.inputBytes}`,
      'too_large',
      '',
    );
  }

  #identify(identity: WriteIdentity | null, event: Canonical): { idk: string; idb: string } | null {
    if (identity === null) return null;
    const { secret } = this.#settings;
    return { idk: identityDigest(secret, identity), idb: bodyDigest(secret, event.text) };
  }
}

function obligationsOf(parsed: ReadResult | null): readonly Obligation['id'][] {
  return (parsed?.obligations ?? []).map(({ id }) => id);
}

function isEntry(wanted: ReadEntry, record: boolean): boolean {
  return wanted === 'as_decided' ? record : wanted === 'always';
}

/** The parts of an answer that every decision has. */
function answerOf(
  verdict: Verdict<AppendResult | ReadResult>,
  { allow, err }: Effect,
): { allow: boolean; reasons: readonly string[]; err?: DenialCode } {
  const reasons = verdict.parsed?.reasons ?? [];
  return err === undefined ? { allow, reasons } : { allow, reasons, err };
}

function refusing<T>(decide: () => T): T | Refused {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const { code, message, pointer } = error;
    return { outcome: 'refused', code, message, ...(pointer === undefined ? {} : { pointer }) };
  }
}

/** A digest of half a surrogate pair would be one of U+FFFD, and so of many keys. */
function assertWellFormed(identity: WriteIdentity | null): void {
  for (const text of identity === null ? [] : (Object.values(identity) as string[])) {
    if (findLoneSurrogate(text) >= 0) {
      throw new MalformedError('write identity holds half of a surrogate pair', 'lone_surrogate');
    }
  }
}
