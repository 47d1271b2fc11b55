/**
 * The payload objects of a batch: each is there until its time, is the version, size and hash that the batch says, is
 * locked as declared, and holds the records of the leaves of its class.
 */
import type { PayloadReference } from '../../core/log/batch-header.ts';
import type { Batch } from '../../core/log/batch.ts';
import { MalformedError } from '../../core/errors.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import { assertObjectKey } from '../../storage/object-keys.ts';
import { confirmBytes, hashesTo, lockFindings, readRecorded } from './objects.ts';
import type { FsckContext } from './objects.ts';
import { BatchRecords } from './records.ts';

/** Larger objects are not read: the records of a batch are some ten million bytes before they are packed. */
const PAYLOAD_BYTES_MAX = 268_435_456;

/** What was found of a batch's records. */
export interface PayloadCheck {
  readonly findings: readonly Finding[];
  /** Records that opened in full. */
  readonly opened: number;
  /** Records whose time is over and that are gone. */
  readonly ended: number;
}

/**
 * Checks every payload object that a batch refers to.
 * @param fallbackClass - Of the configuration at the batch.
 */
export async function checkPayloads(
  context: FsckContext,
  batch: Batch,
  fallbackClass: string,
): Promise<PayloadCheck> {
  const records = new BatchRecords(batch, fallbackClass);
  const findings = uncovered(batch);
  const closed: { readonly reference: PayloadReference; readonly ended: boolean }[] = [];
  for (const reference of batch.header.payloads) {
    const payload = await readPayload(context, reference, batch);
    findings.push(...payload.findings);
    if (payload.bytes === null) {
      closed.push({ reference, ended: payload.ended });
      continue;
    }
    const fault = await records.open(payload.bytes, reference);
    if (fault === undefined) continue;
    const at = { batch: batch.header.number, key: reference.key };
    findings.push(finding('payload_mismatch', at, fault));
    closed.push({ reference, ended: false });
  }
  // Only now: a leaf whose record is elsewhere in the batch is not one of a closed object.
  let ended = 0;
  for (const one of closed) {
    const count = records.forget(one.reference);
    if (one.ended) ended += count;
  }
  if (context.open) records.finish();
  return { findings: [...findings, ...records.findings], opened: records.opened, ended };
}

/** Leaves with a record for whose class and mode the batch has no object: their record has no lock of theirs. */
function uncovered({ header, entries }: Batch): Finding[] {
  const kept = new Set(header.payloads.map(({ class: name, mode }) => `${name} ${mode}`));
  return entries.flatMap(({ payload: { _sd, ret } }, offset) => {
    if (_sd === undefined || kept.has(`${ret.class} ${ret.mode}`)) return [];
    const at = { batch: header.number, index: header.first + offset };
    return [finding('missing_object', at, `batch has no object of ${ret.class}, ${ret.mode}`)];
  });
}

interface ReadPayload {
  /** Null when there is nothing to open: gone, not asked for, or not what the batch says. */
  readonly bytes: Uint8Array | null;
  /** Gone, and its time is over. */
  readonly ended: boolean;
  readonly findings: readonly Finding[];
}

async function readPayload(
  context: FsckContext,
  reference: PayloadReference,
  batch: Batch,
): Promise<ReadPayload> {
  const { key, size } = reference;
  const place = { batch: batch.header.number };
  const at = { ...place, key };
  if (!isRecordKey(context, key)) {
    const fault = finding('payload_mismatch', at, 'key is not one of records of this ledger');
    return { bytes: null, ended: false, findings: [fault] };
  }
  const bytesMax = context.open ? Math.min(size, PAYLOAD_BYTES_MAX) : -1;
  const object = await readRecorded(context.store, key, place, bytesMax);
  const end = endOf(reference, batch);
  const over = end !== null && end <= context.now;
  // Once its time is over anybody may delete it, by whatever means.
  const findings = object.findings.filter(({ code }) => !over || code !== 'delete_marker');
  if (reference.mode !== 'none' && reference.retainUntil === null) {
    findings.push(finding('missing_lock', at, `declared ${reference.mode} without an end`));
  }
  if (object.versionId === null) {
    if (!over) findings.push(finding('missing_object', at, 'gone before its time'));
    return { bytes: null, ended: over, findings };
  }
  const { versionId } = reference;
  if (object.versionId !== versionId) {
    const detail = `oldest is ${object.versionId}, want ${versionId}`;
    findings.push(finding('version_mismatch', at, detail));
  }
  findings.push(...(await lockFindings(context, { key, versionId }, reference, place, true)));
  const { bytes } = object;
  if (isAsDeclared(context, object, reference)) return { bytes, ended: false, findings };
  await confirmBytes(context.store, key, object);
  findings.push(finding('payload_mismatch', at, 'size or hash is not what the batch says'));
  return { bytes: null, ended: false, findings };
}

/** Whether size and, where it was read, hash are those of the batch. */
function isAsDeclared(
  { open }: FsckContext,
  object: { readonly size: number; readonly bytes: Uint8Array | null },
  { size, sha256 }: PayloadReference,
): boolean {
  if (!open) return object.size === size;
  return object.bytes?.length === size && hashesTo(object.bytes, sha256);
}

/** When an object may go, epoch ms: its lock's end; without a lock, when the last of its records may. Null: never. */
function endOf({ class: name, mode, retainUntil }: PayloadReference, batch: Batch): number | null {
  if (retainUntil !== null) return retainUntil;
  const ends = batch.entries
    .filter(({ payload: { _sd, ret } }) => _sd !== undefined && ret.class === name)
    .filter(({ payload: { ret } }) => ret.mode === mode)
    .map(({ payload: { ret } }) => ret.until);
  return ends.reduce<number | null>(
    (last, end) => (last === null || end === null ? null : Math.max(last, end)),
    ends[0] ?? null,
  );
}

/** A batch says where its records are: not everywhere, and nothing that a store would choke on. */
function isRecordKey({ keys }: FsckContext, key: string): boolean {
  try {
    assertObjectKey(key);
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
  return key.startsWith(keys.payloadPrefix);
}
