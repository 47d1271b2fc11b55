/** The steps of a report on a log that its findings decide. */
import type { FindingCode } from './findings.ts';

/** A step that findings decide, and what is looked at for it. */
export interface FindingStep {
  readonly name: string;
  readonly codes: readonly FindingCode[];
  readonly of: 'entries' | 'batches' | 'checkpoints';
}

/** Codes that decide a step of the report; all others are findings only. */
export const FINDING_STEPS: readonly FindingStep[] = [
  { name: 'leaf_signatures', codes: ['leaf_signature'], of: 'entries' },
  {
    name: 'chains',
    codes: ['chain_prev', 'seq_hole', 'boot_missing', 'after_close', 'writer_clone'],
    of: 'entries',
  },
  { name: 'ids', codes: ['duplicate_jti', 'idempotency_conflict', 'duplicate_idk'], of: 'entries' },
  {
    name: 'policies',
    codes: ['not_adopted', 'not_activated', 'stale_policy', 'superseded_policy'],
    of: 'entries',
  },
  {
    name: 'control',
    codes: ['bad_statement', 'bad_approval', 'alert_missing', 'no_effect', 'past_final'],
    of: 'entries',
  },
  { name: 'carried_checkpoints', codes: ['bad_checkpoint'], of: 'batches' },
  { name: 'versions', codes: ['version_mismatch', 'void_mismatch'], of: 'batches' },
];
/** Whether the log holds what checkpoints from elsewhere cover. */
export const HEADS_STEP: FindingStep = {
  name: 'known_checkpoints',
  codes: ['tail_cut', 'fork'],
  of: 'checkpoints',
};
