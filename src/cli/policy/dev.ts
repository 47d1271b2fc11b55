import { watch } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { problemText, ToolchainError } from '../../toolchain/toolchain-error.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { exitCodes } from '../exit.ts';
import type { Output } from '../output.ts';
import { buildPolicy, runGoldenCases } from './bundle.ts';
import { checkFolder } from './check.ts';
import { isPolicySource, readPolicyFolder, sourcesOf } from './folder.ts';
import { goldenWords, testsPass } from './test.ts';
import { inWorkshop } from './workshop.ts';

interface Flags {
  readonly out: string;
  readonly once?: boolean;
}

/** Milliseconds without a change before a round: editors write a file in several steps. */
const QUIET_MS = 100;
/** Seconds after which a test is taken to be endless: somebody is waiting. */
const DEADLINE_SECONDS = 20;

/** `stele policy dev`: check, test, golden cases and build at every change. */
export function policyDevCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('-o, --out <file>', 'the bundle', 'bundle.tar.gz')
    .option('--once', 'one round, then end')
    .option('--deadline <seconds>', 'stop tests that take longer', Number, DEADLINE_SECONDS)
    .action(async (path: string, flags: Flags, command: Command) => {
      await inWorkshop(command, async ({ output, toolchain }) => {
        if (flags.once === true) {
          if (!(await round(toolchain, path, flags, output))) process.exitCode = exitCodes.invalid;
          return;
        }
        const changes = watchSources(path);
        output.note(`watching ${path}; end with Ctrl-C`);
        do await round(toolchain, path, flags, output);
        while (await changes.next());
      });
    });
}

/** One round over what is there now. Mistakes are printed, not thrown: the next change may mend them. */
async function round(
  toolchain: RegoToolchain,
  path: string,
  flags: Flags,
  output: Output,
): Promise<boolean> {
  const started = performance.now();
  const end = (ok: boolean, words: readonly string[], facts: object): boolean => {
    const ms = Math.round(performance.now() - started);
    output.result({ ok, ms, ...facts }, `${words.join('\n')}\n${ok ? 'ok' : 'FAIL'} in ${ms} ms`);
    return ok;
  };
  try {
    const folder = await readPolicyFolder(path);
    const problems = await checkFolder(toolchain, folder);
    if (problems.length > 0) return end(false, problems.map(problemText), { problems });
    const tests = await toolchain.test(sourcesOf(folder));
    const built = await buildPolicy(toolchain, folder);
    const golden = runGoldenCases(built, folder);
    const ok = testsPass(tests) && golden.failures.length === 0;
    if (ok) await writeFile(flags.out, built.archive);
    const words = [tests.report.trimEnd(), goldenWords(golden)];
    if (ok) words.push(`${flags.out}  digest ${built.digest}`);
    return end(ok, words, { digest: built.digest, passed: tests.passed, golden: golden.cases });
  } catch (error) {
    if (!(error instanceof SteleError)) throw error;
    const problems = error instanceof ToolchainError ? error.problems : [];
    const words = problems.length > 0 ? problems.map(problemText) : [error.message];
    return end(false, words, { code: error.code, problems });
  }
}

/** The changes of a folder's sources, gathered until they pause; `next` is false when the command is to end. */
function watchSources(path: string): { next(): Promise<boolean> } {
  let hasChanged = false;
  let hasEnded = false;
  let wake: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(path, { recursive: true }, (_event, name) => {
    if (name === null || !isPolicySource(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      hasChanged = true;
      wake?.();
    }, QUIET_MS);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      hasEnded = true;
      clearTimeout(timer);
      watcher.close();
      wake?.();
    });
  }
  return {
    next: async () => {
      if (!hasChanged && !hasEnded) await new Promise<void>((resolve) => (wake = resolve));
      hasChanged = false;
      return !hasEnded;
    },
  };
}
