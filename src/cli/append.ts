import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { SteleError } from '../core/errors.ts';
import { call } from './client.ts';
import type { Connection } from './client.ts';
import { contextOf } from './context.ts';
import type { Output } from './output.ts';

/** Lines of one request: enough to make the request's own cost small, few enough to be answered soon. */
const LINES_A_REQUEST = 100;

/** What the gateway said of one line. */
export interface LineResult {
  readonly status: number;
  readonly id?: string;
  readonly code?: string;
  readonly detail?: string;
  /** Why the policy denied. */
  readonly reasons?: readonly string[];
}

/** `stele append`: events from files or standard input, one JSON text a line. */
export function appendCommand(declared: Command): void {
  declared
    .argument('[files...]', 'files, or - for standard input', ['-'])
    .addHelpText(
      'after',
      '\nExamples:\n  export STELE_KEY=stele_…\n  echo \'{"action":"login"}\' | stele append\n  stele append events.ndjson.gz',
    )
    .action(async (files: string[], _options: unknown, command: Command) => {
      const { output, connection } = contextOf(command);
      const counts = { appended: 0, denied: 0, refused: 0 };
      const bar = output.progress('appending', 0);
      try {
        for (const file of files) {
          for await (const lines of chunks(linesOf(file))) {
            const results = await appendLines(connection, lines);
            report(results, counts, output);
            bar.update(counts.appended + counts.denied + counts.refused);
          }
        }
      } finally {
        bar.stop();
      }
      const { appended, denied, refused } = counts;
      output.result(counts, `${appended} appended, ${denied} denied, ${refused} refused`);
      if (denied + refused > 0) process.exitCode = 1;
    });
}

/** How lines are appended: until when to wait, and under which idempotency key, if any. */
export interface AppendOptions {
  readonly ack?: 'durable' | 'sealed';
  readonly key?: string;
}

/** One request; the answer has one line for each line sent, in order. */
export async function appendLines(
  connection: Connection,
  lines: readonly string[],
  { ack = 'durable', key }: AppendOptions = {},
): Promise<readonly LineResult[]> {
  const response = await call(connection, {
    method: 'POST',
    path: `entries?ack=${ack}`,
    headers: {
      'content-type': 'application/x-ndjson',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: `${lines.join('\n')}\n`,
  });
  const text = await response.text();
  const results = text.trim().split('\n');
  if (results.length !== lines.length) {
    throw new SteleError(
      'answer_incomplete',
      `the gateway answered ${results.length} of ${lines.length} lines`,
      { disposition: 'retry', durability: 'unknown' },
    );
  }
  return results.map((line) => JSON.parse(line) as LineResult);
}

function report(
  results: readonly LineResult[],
  counts: { appended: number; denied: number; refused: number },
  output: Output,
): void {
  for (const result of results) {
    if (result.status < 300) counts.appended += 1;
    else if (result.status === 403) counts.denied += 1;
    else counts.refused += 1;
    if (result.status >= 300) {
      const why = [result.detail, ...(result.reasons ?? [])].filter((text) => text !== undefined);
      output.note(`${result.status} ${result.code ?? ''}: ${why.join('; ')}`);
    }
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  const plain = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (error) => plain.destroy(error));
  for await (const line of createInterface({ input: plain, crlfDelay: Infinity })) {
    if (line.trim() !== '') yield line;
  }
}

async function* chunks(lines: AsyncGenerator<string>): AsyncGenerator<readonly string[]> {
  let chunk: string[] = [];
  for await (const line of lines) {
    chunk.push(line);
    if (chunk.length === LINES_A_REQUEST) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
