/**
 * From a job to the text that is evaluated and recorded: parsed strictly, put into canonical form once. What the gateway
 * knows and what the caller claims never mix: the claims are `event`, everything else is known.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { MalformedError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonLimits, JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import type { KnownFacts } from './jobs.ts';

/** Bounds of what comes from outside. Each refuses the input before anything is decided. */
export interface InputLimits {
  /** One event as it arrives; UTF-8 bytes, depth, members, and code units of a string. */
  readonly event: JsonLimits;
  /** Bytes of the canonical input as a whole. */
  readonly inputBytes: number;
  /** Bytes of the canonical event of a denial; a larger one leaves only its HMAC. */
  readonly denialEventBytes: number;
}

/**
 * Events of the field are below 16 KiB; these are what a worker takes in its stride. The depth leaves room for the input
 * and the record around the event, which together may have 64.
 */
export const DEFAULT_INPUT_LIMITS: InputLimits = {
  event: { bytes: 262_144, depth: 60, members: 20_000, stringLength: 262_144 },
  inputBytes: 327_680,
  denialEventBytes: 16_384,
};

/** The known facts come from tokens and requests that are bounded already. */
const KNOWN_LIMITS: JsonLimits = {
  bytes: 65_536,
  depth: 16,
  members: 4096,
  stringLength: 16_384,
};

/** What is remembered of callers is bounded by this and by the number of texts: 2 MiB in all. */
const REMEMBERED_CHARACTERS_MAX = 4096;

/** A value with its canonical text. */
export interface Canonical<T extends JsonValue = JsonValue> {
  readonly value: T;
  readonly text: string;
}

/** Known facts as JSON texts, member by member: how they cross to a worker. */
export type KnownTexts = Readonly<Record<keyof KnownFacts, string>>;

/** Known facts, parsed and in canonical form, member by member. */
export type KnownInput = Readonly<Record<keyof KnownFacts, Canonical>>;

/**
 * Parses an event.
 *
 * @param raw - Bytes or text as they arrived. A byte order mark is no JSON.
 * @throws {@link MalformedError} any of `parseStrictJson`, or `invalid_utf8`.
 */
export function parseEvent(raw: Uint8Array | string, limits: JsonLimits): Canonical {
  if (raw.length > limits.bytes) {
    throw new MalformedError(`event is larger than ${limits.bytes} bytes`, 'too_large', '');
  }
  return parseCanonical(typeof raw === 'string' ? raw : utf8Text(raw), limits);
}

/**
 * The input of a decision: a value and its RFC 8785 text, without canonicalising anything again.
 *
 * @param at - Epoch ms; becomes `time`.
 * @param event - Absent in a read.
 */
export function buildInput(
  known: KnownInput,
  at: number,
  event: Canonical | null,
): Canonical<JsonObject> {
  const rfc3339 = new Date(at).toISOString();
  const { action, context, ledger, resource, subject } = known;
  const claims = event === null ? '' : `"event":${event.text},`;
  const value = {
    action: action.value,
    context: context.value,
    ...(event === null ? {} : { event: event.value }),
    ledger: ledger.value,
    resource: resource.value,
    subject: subject.value,
    time: { ms: at, rfc3339 },
  };
  const before = `"action":${action.text},"context":${context.text}`;
  const after = `"ledger":${ledger.text},"resource":${resource.text},"subject":${subject.text}`;
  const time = `"time":{"ms":${at},"rfc3339":"${rfc3339}"}`;
  return { value, text: `{${before},${claims}${after},${time}}` };
}

/**
 * Parses known facts through the strict parser, for a token's claims may hold anything, and remembers what repeats: the
 * same caller, action and ledger come again and again.
 */
export class KnownParser {
  readonly #remembered = new Map<string, Canonical>();
  readonly #entriesMax: number;

  constructor(entriesMax = 512) {
    this.#entriesMax = entriesMax;
  }

  /** A source's text without `raw_hmac`. @throws {@link MalformedError} */
  source(text: string): Canonical<JsonObject> {
    const source = this.#recall(text);
    if (!isJsonObject(source.value))
      throw new MalformedError('source is not an object', 'not_json');
    return { value: source.value, text: source.text };
  }

  /** @throws {@link MalformedError}; its pointer is into the member. */
  parse(texts: KnownTexts): KnownInput {
    return {
      action: this.#recall(texts.action),
      context: parseCanonical(texts.context, KNOWN_LIMITS),
      ledger: this.#recall(texts.ledger),
      resource: this.#recall(texts.resource),
      subject: this.#recall(texts.subject),
    };
  }

  #recall(text: string): Canonical {
    const found = this.#remembered.get(text);
    if (found !== undefined) return found;
    const parsed = parseCanonical(text, KNOWN_LIMITS);
    if (text.length > REMEMBERED_CHARACTERS_MAX) return parsed;
    if (this.#remembered.size >= this.#entriesMax) {
      const oldest = this.#remembered.keys().next();
      if (oldest.done !== true) this.#remembered.delete(oldest.value);
    }
    this.#remembered.set(text, parsed);
    return parsed;
  }
}

/**
 * Known facts as texts. An object that was seen before costs a look: pass the same one for the same caller.
 *
 * @param texts - Remembers texts of objects, which must not change afterwards.
 */
export function knownTexts(known: KnownFacts, texts: WeakMap<object, string>): KnownTexts {
  const text = (member: object): string => textOf(member, texts);
  return {
    action: text(known.action),
    context: text(known.context),
    ledger: text(known.ledger),
    resource: text(known.resource),
    subject: text(known.subject),
  };
}

/** The JSON text of an object that does not change, remembered. */
export function textOf(value: object, texts: WeakMap<object, string>): string {
  const found = texts.get(value);
  if (found !== undefined) return found;
  const made = JSON.stringify(value);
  texts.set(value, made);
  return made;
}

function parseCanonical(text: string, limits: JsonLimits): Canonical {
  const value = parseStrictJson(text, limits);
  return { value, text: canonicalJson(value) };
}
