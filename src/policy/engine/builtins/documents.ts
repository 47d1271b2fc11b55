/**
 * JSON in a text. OPA's module reads JSON more loosely than OPA does, so `json.unmarshal` is refused; YAML holds all of JSON, and
 * for texts that are JSON beyond doubt `yaml.unmarshal` answers as OPA's does. Other YAML ends the evaluation.
 */
import { RegoNumber, RegoObject } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { parseStrictJson } from '../../../core/json/strict-json.ts';
import type { JsonLimits, JsonValue } from '../../../core/json/strict-json.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { fail, textOf } from './operand.ts';

/** Host functions of documents. */
export const DOCUMENTS = family(1, {
  'yaml.unmarshal': (text) => valueOf(parse(textOf(text))),
});

/** YAML's own reader looks no further than 1,024 characters for the colon behind a name. */
const NAME_MAX = 1000;
const LIMITS: JsonLimits = {
  bytes: 1024 * 1024,
  depth: 100,
  members: 100_000,
  stringLength: 1024 * 1024,
};
/** What YAML forbids or reads in its own way: control characters, byte order marks, halves of pairs as escapes. */
const FOREIGN =
  /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]|\\u[dD][89a-fA-F]|\\u(?:00|fe|ff|FE|FF)/u;

function parse(text: string): JsonValue {
  if (isNeverClosed(text)) fail();
  if (!/^\s*[[{]/.test(text) || FOREIGN.test(text)) throw new BuiltinLimitError('text is not JSON');
  try {
    return parseStrictJson(text, LIMITS, 'signed');
  } catch {
    throw new BuiltinLimitError('text is not JSON');
  }
}

/** No YAML either: what opens has to close. */
function isNeverClosed(text: string): boolean {
  const open = text.trimStart().charAt(0);
  return (open === '[' && !text.includes(']')) || (open === '{' && !text.includes('}'));
}

function valueOf(value: JsonValue): RegoValue {
  if (typeof value === 'number') return RegoNumber.of(value);
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(valueOf);
  if (value === null || typeof value !== 'object') return value;
  return new RegoObject(
    Object.entries(value).map(([name, member]) => [nameOf(name), valueOf(member)]),
  );
}

function nameOf(name: string): string {
  if (name.length <= NAME_MAX && name !== '<<') return name;
  throw new BuiltinLimitError('name means something else in YAML');
}
