import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MalformedError, SteleError } from '../core/errors.ts';
import { ENTRYPOINTS } from '../policy/decision.ts';
import type { Evaluated } from '../toolchain/answers.ts';
import { casesOf, readPolicyFolder, sourcesOf } from './policy-folder.ts';
import type { PolicyFolder } from './policy-folder.ts';
import { inWorkshop } from './policy-workshop.ts';

interface Flags {
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

/** `stele policy explain`: the answer to an input, with the rules that made it. */
export function policyExplainCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('-i, --input <file>', 'JSON of the input')
    .option('--case <text>', 'the golden case that says this about itself, in place of a file')
    .option('-e, --entrypoint <path>', 'what is asked of a file', ENTRYPOINTS.append)
    .option('--failed', 'add the expressions that were not true')
    .addHelpText(
      'after',
      '\nExamples:\n  stele policy explain my-policy --input request.json\n  stele policy explain my-policy --case "anybody reads a ledger\'s description" --failed',
    )
    .action(async (path: string, flags: Flags, command: Command) => {
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
    });
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
  const rules = fired.map(({ file, row, rule, title, text }) => {
    return `  ${`${file}:${row}`.padEnd(28)} ${rule}${title === undefined ? '' : ` (${title})`}\n${' '.repeat(31)}${text}`;
  });
  return [
    `${entrypoint} answers ${answer}`,
    ...(printed === '' ? [] : ['', 'printed:', printed.trimEnd()]),
    '',
    'rules that gave a value:',
    ...rules,
  ].join('\n');
}
