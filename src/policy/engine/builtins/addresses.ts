/** IP addresses and networks in text, with the rules of Go's `net` and `net/netip`. An address is 4 or 16 bytes. */

/** An address or the mask of a network, most significant byte first. */
export type Bytes = readonly number[];

/** A network as Go keeps it: an IPv4 network has 4 bytes, an IPv6 network 16, also where it holds IPv4 addresses. */
export interface Network {
  readonly ip: Bytes;
  readonly mask: Bytes;
}

const MAPPED: Bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** Parses an address without a zone. @returns 4 bytes for dotted decimals, 16 for the rest, null for neither. */
export function parseAddress(text: string): Bytes | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Parses `address/bits`. @returns the network, its address masked, or null. */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? null : parseAddress(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  if (ip === null || !/^\d{1,8}$/.test(bits) || Number(bits) > ip.length * 8) return null;
  const mask = maskOf(Number(bits), ip.length);
  return { ip: masked(ip, mask), mask };
}

/** The mask with that many leading bits. */
export function maskOf(ones: number, length: number): Bytes {
  return Array.from(
    { length },
    (_, i) => 0xff & (0xff00 >> Math.min(8, Math.max(0, ones - i * 8))),
  );
}

/** @returns the 4 bytes of an address that is IPv4 in either form, else null. */
export function toIpv4(ip: Bytes): Bytes | null {
  if (ip.length === 4) return ip;
  return MAPPED.every((byte, i) => ip[i] === byte) ? ip.slice(12) : null;
}

/** @returns an address in 16 bytes. */
export function toIpv6(ip: Bytes): Bytes {
  return ip.length === 4 ? [...MAPPED, ...ip] : ip;
}

/** An address with the bits outside of the mask cleared; both of one length. */
export function masked(ip: Bytes, mask: Bytes): Bytes {
  return ip.map((byte, i) => byte & (mask[i] ?? 0));
}

/** Whether a network holds an address. One of IPv4 never holds one of IPv6, and the reverse. */
export function contains(network: Network, address: Bytes): boolean {
  const { ip, mask } = shortest(network);
  const other = toIpv4(address) ?? address;
  if (other.length !== ip.length) return false;
  return ip.every((byte, i) => ((byte ^ (other[i] ?? 0)) & (mask[i] ?? 0)) === 0);
}

/** `address/bits` as Go prints it. */
export function formatNetwork(network: Network): string {
  const { ip, mask } = shortest(network);
  return `${formatAddress(ip)}/${onesOf(mask)}`;
}

/** Leading ones of a mask. */
export function onesOf(mask: Bytes): number {
  return mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

/** An address as Go prints it: RFC 5952, and dotted where it is IPv4 in 16 bytes. */
export function formatAddress(address: Bytes): string {
  const short = toIpv4(address);
  if (short !== null) return short.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0),
  );
  const [start, end] = longestZeros(groups);
  const hex = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(end))}`;
}

function shortest({ ip, mask }: Network): Network {
  const short = toIpv4(ip);
  if (short === null) return { ip, mask };
  return { ip: short, mask: mask.length === 16 ? mask.slice(12) : mask };
}

/** The first of the longest runs of two zeros or more. */
function longestZeros(groups: readonly number[]): [number, number] {
  let best: [number, number] = [-1, -1];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > Math.max(1, best[1] - best[0])) best = [start, end];
  }
  return best;
}

function parseIpv4(text: string): Bytes | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function parseIpv6(text: string): Bytes | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (head === null || head === undefined || tail === null) return null;
  if (tail === undefined) return head.length === 16 ? head : null;
  const zeros = 16 - head.length - tail.length;
  return zeros < 2 ? null : [...head, ...Array.from({ length: zeros }, () => 0), ...tail];
}

/** Groups between colons; the last one may be dotted decimals where the text ends with it. */
function parseGroups(text: string, isLast: boolean): Bytes | null {
  if (text === '') return [];
  const groups = text.split(':');
  const dotted = isLast && groups.at(-1)?.includes('.') ? parseIpv4(groups.pop() ?? '') : [];
  if (dotted === null || !groups.every((group) => GROUP.test(group))) return null;
  const bytes = groups.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return [...bytes, ...dotted];
}
