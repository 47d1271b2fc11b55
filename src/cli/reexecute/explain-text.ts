/** What an explanation says to people. */
import type { FiredRule } from '../../toolchain/answers.ts';
import type { ExplainedEntry } from './explain-entry.ts';
import type { Trace } from './explain-trace.ts';

/** Columns for the place of a rule; longer ones push their line. */
const PLACE_COLUMNS = 28;

/** A build drops comments that are no metadata: what the bundle holds has other lines than what the author wrote. */
const BUNDLE_LINES =
  'lines are those of the Rego in the bundle; --source <folder> gives those of yours';

/** The rules that gave a value, each with its place and its first line; why it is allowed or denied comes first. */
export function rulesText(fired: readonly FiredRule[]): string[] {
  const rules = [...fired]
    .sort((a, b) => rank(a) - rank(b))
    .map(({ file, row, rule, title, text }) => {
      const place = `${file}:${row}`.padEnd(PLACE_COLUMNS);
      const name = `${rule}${title === undefined ? '' : ` (${title})`}`;
      return `  ${place} ${name}\n${' '.repeat(PLACE_COLUMNS + 3)}${text}`;
    });
  return ['rules that gave a value:', ...rules];
}

/** Verdict and reasons, then what else is in the answer, then what rules keep to themselves. */
function rank({ rule }: FiredRule): number {
  const name = rule.slice(rule.lastIndexOf('.') + 1);
  if (name === 'allow' || name === 'reasons') return 0;
  return name.startsWith('_') ? 2 : 1;
}

/** An explained entry for a terminal. @param isOfSource - Whether lines are those of the author's files. */
export function explainedText(explained: ExplainedEntry, isOfSource: boolean): string {
  const { id, index, kind, at, entrypoint, allow, err, policy, checked } = explained;
  const { result, reexecution, trace } = explained;
  const { verdict, detail } = reexecution;
  const number = index === null ? '' : ` (index ${index})`;
  const outcome = `${allow ? 'allowed' : 'denied'}${err === null ? '' : `: ${err}`}`;
  const revision = policy.revision === null ? '' : ` (revision ${policy.revision})`;
  const head = [
    `entry ${id}${number}, ${kind}, ${new Date(at).toISOString()}`,
    `${entrypoint} ${outcome}, by policy ${String(policy.id)}${revision}`,
    `checked: ${checked}`,
  ];
  if (verdict === 'not_reexecutable') return [...head, `not re-executable: ${detail}`].join('\n');
  const again = verdict === 'identical' ? 'identical' : `DIFFERENT: ${detail}`;
  const answer = `recorded ${JSON.stringify(result, null, 2)}`;
  const rules = traceText(trace);
  if (trace !== null && !isOfSource) rules.push(BUNDLE_LINES);
  return [...head, `executed again: ${again}`, '', answer, '', ...rules].join('\n');
}

function traceText(trace: Trace | null): string[] {
  if (trace === null) return ['the bundle has no Rego, so no rule can be named'];
  const { queries, fired, printed, agrees } = trace;
  const doubt = 'interpreted, the rules give another result: they do not explain the recorded one';
  return [
    `interpreted: ${queries.join(', ')}`,
    ...(agrees ? [] : [doubt]),
    ...(printed === '' ? [] : ['printed:', printed.trimEnd()]),
    ...rulesText(fired),
  ];
}
