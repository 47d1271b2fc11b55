/** What the payloads of journal records mean. */
import { parseSha256Hash } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import { toBase64Url, parseBase64Url, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { MalformedError } from '../../core/errors.ts';
import type { Orphan } from '../../core/log/batch-header.ts';
import type { JournalRecord } from './format.ts';

/** First record of a segment: who writes it, and from where on its entries may be in the log. */
export interface SegmentHead {
  readonly writer: string;
  readonly boot: string;
  /** Base64url hash of genesis: a folder belongs to one ledger. */
  readonly gen: string;
  /** Slots below this held no entry of the segment when it was begun. */
  readonly base: number;
  /** Certificate of the key that signs its entries: a later boot may have another key. */
  readonly cert: readonly string[];
}

/** An entry as it was acknowledged: its bytes for ever, and its record until it is in a payload object. */
export interface JournalledEntry {
  readonly jws: Uint8Array;
  /** The NDJSON line with its newline; null where the entry has no record. */
  readonly record: Uint8Array | null;
}

type RetentionMode = Orphan['mode'];

/** A payload object about to be uploaded: when a crash follows, it is looked for, and listed as an orphan. */
export interface PlannedPayload {
  readonly key: string;
  readonly sha256: Sha256Hash;
  readonly size: number;
  readonly class: string;
  readonly mode: RetentionMode;
  /** Epoch ms of a whole second; null where nothing locks it. */
  readonly retainUntil: number | null;
}

const LENGTH_BYTES = 4;
/** Of what records mean; a segment that says none is of this one, too. */
const VERSION = 1;

/** @returns the record that a segment begins with. */
export function segmentRecord(head: SegmentHead): JournalRecord {
  return { kind: 'segment', payload: utf8Bytes(JSON.stringify({ v: VERSION, ...head })) };
}

/** @throws {@link MalformedError} `journal_record`, `journal_version`. */
export function parseSegmentRecord(payload: Uint8Array): SegmentHead {
  const { v = VERSION, writer, boot, gen, base, cert } = parseObject(payload);
  if (v !== VERSION) {
    throw new MalformedError(
      `its version is ${JSON.stringify(v)}, not ${VERSION}`,
      'journal_version',
    );
  }
  const known = typeof writer === 'string' && typeof boot === 'string' && typeof gen === 'string';
  if (!known || typeof base !== 'number' || !isTexts(cert)) throw malformed();
  return { writer, boot, gen, base, cert };
}

/** @returns the record of an entry: length of the JWS, the JWS, the record's line. */
export function entryRecord(jws: string, record: string | null): JournalRecord {
  const line = record ?? '';
  const size = LENGTH_BYTES + jws.length + Buffer.byteLength(line);
  const payload = Buffer.allocUnsafe(size);
  payload.writeUInt32BE(jws.length, 0);
  payload.write(jws, LENGTH_BYTES, 'latin1');
  payload.write(line, LENGTH_BYTES + jws.length, 'utf8');
  return { kind: 'entry', payload };
}

/** @returns views of the payload. @throws {@link MalformedError} `journal_record`. */
export function parseEntryRecord(payload: Uint8Array): JournalledEntry {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const end = payload.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + view.getUint32(0);
  if (end > payload.length) throw malformed();
  const record = end === payload.length ? null : payload.subarray(end);
  return { jws: payload.subarray(LENGTH_BYTES, end), record };
}

/** @returns the record of payload objects about to be uploaded. */
export function planRecord(payloads: readonly PlannedPayload[]): JournalRecord {
  const plain = payloads.map(({ key, sha256, size, class: name, mode, retainUntil }) => {
    return { key, sha256: toBase64Url(sha256), size, class: name, mode, retainUntil };
  });
  return { kind: 'plan', payload: utf8Bytes(JSON.stringify({ payloads: plain })) };
}

/** @throws {@link MalformedError} `journal_record`. */
export function parsePlanRecord(payload: Uint8Array): readonly PlannedPayload[] {
  const { payloads } = parseObject(payload);
  if (!Array.isArray(payloads)) throw malformed();
  return payloads.map((each: unknown) => {
    const { key, sha256, size, class: name, mode, retainUntil } = asObject(each);
    const known = typeof key === 'string' && typeof sha256 === 'string';
    if (!known || typeof size !== 'number' || typeof name !== 'string') throw malformed();
    if (!isMode(mode) || !isTime(retainUntil)) throw malformed();
    const hash = parseSha256Hash(parseBase64Url(sha256));
    return { key, sha256: hash, size, class: name, mode, retainUntil };
  });
}

function isMode(value: unknown): value is RetentionMode {
  return value === 'compliance' || value === 'governance' || value === 'none';
}

function isTime(value: unknown): value is number | null {
  return value === null || typeof value === 'number';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function parseObject(payload: Uint8Array): Record<string, unknown> {
  return asObject(JSON.parse(utf8Text(payload)) as unknown);
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed();
  return value as Record<string, unknown>;
}

function malformed(): MalformedError {
  return new MalformedError('journal record is not what its kind says', 'journal_record');
}
