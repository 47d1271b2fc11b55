/** Lines of files and of standard input, as they are sent. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** A line of the input, and where it stands. */
export interface InputLine {
  readonly text: string;
  /** As it was named; `-` is standard input. */
  readonly file: string;
  /** From 1, empty lines counted. */
  readonly number: number;
}

/** The lines of a file that are not empty; `.gz` is decompressed. @throws the system's error when it cannot be read. */
export async function* linesOf(file: string): AsyncGenerator<InputLine> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  const plain = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (error) => plain.destroy(error));
  let number = 0;
  for await (const text of createInterface({ input: plain, crlfDelay: Infinity })) {
    number += 1;
    if (text.trim() !== '') yield { text, file, number };
  }
}

/** At most `size` of them at a time, in order. */
export async function* chunksOf<T>(
  lines: AsyncIterable<T>,
  size: number,
): AsyncGenerator<readonly T[]> {
  let chunk: T[] = [];
  for await (const line of lines) {
    chunk.push(line);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
