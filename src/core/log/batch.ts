/**
 * The batch object: a signed header line, then the leaves in the framing of a C2SP entry bundle. Parsing checks form
 * only; whether a batch is valid at its place in the log says `applyBatch` of `state.ts`.
 */
import { sha256, sha256Base64Url } from '#platform';
import { BATCH_TYP, parseBatchHeader } from './batch-header.ts';
import type { BatchHeader } from './batch-header.ts';
import { concatBytes, parseUint, utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { checkControl } from '../ledger/ctl.ts';
import { parseEntry } from '../entry/entry.ts';
import type { Entry } from '../entry/entry.ts';
import { MalformedError } from '../errors.ts';
import type { LedgerLimits } from '../ledger/genesis.ts';
import { parseSha256Hash } from '../tree/hash.ts';
import type { Sha256Hash } from '../tree/hash.ts';
import { signJws } from '../json/jws.ts';
import type { JwsSigner } from '../json/jws.ts';
import { frameEntries } from '../tree/tile.ts';

/** A batch object in its parts. Its header is of the right shape; nothing is verified. */
export interface Batch {
  readonly header: BatchHeader;
  /** Views into `bytes`. */
  readonly leaves: readonly Uint8Array[];
  /** The leaves, parsed; entry `i` has leaf index `header.first + i`. */
  readonly entries: readonly Entry[];
  readonly bytes: Uint8Array;
  readonly sha256: Sha256Hash;
}

/** A batch object cut into its header line and its leaves; nothing of either is judged. */
export interface BatchFrame {
  readonly headerLine: string;
  /** Views into the object's bytes. */
  readonly leaves: readonly Uint8Array[];
}

const LF = 0x0a;

/** Bounds of what is read where no genesis is at hand: the largest that a genesis may allow. */
export const widestLimits: LedgerLimits = {
  batchEntries: 32_768,
  batchBytes: 1_073_741_824,
  headerBytes: 16_777_216,
  entryBytes: 65_535,
};

/**
 * Cuts a batch object at its frames.
 *
 * @param limits - The ledger's; sizes are rules of validity.
 * @throws {@link MalformedError} `bad_framing` or `over_limit`.
 */
export function frameBatch(bytes: Uint8Array, limits: LedgerLimits): BatchFrame {
  checkLimit('batch', bytes.length, limits.batchBytes);
  const end = bytes.indexOf(LF);
  if (end < 0) throw new MalformedError('batch has no header line', 'bad_framing');
  checkLimit('batch header', end, limits.headerBytes);
  const leaves: Uint8Array[] = [];
  for (let at = end + 1; at < bytes.length;) {
    const length = parseUint(bytes.subarray(at, at + 2));
    checkLimit(`leaf ${leaves.length}`, length, limits.entryBytes);
    const next = at + 2 + length;
    if (length === 0 || next > bytes.length) {
      throw new MalformedError(`leaf ${leaves.length} is cut off or empty`, 'bad_framing');
    }
    leaves.push(bytes.subarray(at + 2, next));
    checkLimit('number of leaves', leaves.length, limits.batchEntries);
    at = next;
  }
  return { headerLine: utf8Text(bytes.subarray(0, end)), leaves };
}

/**
 * Parses a batch object with all its entries.
 *
 * @throws {@link MalformedError} of {@link frameBatch}, of the header or of the first leaf that is no entry.
 */
export function parseBatch(bytes: Uint8Array, limits: LedgerLimits = widestLimits): Batch {
  const { headerLine, leaves } = frameBatch(bytes, limits);
  const { header } = parseBatchHeader(headerLine);
  const entries = leaves.map((leaf) => parseEntry(leaf, checkControl));
  return { header, leaves, entries, bytes, sha256: parseSha256Hash(sha256(bytes)) };
}

/** The hash of a section: over the framed bytes of its leaves, base64url. */
export function sectionHash(leaves: readonly Uint8Array[]): string {
  return sha256Base64Url(frameEntries(leaves));
}

/**
 * Signs a header and puts the leaves behind it.
 *
 * @param header - Of `planBatch`; not checked again.
 * @param signer - The key of the writer that the header names.
 */
export async function encodeBatch(
  header: BatchHeader,
  leaves: readonly Uint8Array[],
  signer: JwsSigner,
): Promise<Uint8Array> {
  const line = await signJws(BATCH_TYP, header, signer);
  return concatBytes(utf8Bytes(`${line}\n`), frameEntries(leaves));
}

function checkLimit(what: string, value: number, limit: number): void {
  if (value > limit)
    throw new MalformedError(`${what} is ${value}, at most ${limit}`, 'over_limit');
}
