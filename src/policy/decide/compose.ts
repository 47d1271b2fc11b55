/** The entry and the record of a decision, as far as they can be made without the writer's position. */
import { toBase64Url } from '../../core/platform/bytes.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { DEFAULT_DEPTHS, formatDsc } from '../../core/record/disclosure.ts';
import type { PartDepths } from '../../core/record/disclosure.ts';
import { discloseTexts } from '../../core/record/disclosure-digests.ts';
import { entryPrefix } from '../../core/entry/payload.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { retentionOf } from './effect.ts';
import type { Effect, LedgerTable } from './effect.ts';
import type { Canonical } from './input.ts';
import type { EntryFacts } from './jobs.ts';
import { applyMask } from './mask.ts';

/** What a ledger fixes for all of its entries. Plain data. */
export interface ComposeSettings extends LedgerTable {
  readonly origin: string;
  /** Base64url SHA-256 of genesis. */
  readonly gen: string;
  /** Longest time from admission to the seal, ms; gives `sby`. */
  readonly maxSealMs: number;
}

/** A decision, ready to be put into an entry. */
export interface DecisionDraft {
  readonly at: number;
  readonly jti: string;
  readonly kind: 'event' | 'access' | 'denial' | 'policy';
  /** Facts in clear, of a control kind. */
  readonly ctl?: JsonObject;
  /** Null where no policy was asked: such an entry has a record all the same, and no `pol`. */
  readonly entrypoint: string | null;
  /** Identity of the policy, null where nothing could be evaluated. */
  readonly policy: string | null;
  readonly effect: Effect;
  readonly input: Canonical<JsonObject>;
  readonly result: Canonical;
  readonly source: Canonical<JsonObject>;
  readonly identity: { readonly idk: string; readonly idb: string } | null;
}

/** An entry but for the writer's position, and its record's line. */
export interface ComposedEntry {
  readonly prefix: string;
  readonly record: string;
}

/** Why an event is not in its record; stands in the input as `withheld.reason`. */
export type WithheldReason = 'too_large' | 'may_hold_what_is_hidden';

const DSC = formatDsc(DEFAULT_DEPTHS);
/**
 * The payload of a CloudEvent is one level further down, and so are the members that a redaction names; likewise what a
 * search asked for, which can be hidden while what it disclosed is seen.
 */
const NESTED_DEPTHS: PartDepths = { ...DEFAULT_DEPTHS, input: DEFAULT_DEPTHS.input + 1 };
const NESTED_DSC = formatDsc(NESTED_DEPTHS);

/** The facts that an entry shares with its caller's answer. */
export function entryFacts(
  { at, jti }: { readonly at: number; readonly jti: string },
  effect: Effect,
  settings: ComposeSettings,
): EntryFacts {
  const ret = retentionOf(effect.class, settings, at);
  return { jti, at, sby: at + settings.maxSealMs, class: effect.class, ret };
}

/**
 * Makes the entry's prefix and the record's line. The texts are put together from parts that are canonical already.
 *
 * @param key - 32 random bytes for this record alone; they go into its line.
 */
export function composeEntry(
  draft: DecisionDraft,
  settings: ComposeSettings,
  key: Uint8Array,
): ComposedEntry {
  const { at, jti, effect, identity, input, result, source, ctl } = draft;
  const texts = { input: input.text, result: result.text, source: source.text };
  const { event, resource } = input.value;
  const nested = isCloudEvent(event) || isSearch(resource);
  const depth = nested ? NESTED_DEPTHS : DEFAULT_DEPTHS;
  const sd = discloseTexts({ jti, key, depth, texts });
  const { sby, ret } = entryFacts(draft, effect, settings);
  const { allow, err, labels } = effect;
  const { entrypoint, policy } = draft;
  const pol = entrypoint === null ? null : { allow, entrypoint, ...(err && { err }), id: policy };
  // In canonical order already: what is in order need not be sorted.
  const prefix = entryPrefix({
    _sd: sd,
    _sd_alg: 'sha-256',
    at,
    ...(ctl && { ctl }),
    dsc: nested ? NESTED_DSC : DSC,
    gen: settings.gen,
    iat: Math.floor(at / 1000),
    ...(identity && { idb: identity.idb, idk: identity.idk }),
    iss: settings.origin,
    jti,
    kind: draft.kind,
    ...(labels && { lbl: labels }),
    ...(pol && { pol }),
    ret,
    sby,
    v: 1,
  });
  const head = `{"input":${input.text},"jti":"${jti}","key":"${toBase64Url(key)}"`;
  const record = `${head},"result":${result.text},"sealed":[],"source":${source.text},"v":1}\n`;
  return { prefix, record };
}

/** Whether an event is an envelope around a payload of members (CloudEvents 1.0, JSON format). */
function isCloudEvent(event: JsonValue | undefined): boolean {
  if (event === undefined || !isJsonObject(event) || !isJsonObject(event['data'])) return false;
  return typeof event['specversion'] === 'string';
}

/** Whether a resource is of a search. */
function isSearch(resource: JsonValue | undefined): boolean {
  const properties = isJsonObject(resource) ? resource['properties'] : undefined;
  return isJsonObject(properties) && isJsonObject(properties['query']);
}

/** `source` of a record. @param hmac - Of the bytes as they came, null where nobody may confirm a guess of them. */
export function sourceOf(
  source: Canonical<JsonObject>,
  hmac: string | null,
): Canonical<JsonObject> {
  // `raw_hmac` sorts after the other members of a source.
  const text = `${source.text.slice(0, -1)},"raw_hmac":${hmac === null ? 'null' : `"${hmac}"`}}`;
  return { value: { ...source.value, raw_hmac: hmac }, text };
}

/**
 * The input without its event: `withheld` says so beside what the gateway knows, where no caller can have put it. Such a
 * decision cannot be executed again. Of the size only whole KiB are told: the exact one would bound what is hidden.
 *
 * @param event - RFC 8785 text.
 * @param hmac - Of that text; null where nobody may confirm a guess of it.
 */
export function withholdEvent(
  input: Canonical<JsonObject>,
  event: string,
  reason: WithheldReason,
  hmac: string | null,
): Canonical<JsonObject> {
  const kib = Math.ceil(Buffer.byteLength(event) / 1024);
  const value = { ...applyMask(input.value, [['event']]), withheld: { hmac, kib, reason } };
  return { value, text: canonicalJson(value) };
}
