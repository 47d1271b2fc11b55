import { SteleError } from '../core/errors.ts';
import type { Disposition } from '../core/errors.ts';
import type { Problem } from './answers.ts';

/** Why the toolchain did not do what it was asked. Stable. */
export type ToolchainCode =
  /** The sources are wrong; `problems` says where. */
  | 'policy_source_invalid'
  /** More files or bytes than the toolchain takes. */
  | 'policy_source_too_large'
  /** The call did not end in time and was stopped. */
  | 'toolchain_timeout'
  /** The call ran out of stack or memory; the next one is not affected. */
  | 'toolchain_trapped'
  /** The artefact is not there, or not the one that was released. */
  | 'toolchain_unusable';

const dispositions: Readonly<Record<ToolchainCode, Disposition>> = {
  policy_source_invalid: 'fix-input',
  policy_source_too_large: 'fix-input',
  toolchain_timeout: 'fix-input',
  toolchain_trapped: 'fix-input',
  toolchain_unusable: 'fix-configuration',
};

/** A call of the toolchain that gave nothing. */
export class ToolchainError extends SteleError {
  declare readonly code: ToolchainCode;
  /** The mistakes with their places; empty where it is not the sources. */
  readonly problems: readonly Problem[];

  constructor(
    code: ToolchainCode,
    message: string,
    facts: { readonly problems?: readonly Problem[]; readonly cause?: unknown } = {},
  ) {
    super(code, message, {
      disposition: dispositions[code],
      ...(facts.cause === undefined ? {} : { cause: facts.cause }),
    });
    this.problems = facts.problems ?? [];
  }
}

/** `file:row:column: message`, as compilers write it. */
export function problemText(problem: Problem): string {
  const { file, row, column, code, message, instead } = problem;
  const place = [file, row, column].filter((part) => part !== undefined).join(':');
  const advice = instead === undefined ? '' : `; instead: ${instead}`;
  return `${place === '' ? '' : `${place}: `}${code}: ${message}${advice}`;
}
