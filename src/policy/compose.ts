/** The entry and the record of a decision, as far as they can be made without the writer's position. */
import { sha256Base64Url } from '#platform';
import { toBase64Url } from '../core/bytes.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { DEFAULT_DEPTHS, formatDsc } from '../core/disclosure.ts';
import { discloseTexts } from '../core/disclosure-digests.ts';
import { entryPrefix } from '../core/entry.ts';
import type { JsonObject, JsonValue } from '../core/strict-json.ts';
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
  readonly kind: 'event' | 'access' | 'denial';
  readonly entrypoint: string;
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
  const { at, jti, effect, identity, input, result, source } = draft;
  const texts = { input: input.text, result: result.text, source: source.text };
  const sd = discloseTexts({ jti, key, depth: DEFAULT_DEPTHS, texts });
  const { sby, ret } = entryFacts(draft, effect, settings);
  const { allow, err, labels } = effect;
  const pol = { allow, entrypoint: draft.entrypoint, ...(err && { err }), id: draft.policy };
  // In canonical order already: what is in order need not be sorted.
  const prefix = entryPrefix({
    _sd: sd,
    _sd_alg: 'sha-256',
    at,
    dsc: DSC,
    gen: settings.gen,
    iat: Math.floor(at / 1000),
    ...(identity && { idb: identity.idb, idk: identity.idk }),
    iss: settings.origin,
    jti,
    kind: draft.kind,
    ...(labels && { lbl: labels }),
    pol,
    ret,
    sby,
    v: 1,
  });
  const head = `{"input":${input.text},"jti":"${jti}","key":"${toBase64Url(key)}"`;
  const record = `${head},"result":${result.text},"sealed":[],"source":${source.text},"v":1}\n`;
  return { prefix, record };
}

/** `source` of a record. @param raw - The bytes as they came, null where their digest would be an oracle. */
export function sourceOf(
  source: Canonical<JsonObject>,
  raw: Uint8Array | string | null,
): Canonical<JsonObject> {
  const digest = raw === null ? null : sha256Base64Url(raw);
  // `raw_sha256` sorts after the other members of a source.
  const text = `${source.text.slice(0, -1)},"raw_sha256":${digest === null ? 'null' : `"${digest}"`}}`;
  return { value: { ...source.value, raw_sha256: digest }, text };
}

/**
 * The input without its event: `withheld` says so beside what the gateway knows, where no caller can have put it. Such a
 * decision cannot be executed again.
 */
export function withholdEvent(
  input: Canonical<JsonObject>,
  event: JsonValue,
  reason: WithheldReason,
): Canonical<JsonObject> {
  const text = canonicalJson(event);
  const sha256 = reason === 'too_large' ? sha256Base64Url(text) : null;
  const value = {
    ...applyMask(input.value, ['/event']),
    withheld: { bytes: Buffer.byteLength(text), reason, sha256 },
  };
  return { value, text: canonicalJson(value) };
}
