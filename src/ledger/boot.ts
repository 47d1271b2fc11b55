/**
 * A boot: one life of a writer, with its own random id, its own counter from 0 and its own journal segments. It begins
 * with a `boot` entry, which is sealed before anything of the boot is acknowledged.
 */
import { toBase64Url } from '../core/bytes.ts';
import { entryPrefix, parseEntry } from '../core/entry.ts';
import type { EntryPayload } from '../core/entry.ts';
import { parseRecordLine } from './recovered.ts';
import type { LedgerContext } from './context.ts';
import type { HaltError } from './errors.ts';
import { Issuer } from './issuer.ts';
import { Journal } from './journal.ts';
import type { LogView } from './log-view.ts';
import type { PendingEntries, PendingEntry } from './pending.ts';
import type { EntryDraft } from './receipt.ts';
import { systemDraft } from './system-entry.ts';
import { ID_BYTES } from './writer-folder.ts';

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
}

/** Begins a boot. Nothing is written before its first entry. */
export function beginBoot(parts: BootParts, lineage: Lineage): Boot {
  const { context, view, pending } = parts;
  const { writer, writerSigner: signer } = context;
  const cert = context.writerCert.statement;
  const id = toBase64Url(context.random(ID_BYTES));
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
    prev: lineage.prev,
    bounds: () => {
      const { limits, maxDecisionMs } = view.state.config;
      return { entryBytes: limits.entryBytes, maxDecisionMs };
    },
    base: () => view.next,
    onDurable: (entries) => {
      for (const entry of entries) pending.add(entry);
    },
  });
  return { id, journal, issuer };
}

/** The first entry of a boot. */
export function bootDraft({ context, view }: BootParts, { last }: Lineage): EntryDraft {
  return systemDraft(context, view.state.config, 'boot', {
    prevBoot: last?.boot ?? null,
    lastSeq: last?.seq ?? null,
    policy: context.settings.policy,
  });
}

/**
 * Issues entries again that can never be sealed as they are, under this boot and with the same id. What was
 * acknowledged names the reissue by `was`. The old ones go once the new ones are durable: a crash in between leaves
 * both in the journal, and the next start knows the pair by `was`.
 */
export async function reissue(
  { pending }: BootParts,
  boot: Boot,
  stranded: readonly PendingEntry[],
): Promise<void> {
  // Not those whose reissue is pending already, from a start that was cut short.
  const [again, done] = [
    stranded.filter(({ identity }) => pending.reissueOf(identity) === undefined),
    stranded.filter(({ identity }) => pending.reissueOf(identity) !== undefined),
  ];
  if (again.length > 0) await boot.issuer.issue(again.map(reissueDraft), again);
  for (const old of [...again, ...done]) pending.drop(old.identity)?.segment.release();
}

function reissueDraft(old: PendingEntry): EntryDraft {
  const { payload } = parseEntry(old.bytes);
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
