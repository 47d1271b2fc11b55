import type { Command } from 'commander';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { MalformedError } from '../../core/errors.ts';
import type { PolicyEngine } from '../../policy/engine/engine.ts';
import type { GoldenCase } from '../../policy/bundle/cases.ts';
import { PolicyError } from '../../policy/contract/policy-error.ts';
import { buildPolicy } from './bundle.ts';
import { casesOf, readPolicyFolder } from './folder.ts';
import { inWorkshop } from './workshop.ts';

/** How long one case decides, on this machine and one thread. */
interface CaseTime {
  readonly entrypoint: string;
  readonly about: string;
  /** Bytes of the canonical input. */
  readonly bytes: number;
  readonly medianUs: number;
  readonly p99Us: number;
  readonly rounds: number;
}

/** The first rounds compile and warm up. */
const WARM_ROUNDS = 50;
const ROUNDS_MAX = 20_000;
const MICROSECONDS_PER_MILLISECOND = 1000;

/** `stele policy bench`: time per decision of the golden cases, through the compiled policy. */
export function policyBenchCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('--case <text>', 'only cases that say this about themselves')
    .option('--ms <milliseconds>', 'time for each case', Number, 200)
    .addHelpText('after', '\nExample:\n  stele policy bench my-policy --case "auditor" --ms 500')
    .action(async (path: string, flags: { case?: string; ms: number }, command: Command) => {
      await inWorkshop(
        command,
        async ({ output, toolchain }) => {
          const folder = await readPolicyFolder(path);
          const wanted = flags.case ?? '';
          const cases = casesOf(folder).filter(({ about }) => about.includes(wanted));
          if (cases.length === 0)
            throw new MalformedError('no golden case says so', 'no_such_case');
          const { engine } = await buildPolicy(toolchain, folder);
          const bar = output.progress('cases', cases.length);
          const times = cases.map((golden, index) => {
            const time = timeOf(engine, golden, flags.ms);
            bar.update(index + 1);
            return time;
          });
          bar.stop();
          output.result(times, [HEADER, ...times.map(wordsOf)].join('\n'));
        },
        { optimised: true },
      );
    });
}

const HEADER = ' median us     p99 us   bytes  case';

function wordsOf({ entrypoint, about, bytes, medianUs, p99Us }: CaseTime): string {
  const columns = [medianUs.toFixed(1).padStart(10), p99Us.toFixed(1).padStart(10)];
  return `${columns.join(' ')} ${String(bytes).padStart(7)}  ${entrypoint}: ${about}`;
}

function timeOf(
  engine: PolicyEngine,
  { entrypoint, about, input }: GoldenCase,
  ms: number,
): CaseTime {
  const text = canonicalJson(input);
  for (let round = 0; round < WARM_ROUNDS; round++) decide(engine, entrypoint, text);
  const times: number[] = [];
  const end = performance.now() + ms;
  while (times.length < ROUNDS_MAX && (times.length === 0 || performance.now() < end)) {
    const started = performance.now();
    decide(engine, entrypoint, text);
    times.push((performance.now() - started) * MICROSECONDS_PER_MILLISECOND);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.floor((times.length - 1) * part)] ?? 0;
  return {
    entrypoint,
    about,
    bytes: Buffer.byteLength(text),
    medianUs: at(0.5),
    p99Us: at(0.99),
    rounds: times.length,
  };
}

/** A case may want a denial for want of an answer: that takes time too. */
function decide(engine: PolicyEngine, entrypoint: string, text: string): void {
  try {
    engine.evaluate(entrypoint, text);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
  }
}
