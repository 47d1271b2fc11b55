import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { TestReport } from '../../toolchain/answers.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { exitCodes } from '../exit.ts';
import { malformed } from '../option-values.ts';
import type { Output } from '../output.ts';
import { acceptAnswers } from './accept.ts';
import { buildPolicy, failureFacts, failureText, runGoldenCases } from './bundle.ts';
import type { GoldenReport } from './bundle.ts';
import { readPolicyFolder, sourcesOf } from './folder.ts';
import { inWorkshop, noteOtherOpa } from './workshop.ts';

interface Flags {
  readonly verbose?: boolean;
  readonly run?: string;
  readonly format: 'pretty' | 'json';
  readonly coverage?: boolean;
  readonly threshold?: number;
  readonly golden: boolean;
  readonly accept?: boolean;
  readonly capabilities?: string;
}

/** Seconds after which a test is taken to be endless. */
const DEADLINE_SECONDS = 60;

/** `stele policy test`: OPA's tests, then the golden cases through the module that would decide. */
export function policyTestCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('-v, --verbose', 'name every test, with the trace of those that fail')
    .option('-r, --run <regex>', 'only tests whose name matches')
    .addOption(
      new Option('-f, --format <form>', "form of OPA's report")
        .choices(['pretty', 'json'])
        .default('pretty'),
    )
    .option('-c, --coverage', 'report which lines ran, as JSON')
    .option('-t, --threshold <percent>', 'fail below this coverage', percent)
    .option('--deadline <seconds>', 'stop tests that take longer', seconds, DEADLINE_SECONDS)
    .option('--capabilities <file>', "built-ins that it may use; default: the folder's own file")
    .option('--no-golden', 'leave out the golden cases of cases/*.json')
    .option('--accept', 'write what it answers now into cases/*.json, for a reviewer to read')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy test my-policy -v\n  stele policy test my-policy --accept && git diff my-policy/cases\n  stele policy test my-policy --coverage --threshold 95',
    )
    .action(async (path: string, flags: Flags, command: Command) => {
      await inWorkshop(command, async ({ output, toolchain }) => {
        if (flags.accept === true) await accept(path, flags, toolchain, output);
        const folder = await readPolicyFolder(path, flags.capabilities);
        const tests = await toolchain.test(sourcesOf(folder), {
          run: flags.run,
          format: flags.format,
          verbose: flags.verbose === true,
          coverage: flags.coverage === true || flags.threshold !== undefined,
          threshold: flags.threshold ?? 0,
        });
        // Golden cases are cases, not tests by a name: who asks for some tests does not want them.
        const golden =
          flags.golden && flags.run === undefined
            ? runGoldenCases(await buildPolicy(toolchain, folder), folder)
            : null;
        const other = await noteOtherOpa(output);
        print(output, tests, golden, other, flags.format === 'json' || flags.coverage === true);
        if (flags.run !== undefined && tests.passed + tests.failed + tests.errors === 0) {
          throw malformed(`no test has a name that matches ${flags.run}`);
        }
        const isGood = testsPass(tests) && (golden?.failures.length ?? 0) === 0;
        if (!isGood) process.exitCode = exitCodes.invalid;
      });
    });
}

/** Before the tests run: they are of what stands in the files then. */
async function accept(
  path: string,
  { capabilities, golden }: Flags,
  toolchain: RegoToolchain,
  output: Output,
): Promise<void> {
  if (!golden) throw malformed('--accept is about the golden cases that --no-golden leaves out');
  const folder = await readPolicyFolder(path, capabilities);
  const { engine } = await buildPolicy(toolchain, folder);
  const accepted = await acceptAnswers(engine, folder);
  for (const [name, count] of accepted) output.note(`${name}: took over ${count} answers`);
  if (accepted.size === 0) output.note('cases: every answer is the wanted one');
}

/** Whether nothing failed and the coverage was enough. */
export function testsPass(tests: TestReport): boolean {
  return tests.failed + tests.errors === 0 && tests.refused === undefined;
}

/** One line about the golden cases, and each that failed. */
export function goldenWords({ cases, failures }: GoldenReport): string {
  const lines = failures.map(failureText);
  return [...lines, `golden cases through policy.wasm: ${cases - failures.length}/${cases}`].join(
    '\n',
  );
}

/** @param isForMachines - Then OPA's report is all that goes to standard output. */
function print(
  output: Output,
  tests: TestReport,
  golden: GoldenReport | null,
  otherOpa: string | null,
  isForMachines: boolean,
): void {
  const words = golden === null ? null : goldenWords(golden);
  const { report, refused, ...counts } = tests;
  const facts = {
    ...counts,
    refused: refused ?? null,
    golden: golden && { cases: golden.cases, failures: golden.failures.map(failureFacts) },
    otherOpa,
  };
  const lines = [report.trimEnd(), ...(isForMachines || words === null ? [] : [words])];
  if (isForMachines && words !== null) output.note(words);
  if (refused !== undefined && !report.includes(refused)) output.note(refused);
  output.result(facts, lines.filter((line) => line !== '').join('\n'));
}

function percent(text: string): number {
  const value = Number(text);
  if (text !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('It is a percentage, 0 to 100.');
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('It is a number of seconds, at most 3600.');
}
