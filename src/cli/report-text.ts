import type { Report } from '../core/verify/report.ts';
import { exitCodes } from './exit.ts';
import { mark } from './output.ts';
import type { Output } from './output.ts';
import { inLine } from './printable.ts';

/** Findings printed in words before the rest is only counted. */
const FINDINGS_SHOWN = 20;

/** Prints a report: each step with its verdict, the findings, what a pass shows and what it does not. */
export function printReport(report: Report, output: Output): void {
  const width = Math.max(...report.steps.map(({ name }) => name.length));
  const steps = report.steps.map(
    ({ name, verdict, detail }) =>
      `  ${name.replaceAll('_', ' ').padEnd(width)}  ${mark[verdict]}  ${inLine(detail)}`,
  );
  const findings = report.findings
    .slice(0, FINDINGS_SHOWN)
    .map(
      ({ severity, code, at, detail }) =>
        `  ${severity} ${code} at ${JSON.stringify(at)}: ${inLine(detail)}`,
    );
  const more = report.findings.length - findings.length;
  if (more > 0) findings.push(`  and ${more} more (--json lists all)`);
  const text = [
    headline(report),
    ...steps,
    ...section('found', findings),
    ...section('this establishes', report.establishes.map(indented)),
    ...section('this does not establish', report.doesNotEstablish.map(indented)),
  ];
  output.result(report, text.join('\n'));
}

/** The exit code of a verdict. */
export function exitCodeOfReport({ verdict }: Report): number {
  switch (verdict) {
    case 'valid':
      return exitCodes.ok;
    case 'self_attested':
      return exitCodes.selfAttested;
    case 'incomplete':
      return exitCodes.incomplete;
    case 'invalid':
      return exitCodes.invalid;
  }
}

const verdictText = {
  valid: 'VALID',
  self_attested: 'VALID, self-attested only: nothing that came from elsewhere vouches for it',
  incomplete: 'INCOMPLETE: a step that matters could not be made',
  invalid: 'INVALID',
} as const;

/** The verdict in words; where a step could not be made, which. */
function headline({ verdict, steps }: Report): string {
  const unmade = steps.filter((each) => each.verdict === 'unverifiable').map(({ name }) => name);
  return verdict === 'incomplete' && unmade.length > 0
    ? `${verdictText[verdict]}: ${unmade.join(', ').replaceAll('_', ' ')}`
    : verdictText[verdict];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines];
}

function indented(line: string): string {
  return `  ${line}`;
}
