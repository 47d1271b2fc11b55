/** One recorded decision, wherever it is kept: in a store, behind a gateway, or in a file that somebody was given. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import type { Batch } from '../../core/log/batch.ts';
import { entryBytes, parseEntry } from '../../core/entry/entry.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { openDisclosures, parseSdJwt } from '../../core/record/open-disclosures.ts';
import { memberRange } from '../../core/log/payload-object.ts';
import { checkFullOpening, findRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { uuid7Time } from '../../core/entry/uuid7.ts';
import { History } from '../../ledger/fsck/history.ts';
import type { HistoryBatch } from '../../ledger/fsck/history.ts';
import { cannot, decisionOfRecord, decisionOfView } from '../../policy/decide/reexecute.ts';
import type { RecordedDecision, Reexecution } from '../../policy/decide/reexecute.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';

/** An entry with the decision that it records. */
export interface RecordedEntry {
  readonly entry: Entry;
  /** Leaf index; null where what is at hand does not say it. */
  readonly index: number | null;
  /** The decision, or why it is not there in full. */
  readonly decision: RecordedDecision | Reexecution;
  /** SHA-256 of the bundle of its policy, by the log; null where that was not read. */
  readonly digest: string | null;
  /** What was checked of it, for people. */
  readonly checked: string;
}

const INDEX = /^[0-9]{1,15}$/;
const ENTRY_FILE = /\.(?:sd-jwt|tlog-proof|json)$/;
/** A member holds 64 KiB, or one record that is longer by itself. */
const PLAIN_BYTES_MAX = 67_108_864;

/** Whether a text names an entry by its id or index. */
export function isEntryName(text: string): boolean {
  return INDEX.test(text) || uuid7Time(text) >= 0;
}

/** Whether a text names a file that holds an entry. */
export function isEntryFile(text: string): boolean {
  return ENTRY_FILE.test(text);
}

/**
 * Finds an entry in a store, whose history is judged valid up to it.
 *
 * @throws {@link SteleError} `entry_missing`.
 */
export async function entryOfStore(
  place: { readonly store: ObjectStore; readonly ledger: string },
  name: string,
): Promise<RecordedEntry> {
  const history = await History.open(place.store, place.ledger);
  const wanted = (batch: Batch): number => offsetIn(batch, name);
  for await (const part of history.batches((batch) => wanted(batch) >= 0)) {
    const offset = wanted(part.batch);
    const entry = part.batch.entries[offset];
    if (entry === undefined) continue;
    const { id = null } = entry.payload.pol ?? {};
    return {
      entry,
      index: part.batch.header.first + offset,
      decision: storedDecision(entry, part, offset),
      digest: id === null ? null : history.bundleDigest(id),
      checked: 'the history up to it is valid, and its record opens it in full',
    };
  }
  throw missing(`there is no entry ${name} in the ${history.head.size} of this ledger`);
}

/** Asks a gateway for an entry: as much of it as the policy discloses to this caller. */
export async function entryOfGateway(connection: Connection, name: string): Promise<RecordedEntry> {
  const response = await call(connection, {
    path: `entries/${encodeURIComponent(name)}`,
    accept: 'application/sd-jwt',
  });
  const index = INDEX.test(name) ? Number(name) : null;
  const checked = 'its disclosures open it; that it is in the log is the word of the gateway';
  return viewed(await response.text(), index, checked);
}

/** Reads an entry from a file: an SD-JWT, the entry beside a proof, or the JSON of `stele entry --json`. */
export async function entryOfFile(path: string): Promise<RecordedEntry> {
  const text = await readFile(path.replace(/\.tlog-proof$/, '.sd-jwt'), 'utf8').catch(() => {
    throw missing(`there is no file ${path.replace(/\.tlog-proof$/, '.sd-jwt')}`);
  });
  const checked = 'its disclosures open it; `stele verify` says whether it is in a log';
  try {
    return viewed(text.startsWith('{') ? sdJwtOf(text) : text.trim(), null, checked);
  } catch (error) {
    throw new MalformedError(
      `${path} holds no entry: ${caughtMalformed(error).message}`,
      'bad_entry',
    );
  }
}

/** The decision of an entry by what was disclosed of it. */
function viewed(sdJwt: string, index: number | null, checked: string): RecordedEntry {
  const { jws, disclosures } = parseSdJwt(sdJwt);
  const entry = parseEntry(entryBytes(jws));
  const decision =
    entry.payload._sd === undefined
      ? cannot('it has no record')
      : decisionOfView(outcomeOf(entry), openDisclosures(entry.payload, disclosures));
  return { entry, index, decision, digest: null, checked };
}

function sdJwtOf(text: string): string {
  let view: unknown;
  try {
    view = JSON.parse(text);
  } catch {
    throw new MalformedError('it is no JSON', 'not_json');
  }
  const { entry, disclosures } = view as { entry?: unknown; disclosures?: unknown };
  if (typeof entry !== 'string' || !Array.isArray(disclosures)) {
    throw new MalformedError('it has no entry with disclosures', 'bad_entry');
  }
  return [entry, ...(disclosures as readonly unknown[]).map(String), ''].join('~');
}

function storedDecision(
  entry: Entry,
  { batch, payloads }: HistoryBatch,
  offset: number,
): RecordedDecision | Reexecution {
  const { ret } = entry.payload;
  for (const { reference, bytes } of payloads) {
    if (reference.class !== ret.class || reference.mode !== ret.mode) continue;
    const range = memberRange(reference, offset);
    if (bytes === null || range === undefined) continue;
    const record = recordIn(bytes.subarray(range.start, range.end), entry.payload.jti);
    if (record === null) continue;
    if (checkFullOpening(entry.payload, record).ok)
      return decisionOfRecord(outcomeOf(entry), record);
    return cannot(`the record of batch ${batch.header.number} does not open the entry`);
  }
  return cannot('record is gone, or was never there');
}

function recordIn(member: Uint8Array, jti: string): StoredRecord | null {
  try {
    const text = gunzipSync(member, { maxOutputLength: PLAIN_BYTES_MAX }).toString('utf8');
    return findRecord(text, jti);
  } catch {
    return null;
  }
}

function outcomeOf({ payload }: Entry): { readonly entrypoint: string; readonly err?: string } {
  const { entrypoint = '', err } = payload.pol ?? {};
  return { entrypoint, ...(err === undefined ? {} : { err }) };
}

function offsetIn({ header, entries }: Batch, name: string): number {
  if (!INDEX.test(name)) return entries.findIndex(({ payload }) => payload.jti === name);
  const offset = Number(name) - header.first;
  return offset >= 0 && offset < entries.length ? offset : -1;
}

function missing(message: string): SteleError {
  return new SteleError('entry_missing', message, { disposition: 'fix-input' });
}
