import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { ENTRYPOINTS } from '../../policy/contract/decision.ts';
import type { Evaluated } from '../../toolchain/answers.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { policyAt, policyOfGateway } from '../reexecute/archived-policy.ts';
import { contextOf } from '../context.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit.ts';
import { explainEntry } from '../reexecute/explain-entry.ts';
import type { Interpreter } from '../reexecute/explain-entry.ts';
import { explainedText, rulesText } from '../reexecute/explain-text.ts';
import { buildPolicy } from './bundle.ts';
import { casesOf, readPolicyFolder, sourcesOf } from './folder.ts';
import type { PolicyFolder } from './folder.ts';
import { inWorkshop } from './workshop.ts';
import { entryOfFile, entryOfGateway, entryOfStore } from '../reexecute/recorded-entry.ts';
import { isEntryFile, isEntryName } from '../reexecute/recorded-entry.ts';
import type { RecordedEntry } from '../reexecute/recorded-entry.ts';
import { withStore } from '../open/store-url.ts';

interface Flags {
  readonly store?: string;
  readonly policy?: string;
  readonly source?: string;
  readonly input?: string;
  readonly case?: string;
  readonly entrypoint: string;
  readonly failed?: boolean;
}

interface Question {
  readonly entrypoint: string;
  /** JSON text. */
  readonly input: string;
}

/** `stele policy explain`: the answer to an input, or a recorded decision, with the rules that made it. */
export function policyExplainCommand(declared: Command): void {
  declared
    .argument('[target]', 'a policy folder; or an entry by index, id or file (.sd-jwt, .json)', '.')
    .option('-i, --input <file>', 'of a folder: JSON of the input')
    .option('--case <text>', 'of a folder: the golden case that says this about itself')
    .option('-e, --entrypoint <path>', 'what is asked of a file', ENTRYPOINTS.append)
    .option('--store <url>', 'where the entry is: file:///folder/ledger or s3://bucket/ledger')
    .option(
      '--policy <place>',
      'what decided: a bundle file, or the store that archived it (default: where the entry is)',
    )
    .option('--source <folder>', 'the Rego that the policy was built from; shown to be so first')
    .option('--failed', 'add the expressions that were not true')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy explain my-policy --input request.json\n  stele policy explain my-policy --case "anybody reads a ledger\'s description" --failed\n  stele policy explain 1204 --store s3://logs/payments\n  stele policy explain entry.sd-jwt --policy bundle.tar.gz',
    )
    .action(async (target: string, flags: Flags, command: Command) => {
      const ofFolder = flags.input !== undefined || flags.case !== undefined;
      if (!ofFolder && (isEntryName(target) || isEntryFile(target))) {
        await explainRecorded(target, flags, command);
      } else await explainInput(target, flags, command);
    });
}

async function explainInput(path: string, flags: Flags, command: Command): Promise<void> {
  await inWorkshop(command, async ({ output, toolchain }) => {
    const folder = await readPolicyFolder(path);
    const question = await questionOf(folder, flags);
    const evaluated = await toolchain.evaluate(sourcesOf(folder), {
      query: `data.${question.entrypoint.replaceAll('/', '.')}`,
      input: question.input,
      trace: true,
    });
    const result = evaluated.results[0]?.expressions[0]?.value;
    const { fired, failed, printed } = evaluated;
    output.result(
      { ...question, input: undefined, result: result ?? null, fired, printed },
      wordsOf(question, evaluated),
    );
    if (flags.failed === true) output.note(failed.trimEnd());
  });
}

/** Exit codes are those of a verification: 1 where the result differs, 3 where it cannot be made again. */
async function explainRecorded(target: string, flags: Flags, command: Command): Promise<void> {
  const { configuration, connection } = contextOf(command);
  const { store: url, policy: place = url } = flags;
  await inWorkshop(command, async ({ output, toolchain }) => {
    const recorded = await recordedEntry(target, url, { configuration, connection });
    const explained = await explainEntry(
      recorded,
      async (id, digest) =>
        place === undefined && !isEntryFile(target)
          ? policyOfGateway(connection, id, digest)
          : policyAt(place, id, configuration, digest),
      { toolchain, source: sourceOf(flags.source, toolchain) },
    );
    const { trace } = explained;
    const shown = flags.failed === true ? trace : trace && { ...trace, failed: undefined };
    output.result(
      { ...explained, trace: shown },
      explainedText(explained, flags.source !== undefined),
    );
    if (flags.failed === true && trace !== null) output.note(trace.failed.trimEnd());
    process.exitCode = EXIT[explained.reexecution.verdict];
  });
}

/** Sources are taken at their word only where they build the very policy. */
function sourceOf(path: string | undefined, toolchain: RegoToolchain): Interpreter['source'] {
  if (path === undefined) return null;
  return async ({ prepared, revision }) => {
    const folder = await readPolicyFolder(path);
    const flags = revision === null ? {} : { revision };
    const { identity } = await buildPolicy(toolchain, folder, flags);
    if (identity.id === prepared.identity.id) return sourcesOf(folder);
    const message = `${path} builds policy ${identity.id}, and ${prepared.identity.id} decided`;
    throw new MalformedError(message, 'source_other');
  };
}

const EXIT = {
  identical: exitCodes.ok,
  different: exitCodes.invalid,
  not_reexecutable: exitCodes.incomplete,
} as const;

async function recordedEntry(
  target: string,
  url: string | undefined,
  { configuration, connection }: Pick<CommandContext, 'configuration' | 'connection'>,
): Promise<RecordedEntry> {
  if (isEntryFile(target)) return entryOfFile(target);
  if (url === undefined) return entryOfGateway(connection, target);
  return withStore(url, configuration, async (store, settings) =>
    entryOfStore({ store, ledger: settings.text('ledger') }, target),
  );
}

async function questionOf(folder: PolicyFolder, flags: Flags): Promise<Question> {
  const { case: about, input, entrypoint } = flags;
  if (about !== undefined) {
    const golden = casesOf(folder).find((each) => each.about.includes(about));
    if (golden === undefined) throw new MalformedError('no golden case says so', 'no_such_case');
    return { entrypoint: golden.entrypoint, input: JSON.stringify(golden.input) };
  }
  if (input === undefined) {
    throw new SteleError('input_missing', 'explain what? --input <file> or --case <text>', {
      disposition: 'fix-configuration',
    });
  }
  const text = await readFile(input, 'utf8');
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new MalformedError(`${input} is not JSON: ${String(cause)}`, 'not_json');
  }
  return { entrypoint, input: text };
}

function wordsOf({ entrypoint }: Question, { results, fired, printed }: Evaluated): string {
  const result = results[0]?.expressions[0]?.value;
  const answer = result === undefined ? 'undefined' : JSON.stringify(result, null, 2);
  return [
    `${entrypoint} answers ${answer}`,
    ...(printed === '' ? [] : ['', 'printed:', printed.trimEnd()]),
    '',
    ...rulesText(fired),
  ].join('\n');
}
