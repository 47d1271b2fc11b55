import { SteleError } from '../../core/errors.ts';
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

/** Why a bundle may not decide. Stable. */
export type BundleCode =
  | 'bundle_invalid'
  | 'bundle_delta'
  | 'bundle_case_malformed'
  | 'bundle_case_failed'
  | 'bundle_not_ready';

/** A bundle, a module or its data that may not decide. Nothing of it was activated. */
export class BundleError extends SteleError {
  declare readonly code: BundleCode;

  constructor(message: string, cause?: unknown, code: BundleCode = 'bundle_invalid') {
    super(code, message, {
      disposition: 'fix-configuration',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
