/**
 * The records of a batch against its leaves: each is opened in full, so that no leaf commits to two values of one name,
 * and held against what the leaf says in clear. One gzip member is in memory at a time.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { checkAgreement } from '../../core/record/agreement.ts';
import type { PayloadReference } from '../../core/log/batch-header.ts';
import type { Batch } from '../../core/log/batch.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import { openDisclosures } from '../../core/record/open-disclosures.ts';
import type { OpenedRecord } from '../../core/record/open-disclosures.ts';
import { MEMBER_BYTES_MAX } from '../../core/log/payload-object.ts';
import { checkFullOpening, discloseStored, parseRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { parseDsc } from '../../core/record/nodes.ts';
import { disclosuresFor } from '../../core/record/redact.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';

/** One record may be larger than a member; nothing that a gateway takes in is larger than this by far. */
const LINE_BYTES_MAX = 16_777_216;
const unpack = promisify(gunzip);

/** A leaf whose record is still to come. */
interface WaitingLeaf {
  readonly entry: Entry;
  readonly offset: number;
}

/** The leaves that the index of a payload object promises for one of its members: offsets, the end excluded. */
interface MemberSpan {
  readonly from: number;
  readonly to: number;
}

/** Opens the records of one batch. */
export class BatchRecords {
  readonly findings: Finding[] = [];
  readonly #batch: Batch;
  readonly #fallbackClass: string;
  readonly #waiting: Map<string, WaitingLeaf>;
  #opened = 0;
  #lines = 0;

  constructor(batch: Batch, fallbackClass: string) {
    this.#batch = batch;
    this.#fallbackClass = fallbackClass;
    this.#waiting = new Map(
      batch.entries
        .map((entry, offset) => ({ entry, offset }))
        .filter(({ entry }) => entry.payload._sd !== undefined)
        .map((leaf) => [leaf.entry.payload.jti, leaf] as const),
    );
  }

  /** Records that opened in full and agree with their leaf. */
  get opened(): number {
    return this.#opened;
  }

  /**
   * Opens all records of a payload object, each member by itself, so that its index is shown to be right.
   * @returns Why the rest of it was not looked at; undefined when all was.
   */
  async open(bytes: Uint8Array, reference: PayloadReference): Promise<string | undefined> {
    const { members, size } = reference;
    const { count } = this.#batch.header;
    for (const [i, [start, from]] of members.entries()) {
      const [end, to] = members[i + 1] ?? [size, count];
      const lines = await linesOf(bytes.subarray(start, end));
      if (lines === null) return 'does not unpack as declared';
      this.#lines += lines.length;
      // A finding for each of millions of empty lines would help nobody.
      if (this.#lines > count) return 'more records than the batch has leaves';
      for (const line of lines) this.#openLine(line, reference, { from, to });
    }
    return undefined;
  }

  /** No longer waits for what an object held that is not there, or cannot be read. @returns how many records. */
  forget({ class: name, mode }: PayloadReference): number {
    let count = 0;
    for (const [jti, { entry }] of this.#waiting) {
      const { ret } = entry.payload;
      if (ret.class !== name || ret.mode !== mode) continue;
      this.#waiting.delete(jti);
      count += 1;
    }
    return count;
  }

  /** Reports the leaves whose record did not come. */
  finish(): void {
    for (const [jti, leaf] of this.#waiting) {
      this.findings.push(finding('missing_object', this.#place(leaf), `no record of entry ${jti}`));
    }
  }

  #openLine(line: string, reference: PayloadReference, span: MemberSpan): void {
    const nowhere = { batch: this.#batch.header.number, key: reference.key };
    let record: StoredRecord;
    try {
      record = parseRecord(line);
    } catch (error) {
      const { code, message } = caughtMalformed(error);
      this.findings.push(finding('record_mismatch', nowhere, `${code}: ${message}`));
      return;
    }
    const leaf = this.#waiting.get(record.jti);
    if (leaf === undefined) {
      const detail = `record of ${record.jti}, for which no leaf here waits`;
      this.findings.push(finding('record_mismatch', nowhere, detail));
      return;
    }
    this.#waiting.delete(record.jti);
    const faults = [...this.#misplaced(leaf, reference, span), ...this.#contradicted(leaf, record)];
    for (const fault of faults) this.findings.push(fault);
    if (faults.length === 0) this.#opened += 1;
  }

  /** A record in the wrong object has the wrong lock; in the wrong member no reader finds it. */
  #misplaced(leaf: WaitingLeaf, reference: PayloadReference, span: MemberSpan): Finding[] {
    const { ret } = leaf.entry.payload;
    const at = { ...this.#place(leaf), key: reference.key };
    const found: Finding[] = [];
    if (ret.class !== reference.class || ret.mode !== reference.mode) {
      const where = `of ${ret.class}, ${ret.mode} stands in ${reference.class}, ${reference.mode}`;
      found.push(finding('payload_mismatch', at, `record ${where}`));
    }
    if (leaf.offset < span.from || leaf.offset >= span.to) {
      const index = `its member has leaves ${span.from} to ${span.to - 1}`;
      found.push(finding('payload_mismatch', at, `record of leaf ${leaf.offset}, ${index}`));
    }
    return found;
  }

  #contradicted(leaf: WaitingLeaf, record: StoredRecord): Finding[] {
    const at = this.#place(leaf);
    const { payload } = leaf.entry;
    try {
      const opening = checkFullOpening(payload, record);
      if (!opening.ok) return [finding('record_mismatch', at, opening.reason)];
      const seen = viewOf(record, payload);
      const { verdict, details } = checkAgreement(payload, seen, this.#fallbackClass);
      if (verdict !== 'disagrees') return [];
      const facts = details.filter((one) => one.verdict === 'disagrees').map(({ fact }) => fact);
      return [finding('disagreement', at, facts.join(', '))];
    } catch (error) {
      const { code, message } = caughtMalformed(error);
      return [finding('record_mismatch', at, `${code}: ${message}`)];
    }
  }

  #place({ offset }: WaitingLeaf): { batch: number; index: number } {
    const { number, first } = this.#batch.header;
    return { batch: number, index: first + offset };
  }
}

/** What a holder of every disclosure sees. Where nothing is sealed that is the record, which was opened in full. */
function viewOf(record: StoredRecord, payload: Entry['payload']): OpenedRecord {
  const { input, result, source, sealed } = record;
  if (sealed.length === 0) return { parts: { input, result, source }, hidden: new Map() };
  const disclosed = discloseStored(record, parseDsc(payload.dsc ?? ''));
  return openDisclosures(payload, disclosuresFor(disclosed, 'all'));
}

/** The lines of one member. @returns null when it does not unpack to whole lines of text. */
async function linesOf(member: Uint8Array): Promise<string[] | null> {
  const maxOutputLength = MEMBER_BYTES_MAX + LINE_BYTES_MAX;
  try {
    const text = utf8Text(await unpack(member, { maxOutputLength }));
    return text.endsWith('\n') ? text.slice(0, -1).split('\n') : null;
  } catch {
    return null;
  }
}
