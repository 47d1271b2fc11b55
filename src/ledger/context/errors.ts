import { SteleError } from '../../core/errors.ts';
import type { Durability } from '../../core/errors.ts';

/** A write was not taken, and nothing of it is kept: the same again, later. */
export class NotTakenError extends SteleError {
  constructor(
    code:
      | 'starting'
      | 'store_unreachable'
      | 'backlog_full'
      | 'closing'
      | 'decision_stale'
      | 'clock_skew'
      | 'policy_superseded'
      | 'signer_unavailable',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { disposition: 'retry', durability: 'not-durable', cause });
  }
}

/** Something is wrong that waiting does not cure; this process takes nothing more. The cause says what. */
export class LedgerHaltedError extends SteleError {
  constructor(message: string, cause: unknown, durability: Durability = 'not-durable') {
    super('ledger_halted', message, { disposition: 'halt', durability, cause });
  }
}

/** What made a ledger halt, found in the store or on this disk. */
export class HaltError extends SteleError {
  constructor(
    code:
      | 'journal_failed'
      | 'journal_taken'
      | 'journal_foreign'
      | 'journal_unreadable'
      | 'folder_in_use'
      | 'lock_refused'
      | 'ledger_corrupt'
      | 'head_conflict'
      | 'heads_lost'
      | 'tail_cut'
      | 'unsupported_format'
      | 'ledger_final'
      | 'certificate_mismatch'
      | 'batch_refused'
      | 'policy_archive_altered',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { disposition: 'halt', cause });
  }
}
