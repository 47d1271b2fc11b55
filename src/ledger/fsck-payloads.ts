/**
 * The records of a batch against its leaves: every payload object is read by version, hashed, unpacked, and each record
 * opened in full, so that no leaf commits to two values of one name.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { checkAgreement } from '../core/agreement.ts';
import type { PayloadReference } from '../core/batch-header.ts';
import type { Batch } from '../core/batch.ts';
import { utf8Text } from '../core/bytes.ts';
import type { Entry } from '../core/entry.ts';
import { MalformedError } from '../core/errors.ts';
import { finding } from '../core/findings.ts';
import type { Finding } from '../core/findings.ts';
import { openDisclosures } from '../core/open-disclosures.ts';
import { MEMBER_BYTES_MAX } from '../core/payload-object.ts';
import { checkFullOpening, discloseStored, parseRecord } from '../core/record.ts';
import { parseDsc } from '../core/record-nodes.ts';
import { disclosuresFor } from '../core/redact.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { hashesTo, lockFindings, readRecorded } from './fsck-objects.ts';

/** One record may be larger than a member; nothing that a gateway takes in is larger than this by far. */
const LINE_BYTES_MAX = 16_777_216;
const unpack = promisify(gunzip);

/** What was found of a batch's records. */
export interface PayloadCheck {
  readonly findings: readonly Finding[];
  /** Records that opened in full. */
  readonly opened: number;
  /** Records whose class has ended and that are gone. */
  readonly ended: number;
}

/** Checks every payload object that a batch refers to. `now` is epoch ms. */
export async function checkPayloads(
  store: ObjectStore,
  batch: Batch,
  options: { readonly now: number; readonly fallbackClass: string },
): Promise<PayloadCheck> {
  const { header, entries } = batch;
  const waiting = new Map(
    entries
      .map((entry, offset) => ({ entry, offset }))
      .filter(({ entry }) => entry.payload._sd !== undefined)
      .map((leaf) => [leaf.entry.payload.jti, leaf] as const),
  );
  const findings: Finding[] = [];
  let opened = 0;
  let ended = 0;
  for (const reference of header.payloads) {
    const read = await readPayload(store, reference, header.number, options.now);
    findings.push(...read.findings);
    if (read.ended) ended += forget(waiting, reference);
    for (const line of read.lines) {
      const faults = checkLine(line, waiting, batch, options.fallbackClass);
      findings.push(...faults);
      if (faults.length === 0) opened += 1;
    }
  }
  for (const { offset, entry } of waiting.values()) {
    const at = { batch: header.number, index: header.first + offset };
    findings.push(finding('missing_object', at, `no record of entry ${entry.payload.jti}`));
  }
  return { findings, opened, ended };
}

interface ReadPayload {
  readonly lines: readonly string[];
  readonly findings: readonly Finding[];
  readonly ended: boolean;
}

async function readPayload(
  store: ObjectStore,
  reference: PayloadReference,
  batch: number,
  now: number,
): Promise<ReadPayload> {
  const { key, versionId } = reference;
  const at = { batch, key };
  const object = await readRecorded(store, key, { batch }, reference.size);
  const findings = [...object.findings];
  if (object.versionId === null) {
    const over = reference.retainUntil !== null && reference.retainUntil <= now;
    if (over) return { lines: [], findings, ended: true };
    return {
      lines: [],
      findings: [...findings, finding('missing_object', at, 'gone')],
      ended: false,
    };
  }
  if (object.versionId !== versionId) {
    findings.push(
      finding('version_mismatch', at, `oldest is ${object.versionId}, want ${versionId}`),
    );
  }
  findings.push(...(await lockFindings(store, { key, versionId }, reference, { batch }, now)));
  if (object.bytes?.length !== reference.size || !hashesTo(object.bytes, reference.sha256)) {
    findings.push(finding('payload_mismatch', at, 'size or hash is not what the batch says'));
    return { lines: [], findings, ended: false };
  }
  const lines = await linesOf(object.bytes, reference);
  if (lines === null) findings.push(finding('payload_mismatch', at, 'does not unpack as declared'));
  return { lines: lines ?? [], findings, ended: false };
}

/** Each member by itself, so that its index is shown to be right. @returns null when one does not unpack. */
async function linesOf(bytes: Uint8Array, reference: PayloadReference): Promise<string[] | null> {
  const lines: string[] = [];
  for (const [i, [start]] of reference.members.entries()) {
    const end = reference.members[i + 1]?.[0] ?? reference.size;
    let plain: Uint8Array;
    try {
      plain = await unpack(bytes.subarray(start, end), {
        maxOutputLength: MEMBER_BYTES_MAX + LINE_BYTES_MAX,
      });
    } catch {
      return null;
    }
    const text = utf8Text(plain);
    if (!text.endsWith('\n')) return null;
    lines.push(...text.slice(0, -1).split('\n'));
  }
  return lines;
}

interface WaitingLeaf {
  readonly entry: Entry;
  readonly offset: number;
}

function checkLine(
  line: string,
  waiting: Map<string, WaitingLeaf>,
  { header }: Batch,
  fallbackClass: string,
): Finding[] {
  const nowhere = { batch: header.number };
  try {
    const record = parseRecord(line);
    const leaf = waiting.get(record.jti);
    if (leaf === undefined) {
      return [
        finding('record_mismatch', nowhere, `record of ${record.jti}, which is no leaf here`),
      ];
    }
    waiting.delete(record.jti);
    const at = { ...nowhere, index: header.first + leaf.offset };
    const { payload } = leaf.entry;
    const opening = checkFullOpening(payload, record);
    if (!opening.ok) return [finding('record_mismatch', at, opening.reason)];
    const disclosed = discloseStored(record, parseDsc(payload.dsc ?? ''));
    const seen = openDisclosures(payload, disclosuresFor(disclosed, 'all'));
    const agreement = checkAgreement(payload, seen, fallbackClass);
    if (agreement.verdict !== 'disagrees') return [];
    const facts = agreement.details.filter(({ verdict }) => verdict === 'disagrees');
    return [finding('disagreement', at, facts.map(({ fact }) => fact).join(', '))];
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return [finding('record_mismatch', nowhere, `${error.code}: ${error.message}`)];
  }
}

/** The class has ended: its records need not be there. */
function forget(
  waiting: Map<string, WaitingLeaf>,
  { class: name, mode }: PayloadReference,
): number {
  let count = 0;
  for (const [jti, { entry }] of waiting) {
    const { ret } = entry.payload;
    if (ret.class !== name || ret.mode !== mode) continue;
    waiting.delete(jti);
    count += 1;
  }
  return count;
}
