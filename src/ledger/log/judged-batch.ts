/**
 * A batch that was found valid, reduced to what learning it needs. Foreign batches, and most of our own, are judged as
 * every reader judges them. A large batch of entries that this process has checked one by one, when it issued them, is
 * put together instead: parsing them all again would cost more than everything else that sealing does (measured).
 */
import type { BatchHeader } from '../../core/log/batch-header.ts';
import type { BatchPlan } from '../../core/log/batch-plan.ts';
import { assert, MalformedError } from '../../core/errors.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import type { LeafHash } from '../../core/tree/hash.ts';
import { readCertificates, refuseHeaderKey, refuseLeafKey } from '../../core/log/key-status.ts';
import type { Certificates } from '../../core/log/key-status.ts';
import { advance } from '../../core/log/effects.ts';
import { applyBatch, bootHead, bootKey, entryIdentity } from '../../core/log/state.ts';
import type { LogState, Refusal } from '../../core/log/state.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { sha256 } from '#platform';
import { JUDGED_ENTRIES_MAX } from '../context/limits.ts';
import type { PendingEntry } from '../journal/pending.ts';

/** What learning needs of a leaf. */
export interface LearntLeaf {
  /** SHA-256 of its signing input, base64url. */
  readonly identity: string;
  readonly jti: string;
  readonly at: number;
  readonly writer: string;
  readonly boot: string;
  readonly seq: number;
  readonly idk: string | undefined;
  readonly idb: string | undefined;
  readonly was: string | undefined;
}

/** A valid batch in its place, and the log after it. */
export interface JudgedBatch {
  readonly ok: true;
  readonly header: BatchHeader;
  /** Bytes of the leaves. */
  readonly leaves: readonly Uint8Array[];
  readonly facts: readonly LearntLeaf[];
  readonly leafHashes: readonly LeafHash[];
  readonly state: LogState;
}

/** Judges bytes as the batch `number` that follows `state`, by all eight checks. */
export function judgeBatch(
  state: LogState,
  number: number,
  bytes: Uint8Array,
): JudgedBatch | Refusal {
  const verdict = applyBatch(state, bytes, '', { number });
  if (!verdict.ok) return verdict;
  const { header, leaves, entries } = verdict.batch;
  const { leafHashes } = verdict;
  return {
    ok: true,
    header,
    leaves,
    facts: entries.map(factsOf),
    leafHashes,
    state: verdict.state,
  };
}

/** Judges a batch that this process has built. */
export function judgeOwnBatch(
  state: LogState,
  plan: BatchPlan,
  bytes: Uint8Array,
  entries: readonly PendingEntry[],
): JudgedBatch | Refusal {
  const known = entries.every(({ checked, facts }) => checked && !facts.control);
  return known && entries.length > JUDGED_ENTRIES_MAX
    ? putTogether(state, plan, bytes, entries)
    : judgeBatch(state, plan.header.number, bytes);
}

/** The checks that depend on the log before it; form, sections and tree are of our own making a moment ago. */
function putTogether(
  state: LogState,
  { header, edge, leafHashes }: BatchPlan,
  bytes: Uint8Array,
  pending: readonly PendingEntry[],
): JudgedBatch | Refusal {
  const { limits } = state.config;
  const headerBytes = bytes.indexOf(LF);
  if (bytes.length > limits.batchBytes || headerBytes > limits.headerBytes) {
    return refused('invalid_framing', `${bytes.length} bytes, ${headerBytes} of them header`);
  }
  try {
    const certificates = readCertificates(state, header.certs);
    const entries = pending.map((entry) => lightEntry(entry, certificates));
    const [first] = entries;
    assert(first !== undefined, 'a large batch has entries');
    const fault =
      refuseHeaderKey(state, header, first.header.kid, certificates) ??
      refuseLeafKey(state, first, header.late.length > 0, certificates);
    if (fault !== undefined) return refused('invalid_key', fault);
    assertAscending(state, pending);
    const hash = parseSha256Hash(sha256(bytes));
    const valid = { header, entries, certificates, edge, sha256: hash, versionId: '' };
    const leaves = pending.map((entry) => entry.bytes);
    const facts = pending.map(pendingFacts);
    return { ok: true, header, leaves, facts, leafHashes, state: advance(state, valid) };
  } catch (error) {
    if (error instanceof MalformedError) return refused('invalid_key', error.message);
    throw error;
  }
}

const LF = 0x0a;

function refused(reason: Refusal['reason'], detail: string): Refusal {
  return { ok: false, reason, detail, stop: false };
}

/** All entries of one boot and key, in the order of their numbers, and behind what the log has of the boot. */
function assertAscending(state: LogState, pending: readonly PendingEntry[]): void {
  const [first] = pending;
  assert(first !== undefined, 'a large batch has entries');
  const { writer, boot, kid } = first.facts;
  let last = bootHead(state, writer, boot)?.seq ?? -1;
  for (const { facts } of pending) {
    const same = bootKey(facts.writer, facts.boot) === bootKey(writer, boot) && facts.kid === kid;
    assert(same && facts.seq > last, 'entries of one boot are sealed in their order');
    last = facts.seq;
  }
}

/** What the state of the log takes from an entry without facts in clear. */
function lightEntry({ facts, at, bytes, jti }: PendingEntry, certificates: Certificates): Entry {
  const wtr = { id: facts.writer, boot: facts.boot, seq: facts.seq, prev: '' };
  return {
    // The issuer signed with the algorithm of its key's certificate.
    header: { kid: facts.kid, alg: certificates.get(facts.kid)?.alg },
    payload: { kind: 'event', jti, at, wtr },
    // Asked of the last entry only.
    get signingInput() {
      const jws = utf8Text(bytes);
      return jws.slice(0, jws.lastIndexOf('.'));
    },
  } as unknown as Entry;
}

/** What learning needs of a parsed leaf. */
export function factsOf(entry: Entry): LearntLeaf {
  const { jti, at, wtr, idk, idb, was } = entry.payload;
  const { id: writer, boot, seq } = wtr;
  return { identity: entryIdentity(entry), jti, at, writer, boot, seq, idk, idb, was };
}

function pendingFacts({ identity, jti, at, facts, was }: PendingEntry): LearntLeaf {
  const { writer, boot, seq } = facts;
  // Its idempotency identity is known since it was appended.
  const rest = { idk: undefined, idb: undefined, was: was ?? undefined };
  return { identity, jti, at, writer, boot, seq, ...rest };
}
