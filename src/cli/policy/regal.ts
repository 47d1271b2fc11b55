/** The findings of Regal, the linter of Rego, where it is installed. */
import { findProgram, programOutput } from '../other-programs.ts';

/** One finding. */
export interface LintFinding {
  readonly level: string;
  /** As `style/prefer-snake-case`. */
  readonly rule: string;
  readonly message: string;
  readonly file: string;
  readonly row: number;
  readonly column: number;
}

interface RegalReport {
  readonly violations?: readonly {
    readonly title: string;
    readonly description: string;
    readonly category: string;
    readonly level: string;
    readonly location?: { readonly file: string; readonly row: number; readonly col: number };
  }[];
}

/**
 * Lints a folder.
 * @returns null where Regal is not installed.
 * @throws where it is, and does not say what it found.
 */
export async function regalFindings(folder: string): Promise<readonly LintFinding[] | null> {
  const path = await findProgram('regal');
  if (path === null) return null;
  const { code, stdout, stderr } = await programOutput(
    path,
    ['lint', '--format=json', '.'],
    folder,
  );
  let report: RegalReport;
  try {
    report = JSON.parse(stdout) as RegalReport;
  } catch {
    throw new Error(`regal ended with ${code ?? 'no code'}: ${stderr.slice(0, 500)}`);
  }
  return (report.violations ?? []).map((found) => ({
    level: found.level,
    rule: `${found.category}/${found.title}`,
    message: found.description,
    file: found.location?.file ?? '',
    row: found.location?.row ?? 0,
    column: found.location?.col ?? 0,
  }));
}
