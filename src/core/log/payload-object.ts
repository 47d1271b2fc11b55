/**
 * Layout of payload objects: records as lines of NDJSON, cut into gzip members of bounded size, so that one record is
 * one ranged read. Compression is the ledger's; hashes are over the stored bytes. `docs/formats.md`, "Payload objects".
 */
import type { PayloadReference } from './batch-header.ts';

/** Most plain bytes of a gzip member. A line that is longer by itself has a member of its own. */
export const MEMBER_BYTES_MAX = 65_536;

/** One record to be stored. */
export interface RecordLine {
  /** Offset of its leaf in the batch. */
  readonly leaf: number;
  /** Bytes of its line, line end included. */
  readonly bytes: number;
}

/** Lines of one gzip member: from `start` to before `end` of the list that was given. */
export interface MemberPlan {
  readonly start: number;
  readonly end: number;
  /** Offset in the batch of the leaf of its first line. */
  readonly leaf: number;
}

/** A range of stored bytes, the end excluded. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts lines into members: each takes as many whole lines as fit {@link MEMBER_BYTES_MAX}, at least one.
 * @param lines - In the order of their leaves.
 */
export function planMembers(lines: readonly RecordLine[]): MemberPlan[] {
  const members: { start: number; end: number; leaf: number }[] = [];
  let filled = 0;
  for (const [i, { leaf, bytes }] of lines.entries()) {
    const member = members.at(-1);
    if (member === undefined || filled + bytes > MEMBER_BYTES_MAX) {
      members.push({ start: i, end: i + 1, leaf });
      filled = bytes;
    } else {
      member.end = i + 1;
      filled += bytes;
    }
  }
  return members;
}

/**
 * The stored bytes that hold the record of a leaf, if this object has one at all: the last member that begins at or
 * before it. Which line it is, its `jti` says.
 */
export function memberRange(
  payload: Pick<PayloadReference, 'members' | 'size'>,
  leaf: number,
): ByteRange | undefined {
  const after = payload.members.findIndex(([, first]) => first > leaf);
  const at = (after < 0 ? payload.members.length : after) - 1;
  const start = payload.members[at]?.[0];
  if (start === undefined) return undefined;
  return { start, end: payload.members[at + 1]?.[0] ?? payload.size };
}

/** What is wrong with the index of a payload object; undefined where nothing is. */
export function membersFault(
  { members, size }: Pick<PayloadReference, 'members' | 'size'>,
  leaves: number,
): string | undefined {
  if (members[0]?.[0] !== 0) return 'first member does not begin at 0';
  for (const [i, [byte, leaf]] of members.entries()) {
    const [lastByte, lastLeaf] = members[i - 1] ?? [-1, -1];
    if (byte <= lastByte || leaf <= lastLeaf) return `member ${i} is not after the one before`;
    if (byte >= size || leaf >= leaves) return `member ${i} begins past the end`;
  }
  return undefined;
}
