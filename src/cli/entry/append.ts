import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { chunksOf, linesOf } from './append-input.ts';
import type { InputLine } from './append-input.ts';
import { call, NO_KEY } from '../client.ts';
import type { Connection } from '../client.ts';
import { contextOf } from '../context.ts';
import type { Output } from '../output.ts';
import { inLine } from '../printable.ts';

/** Lines of one request: enough to make the request's own cost small, few enough to be answered soon. */
const LINES_A_REQUEST = 100;

/** What the gateway said of one line: the receipt (`id`, `entry`: the signed promise), or a problem. */
export interface LineResult {
  readonly status: number;
  readonly id?: string;
  readonly code?: string;
  readonly title?: string;
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
      '\nExamples:\n  export STELE_KEY=stele_…\n  echo \'{"action":"login"}\' | stele append\n  stele append events.ndjson.gz\n  stele --json append events.ndjson | jq -r .results[].id\n\nWith --json every line has its answer: id and signed promise, or what is wrong with it.',
    )
    .action(async (files: string[], _options: unknown, command: Command) => {
      const { output, connection } = contextOf(command);
      const answers = new Answers(output);
      const bar = output.progress('appending', null);
      try {
        for (const file of files) {
          for await (const lines of chunksOf(linesOf(file), LINES_A_REQUEST)) {
            const texts = lines.map(({ text }) => text);
            answers.add(lines, await appendLines(connection, texts));
            bar.update(answers.total);
          }
        }
      } catch (error) {
        answers.stop(error);
        if (answers.last !== null)
          output.note(`${placeOf(answers.last)} was the last one answered`);
        throw error;
      } finally {
        bar.stop();
        // What was answered before something failed is said in any case: it is in the ledger.
        answers.end();
      }
      if (answers.counts.denied > 0 && connection.token === null) output.note(NO_KEY);
      if (answers.counts.appended < answers.total) process.exitCode = 1;
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

/** What became of the lines: counted, and said one by one where a line failed, or all of them as JSON. */
class Answers {
  readonly counts = { appended: 0, denied: 0, refused: 0 };
  readonly #output: Output;
  #only: string | undefined;
  #stopped: string | null = null;
  #last: InputLine | null = null;

  constructor(output: Output) {
    this.#output = output;
  }

  get total(): number {
    const { appended, denied, refused } = this.counts;
    return appended + denied + refused;
  }

  /** The last line that the gateway has answered. */
  get last(): InputLine | null {
    return this.#last;
  }

  add(lines: readonly InputLine[], results: readonly LineResult[]): void {
    for (const [i, result] of results.entries()) {
      const line = lines[i];
      if (line === undefined) continue;
      const { file, number } = line;
      // As they come: the answers to a long input are more than memory should hold.
      if (this.#output.json) {
        const before = this.total === 0 ? '{"results":[' : ',';
        process.stdout.write(`${before}\n${JSON.stringify({ ...result, file, line: number })}`);
      }
      this.#count(result);
      if (result.status >= 300) {
        const why = [result.detail ?? result.title, ...(result.reasons ?? [])].filter(
          (text) => text !== undefined,
        );
        this.#output.note(
          `${placeOf(line)}: ${result.status} ${result.code ?? ''}: ${inLine(why.join('; '))}`,
        );
      }
      this.#only = result.id;
      this.#last = line;
    }
  }

  /** The input was not read, or not sent, to its end: whatever the counts are, they are not all of it. */
  stop(error: unknown): void {
    this.#stopped = (error as { code?: string }).code ?? 'internal';
  }

  end(): void {
    const { appended, denied, refused } = this.counts;
    const stopped = this.#stopped === null ? {} : { stopped: this.#stopped };
    if (this.#output.json) {
      const before = this.total === 0 ? '{"results":[' : '\n';
      process.stdout.write(
        `${before}],${JSON.stringify({ ...this.counts, ...stopped }).slice(1)}\n`,
      );
      return;
    }
    const more = this.#more();
    this.#output.result(null, `${appended} appended, ${denied} denied, ${refused} refused${more}`);
  }

  #more(): string {
    if (this.#stopped !== null) return `: stopped before the end of the input (${this.#stopped})`;
    if (this.total === 0) return ': the input holds no event';
    return this.total === 1 && this.counts.appended === 1 ? `: ${this.#only ?? ''}` : '';
  }

  #count({ status }: LineResult): void {
    if (status < 300) this.counts.appended += 1;
    else if (status === 403) this.counts.denied += 1;
    else this.counts.refused += 1;
  }
}

function placeOf({ file, number }: InputLine): string {
  return `${file === '-' ? 'standard input' : file}:${number}`;
}
