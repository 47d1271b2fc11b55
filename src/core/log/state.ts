/**
 * Validity of a batch: a pure function of its bytes and of the valid batches before it, never of a clock, a lock or a
 * setting, so that all readers of one bucket see one log. Exactly eight checks, in this order; whatever else may be
 * wrong with a batch is a finding (`verify/findings.ts`) and never a reason to fork. `docs/formats.md`, "Validity".
 */
import { sha256 } from '#platform';
import { frameBatch } from './batch.ts';
import type { Batch, BatchFrame } from './batch.ts';
import {
  checkIdentity,
  checkIds,
  checkLeaves,
  checkPrevious,
  checkSections,
  checkTree,
} from './batch-checks.ts';
import { BATCH_TYP, parseBatchHeader } from './batch-header.ts';
import type { BatchHeader } from './batch-header.ts';
import { checkControl } from '../ledger/ctl.ts';
import { parseEntry } from '../entry/entry.ts';
import type { Entry } from '../entry/entry.ts';
import { MalformedError } from '../errors.ts';
import { hashLeaf, parseSha256Hash } from '../tree/hash.ts';
import type { LeafHash } from '../tree/hash.ts';
import { jwkThumbprint, parseJws, parsePublicJwk, verifyJws } from '../json/jws.ts';
import type { ParsedJws } from '../json/jws.ts';
import { readCertificates, refuseHeaderKey, refuseLeafKey } from './key-status.ts';
import type { Certificates } from './key-status.ts';
import { advance } from './effects.ts';
import type { LogState } from '../ledger/log-position.ts';
import { isNewerFormat } from '../json/newer-format.ts';
import { caughtMalformed } from '../entry/schema.ts';
import { CertificateSchema } from '../ledger/statement.ts';
import type { Statement } from '../ledger/statement.ts';
import { extendEdge } from '../tree/tree.ts';

export { bootHead, bootKey, entryIdentity, initialState } from '../ledger/log-position.ts';
export type {
  Activation,
  Alarm,
  BootHead,
  KeyRecord,
  LogState,
  WriterHead,
} from '../ledger/log-position.ts';

/** The eight checks, by the code of their refusal and in their order. */
export const refusalCodes = [
  'invalid_framing',
  'invalid_header',
  'invalid_key',
  'invalid_previous',
  'invalid_sections',
  'invalid_tree',
  'invalid_leaves',
  'invalid_ids',
] as const;

/** Which check a batch did not pass. */
export type RefusalCode = (typeof refusalCodes)[number];

/** Why a batch is not valid here. */
export interface Refusal {
  readonly ok: false;
  readonly reason: RefusalCode;
  readonly detail: string;
  /**
   * Whether a certified key signed what this version cannot read. Such a batch is not void: a reader must stop here
   * and be replaced by a newer one.
   */
  readonly stop: boolean;
}

/** A valid batch and the state of the log after it. */
export interface Acceptance {
  readonly ok: true;
  readonly state: LogState;
  readonly batch: Batch;
  /** Of the leaves, in order: what tiles are made from. */
  readonly leafHashes: readonly LeafHash[];
}

/** What is known of a batch object beside its bytes. */
export interface BatchPlace {
  /** The number in its key. Without it any number that follows is let through. */
  readonly number?: number;
}

type Parsed = Entry | MalformedError;

/**
 * Judges the bytes of a batch against the log before it.
 *
 * @param versionId - Version of the object, kept for the next batch's `previous`; null where there is none. It does
 *   not bear on validity.
 * @returns The next state, or the first check that fails. Costs one hash a leaf, one signature a batch, and those of
 *   certificates that are new; leaf signatures are no part of validity.
 */
export function applyBatch(
  state: LogState,
  bytes: Uint8Array,
  versionId: string | null,
  place: BatchPlace = {},
): Acceptance | Refusal {
  let frame: BatchFrame;
  try {
    frame = frameBatch(bytes, state.config.limits);
  } catch (error) {
    return refusal('invalid_framing', error);
  }
  let parsed: { jws: ParsedJws; header: BatchHeader };
  try {
    parsed = parseBatchHeader(frame.headerLine);
  } catch (error) {
    const newer = isNewerFormat(caughtMalformed(error));
    return refusal('invalid_header', error, newer && isCertified(state, frame.headerLine));
  }
  const unsigned = refuseSignature(parsed) ?? checkIdentity(state, parsed.header, place.number);
  if (unsigned !== undefined) return refusal('invalid_header', unsigned);
  return applyHeader(state, { ...parsed, ...frame, bytes, versionId });
}

interface Candidate extends BatchFrame {
  readonly jws: ParsedJws;
  readonly header: BatchHeader;
  readonly bytes: Uint8Array;
  readonly versionId: string | null;
}

/** Checks 3 to 8. */
function applyHeader(state: LogState, candidate: Candidate): Acceptance | Refusal {
  const { jws, header, leaves, bytes, versionId } = candidate;
  const parsed = leaves.map(parseLeaf);
  let certificates: Certificates;
  try {
    certificates = readCertificates(state, header.certs);
  } catch (error) {
    return refusal('invalid_key', error);
  }
  const keyFault =
    refuseHeaderKey(state, header, jws.header.kid, certificates) ??
    refuseKeys(state, header, parsed, certificates);
  if (keyFault !== undefined) return refusal('invalid_key', keyFault);
  const previousFault = checkPrevious(state, header);
  if (previousFault !== undefined) return refusal('invalid_previous', previousFault);
  const sectionFault = checkSections(header, leaves);
  if (sectionFault !== undefined) return refusal('invalid_sections', sectionFault);
  const leafHashes = leaves.map(hashLeaf);
  const edge = extendEdge(state.edge, leafHashes);
  const treeFault = checkTree(state, header, leaves.length, edge);
  if (treeFault !== undefined) return refusal('invalid_tree', treeFault);
  // A leaf of a later version says *stop*, whatever garbage stands before it.
  const faults = parsed.filter((entry) => entry instanceof MalformedError);
  const malformed = faults.find(isNewerFormat) ?? faults[0];
  if (malformed !== undefined)
    return refusal('invalid_leaves', malformed, isNewerFormat(malformed));
  const entries = parsed as readonly Entry[];
  const leafFault = checkLeaves(state, header, entries);
  if (leafFault !== undefined) return refusal('invalid_leaves', leafFault);
  const idFault = checkIds(entries);
  if (idFault !== undefined) return refusal('invalid_ids', idFault);
  const hash = parseSha256Hash(sha256(bytes));
  const valid = { header, entries, certificates, edge, sha256: hash, versionId };
  try {
    const batch: Batch = { header, leaves, entries, bytes, sha256: hash };
    return { ok: true, state: advance(state, valid), batch, leafHashes };
  } catch (error) {
    return refusal('invalid_leaves', error, true);
  }
}

/** Check 3 for the leaves. A leaf that is no entry has no key; check 7 says so. */
function refuseKeys(
  state: LogState,
  header: BatchHeader,
  parsed: readonly Parsed[],
  certificates: Certificates,
): string | undefined {
  const { late } = header;
  for (const [i, offset] of late.entries()) {
    if (offset >= parsed.length || offset <= (late[i - 1] ?? -1))
      return 'late is not a list of leaves';
  }
  const lateLeaves = new Set(late);
  for (const [offset, entry] of parsed.entries()) {
    if (entry instanceof MalformedError) continue;
    const fault = refuseLeafKey(state, entry, lateLeaves.has(offset), certificates);
    if (fault !== undefined) return `leaf ${offset}: ${fault}`;
  }
  return undefined;
}

/** The header's signature, by the key of its own certificates; that these are good is check 3. */
function refuseSignature({ jws, header }: Pick<Candidate, 'jws' | 'header'>): string | undefined {
  return verifiesBy(jws, header.certs)
    ? undefined
    : 'signature does not verify by a certificate in it';
}

function verifiesBy(jws: ParsedJws, statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    const claimed = claimedCertificate(statement, jws.header.kid);
    return claimed !== undefined && verifyJws(jws, claimed.jwk, claimed.alg);
  });
}

/** What a statement claims of the key `kid`; that it stands is check 3. Undefined where it is about another. */
function claimedCertificate(statement: Statement, kid: string) {
  try {
    const [text = ''] = statement;
    const fields = CertificateSchema.parse(parseJws(text, 'stele-cert+jwt').payload);
    // Soundness of a key costs 2 ms, and whoever can write to the store can claim any number of keys.
    if (jwkThumbprint(fields.jwk) !== kid) return undefined;
    return { ...fields, jwk: parsePublicJwk(fields.jwk) };
  } catch {
    return undefined;
  }
}

/** Whether a header that this version cannot read is signed by a key that may sign batches here. */
function isCertified(state: LogState, headerLine: string): boolean {
  const jws = parseJws(headerLine, BATCH_TYP);
  const record = state.keys.get(jws.header.kid);
  if (record !== undefined) {
    const { certificate, status } = record;
    if (status !== 'certified' || certificate?.use !== 'writer') return false;
    return verifyJws(jws, certificate.jwk, certificate.alg);
  }
  return certifiesItself(state, jws);
}

function certifiesItself(state: LogState, jws: ParsedJws): boolean {
  const certs = (jws.payload as { certs?: unknown }).certs;
  try {
    const statements = Array.isArray(certs) ? (certs as Statement[]) : [];
    const certificate = readCertificates(state, statements).get(jws.header.kid);
    return certificate?.use === 'writer' && verifyJws(jws, certificate.jwk, certificate.alg);
  } catch {
    return false;
  }
}

function parseLeaf(leaf: Uint8Array): Parsed {
  try {
    return parseEntry(leaf, checkControl);
  } catch (error) {
    return caughtMalformed(error);
  }
}

function refusal(reason: RefusalCode, cause: unknown, stop = false): Refusal {
  if (typeof cause === 'string') return { ok: false, reason, detail: cause, stop };
  const { code, message } = caughtMalformed(cause);
  return { ok: false, reason, detail: `${code}: ${message}`, stop };
}
