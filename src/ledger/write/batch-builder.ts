/**
 * From pending entries to a batch object: which entries, their payload objects, the header. What is prepared survives a
 * lost slot, so that nothing is compressed or uploaded twice; what is built belongs to one slot.
 */
import type { Orphan, PayloadReference } from '../../core/log/batch-header.ts';
import { encodeBatch } from '../../core/log/batch.ts';
import { planBatch } from '../../core/log/batch-plan.ts';
import { toBase64Url } from '../../core/platform/bytes.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import { retentionOf, wholeSecond } from '../../storage/retention.ts';
import type { BuiltBatch } from './commit.ts';
import { lockClock } from '../context/context.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError, NotTakenError } from '../context/errors.ts';
import { planRecord } from '../journal/records.ts';
import { judgeOwnBatch } from '../log/judged-batch.ts';
import type { Journal } from '../journal/journal.ts';
import {
  BATCH_RECORD_BYTES_MAX,
  LOCK_MARGIN_MS,
  ORPHANS_LISTED_MAX,
  REFERENCE_BYTES_MAX,
} from '../context/limits.ts';
import type { LogView } from '../log/view.ts';
import { preparePayloads, uploadPayload } from './payload-writer.ts';
import type { PreparedPayload } from './payload-writer.ts';
import type { PendingEntries, PendingEntry } from '../journal/pending.ts';
import type { Segment } from '../journal/segment.ts';

const DAY_MS = 86_400_000;
const BATCH_ID_BYTES = 16;
/** Members of a header that are always there, with the own certificates and a checkpoint, and as many orphans. */
const HEADER_FIXED_BYTES = 8192 + ORPHANS_LISTED_MAX * REFERENCE_BYTES_MAX;
const BASE64_GROWTH = 4 / 3;

/** Entries of a batch to be, with their payload objects. */
export interface PreparedBatch {
  readonly entries: readonly PendingEntry[];
  readonly payloads: readonly PreparedPayload[];
  /** The journal's file with the plan; null where there is nothing to upload. */
  readonly plan: Segment | null;
  /** Set when all payload objects are in the store. */
  references: readonly PayloadReference[] | null;
}

/** What goes into a header besides the entries. */
export interface HeaderExtras {
  readonly boot: string;
  readonly orphans: readonly Orphan[];
  /** Signed notes of earlier sizes. */
  readonly checkpoints: readonly string[];
}

/** Takes the first pending entries that fit a batch, and makes and journals their payload objects. */
export async function prepareBatch(
  context: LedgerContext,
  view: LogView,
  pending: PendingEntries,
  journal: Journal,
): Promise<PreparedBatch> {
  const { limits } = view.state.config;
  const headerBytes = Math.min(limits.headerBytes, limits.batchBytes / 4);
  const entries = pending.first({
    entries: limits.batchEntries,
    leafBytes: limits.batchBytes - headerBytes,
    recordBytes: BATCH_RECORD_BYTES_MAX,
    headerBytes: headerBytes / BASE64_GROWTH - HEADER_FIXED_BYTES,
  });
  const payloads = await preparePayloads(context, entries);
  // Before the upload: a crash after it would leave locked objects that nobody knows.
  const plan = payloads.length === 0 ? null : await journal.append([planRecord(payloads)]);
  return { entries, payloads, plan, references: null };
}

/** Uploads what is not yet in the store. May be called again after any failure. */
export async function uploadPayloads(
  context: LedgerContext,
  prepared: PreparedBatch,
): Promise<readonly PayloadReference[]> {
  prepared.references ??= await Promise.all(
    prepared.payloads.map(async (payload) => uploadPayload(context, payload)),
  );
  return prepared.references;
}

/**
 * Builds the batch object for the next slot, and judges it as every reader will.
 * @throws {@link HaltError} `batch_refused` when it would not be valid: then our key is not, or we have a bug.
 */
export async function buildBatch(
  context: LedgerContext,
  view: LogView,
  prepared: PreparedBatch,
  extras: HeaderExtras,
): Promise<BuiltBatch> {
  const { entries, references } = prepared;
  const { mode, retainUntil } = batchLock(context, view, entries);
  const plan = planBatch(view.state, {
    id: toBase64Url(context.random(BATCH_ID_BYTES)),
    writer: { id: context.writer, boot: extras.boot },
    certs: certificatesOf(context, view, entries, extras),
    leaves: entries.map(({ bytes, facts }) => ({ ...facts, bytes })),
    voids: view.voids,
    payloads: references ?? [],
    orphans: extras.orphans,
    checkpoints: extras.checkpoints,
    time: context.clock(),
    mode,
    retainUntil,
  });
  const leaves = entries.map((entry) => entry.bytes);
  const bytes = await encodeBatch(plan.header, leaves, context.writerSigner).catch(
    (cause: unknown) => {
      throw new NotTakenError('signer_unavailable', 'the writer key could not be used', cause);
    },
  );
  const { number } = plan.header;
  const verdict = judgeOwnBatch(view.state, plan, bytes, entries);
  if (!verdict.ok) {
    throw new HaltError(
      'batch_refused',
      `own batch ${number}: ${verdict.reason}, ${verdict.detail}`,
    );
  }
  return { number, bytes, verdict, retention: retentionOf({ mode, retainUntil }) };
}

/** Locked as long as genesis wants of batches, and as long as any record that hangs on it. */
function batchLock(context: LedgerContext, view: LogView, entries: readonly PendingEntry[]) {
  const { mode, days } = view.state.config.batchLock;
  if (mode === 'none') return { mode, retainUntil: null };
  const now = lockClock(context);
  let until = now + Math.max(days * DAY_MS, LOCK_MARGIN_MS);
  for (const { ret } of entries) until = Math.max(until, ret.until ?? 0);
  return { mode, retainUntil: wholeSecond(until) };
}

/** Of the keys in the batch; and of the own checkpoint key, before anybody sees a checkpoint by it. */
function certificatesOf(
  context: LedgerContext,
  { state }: LogView,
  entries: readonly PendingEntry[],
  { checkpoints }: HeaderExtras,
): Statement[] {
  const { writerCert, checkpointCert } = context;
  const byKid = new Map<string, Statement>([[writerCert.kid, writerCert.statement]]);
  const isNamed = state.keys.get(checkpointCert.kid) !== undefined;
  if (checkpoints.length > 0 || !isNamed) byKid.set(checkpointCert.kid, checkpointCert.statement);
  for (const { facts, cert } of entries) {
    if (!byKid.has(facts.kid)) byKid.set(facts.kid, cert);
  }
  return [...byKid.values()];
}
