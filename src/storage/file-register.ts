/**
 * Compare-and-swap of a file between processes, with `link(2)` alone: no lock to hold, none to
 * inherit from the dead.
 *
 * Each accepted content is a numbered file of its own in a folder of generations; creating number
 * g+1 by `link` is the decision, and exactly one process makes it. The visible file is then made
 * the same as the newest generation, by whoever comes by: a crash between the two leaves an old
 * visible file, which the next swap corrects before it looks. Newest generations stay: while the
 * last `KEPT` exist, a process that slept cannot create one of their numbers again.
 */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { toHex } from '../core/bytes.ts';
import { sha256 } from '#platform';
import type { DurableFiles } from './durable-files.ts';
import { StoreUnavailableError } from './errors.ts';
import { isFileError } from './file-errors.ts';

/**
 * Generations kept. A process would have to sleep through this many swaps between its look and its
 * link.
 */
const KEPT = 16;
const DIGITS = 16;

/** The identity of bytes as etag and version id: 128 bits of their SHA-256, in hex. */
export function contentTag(bytes: Uint8Array): string {
  return hashTag(sha256(bytes));
}

/** The same from a SHA-256 that is known already. */
export function hashTag(hash: Uint8Array): string {
  return toHex(hash).slice(0, 32);
}

/** A visible file, and the folder where its generations are. */
export interface Register {
  readonly file: string;
  readonly generations: string;
}

/**
 * Replaces the register's content where its tag is `expected` (null: where there is none). Durable
 * once resolved.
 *
 * @returns false when the content is another one; nothing was written then.
 * @throws {@link StoreUnavailableError} when so many others swapped meanwhile that the outcome
 *   cannot be told.
 */
export async function swapRegister(
  files: DurableFiles,
  register: Register,
  expected: string | null,
  bytes: Uint8Array,
): Promise<boolean> {
  const newest = await newestGeneration(register);
  if (newest !== null) await project(files, register, newest);
  const present = await readIfThere(register.file);
  if ((present === null ? null : contentTag(present)) !== expected) return false;
  const temp = await files.writeTemp(bytes);
  try {
    // The first content needs no generation: the visible name itself is taken once.
    if (expected === null) return await files.linkNew(temp, register.file);
    await files.ensureDirectory(register.generations);
    const mine = (newest ?? -1) + 1;
    if (!(await files.linkNew(temp, generationPath(register, mine)))) return false;
    const latest = (await newestGeneration(register)) ?? mine;
    if (latest >= mine + KEPT) {
      // This number may have been taken and cleared away before: the swap either never counted or
      // is long replaced.
      throw new StoreUnavailableError('swap overtaken', { durability: 'unknown' });
    }
    await project(files, register, latest);
    await forget(files, register, latest - KEPT);
    return true;
  } finally {
    await files.remove(temp);
  }
}

/** Makes the visible file the newest generation, again if a newer one came while it was at it. */
async function project(files: DurableFiles, register: Register, newest: number): Promise<void> {
  let generation = newest;
  for (;;) {
    if (!(await isSameFile(register.file, generationPath(register, generation)))) {
      const link = files.tempPath();
      // The generation can be cleared away meanwhile: only when newer ones are there, which the
      // loop finds.
      const linked = await fs.link(generationPath(register, generation), link).then(
        () => true,
        (error: unknown) => {
          if (isFileError(error, 'ENOENT')) return false;
          throw error;
        },
      );
      if (linked) await files.moveOver(link, register.file);
    }
    const latest = (await newestGeneration(register)) ?? generation;
    if (latest === generation) return;
    generation = latest;
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([statIfThere(a), statIfThere(b)]);
  return left !== null && right !== null && left.ino === right.ino;
}

async function newestGeneration(register: Register): Promise<number | null> {
  const names = await fs.readdir(register.generations).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT')) return [];
    throw error;
  });
  const last = names.sort().at(-1);
  return last === undefined ? null : Number(last);
}

async function forget(files: DurableFiles, register: Register, upTo: number): Promise<void> {
  for (const name of await fs.readdir(register.generations)) {
    if (Number(name) <= upTo) await files.remove(path.join(register.generations, name));
  }
}

function generationPath(register: Register, generation: number): string {
  return path.join(register.generations, String(generation).padStart(DIGITS, '0'));
}

async function readIfThere(file: string): Promise<Uint8Array | null> {
  return fs.readFile(file).catch(nullIfMissing);
}

async function statIfThere(file: string): Promise<{ readonly ino: number } | null> {
  return fs.stat(file).catch(nullIfMissing);
}

function nullIfMissing(error: unknown): null {
  if (isFileError(error, 'ENOENT')) return null;
  throw error;
}
