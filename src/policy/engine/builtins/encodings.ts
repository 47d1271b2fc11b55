/** Encodings of texts: hexadecimal, base64url without padding, and query strings as Go's `net/url` reads and writes them. */
import { formatJson } from '../../contract/rego-text.ts';
import { RegoObject, RegoSet, isArray } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { compareText } from '../../contract/rego-value.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { bytesOf, textFromBytes } from './bytes.ts';
import { fail, objectOf, textOf } from './operand.ts';

/** Go refuses longer queries too, from 10,000 parameters on. */
const PARAMETERS_MAX = 10_000;

/** Host functions of encodings. */
export const ENCODINGS = family(1, {
  'base64url.encode_no_pad': (text) => bytesOf(textOf(text)).toString('base64url'),
  'hex.encode': (text) => bytesOf(textOf(text)).toString('hex'),
  'hex.decode': (text) => decodeHex(textOf(text)),
  'urlquery.encode': (text) => escapeQuery(textOf(text)),
  'urlquery.decode': (text) => unescapeQuery(textOf(text)),
  'urlquery.encode_object': (object) => encodeObject(objectOf(object)),
  'urlquery.decode_object': (query) => decodeObject(textOf(query)),
});

function decodeHex(text: string): string {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) fail();
  return textFromBytes(Buffer.from(text, 'hex'));
}

/** RFC 3986's unreserved characters stay; a space is a plus. */
function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!*'()]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function unescapeQuery(text: string): string {
  return unescapePercents(text.replaceAll('+', ' '));
}

/** Replaces `%XX` by bytes. A percent sign without two digits makes the call undefined. */
export function unescapePercents(text: string): string {
  if (!text.includes('%')) return text;
  const parts = text.split('%');
  const bytes = parts.map((part, i) => {
    if (i === 0) return bytesOf(part);
    const digits = part.slice(0, 2);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) fail();
    return Buffer.concat([Buffer.from(digits, 'hex'), bytesOf(part.slice(2))]);
  });
  return textFromBytes(Buffer.concat(bytes));
}

function encodeObject(object: RegoObject): string {
  const values = new Map<string, string[]>();
  for (const [key, value] of object.entries) {
    values.set(typeof key === 'string' ? key : formatJson(key), listOf(value));
  }
  const names = [...values.keys()].sort(compareText);
  const pairs = names.flatMap((name) =>
    (values.get(name) ?? []).map((value) => `${escapeQuery(name)}=${escapeQuery(value)}`),
  );
  return pairs.join('&');
}

function listOf(value: RegoValue): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof RegoSet) return value.items.map(textOf);
  return isArray(value) ? value.map(textOf) : fail();
}

function decodeObject(query: string): RegoObject {
  const parameters = query.split('&');
  if (parameters.length > PARAMETERS_MAX) throw new BuiltinLimitError('query is too long');
  const values = new Map<string, string[]>();
  for (const parameter of parameters) {
    if (parameter.includes(';')) fail();
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const name = unescapeQuery(equals < 0 ? parameter : parameter.slice(0, equals));
    const value = equals < 0 ? '' : unescapeQuery(parameter.slice(equals + 1));
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return new RegoObject(values);
}
