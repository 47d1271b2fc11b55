/**
 * What administrators ask of `stele/admin`: decided and made an entry as any other request, but in a thread of its own
 * for each, since it is rare and must not hold up the others.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { RECORD_KEY_BYTES } from '../../core/record/disclosure.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { composeEntry, entryFacts, sourceOf } from './compose.ts';
import type { ComposedEntry } from './compose.ts';
import type { DecideSettings } from './decide.ts';
import { ENTRYPOINTS, parseAdminResult } from '../contract/decision.ts';
import type { AdminResult, DenialCode } from '../contract/decision.ts';
import { failure } from './effect.ts';
import type { Effect } from './effect.ts';
import { buildInput, KnownParser, knownTexts } from './input.ts';
import type { Canonical } from './input.ts';
import type { DecidedAppend, EntryFacts, ReadJob } from './jobs.ts';
import type { EvaluateOnce } from './one-shot.ts';
import { PolicyError } from '../contract/policy-error.ts';
import type { PreparedPolicy } from '../bundle/prepare.ts';
import { NO_RESULT } from './verdict.ts';

/** A change of policy to be decided by the one in charge. */
export interface ActivationJob extends ReadJob {
  /** Facts of the entry but for those that the decision gives: `act`, `needed` and `code`. */
  readonly facts: JsonObject;
  /** How many approvals stand. */
  readonly approvals: number;
}

/** A decision of an administrator's request, with all of its entry but the writer's position. */
export type DecidedActivation = Omit<DecidedAppend, 'kind' | 'ack'> & {
  readonly kind: 'policy';
  /** Null where the policy gave no usable answer. */
  readonly needed: number | null;
};

/** What decides. */
export interface AdminComponents {
  readonly policy: PreparedPolicy | null;
  readonly evaluate: EvaluateOnce;
  /** Unpredictable bytes, that many. */
  readonly random: (bytes: number) => Uint8Array;
}

interface Answer {
  readonly result: Canonical;
  readonly parsed: AdminResult | null;
  readonly err?: DenialCode;
}

/**
 * Decides whether a policy is activated. A failing policy denies; only bad facts of the caller throw.
 * @throws {@link MalformedError} when what the gateway knows of the caller is no strict JSON.
 */
export async function decideActivation(
  components: AdminComponents,
  job: ActivationJob,
  settings: DecideSettings,
): Promise<DecidedActivation> {
  const { at, jti } = job;
  const texts = knownTexts(job.known, new WeakMap());
  const input = buildInput(new KnownParser().parse(texts), at, null);
  const answer = await ask(components, input);
  const effect = effectOf(answer, job.approvals, settings);
  const source = sourceOf(new KnownParser().source(JSON.stringify(job.source)), null);
  const policy = components.policy?.identity.id ?? null;
  const { allow, err } = effect;
  const composed = composeEntry(
    {
      ...{ at, jti, kind: 'policy', ctl: factsOf(job, answer, effect), policy, effect, input },
      entrypoint: ENTRYPOINTS.admin,
      result: answer.result,
      source,
      identity: null,
    },
    settings,
    components.random(RECORD_KEY_BYTES),
  );
  return {
    ...{ outcome: 'decided', kind: 'policy', allow, policy },
    reasons: answer.parsed?.reasons ?? [],
    needed: answer.parsed?.approvals_needed ?? null,
    ...(err === undefined ? {} : { err }),
    ...entryFacts(job, effect, settings),
    ...composed,
  };
}

/**
 * The entry of a change of policy that was refused before any policy was asked: who wanted it stands in the record, as
 * that of every decision, and not in the leaf, which is for ever.
 *
 * @param facts - Of the entry.
 * @throws {@link MalformedError} as {@link decideActivation}.
 */
export function refusedActivation(
  { at, jti, known, source }: ReadJob,
  facts: JsonObject,
  settings: DecideSettings,
  random: AdminComponents['random'],
): EntryFacts & ComposedEntry {
  const input = buildInput(new KnownParser().parse(knownTexts(known, new WeakMap())), at, null);
  const effect: Effect = { allow: false, class: settings.fallbackClass };
  const composed = composeEntry(
    {
      ...{ at, jti, kind: 'policy', ctl: facts, policy: null, effect, input },
      entrypoint: null,
      result: NO_RESULT,
      source: sourceOf(new KnownParser().source(JSON.stringify(source)), null),
      identity: null,
    },
    settings,
    random(RECORD_KEY_BYTES),
  );
  return { ...entryFacts({ at, jti }, effect, settings), ...composed };
}

async function ask(
  { policy, evaluate }: AdminComponents,
  input: Canonical<JsonObject>,
): Promise<Answer> {
  if (policy === null) return { result: NO_RESULT, parsed: null, err: 'engine_unavailable' };
  try {
    const value = await evaluate(policy.compiled, ENTRYPOINTS.admin, input.text);
    const parsed = parseAdminResult(value) ?? null;
    const result = { value, text: canonicalJson(value) };
    return parsed === null ? { result, parsed, err: 'policy_bad_output' } : { result, parsed };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { result: NO_RESULT, parsed: null, err: error.code };
  }
}

/** An answer that allows with fewer approvals than it asks for contradicts itself: it denies. */
function effectOf({ parsed, err }: Answer, approvals: number, settings: DecideSettings): Effect {
  if (parsed === null) return failure(err ?? 'policy_bad_output', settings);
  if (parsed.allow && approvals < Math.max(1, parsed.approvals_needed)) {
    return failure('approvals_missing', settings);
  }
  return { allow: parsed.allow, class: settings.fallbackClass };
}

/** A refusal repeats no approval: they are good for another try. */
function factsOf({ facts }: ActivationJob, { parsed }: Answer, effect: Effect): JsonObject {
  if (effect.allow) return { ...facts, act: 'activate', needed: parsed?.approvals_needed ?? 1 };
  const rest = Object.fromEntries(
    Object.entries(facts).filter(([name]) => name !== 'certificates'),
  );
  return { ...rest, act: 'reject', approvals: [], code: effect.err ?? 'denied' };
}
