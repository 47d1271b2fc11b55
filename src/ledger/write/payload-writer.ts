/**
 * Payload objects: the records of one batch, one object for each retention class and mode, uploaded before the batch
 * that names them. Compressed once: what is hashed, sent and sent again are the same bytes.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sha256 } from '#platform';
import type { Orphan, PayloadReference } from '../../core/log/batch-header.ts';
import { concatBytes, equalBytes, toBase64Url } from '../../core/platform/bytes.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import { planMembers } from '../../core/log/payload-object.ts';
import { ObjectExistsError, StoreUnavailableError } from '../../storage/errors.ts';
import type { Retention } from '../../storage/object-store.ts';
import { retentionOf, wholeSecond } from '../../storage/retention.ts';
import { lockClock } from '../context/context.ts';
import type { LedgerContext } from '../context/context.ts';
import { HaltError } from '../context/errors.ts';
import { healLock } from '../log/heal.ts';
import type { PlannedPayload } from '../journal/records.ts';
import { GZIP_LEVEL, LOCK_MARGIN_MS } from '../context/limits.ts';
import type { PendingEntry } from '../journal/pending.ts';
import { oldestObject } from '../log/slot.ts';

/** A payload object ready to be uploaded. */
export interface PreparedPayload extends PlannedPayload {
  readonly bytes: Uint8Array;
  readonly members: [number, number][];
}

const PLAN_ID_BYTES = 16;
const compress = promisify(gzip);

/** Makes the payload objects of a batch whose leaves will be `entries`, in that order. */
export async function preparePayloads(
  context: LedgerContext,
  entries: readonly PendingEntry[],
): Promise<PreparedPayload[]> {
  const groups = new Map<string, { entry: PendingEntry; leaf: number }[]>();
  for (const [leaf, entry] of entries.entries()) {
    if (entry.record === null) continue;
    // A policy may choose a milder mode than its class; one object has one lock.
    const key = `${entry.ret.class} ${entry.ret.mode}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ entry, leaf }]);
    else group.push({ entry, leaf });
  }
  const id = toBase64Url(context.random(PLAN_ID_BYTES));
  const plans = [...groups.values()].map(async (group, i) => prepare(context, group, `${id}-${i}`));
  return Promise.all(plans);
}

async function prepare(
  context: LedgerContext,
  group: readonly { readonly entry: PendingEntry; readonly leaf: number }[],
  id: string,
): Promise<PreparedPayload> {
  const lines = group.map(({ entry }) => entry.record ?? new Uint8Array());
  const sizes = group.map(({ leaf }, i) => ({ leaf, bytes: lines[i]?.length ?? 0 }));
  const plan = planMembers(sizes);
  const packed = await Promise.all(
    plan.map(async ({ start, end }) =>
      compress(concatBytes(...lines.slice(start, end)), { level: GZIP_LEVEL }),
    ),
  );
  const members: [number, number][] = [];
  let offset = 0;
  for (const [i, { leaf }] of plan.entries()) {
    members.push([offset, leaf]);
    offset += packed[i]?.length ?? 0;
  }
  const bytes = concatBytes(...packed);
  const { ret } = group[0]?.entry ?? { ret: { class: '', mode: 'none' as const } };
  const now = lockClock(context);
  const date = new Date(now).toISOString().slice(0, 10);
  return {
    key: context.keys.payload(ret.class, date, id),
    sha256: parseSha256Hash(sha256(bytes)),
    size: bytes.length,
    bytes,
    class: ret.class,
    mode: ret.mode,
    retainUntil: ret.mode === 'none' ? null : lockDate(context, group, now),
    members,
  };
}

/** The latest date that a record asks for. One that an event will start is held at least as long as its batch. */
function lockDate(
  context: LedgerContext,
  group: readonly { readonly entry: PendingEntry }[],
  now: number,
): number {
  const floor = now + context.genesis.batchLock.days * DAY_MS;
  const dates = group.map(({ entry }) => entry.ret.until ?? floor);
  return wholeSecond(Math.max(now + LOCK_MARGIN_MS, ...dates));
}

const DAY_MS = 86_400_000;

/**
 * Uploads a payload object and locks it. Safe to call again after any failure: its key is random, so whatever is there
 * is an earlier attempt of ours, or somebody's tampering, which stops everything.
 *
 * @returns How the batch refers to it.
 */
export async function uploadPayload(
  context: LedgerContext,
  payload: PreparedPayload,
): Promise<PayloadReference> {
  const retention = retentionOf(payload);
  const versionId = await putPayload(context, payload, retention);
  await healLock(context, payload.key, versionId, retention);
  return referenceOf(payload, versionId);
}

async function putPayload(
  { store }: LedgerContext,
  { key, bytes }: PreparedPayload,
  retention: Retention | null,
): Promise<string> {
  try {
    const contentType = 'application/gzip';
    return (await store.putNew(key, bytes, { retention, contentType })).versionId;
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  const oldest = oldestObject(await store.listVersions(key));
  if (oldest === undefined) throw unclear(key);
  const { versionId } = oldest;
  // One byte more than was written shows that there is more.
  const range = { start: 0, end: bytes.length + 1 };
  const found = await store.get(key, { versionId, range });
  if (found !== null && equalBytes(found.bytes, bytes)) return versionId;
  // A torn answer is no tampering: what is read twice alike, and as long as it was listed, is what is there.
  const again = await store.get(key, { versionId, range });
  if (found === null || again === null) throw unclear(key);
  if (found.bytes.length !== Math.min(oldest.size, range.end)) throw unclear(key);
  if (!equalBytes(found.bytes, again.bytes)) throw unclear(key);
  throw new HaltError('ledger_corrupt', `${key} does not hold what was written there`);
}

function unclear(key: string): StoreUnavailableError {
  return new StoreUnavailableError(`${key} exists and cannot be read as it was written`);
}

function referenceOf(payload: PreparedPayload, versionId: string): PayloadReference {
  const { key, size, mode, retainUntil, members } = payload;
  const sha = toBase64Url(payload.sha256);
  return { key, versionId, size, sha256: sha, class: payload.class, mode, retainUntil, members };
}

/**
 * Looks for the payload objects of plans that never became batches: what is there is locked and nobody refers to it.
 * @returns Those found, to be listed in the next batch.
 */
export async function findOrphans(
  context: LedgerContext,
  plans: readonly PlannedPayload[],
): Promise<Orphan[]> {
  const found = await Promise.all(plans.map(async (plan) => findOrphan(context, plan)));
  return found.flatMap((orphan) => orphan ?? []);
}

async function findOrphan(
  { store }: LedgerContext,
  { key, sha256: hash, size, class: name, mode, retainUntil }: PlannedPayload,
): Promise<Orphan | null> {
  const oldest = oldestObject(await store.listVersions(key));
  if (oldest === undefined) return null;
  const { versionId } = oldest;
  return { key, versionId, size, sha256: toBase64Url(hash), class: name, mode, retainUntil };
}
