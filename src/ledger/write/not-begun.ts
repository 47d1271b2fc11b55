/** Why nothing is taken before the boot entry is sealed: the log is being learnt, or the store keeps it from being learnt. */
import { SteleError } from '../../core/errors.ts';
import { NotTakenError } from '../context/errors.ts';

const NOT_BEGUN = 'store_unreachable';

/**
 * The code of a refusal, by what the store has failed with since the start.
 *
 * @param refusal - Of the intake, which does not know the store: `store_unreachable` until the boot entry is sealed.
 * @param fault - Null while the store answers: then nobody has to look at it, and the code is `starting`.
 */
export function refusalBy(refusal: string | null, fault: string | null): string | null {
  if (refusal !== NOT_BEGUN) return refusal;
  if (fault === null) return 'starting';
  return isOfSlot(fault) ? fault : refusal;
}

/** What a caller is told of an error: a store that answers is told apart from one that does not, see {@link refusalBy}. */
export function errorBy(error: unknown, fault: string | null): unknown {
  if (!(error instanceof SteleError) || error.code !== NOT_BEGUN || fault !== null) return error;
  return new NotTakenError('starting', error.message, error);
}

/** Whether the store answers, and somebody has put something onto the next key that a person has to take away. */
function isOfSlot(fault: string): boolean {
  return fault === 'slot_unreadable' || fault === 'slot_hidden';
}
