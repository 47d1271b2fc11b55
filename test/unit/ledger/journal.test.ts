import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encodeGroup, parseSegment, segmentFile } from '../../../src/ledger/journal/format.ts';
import type { JournalRecord } from '../../../src/ledger/journal/format.ts';
import { Journal } from '../../../src/ledger/journal/journal.ts';
import { entryRecord, parseEntryRecord } from '../../../src/ledger/journal/records.ts';
import {
  openWriterFolder,
  takeOver,
  writerIdOf,
} from '../../../src/ledger/journal/writer-folder.ts';
import { FaultyFiles } from '../../support/faulty-files.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const boot = 'AAAAAAAAAAAAAAAAAAAAAA';
const name = { number: 7, boot };
const gen = 'G'.repeat(43);
const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

function record(text: string): JournalRecord {
  return entryRecord(text, `{"record":"${text}"}\n`);
}

function texts(records: readonly JournalRecord[]): string[] {
  return records.map(({ payload }) => Buffer.from(parseEntryRecord(payload).jws).toString());
}

/** Three groups of records, and where each begins. */
function threeGroups(): { bytes: Buffer; starts: number[] } {
  const groups = [['a', 'b'], ['c'], ['d', 'e', 'f']];
  const starts: number[] = [];
  let bytes = Buffer.alloc(0);
  let sequence = 0;
  for (const group of groups) {
    starts.push(bytes.length);
    const at = { offset: bytes.length, sequence };
    bytes = Buffer.concat([bytes, encodeGroup(group.map(record), name, at)]);
    sequence += group.length;
  }
  return { bytes, starts };
}

describe('a journal segment', () => {
  test('gives back what was written', () => {
    const { bytes } = threeGroups();
    const parsed = parseSegment(bytes, name);
    expect(texts(parsed.records)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(parsed).toMatchObject({ goodBytes: bytes.length, torn: false });
  });

  test('cut anywhere gives back whole records only, and is torn unless cut between two', () => {
    const { bytes } = threeGroups();
    const whole = [0];
    for (let length = 0; length <= bytes.length; length += 1) {
      const parsed = parseSegment(bytes.subarray(0, length), name);
      if (parsed.goodBytes === length && length > 0) whole.push(length);
      expect(parsed.torn).toBe(parsed.goodBytes < length);
      expect(parsed.goodBytes).toBe(whole.at(-1));
      expect(texts(parsed.records)).toEqual(Array.from('abcdef').slice(0, whole.length - 1));
    }
    expect(whole).toHaveLength(7);
  });

  test('with any bit of a synced group flipped is corrupt, and in its last group torn', () => {
    const { bytes, starts } = threeGroups();
    const last = starts[2]!;
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ 0x10;
      const parse = () => parseSegment(damaged, name);
      if (at < last) expect(parse).toThrow(expect.objectContaining({ code: 'journal_corrupt' }));
      else expect(parse().torn).toBe(true);
    }
  });

  test('of which an early page of the last write never reached the disk is torn, not corrupt', () => {
    const { bytes, starts } = threeGroups();
    const damaged = Buffer.from(bytes).fill(0, starts[2], starts[2]! + 20);
    expect(texts(parseSegment(damaged, name).records)).toEqual(['a', 'b', 'c']);
  });

  test('under the name of another segment has no records', () => {
    const { bytes } = threeGroups();
    expect(parseSegment(bytes, { ...name, number: 8 })).toMatchObject({
      records: [],
      goodBytes: 0,
    });
  });
});

async function openJournal(faulty = new FaultyFiles()) {
  const folder = await openWriterFolder(faulty.files, await tempFolder(), random);
  const failures: string[] = [];
  const head = () => ({ writer: folder.writer, boot, gen, base: 0, cert: [] });
  const place = { folder: folder.journal, boot, firstNumber: 0, head };
  const journal = new Journal(faulty.files, place, ({ code }) => failures.push(code));
  return { faulty, folder, journal, failures };
}

async function reread({ faulty, folder }: Awaited<ReturnType<typeof openJournal>>) {
  const { segments } = await takeOver(faulty.files, folder, gen);
  return segments.flatMap(({ entries }) => entries.map(({ jws }) => Buffer.from(jws).toString()));
}

describe('the journal', () => {
  test('makes what is appended in one turn one write and one sync', async () => {
    const opened = await openJournal();
    await opened.journal.append([record('first')]);
    const before = { ...opened.faulty.calls };
    await Promise.all(
      Array.from('abcdefgh').map(async (text) => opened.journal.append([record(text)])),
    );
    expect(opened.faulty.calls).toMatchObject({ write: before.write! + 1, sync: before.sync! + 1 });
    expect(await reread(opened)).toEqual(['first', ...Array.from('abcdefgh')]);
  });

  test.each([
    { what: 'a failed sync', operation: 'sync', code: 'EIO' },
    { what: 'a full disk', operation: 'write', code: 'ENOSPC' },
    { what: 'a quota', operation: 'write', code: 'EDQUOT' },
  ] as const)('takes nothing after $what and never tries again', async (row) => {
    const opened = await openJournal();
    await opened.journal.append([record('kept')]);
    opened.faulty.fail(row.operation, row.code, { part: 0.5 });
    const first = opened.journal.append([record('unknown')]);
    await expect(first).rejects.toMatchObject({ code: 'ledger_halted', durability: 'unknown' });
    const calls = { ...opened.faulty.calls };
    const next = opened.journal.append([record('refused')]);
    await expect(next).rejects.toMatchObject({ code: 'ledger_halted', durability: 'not-durable' });
    expect(opened.faulty.calls).toEqual(calls);
    expect(opened.failures).toEqual(['journal_failed']);
    expect((await reread(opened))[0]).toBe('kept');
  });

  test('acknowledges nothing before the name of its first segment is durable', async () => {
    const opened = await openJournal();
    opened.faulty.fail('syncFolder', 'EIO');
    const append = opened.journal.append([record('a')]);
    await expect(append).rejects.toMatchObject({ code: 'ledger_halted' });
  });

  test('stops acknowledging once a later boot has taken its segments over', async () => {
    const opened = await openJournal();
    await opened.journal.append([record('a')]);
    expect(await reread(opened)).toEqual(['a']);
    const append = opened.journal.append([record('lost')]);
    await expect(append).rejects.toMatchObject({ code: 'ledger_halted', durability: 'unknown' });
    expect(opened.failures).toEqual(['journal_taken']);
  });

  test('removes a segment when it has ended and all of it is in the log', async () => {
    const opened = await openJournal();
    const segment = await opened.journal.append([record('a'), record('b')]);
    segment.release();
    await opened.journal.close();
    expect(await readdir(opened.folder.journal)).toHaveLength(1);
    segment.release();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readdir(opened.folder.journal)).toEqual([]);
  });

  test('of an earlier boot is read past a torn tail, and written anew without it', async () => {
    const opened = await openJournal();
    await opened.journal.append([record('a')]);
    const path = join(opened.folder.journal, segmentFile({ number: 0, boot }, 'journal'));
    const bytes = await readFile(path);
    await writeFile(path, Buffer.concat([bytes, bytes.subarray(0, 60)]));
    expect(await reread(opened)).toEqual(['a']);
    const seized = join(opened.folder.journal, segmentFile({ number: 0, boot }, 'seized'));
    expect(await readFile(seized)).toEqual(bytes);
    expect(await reread(opened)).toEqual(['a']);
  });

  test('of an earlier boot with a damaged synced record stops the start', async () => {
    const opened = await openJournal();
    await opened.journal.append([record('a')]);
    await opened.journal.append([record('b')]);
    const path = join(opened.folder.journal, segmentFile({ number: 0, boot }, 'journal'));
    const bytes = await readFile(path);
    bytes[bytes.length - 150] = bytes[bytes.length - 150]! ^ 1;
    await writeFile(path, bytes);
    await expect(reread(opened)).rejects.toMatchObject({ code: 'journal_corrupt' });
  });

  test('of another version of the program stops the start, and says which file and what to do', async () => {
    const opened = await openJournal();
    await opened.journal.append([record('a')]);
    const path = join(opened.folder.journal, segmentFile({ number: 0, boot }, 'journal'));
    const first = { v: 2, something: 'else' };
    const payload = Buffer.from(JSON.stringify(first));
    const start = { offset: 0, sequence: 0 };
    const later = [{ kind: 'segment', payload }, record('a')] as const;
    await writeFile(path, encodeGroup(later, { number: 0, boot }, start));
    await expect(reread(opened)).rejects.toMatchObject({
      code: 'journal_unreadable',
      message: expect.stringMatching(/00000000-.*: its version is 2, not 1: start the version/),
    });
    // Nothing of it is lost.
    const seized = join(opened.folder.journal, segmentFile({ number: 0, boot }, 'seized'));
    expect((await readFile(seized)).length).toBeGreaterThan(100);
  });

  test('of another writer in the folder stops the start', async () => {
    const [mine, other] = [await openJournal(), await openJournal()];
    await other.journal.append([record('a')]);
    const file = segmentFile({ number: 0, boot }, 'journal');
    await rename(join(other.folder.journal, file), join(mine.folder.journal, file));
    await expect(reread(mine)).rejects.toMatchObject({ code: 'journal_foreign' });
  });
});

describe("a writer's folder", () => {
  test('keeps its id', async () => {
    const folder = await tempFolder();
    const id = await writerIdOf(folder, random);
    expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(await writerIdOf(folder, random)).toBe(id);
    const opened = await openWriterFolder(new FaultyFiles().files, folder, random);
    expect(opened.writer).toBe(id);
  });

  test('is open in one process at a time', async () => {
    const folder = await tempFolder();
    const { files } = new FaultyFiles();
    const first = await openWriterFolder(files, folder, random);
    const second = openWriterFolder(files, folder, random);
    await expect(second).rejects.toMatchObject({ code: 'folder_in_use', disposition: 'halt' });
    await first.lock.release();
    await expect(openWriterFolder(files, folder, random)).resolves.toMatchObject({
      writer: first.writer,
    });
  });

  test.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: '', token: 'x' })],
    [
      'this process number in another life',
      JSON.stringify({ pid: process.pid, started: 'then:1', token: 'x' }),
    ],
    ['a crash while locking', ''],
  ])('is taken from %s', async (_name, lock) => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'lock'), lock);
    await expect(writerIdOf(folder, random)).resolves.toHaveLength(22);
  });
});
