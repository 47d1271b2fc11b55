/** What earlier boots left in the journal, as pending entries. */
import { utf8Text } from '../../core/platform/bytes.ts';
import { leafFacts } from '../../core/log/batch-plan.ts';
import { parseEntry } from '../../core/entry/entry.ts';
import { entryIdentity } from '../../core/log/state.ts';
import type { JournalledEntry } from './records.ts';
import type { PendingEntry } from './pending.ts';
import type { TakenSegment } from './writer-folder.ts';

/** All entries of taken segments, in the order in which they were issued. */
export function recoveredEntries(segments: readonly TakenSegment[], nowMs: number): PendingEntry[] {
  return segments.flatMap((taken) =>
    taken.entries.map((entry) => recoveredEntry(taken, entry, nowMs)),
  );
}

function recoveredEntry(
  { head, segment }: TakenSegment,
  { jws, record }: JournalledEntry,
  sinceMs: number,
): PendingEntry {
  const entry = parseEntry(jws);
  const { jti, at, ret, idk = null, was = null } = entry.payload;
  return {
    identity: entryIdentity(entry),
    facts: leafFacts(entry),
    bytes: jws,
    record,
    jti,
    at,
    ret,
    idk,
    was,
    cert: head.cert,
    segment,
    sinceMs,
    base: head.base,
    receipt: null,
    checked: false,
  };
}

/** The line of a pending record as text. */
export function parseRecordLine(record: Uint8Array | null): string | null {
  return record === null ? null : utf8Text(record);
}
