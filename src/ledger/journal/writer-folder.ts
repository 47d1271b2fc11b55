/**
 * A writer's folder: its id, born with it, and the journal of its boots. Losing the folder makes a new writer; copying
 * it makes a clone, which shows in the log.
 */
import { join } from 'node:path';
import { toBase64Url, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { MalformedError } from '../../core/errors.ts';
import { HaltError } from '../context/errors.ts';
import { lockFolder } from './folder-lock.ts';
import type { FolderLock } from './folder-lock.ts';
import type { JournalFiles } from '../context/files.ts';
import { journalFiles } from '../context/files.ts';
import { JournalCorruptError, parseSegment, parseSegmentFile, segmentFile } from './format.ts';
import type { SegmentName } from './format.ts';
import { parseEntryRecord, parsePlanRecord, parseSegmentRecord } from './records.ts';
import type { JournalledEntry, PlannedPayload, SegmentHead } from './records.ts';
import { Segment } from './segment.ts';

/** Bytes of a writer id and of a boot id before base64url. */
export const ID_BYTES = 16;

/** A folder held by this process. */
export interface WriterFolder {
  readonly writer: string;
  /** Where segments are. */
  readonly journal: string;
  /** Where the signer guard keeps its heads. */
  readonly heads: string;
  readonly lock: FolderLock;
}

/** What an earlier boot left in one segment. */
export interface TakenSegment {
  readonly segment: Segment;
  readonly head: SegmentHead;
  /** In the order in which they were issued. */
  readonly entries: readonly JournalledEntry[];
  readonly plans: readonly PlannedPayload[];
}

/** What all earlier boots left, oldest first, and the number that the next segment gets. */
export interface TakenJournal {
  readonly segments: readonly TakenSegment[];
  readonly nextNumber: number;
}

const ID = /^[A-Za-z0-9_-]{22}$/;

/**
 * The id of the writer whose folder this is; makes folder and id where there are none. A writer key is certified for
 * this id before a ledger is opened with the folder.
 *
 * @throws {@link HaltError} `folder_in_use`.
 */
export async function writerIdOf(
  folder: string,
  random: (bytes: number) => Uint8Array,
  files: JournalFiles = journalFiles,
): Promise<string> {
  const found = await readWriterId(files, folder);
  if (found !== null) return found;
  const opened = await openWriterFolder(files, folder, random);
  await opened.lock.release();
  return opened.writer;
}

/** Takes a writer's folder for this process. @throws {@link HaltError} `folder_in_use`. */
export async function openWriterFolder(
  files: JournalFiles,
  folder: string,
  random: (bytes: number) => Uint8Array,
): Promise<WriterFolder> {
  const journal = join(folder, 'journal');
  const heads = join(folder, 'heads');
  await files.makeFolder(journal);
  await files.makeFolder(heads);
  const lock = await lockFolder(files, folder, toBase64Url(random(ID_BYTES)));
  const writer = (await readWriterId(files, folder)) ?? (await bearWriter(files, folder, random));
  return { writer, journal, heads, lock };
}

/**
 * Takes over the segments of all earlier boots. They are renamed first: a boot that is still alive finds that out
 * before it acknowledges another entry, and stops. The rest is read and written anew, so that what is trusted from here
 * on was synced by this process: after a failed sync the kernel shows pages that are not on the disk.
 *
 * @throws {@link JournalCorruptError}, and {@link HaltError} `journal_foreign` for another ledger's or writer's segment.
 */
export async function takeOver(
  files: JournalFiles,
  folder: WriterFolder,
  gen: string,
): Promise<TakenJournal> {
  const names = await seize(files, folder.journal);
  const segments: TakenSegment[] = [];
  for (const [i, name] of names.entries()) {
    // The next segment of a boot is begun when everything in this one is synced: a torn end of it was no crash.
    const wasSynced = names.slice(i + 1).some(({ boot }) => boot === name.boot);
    const taken = await readSegment(files, folder.journal, name, wasSynced);
    if (taken === null) continue;
    const { head } = taken;
    if (head.writer !== folder.writer || head.gen !== gen) {
      throw new HaltError(
        'journal_foreign',
        `${taken.segment.path} is of another writer or ledger`,
      );
    }
    segments.push(taken);
  }
  return { segments, nextNumber: (names.at(-1)?.number ?? -1) + 1 };
}

async function seize(files: JournalFiles, journal: string): Promise<readonly SegmentName[]> {
  const found = (await files.list(journal))
    .map((file) => ({ file, name: parseSegmentFile(file) }))
    .filter((each) => each.name !== null);
  for (const { file, name } of found) {
    if (name?.form !== 'journal') continue;
    await files.rename(join(journal, file), join(journal, segmentFile(name, 'seized')));
  }
  await files.syncFolder(journal);
  return found.flatMap(({ name }) => name ?? []).sort((a, b) => a.number - b.number);
}

/** @returns null when another process has removed it, which it does only once its entries are in the log. */
async function readSegment(
  files: JournalFiles,
  journal: string,
  name: SegmentName,
  wasSynced: boolean,
): Promise<TakenSegment | null> {
  const file = segmentFile(name, 'seized');
  const path = join(journal, file);
  const bytes = await files.read(path);
  if (bytes === null) return null;
  const { records, goodBytes, torn } = parseSegment(bytes, name);
  if (torn && wasSynced) throw new JournalCorruptError(file, goodBytes);
  const [first, ...rest] = records;
  // Torn at its very beginning: its first group was never synced, so it never held an acknowledged entry.
  if (first?.kind !== 'segment') {
    await files.remove(path);
    return null;
  }
  const head = understood(path, () => parseSegmentRecord(first.payload));
  await writeWhole(files, journal, file, bytes.subarray(0, goodBytes));
  const entries = rest.filter(({ kind }) => kind === 'entry');
  const plans = rest.filter(({ kind }) => kind === 'plan');
  const segment = new Segment(files, path);
  segment.hold(entries.length);
  return {
    segment,
    head,
    entries: understood(path, () => entries.map(({ payload }) => parseEntryRecord(payload))),
    plans: understood(path, () => plans.flatMap(({ payload }) => parsePlanRecord(payload))),
  };
}

/** Bytes that are whole, and mean nothing here: another version of the program wrote them. Nothing of them may be lost. */
function understood<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof MalformedError || cause instanceof SyntaxError)) throw cause;
    const cure =
      'start the version that wrote it once more, and stop it when /readyz says 0 unsealed';
    throw new HaltError('journal_unreadable', `${path}: ${cause.message}: ${cure}`, cause);
  }
}

async function readWriterId(files: JournalFiles, folder: string): Promise<string | null> {
  const bytes = await files.read(join(folder, 'writer'));
  const id = bytes === null ? '' : utf8Text(bytes).trim();
  return ID.test(id) ? id : null;
}

async function bearWriter(
  files: JournalFiles,
  folder: string,
  random: (bytes: number) => Uint8Array,
): Promise<string> {
  const id = toBase64Url(random(ID_BYTES));
  await writeWhole(files, folder, 'writer', utf8Bytes(`${id}\n`));
  return id;
}

/** Writes a small file whole or not at all, durably: a half-written id would make every start another writer. */
export async function writeWhole(
  files: JournalFiles,
  folder: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const draft = join(folder, `${name}.draft`);
  await files.remove(draft);
  const file = await files.create(draft);
  await file.write(bytes);
  await file.sync();
  await file.close();
  await files.rename(draft, join(folder, name));
  await files.syncFolder(folder);
}
