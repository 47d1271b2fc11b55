/** Networks in CIDR notation: what OPA's module leaves to its host. */
import { RegoNumber, RegoObject, RegoSet, isArray } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import {
  contains,
  formatAddress,
  formatNetwork,
  maskOf,
  onesOf,
  parseAddress,
  parseNetwork,
  toIpv4,
  toIpv6,
} from './addresses.ts';
import type { Bytes, Network } from './addresses.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { fail, membersOf, textOf } from './operand.ts';

/** Addresses that one call may list: a network of 16 bits. */
const ADDRESSES_MAX = 65_536;
/** Pairs that one call may compare. */
const PAIRS_MAX = 1_000_000;

/** Host functions of networks. */
export const NETWORKS = family(1, {
  'net.cidr_is_valid': (text) => typeof text === 'string' && parseNetwork(text) !== null,
  'net.cidr_expand': (text) => expand(networkOf(text)),
  'net.cidr_contains_matches': (networks, others) => matches(networks, others),
  'net.cidr_merge': (networks) => merge(membersOf(networks).map(memberOf)),
});

function networkOf(value: RegoValue | undefined): Network {
  return parseNetwork(textOf(value)) ?? fail();
}

function expand({ ip, mask }: Network): RegoSet {
  const count = 2 ** (mask.length * 8 - onesOf(mask));
  if (count > ADDRESSES_MAX) throw new BuiltinLimitError('network has too many addresses');
  const first = numberOfBytes(ip);
  const addresses = Array.from({ length: count }, (_, i) =>
    formatAddress(bytesOfNumber(first + BigInt(i), ip.length)),
  );
  return new RegoSet(addresses);
}

function matches(networks: RegoValue | undefined, others: RegoValue | undefined): RegoSet {
  const left = candidates(networks);
  const right = candidates(others);
  if (left.length * right.length > PAIRS_MAX) throw new BuiltinLimitError('too many networks');
  const found: RegoValue[] = [];
  for (const [network, at] of left) {
    for (const [other, place] of right) {
      if (holds(networkOf(network), textOf(other))) found.push([at, place]);
    }
  }
  return new RegoSet(found);
}

/** Each network with its place: an index, a member of a set, a key, or the text itself. */
function candidates(value: RegoValue | undefined): (readonly [RegoValue, RegoValue])[] {
  if (typeof value === 'string') return [[value, value]];
  if (isArray(value)) return value.map((item, i) => [networkIn(item), RegoNumber.of(i)]);
  if (value instanceof RegoSet) return value.items.map((item) => [networkIn(item), item]);
  if (!(value instanceof RegoObject)) return [];
  return value.entries.map(([key, item]) => [networkIn(item), key]);
}

function networkIn(item: RegoValue): RegoValue {
  if (typeof item === 'string') return item;
  return isArray(item) ? (item[0] ?? fail()) : fail();
}

/** Whether a network holds an address or another network. */
function holds(network: Network, text: string): boolean {
  const address = parseAddress(text);
  if (address !== null) return contains(network, address);
  const other = parseNetwork(text) ?? fail();
  if (isPlainIpv6(network) && isPlainIpv6(other)) {
    return onesOf(network.mask) <= onesOf(other.mask) && contains(network, other.ip);
  }
  return contains(network, other.ip) && contains(network, lastOf(other));
}

function isPlainIpv6({ ip }: Network): boolean {
  return toIpv4(ip) === null;
}

function lastOf({ ip, mask }: Network): Bytes {
  return ip.map((byte, i) => byte | (~(mask[i] ?? 0) & 0xff));
}

/** Addresses in a row, both ends counted, as numbers of 128 bits; `network` while it was not joined with another. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly isIpv4: boolean;
  readonly network: Network | null;
}

/** An IPv4 address without bits means the network of its class; one of IPv6 means nothing. */
function memberOf(value: RegoValue): Network {
  const text = textOf(value);
  const address = parseAddress(text);
  if (address === null) return parseNetwork(text) ?? fail();
  const ip = toIpv4(address) ?? fail();
  const [top = 0] = ip;
  return { ip, mask: maskOf(top < 128 ? 8 : top < 192 ? 16 : 24, 4) };
}

function merge(networks: readonly Network[]): RegoSet {
  const sorted = networks
    .map(rangeOf)
    .sort((a, b) => order(a.last, b.last) || order(a.first, b.first));
  const joined: Range[] = [];
  // From the last to the first, each joined with the one before it where they touch.
  let current = sorted.pop();
  while (current !== undefined) {
    const before = sorted.pop();
    if (before !== undefined && previous(current) <= before.last) {
      current = join(before, current);
      continue;
    }
    joined.push(current);
    current = before;
  }
  const merged = joined.flatMap((range) =>
    range.network === null ? cover(range) : [range.network],
  );
  return new RegoSet(merged.map(formatNetwork));
}

function rangeOf(network: Network): Range {
  const { ip, mask } = network;
  const isIpv4 = ip.length === 4;
  if (!isIpv4 && toIpv4(ip) !== null) {
    throw new BuiltinLimitError('OPA does not merge IPv4 networks in IPv6 notation');
  }
  const start = ip.map((byte, i) => byte & (mask[i] ?? 0));
  const first = numberOfBytes(toIpv6(start));
  const last = numberOfBytes(toIpv6(lastOf({ ip: start, mask })));
  return { first, last, isIpv4, network };
}

/** The address before a range; before the first of all there is none, and OPA takes that itself. */
function previous({ first, isIpv4 }: Range): bigint {
  const lowest = isIpv4 ? numberOfBytes(toIpv6([0, 0, 0, 0])) : 0n;
  return first === lowest ? first : first - 1n;
}

function join(before: Range, range: Range): Range {
  if (before.isIpv4 !== range.isIpv4) throw new BuiltinLimitError('OPA joins IPv4 with IPv6 here');
  const first = before.first < range.first ? before.first : range.first;
  return { first, last: range.last, isIpv4: range.isIpv4, network: null };
}

/** The fewest networks that are exactly the range. */
function cover({ first, last, isIpv4 }: Range): Network[] {
  assertKept(first, last, isIpv4);
  const networks: Network[] = [];
  const length = isIpv4 ? 4 : 16;
  const width = length * 8;
  for (let at = first; at <= last;) {
    let host = 0;
    while (
      host < width &&
      at % 2n ** BigInt(host + 1) === 0n &&
      at + 2n ** BigInt(host + 1) - 1n <= last
    ) {
      host++;
    }
    networks.push({ ip: bytesOfNumber(at, 16).slice(-length), mask: maskOf(width - host, length) });
    at += 2n ** BigInt(host);
  }
  return networks;
}

/** OPA loses the leading zeros of the IPv6 network that spans the range, unless it is all zeros. */
function assertKept(first: bigint, last: bigint, isIpv4: boolean): void {
  const host = first === last ? 0n : BigInt((first ^ last).toString(2).length);
  const start = (last >> host) << host;
  if (!isIpv4 && start !== 0n && start >> 120n === 0n) {
    throw new BuiltinLimitError('network begins with zeros');
  }
}

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

function numberOfBytes(bytes: Bytes): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function bytesOfNumber(value: bigint, length: number): Bytes {
  return Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
}
