/** Golden cases that take over what the policy answers now. The difference of the files is for whoever reviews the change. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { casesOf, tryCase } from '../../policy/bundle/cases.ts';
import type { PolicyEngine } from '../../policy/engine/engine.ts';
import { inOrderOf } from './differences.ts';
import { caseFiles } from './folder.ts';
import type { PolicyFolder } from './folder.ts';

/** A file of cases, as its schema has it. */
type CaseFile = Record<string, { want: JsonValue }[]>;

/**
 * Rewrites the wanted answers that the policy gives otherwise. Cases without an answer that a gateway would take stay as
 * they are: nobody wants a failure.
 *
 * @returns how many answers were taken over, by the name of the file; files without any are not written.
 */
export async function acceptAnswers(
  engine: PolicyEngine,
  folder: PolicyFolder,
): Promise<ReadonlyMap<string, number>> {
  const accepted = new Map<string, number>();
  for (const [name, text] of caseFiles(folder)) {
    const file = JSON.parse(text) as CaseFile;
    // The same order: file by file, rule by rule, case by case.
    const written = Object.values(file).flat();
    let count = 0;
    for (const [i, golden] of casesOf(new Map([[name, utf8Bytes(text)]])).entries()) {
      const failure = tryCase(engine, golden);
      const one = written[i];
      if (failure?.err !== null || one === undefined) continue;
      one.want = inOrderOf(golden.want, failure.got);
      count += 1;
    }
    if (count === 0) continue;
    await writeFile(join(folder.path, name), `${JSON.stringify(file, null, indentOf(text))}\n`);
    accepted.set(name, count);
  }
  return accepted;
}

/** The white space that the file's first member is indented by: nothing else of it changes. */
function indentOf(text: string): string {
  return /^\{\s*\n([ \t]+)/.exec(text)?.[1] ?? ' ';
}
