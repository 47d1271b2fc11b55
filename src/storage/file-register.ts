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
import type { DurableFiles } from './durable-files.ts';
import { StoreDeniedError, StoreUnavailableError } from './errors.ts';
import { lookAt, openContent, tagOf } from './file-content.ts';
import { isFileError } from './file-errors.ts';

/**
 * Generations kept. A process would have to sleep through this many swaps between its look and its
 * link.
 */
const KEPT = 16;
const DIGITS = 16;
/** At a swap each millisecond, 30,000 years. What is numbered higher, nobody here has made. */
const GENERATION_MAX = 999_999_999_999_999;

/** Rounds of a loop in which each round means that another process got further. */
export const ROUNDS_MAX = 1000;

/** A visible file, and the folder where its generations are. */
export interface Register {
  readonly file: string;
  readonly generations: string;
  /** Permissions of the file. Default: its owner reads it. */
  readonly mode?: number;
}

/**
 * Replaces the register's content where its tag is `expected` (null: where there is none). Durable
 * once resolved.
 *
 * @returns false when the content is another one; nothing was written then.
 * @throws {@link StoreUnavailableError} when so many others swapped meanwhile that the outcome
 *   cannot be told, {@link StoreDeniedError} when somebody has used the numbers up.
 */
export async function swapRegister(
  files: DurableFiles,
  register: Register,
  expected: string | null,
  bytes: Uint8Array,
): Promise<boolean> {
  const newest = await newestGeneration(register);
  if (newest !== null) await project(files, register, newest);
  if ((await tagAt(register.file)) !== expected) return false;
  const mine = (newest ?? -1) + 1;
  if (mine > GENERATION_MAX) {
    throw new StoreDeniedError(`${register.generations} has no number left: move it away`);
  }
  const temp = await files.writeTemp(bytes, register.mode);
  try {
    // The first content needs no generation: the visible name itself is taken once.
    if (expected === null) return await files.linkNew(temp, register.file);
    await files.ensureDirectory(register.generations);
    if (!(await files.linkNew(temp, generationPath(register, mine)))) return false;
    const latest = (await newestGeneration(register)) ?? mine;
    if (latest >= mine + KEPT) {
      // This number may have been taken and cleared away before: the swap either never counted or
      // is long replaced.
      throw overtaken();
    }
    await project(files, register, latest);
    await forget(files, register, latest - KEPT);
    return true;
  } finally {
    files.remove(temp);
  }
}

/** Makes the visible file the newest generation, again if a newer one came while it was at it. */
async function project(files: DurableFiles, register: Register, newest: number): Promise<void> {
  let generation = newest;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if (!isSameFile(register.file, generationPath(register, generation))) {
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
  throw overtaken();
}

function isSameFile(a: string, b: string): boolean {
  const left = lookAt(a);
  const right = lookAt(b);
  return left !== null && right !== null && left.ino === right.ino;
}

async function newestGeneration(register: Register): Promise<number | null> {
  const numbers = await generationsOf(register);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

/** Numbers of the generations that are there. Whatever else lies in the folder is nobody's. */
async function generationsOf({ generations }: Register): Promise<number[]> {
  const entries = await fs.readdir(generations, { withFileTypes: true }).catch((error: unknown) => {
    if (isFileError(error, 'ENOENT')) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && /^[0-9]{16}$/.test(entry.name))
    .map(({ name }) => Number(name))
    .filter((number) => number <= GENERATION_MAX);
}

async function forget(files: DurableFiles, register: Register, upTo: number): Promise<void> {
  for (const number of await generationsOf(register)) {
    if (number <= upTo) files.remove(generationPath(register, number));
  }
}

function generationPath(register: Register, generation: number): string {
  return path.join(register.generations, String(generation).padStart(DIGITS, '0'));
}

async function tagAt(file: string): Promise<string | null> {
  const content = await openContent(file);
  if (content === null) return null;
  try {
    return await tagOf(content);
  } finally {
    await content.handle?.close();
  }
}

function overtaken(): StoreUnavailableError {
  return new StoreUnavailableError('swap overtaken', { durability: 'unknown' });
}
