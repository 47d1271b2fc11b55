import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { SteleError } from '../core/errors.ts';
import { exitCodes } from './exit.ts';
import { exists } from './open/home.ts';
import { packageRoot } from './version.ts';
import { malformed } from './option-values.ts';

/** The parts of the benchmarks, in their order; `infra/bench/run.mjs` has the same. */
const PARTS = [
  'decide',
  'many',
  'sealing',
  'publish',
  'idle',
  'parts',
  'evaluate',
  'author',
  'replay',
  'swap',
  'shadow',
];

/** `stele bench`: the checkout's benchmarks, each figure beside a peer or the machine's floor. */
export function benchCommand(declared: Command): void {
  declared
    .option('--quick', 'short rounds')
    .option('--only <names>', `comma-separated: ${PARTS.join(', ')}`)
    .addHelpText('after', '\nExample:\n  stele bench --quick --only=decide,parts')
    .action(async (options: { quick?: boolean; only?: string }, command: Command) => {
      checkParts(options.only);
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      const root = fileURLToPath(packageRoot);
      const script = fileURLToPath(new URL('infra/bench/run.mjs', packageRoot));
      if (!(await exists(script))) {
        throw new SteleError(
          'bench_missing',
          'the benchmarks are in a checkout, not in the package',
          {
            disposition: 'fix-configuration',
          },
        );
      }
      const flags = [
        ...(options.quick === true ? ['--quick'] : []),
        ...(json === true ? ['--json'] : []),
        ...(options.only === undefined ? [] : [`--only=${options.only}`]),
      ];
      const child = spawn(process.execPath, [script, ...flags], { cwd: root, stdio: 'inherit' });
      const [code] = (await once(child, 'exit')) as [number | null];
      process.exitCode = code ?? exitCodes.incomplete;
    });
}

/** A slip of the pen would measure nothing, and nothing would miss its bar. @throws {@link SteleError} `option_malformed`. */
function checkParts(only: string | undefined): void {
  const unknown = only?.split(',').find((name) => !PARTS.includes(name));
  if (unknown === undefined) return;
  const message = `--only: no such part: ${unknown}; there are ${PARTS.join(', ')}`;
  throw malformed(message);
}
