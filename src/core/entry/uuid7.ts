/** Entry identifiers: UUID version 7 (RFC 9562 §5.7), lower case. */
import { toHex } from '../platform/bytes.ts';
import { assert, MalformedError } from '../errors.ts';

const UUID7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME_MAX = 2 ** 48 - 1;

/**
 * Makes an identifier of a time.
 *
 * @param ms - Epoch milliseconds, below 2^48.
 * @param random - 10 random bytes; 74 of their bits are used.
 */
export function makeUuid7(ms: number, random: Uint8Array): string {
  assert(Number.isInteger(ms) && ms >= 0 && ms <= TIME_MAX, 'a time fits 48 bits');
  assert(random.length === 10, 'a UUIDv7 takes 10 random bytes');
  const time = ms.toString(16).padStart(12, '0');
  const tail = random.map((byte, i) => {
    if (i === 0) return 0x70 + (byte % 16);
    return i === 2 ? 0x80 + (byte % 64) : byte;
  });
  const hex = time + toHex(tail);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The time of an identifier in epoch milliseconds. @throws {@link MalformedError} code `bad_uuid`. */
export function parseUuid7Time(text: string): number {
  const ms = uuid7Time(text);
  if (ms < 0) throw new MalformedError('text is not a lower-case UUIDv7', 'bad_uuid');
  return ms;
}

/** The time of an identifier in epoch milliseconds, or -1 where the text is none. Never throws. */
export function uuid7Time(text: string): number {
  return UUID7.test(text) ? Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16) : -1;
}
