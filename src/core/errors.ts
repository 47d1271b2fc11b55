/** What a caller can do about an error. */
export type Disposition = 'fix-input' | 'fix-configuration' | 'retry' | 'reload' | 'halt';

/** What became of the data of a write that failed. `unknown`: it may or may not have been applied. */
export type Durability = 'durable' | 'not-durable' | 'unknown';

/** The facts of an error beside its code and message. */
export interface ErrorFacts {
  readonly disposition: Disposition;
  readonly durability?: Durability;
  /** RFC 6901 pointer to the offending place of the input. */
  readonly pointer?: string;
  readonly cause?: unknown;
}

/**
 * The base of every operating error. `code` is public and stable (`lower_snake_case`, listed in the reference);
 * the message is for people, names both values, and holds no secret and no input document.
 */
export class SteleError extends Error {
  readonly code: string;
  readonly disposition: Disposition;
  readonly durability: Durability | undefined;
  readonly pointer: string | undefined;

  constructor(code: string, message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = code;
    this.disposition = facts.disposition;
    this.durability = facts.durability;
    this.pointer = facts.pointer;
  }
}

/** Bytes or text from outside that are not what a format says. Nothing was done with them. */
export class MalformedError extends SteleError {
  constructor(message: string, code = 'malformed_input', pointer?: string) {
    super(code, message, {
      disposition: 'fix-input',
      ...(pointer === undefined ? {} : { pointer }),
    });
  }
}

/** States an invariant. @throws a plain `Error` when it does not hold: our bug, and the process should stop. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** Closes a `switch` over a union: the compiler proves that no case is left. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
