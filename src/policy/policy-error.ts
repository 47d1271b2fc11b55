import { SteleError } from '../core/errors.ts';
import type { DenialCode } from './decision.ts';

/** The policy gave no usable answer. `code` is the `pol.err` of the denial that follows. */
export class PolicyError extends SteleError {
  declare readonly code: DenialCode;

  constructor(code: DenialCode, message: string, cause?: unknown) {
    super(code, message, {
      disposition: 'fix-configuration',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** A bundle, a module or its data that may not decide. Nothing of it was activated. */
export class BundleError extends SteleError {
  constructor(message: string, cause?: unknown) {
    super('bundle_invalid', message, {
      disposition: 'fix-configuration',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
