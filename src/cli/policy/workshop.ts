/** What the commands of policy authors share: their flags, the toolchain for as long as they run, and how they report. */
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import type { Problem } from '../../toolchain/answers.ts';
import { readArtefactRecord } from '../../toolchain/artefact.ts';
import { problemText, ToolchainError } from '../../toolchain/toolchain-error.ts';
import { RegoToolchain } from '../../toolchain/toolchain.ts';
import { exitCodes } from '../exit.ts';
import { findProgram, programOutput } from '../other-programs.ts';
import { createOutput } from '../output.ts';
import type { Output } from '../output.ts';

/** What a command of authors gets. */
export interface Workshop {
  readonly output: Output;
  readonly toolchain: RegoToolchain;
}

const MILLISECONDS_PER_SECOND = 1000;

/**
 * Code of the toolchain runs once or twice in a command, and optimising it takes four times as long as running it: 5.7 s
 * of processor time instead of 1.7 s for the tests of the default policy (Node 20). Only for commands: the flag is the process's.
 */
const NOT_OPTIMISED = '--liftoff-only';

/**
 * Runs a command with a toolchain, and ends its thread afterwards. Mistakes in the sources are printed with their places
 * and end with exit code 1.
 *
 * @param optimised - Whether compiled code is to become fast, at its price: for who measures it.
 */
export async function inWorkshop(
  command: Command,
  work: (workshop: Workshop) => Promise<void>,
  { optimised = false } = {},
): Promise<void> {
  if (!optimised) setFlagsFromString(NOT_OPTIMISED);
  const { json, deadline } = command.optsWithGlobals<{ json?: boolean; deadline?: number }>();
  const output = createOutput({ json: json === true });
  const toolchain = new RegoToolchain(
    deadline === undefined ? {} : { deadlineMs: deadline * MILLISECONDS_PER_SECOND },
  );
  try {
    await work({ output, toolchain });
  } catch (error) {
    if (!(error instanceof ToolchainError) || error.problems.length === 0) throw error;
    const { code, problems } = error;
    output.result({ ok: false, code, problems }, problems.map(problemText).join('\n'));
    if (problems.some(isOfData)) {
      output.note(
        'every .json and .yaml file of the folder is data of the policy: keep others elsewhere',
      );
    }
    process.exitCode = exitCodes.invalid;
  } finally {
    await toolchain.close();
  }
}

/** Files that no policy could have as its data, all together: mostly the folder of something else. */
function isOfData({ message }: Problem): boolean {
  return /merge error|document must be of type object/.test(message);
}

/**
 * An OPA on the PATH that is of another version than the toolchain: its bundles may differ in bytes, its tests in words.
 * @returns its version, or null where there is none or it is the same.
 */
export async function otherOpa(): Promise<string | null> {
  const path = await findProgram('opa');
  if (path === null) return null;
  const said = await programOutput(path, ['version'], process.cwd());
  const version = /^Version: (\S+)$/m.exec(said.stdout)?.[1];
  const { opa } = await readArtefactRecord();
  return version === undefined || version === opa ? null : version;
}

/** One line where {@link otherOpa} found one. */
export async function noteOtherOpa(output: Output): Promise<string | null> {
  const other = await otherOpa();
  if (other !== null) {
    const { opa } = await readArtefactRecord();
    output.note(
      `note: opa ${other} is on the PATH; this is OPA ${opa}, and its answer is what counts`,
    );
  }
  return other;
}
