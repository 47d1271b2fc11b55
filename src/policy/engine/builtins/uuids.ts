/** What a UUID says about itself (RFC 4122), read as leniently as Go's `google/uuid` does. */
import { RegoNumber, RegoObject } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { family } from './builtin.ts';
import { bytesOf } from './bytes.ts';
import { fail, textOf } from './operand.ts';

/** Host functions of UUIDs. */
export const UUIDS = family(1, {
  'uuid.parse': (text) => describe(parse(textOf(text))),
});

const DASHED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
/** 15 October 1582 to 1 January 1970, in units of 100 ns. */
const GREGORIAN = 122_192_928_000_000_000n;
const UNITS_A_SECOND = 10_000_000n;
const DOMAINS = ['Person', 'Group', 'Org'];

function parse(text: string): Buffer {
  const bytes = bytesOf(text);
  // Counted in bytes: the two marks around a dashed one may be anything of one byte, also parts of a character.
  if (bytes.length === 32 && /^[0-9a-f]{32}$/i.test(text)) return Buffer.from(text, 'hex');
  const dashed = bytes.toString('latin1').slice(startOf(bytes));
  if (bytes.length < 36 || !DASHED.test(dashed)) fail();
  return Buffer.from(dashed.slice(0, 36).replaceAll('-', ''), 'hex');
}

function startOf(bytes: Buffer): number {
  if (bytes.length === 36) return 0;
  if (bytes.length === 38) return 1;
  const isUrn = bytes.length === 45 && /^urn:uuid:/i.test(bytes.toString('latin1'));
  return isUrn ? 9 : fail();
}

function describe(bytes: Buffer): RegoObject {
  const version = bytes.readUInt8(6) >> 4;
  const general = { version: RegoNumber.of(version), variant: variantOf(bytes.readUInt8(8)) };
  if (version !== 1 && version !== 2) return RegoObject.of(general);
  const node = bytes.subarray(10);
  const timed = {
    ...general,
    time: RegoNumber.of(nanoseconds(bytes)),
    nodeid: (node.toString('hex').match(/../g) ?? []).join('-'),
    macvariables: macOf(node.readUInt8(0)),
    clocksequence: RegoNumber.of(bytes.readUInt16BE(8) & 0x3fff),
  };
  return RegoObject.of(version === 1 ? timed : { ...timed, ...security(bytes) });
}

function security(bytes: Buffer): Record<string, RegoValue> {
  const domain = bytes.readUInt8(9);
  return {
    id: RegoNumber.of(bytes.readUInt32BE(0)),
    domain: DOMAINS[domain] ?? `Domain${domain}`,
  };
}

function nanoseconds(bytes: Buffer): bigint {
  const low = BigInt(bytes.readUInt32BE(0));
  const middle = BigInt(bytes.readUInt16BE(4)) << 32n;
  const high = BigInt(bytes.readUInt16BE(6) & 0xfff) << 48n;
  const since = (low | middle | high) - GREGORIAN;
  // In two steps, each of 64 bits, as Go computes it.
  const seconds = since / UNITS_A_SECOND;
  const rest = (since % UNITS_A_SECOND) * 100n;
  return BigInt.asIntN(64, seconds * 1_000_000_000n + rest);
}

function variantOf(mark: number): string {
  if ((mark & 0xc0) === 0x80) return 'RFC4122';
  if ((mark & 0xe0) === 0xc0) return 'Microsoft';
  return (mark & 0xe0) === 0xe0 ? 'Future' : 'Reserved';
}

function macOf(mark: number): string {
  return `${(mark & 2) === 2 ? 'local' : 'global'}:${(mark & 1) === 1 ? 'multicast' : 'unicast'}`;
}
