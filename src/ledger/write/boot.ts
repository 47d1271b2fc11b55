/**
 * A boot: one life of a writer, with its own random id, its own counter from 0 and its own journal segments. It begins
 * with a `boot` entry, which is sealed before anything of the boot is acknowledged.
 */
import { toBase64Url } from '../../core/platform/bytes.ts';
import { entryPrefix, parseEntry } from '../../core/entry/entry.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';
import { isBeforeFinal } from '../../core/log/key-status.ts';
import { bootHead } from '../../core/log/state.ts';
import type { LogState } from '../../core/log/state.ts';
import { parseRecordLine } from '../journal/recovered.ts';
import type { LedgerContext } from '../context/context.ts';
import type { HaltError } from '../context/errors.ts';
import { Issuer } from '../journal/issuer.ts';
import { Journal } from '../journal/journal.ts';
import type { LogView } from '../log/view.ts';
import type { PendingEntries, PendingEntry } from '../journal/pending.ts';
import type { EntryDraft } from '../context/receipt.ts';
import { systemDraft } from './system-entry.ts';
import { ID_BYTES } from '../journal/writer-folder.ts';

/** The boot that issues now. */
export interface Boot {
  readonly id: string;
  readonly journal: Journal;
  readonly issuer: Issuer;
}

/** Where this writer stood when its last boot ended. */
export interface Lineage {
  /** The boot before and its last seq; null for a writer's first. */
  readonly last: { readonly boot: string; readonly seq: number } | null;
  /** Identity of the writer's last entry; `gen` where there is none. */
  readonly prev: string;
  /** Number for the first journal segment. */
  readonly firstSegment: number;
}

/** What a boot works with. */
export interface BootParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly pending: PendingEntries;
  /** Folder of journal segments. */
  readonly folder: string;
  readonly onFailure: (error: HaltError) => void;
  /** Somebody waits for the seal of an entry. */
  readonly onAwaited: () => void;
}

/**
 * Where a boot that begins now goes on: behind the last entry of this writer that is still to be sealed, or else behind
 * the last one in the log. What can never be sealed as it is, because a clone was faster, does not count.
 */
export function lineageOf({ context, view, pending }: BootParts, firstSegment: number): Lineage {
  const { state } = view;
  const waiting = [...pending.values()].filter((entry) => !isStranded(entry, state)).at(-1);
  if (waiting !== undefined) {
    const { boot, seq } = waiting.facts;
    return { last: { boot, seq }, prev: waiting.identity, firstSegment };
  }
  const boot = state.writers.get(context.writer)?.boot;
  const head = boot === undefined ? undefined : bootHead(state, context.writer, boot);
  if (head === undefined) return { last: null, prev: state.genesis.gen, firstSegment };
  return { last: { boot: head.boot, seq: head.seq }, prev: head.hash, firstSegment };
}

/**
 * Whether an entry can never be sealed as it is: the log has another one in its place, or a later one of its boot; or
 * its key was revoked, or retired before it.
 */
export function isStranded({ facts }: PendingEntry, state: LogState): boolean {
  const { kid, writer: id, boot, seq } = facts;
  const head = bootHead(state, id, boot);
  if (head !== undefined && seq <= head.seq) return true;
  const key = state.keys.get(kid);
  if (key?.status === 'revoked') return true;
  return key?.status === 'retired' && !isBeforeFinal(state, key, { id, boot, seq });
}

/** An id that the log does not know: a machine image may draw the same numbers twice. */
function newBootId({ context, view }: BootParts): string {
  for (;;) {
    const id = toBase64Url(context.random(ID_BYTES));
    if (bootHead(view.state, context.writer, id) === undefined) return id;
  }
}

/** Begins a boot. Nothing is written before its first entry. */
export function beginBoot(parts: BootParts, lineage: Lineage): Boot {
  const { context, view, pending } = parts;
  const { writer, writerSigner: signer } = context;
  const cert = context.writerCert.statement;
  const id = newBootId(parts);
  const { gen } = context.genesis;
  const place = {
    folder: parts.folder,
    boot: id,
    firstNumber: lineage.firstSegment,
    head: () => ({ writer, boot: id, gen, base: view.next, cert }),
  };
  const journal = new Journal(context.files, place, parts.onFailure);
  const issuer = new Issuer({
    signer,
    cert,
    writer,
    boot: id,
    journal,
    clock: context.clock,
    ledger: context.genesis,
    prev: lineage.prev,
    bounds: () => {
      const { limits, maxDecisionMs } = view.state.config;
      return { entryBytes: limits.entryBytes, maxDecisionMs };
    },
    base: () => view.next,
    onDurable: (entries) => {
      for (const entry of entries) pending.add(entry);
    },
    onAwaited: parts.onAwaited,
  });
  return { id, journal, issuer };
}

/** The first entry of a boot. */
export function bootDraft(
  { context, view }: BootParts,
  { last }: Lineage,
  policy: string | null,
): EntryDraft {
  return systemDraft(context, view.state.config, 'boot', {
    prevBoot: last?.boot ?? null,
    lastSeq: last?.seq ?? null,
    policy,
  });
}

/**
 * Issues entries again that can never be sealed as they are, under this boot and with the same id. What was
 * acknowledged names the reissue by `was`. The old ones go once the new ones are durable: a crash in between leaves
 * both in the journal, and the next start knows the pair by `was`.
 */
export async function reissue(
  { context, pending }: BootParts,
  boot: Boot,
  stranded: readonly PendingEntry[],
): Promise<void> {
  const again = stranded
    .map((old) => ({ old, payload: parseEntry(old.bytes).payload }))
    // Not those whose reissue is pending already, from a start that was cut short; and nobody waits for the first
    // entry of a boot that ended before it began.
    .filter(({ old, payload }) => {
      return pending.reissueOf(old.identity) === undefined && payload.kind !== 'boot';
    });
  const drafts = again.map(({ old, payload }) => reissueDraft(old, payload));
  if (drafts.length > 0) context.log.warn('entries_reissued', { entries: drafts.length });
  if (drafts.length > 0)
    await boot.issuer.issue(
      drafts,
      again.map(({ old }) => old),
    );
  for (const old of stranded) pending.drop(old.identity)?.segment.release();
}

function reissueDraft(old: PendingEntry, payload: EntryPayload): EntryDraft {
  const { jti, at, sby, ret, idk, idb } = payload;
  return {
    jti,
    at,
    sby,
    ret,
    prefix: entryPrefix(withoutPlace({ ...payload, was: old.identity })),
    record: parseRecordLine(old.record),
    ...(idk === undefined || idb === undefined ? {} : { idk, idb }),
  };
}

function withoutPlace(payload: EntryPayload): Omit<EntryPayload, 'wtr'> {
  return Object.fromEntries(
    Object.entries(payload).filter(([name]) => name !== 'wtr'),
  ) as unknown as Omit<EntryPayload, 'wtr'>;
}
