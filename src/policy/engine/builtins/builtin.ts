/** What a host function is: pure, bounded, and exactly what OPA answers, or not in the table. */
import type { RegoValue } from '../../contract/rego-value.ts';

/**
 * The answer to a call. Where OPA's built-in fails, `fail()`: undefined in Rego. A function that cannot answer as OPA
 * would, because a limit of this engine is in the way, throws {@link BuiltinLimitError}.
 */
export type BuiltinCall = (...args: (RegoValue | undefined)[]) => RegoValue;

/** One host function. */
export interface HostBuiltin {
  /** Goes up with every change of an answer: it is part of the identity of the policies that call it. */
  readonly version: number;
  readonly call: BuiltinCall;
}

/** A call that is larger than this engine answers. Ends the evaluation: guessing would be another answer than OPA's. */
export class BuiltinLimitError extends Error {
  /** @param message - Says which limit; holds nothing of the arguments. */
  constructor(message: string) {
    super(message);
    this.name = 'BuiltinLimitError';
  }
}

/** @returns a table of one family whose functions all have the same version. */
export function family(
  version: number,
  calls: Readonly<Record<string, BuiltinCall>>,
): [string, HostBuiltin][] {
  return Object.entries(calls).map(([name, call]) => [name, { version, call }]);
}
