/**
 * The bytes of a journal segment: records one after the other, nothing between them.
 *
 * ```
 * 0   4  magic "StJ1"
 * 4   1  version, 1
 * 5   1  kind of payload
 * 6   2  zero
 * 8   4  length of the payload
 * 12  8  sequence of the record in its segment, from 0
 * 20  8  where the group of records that was written with it begins, bytes
 * 28 16  nonce of the segment, made from its name: a stale record of another file is not taken for one of this
 * 44  4  CRC-32 of bytes 0..43 and the payload
 * 48     payload
 * ```
 *
 * All numbers big-endian. A group is written at once and synced once, and was acknowledged only after that. So a bad
 * record is a torn tail when nothing but its own group comes after it; when a later group follows, its bytes had been
 * synced, and that is corruption.
 */
import { crc32 } from 'node:zlib';
import { sha256 } from '#platform';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import { SteleError } from '../../core/errors.ts';

/** Bytes before a payload. */
export const RECORD_HEADER_BYTES = 48;
const NONCE_BYTES = 16;
/** Longest payload: an entry with its record, many times over. A larger length is a bad record. */
export const PAYLOAD_BYTES_MAX = 67_108_864;

const MAGIC = Buffer.from('StJ1', 'latin1');
const VERSION = 1;
const CRC_AT = 44;

/** What a record's payload is; its bytes are for `records.ts`. */
export type RecordKind = 'segment' | 'entry' | 'plan';

const kinds: readonly RecordKind[] = ['segment', 'entry', 'plan'];

/** A record to be written. */
export interface JournalRecord {
  readonly kind: RecordKind;
  readonly payload: Uint8Array;
}

/** What a segment was found to hold. */
export interface ParsedSegment {
  readonly records: readonly JournalRecord[];
  /** Bytes up to the end of the last good record. */
  readonly goodBytes: number;
  /** Whether bytes of a write that never ended, and was never acknowledged, follow. */
  readonly torn: boolean;
}

/** A journal segment has a bad record where synced ones stood: its bytes changed. Nothing may go on from it. */
export class JournalCorruptError extends SteleError {
  constructor(name: string, offset: number) {
    super(
      'journal_corrupt',
      `segment ${name} has a bad record at byte ${offset}, where everything had been synced`,
      {
        disposition: 'halt',
      },
    );
  }
}

/** Which segment this is: `number` grows over all boots of a folder, `boot` wrote it. Together they name its file. */
export interface SegmentName {
  readonly number: number;
  readonly boot: string;
}

const NAME = /^([0-9]{8})-([A-Za-z0-9_-]{22})\.(journal|seized)$/;

/** `<8 digits>-<boot>.journal` while its boot may write to it, `.seized` once a later one took it over. */
export function segmentFile(name: SegmentName, form: 'journal' | 'seized'): string {
  return `${String(name.number).padStart(8, '0')}-${name.boot}.${form}`;
}

/** @returns null for a file that is no segment. */
export function parseSegmentFile(
  file: string,
): (SegmentName & { readonly form: 'journal' | 'seized' }) | null {
  const [, digits, boot, form] = NAME.exec(file) ?? [];
  if (digits === undefined || boot === undefined) return null;
  return { number: Number(digits), boot, form: form === 'seized' ? 'seized' : 'journal' };
}

/** Bytes that a record takes in a segment. */
export function recordBytes(record: JournalRecord): number {
  return RECORD_HEADER_BYTES + record.payload.length;
}

/**
 * Encodes a group of records as one array.
 *
 * @param at - Where in the segment the group will begin, bytes, and the sequence of its first record.
 */
export function encodeGroup(
  records: readonly JournalRecord[],
  name: SegmentName,
  at: { readonly offset: number; readonly sequence: number },
): Uint8Array {
  const size = records.reduce((total, record) => total + recordBytes(record), 0);
  const bytes = Buffer.allocUnsafe(size);
  const nonce = nonceOf(name);
  let cursor = 0;
  for (const [index, record] of records.entries()) {
    MAGIC.copy(bytes, cursor);
    bytes[cursor + 4] = VERSION;
    bytes[cursor + 5] = kinds.indexOf(record.kind);
    bytes.writeUInt16BE(0, cursor + 6);
    bytes.writeUInt32BE(record.payload.length, cursor + 8);
    bytes.writeBigUInt64BE(BigInt(at.sequence + index), cursor + 12);
    bytes.writeBigUInt64BE(BigInt(at.offset), cursor + 20);
    bytes.set(nonce, cursor + 28);
    bytes.set(record.payload, cursor + RECORD_HEADER_BYTES);
    bytes.writeUInt32BE(checksum(bytes, cursor, record.payload.length), cursor + CRC_AT);
    cursor += recordBytes(record);
  }
  return bytes;
}

/**
 * Reads a segment as it was found, whoever wrote it and however that ended.
 *
 * @throws {@link JournalCorruptError} when a bad record comes before records of a later group.
 */
export function parseSegment(found: Uint8Array, name: SegmentName): ParsedSegment {
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.byteLength);
  const records: JournalRecord[] = [];
  let [offset, sequence] = [0, 0];
  const nonce = nonceOf(name);
  while (offset < bytes.length) {
    const record = recordAt(bytes, offset, nonce);
    if (record?.sequence !== sequence) break;
    records.push(record);
    offset += recordBytes(record);
    sequence += 1;
  }
  if (laterGroup(bytes, offset, nonce))
    throw new JournalCorruptError(segmentFile(name, 'journal'), offset);
  return { records, goodBytes: offset, torn: offset < bytes.length };
}

function nonceOf({ number, boot }: SegmentName): Uint8Array {
  return sha256(utf8Bytes(`stele/journal/1\n${number}\n${boot}`)).subarray(0, NONCE_BYTES);
}

interface FoundRecord extends JournalRecord {
  readonly sequence: number;
  readonly group: number;
}

function recordAt(bytes: Buffer, offset: number, nonce: Uint8Array): FoundRecord | null {
  if (bytes.length - offset < RECORD_HEADER_BYTES) return null;
  if (MAGIC.compare(bytes, offset, offset + 4) !== 0 || bytes[offset + 4] !== VERSION) return null;
  const kind = kinds[bytes[offset + 5] ?? kinds.length];
  const length = bytes.readUInt32BE(offset + 8);
  const end = offset + RECORD_HEADER_BYTES + length;
  if (kind === undefined || length > PAYLOAD_BYTES_MAX || end > bytes.length) return null;
  if (bytes.compare(nonce, 0, NONCE_BYTES, offset + 28, offset + 28 + NONCE_BYTES) !== 0)
    return null;
  if (bytes.readUInt32BE(offset + CRC_AT) !== checksum(bytes, offset, length)) return null;
  return {
    kind,
    payload: bytes.subarray(offset + RECORD_HEADER_BYTES, end),
    sequence: Number(bytes.readBigUInt64BE(offset + 12)),
    group: Number(bytes.readBigUInt64BE(offset + 20)),
  };
}

/** Whether a good record that was written after the group at `offset` stands behind it. */
function laterGroup(bytes: Buffer, offset: number, nonce: Uint8Array): boolean {
  let at = bytes.indexOf(MAGIC, offset);
  while (at !== -1) {
    const record = recordAt(bytes, at, nonce);
    // The bad record belongs to a group that began at or before it: only what began after it came later.
    if (record !== null && record.group > offset) return true;
    at = bytes.indexOf(MAGIC, at + 1);
  }
  return false;
}

function checksum(bytes: Buffer, offset: number, length: number): number {
  const head = crc32(bytes.subarray(offset, offset + CRC_AT));
  const start = offset + RECORD_HEADER_BYTES;
  return crc32(bytes.subarray(start, start + length), head);
}
