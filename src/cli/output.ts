import { MultiBar, Presets } from 'cli-progress';
import pc from 'picocolors';
import { toBase64Url } from '../core/platform/bytes.ts';
import { printable } from './printable.ts';

/** How a command talks: data on stdout, everything else on stderr, so that output can be piped. */
export interface Output {
  /** One result: `value` as JSON with `--json`, `text` otherwise. */
  result(value: unknown, text: string): void;
  /** A remark for a person; silent with `--json`. */
  note(text: string): void;
  /** Progress of long work; drawn only on a terminal. @param total - Null where nobody knows: then it only counts. */
  progress(label: string, total: number | null): Progress;
  readonly json: boolean;
}

/** A bar that moves, or nothing. */
export interface Progress {
  /** @param total - Where it has become known, or has grown. */
  update(done: number, total?: number): void;
  stop(): void;
}

/** Characters of a progress bar. */
const BAR_LENGTH = 40;

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** Makes the output of one command. */
export function createOutput(options: { readonly json: boolean }): Output {
  return {
    json: options.json,
    result(value, text) {
      process.stdout.write(
        `${options.json ? JSON.stringify(value, textForms) : printable(text)}\n`,
      );
    },
    note(text) {
      if (!options.json) process.stderr.write(`${printable(text)}\n`);
    },
    progress(label, total) {
      return process.stderr.isTTY && !options.json ? drawn(label, total) : silent;
    },
  };
}

/** Bytes stand in JSON as everywhere else of ours: base64url. */
function textForms(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? toBase64Url(value) : value;
}

function drawn(label: string, total: number | null): Progress {
  const bars = new MultiBar(
    {
      format: (_options, { value, total: all }) =>
        all === 0 ? `${label} ${value}` : `${label} [${barOf(value / all)}] ${value}/${all}`,
      clearOnComplete: true,
      // Whoever interrupts a command gets the terminal back as it was.
      hideCursor: false,
      linewrap: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  const bar = bars.create(total ?? 0, 0);
  return {
    update: (done, all) => {
      if (all !== undefined) bar.setTotal(all);
      bar.update(done);
    },
    stop: () => {
      bars.stop();
    },
  };
}

function barOf(part: number): string {
  const full = Math.round(Math.min(part, 1) * BAR_LENGTH);
  return '█'.repeat(full) + '░'.repeat(BAR_LENGTH - full);
}

/** Words for a verdict, coloured on a terminal. */
export const mark = {
  pass: pc.green('pass'),
  fail: pc.red('FAIL'),
  unverifiable: pc.yellow('unverifiable'),
  not_checked: pc.dim('not checked'),
} as const;
