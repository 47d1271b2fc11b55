/**
 * What may be wrong with a log that is valid all the same: one list of codes, each with its weight and meaning.
 * `docs/formats.md`, "Findings", is held against it by a test.
 */

/**
 * `violation`: somebody falsified, or broke a rule that honest software keeps; a verifier says *invalid*. `warning`: a
 * promise was not kept, or something is missing. `notice`: worth knowing.
 */
export type Severity = 'violation' | 'warning' | 'notice';

/** Every finding: weight, then what it means. */
export const findingList = {
  leaf_signature: ['violation', 'the signature of an entry does not verify by its certificate'],
  chain_prev: ['violation', 'prev is not the hash of the entry before it in its boot'],
  seq_hole: ['warning', 'numbers of a boot are missing'],
  boot_missing: ['warning', 'a boot does not begin with its boot entry'],
  after_close: ['warning', 'an entry of a boot that had ended'],
  duplicate_jti: ['violation', 'an id occurs twice in the log'],
  time_order: ['warning', 'admission time trails that of its boot by more than maxDecisionMs'],
  late_seal: ['warning', 'the batch is later than sby of the entry'],
  long_promise: ['warning', 'sby is more than maxSealMs after admission'],
  class_mismatch: ['warning', 'retention is not what the class table asks for'],
  unknown_label: ['warning', 'a label is not in the vocabulary'],
  unknown_kind: ['notice', 'the kind is of a later version; everything else about it was checked'],
  not_adopted: ['violation', 'decided by a policy that its boot had not adopted there'],
  not_activated: ['violation', 'adopts a policy that no activation put in charge'],
  policy_mismatch: ['violation', 'the archived bundle of a policy is not what the log says'],
  undecided_activation: ['violation', 'an activation that the policy in charge did not decide so'],
  stale_policy: ['warning', 'decided by a policy after the grace of its successor'],
  superseded_policy: [
    'violation',
    'decided by a policy long after its writer knew that another was in charge',
  ],
  former_decided: ['warning', 'a change of policy that one before the policy in charge decided'],
  idempotency_conflict: ['warning', 'same idempotency key as an earlier entry, another body'],
  duplicate_idk: ['notice', 'repeats an earlier entry, which is the one'],
  bad_statement: ['violation', 'a control entry whose authority does not stand; it has no effect'],
  bad_approval: ['violation', 'an activation without the approvals it needs; it has no effect'],
  alert_missing: ['warning', 'a policy changed by breaking the glass, and no alert says so'],
  no_effect: ['warning', 'an authentic control entry that is not in its place; it has no effect'],
  past_final: ['warning', 'a key is retired with a final position that the log had passed'],
  gap: ['notice', 'numbers of a boot are declared lost'],
  bad_checkpoint: ['violation', 'a checkpoint in a batch does not verify, or not for this tree'],
  version_mismatch: ['violation', 'previous names another object version than the oldest'],
  void_batch: ['warning', 'the oldest version on a batch key is no valid batch'],
  slot_unreadable: ['warning', 'a batch key holds what is listed and cannot be read'],
  void_mismatch: ['violation', 'the void versions found are not those that the batch commits to'],
  short_lock: ['violation', 'locked for less than declared, or declared for less than required'],
  long_lock: ['warning', 'records are locked for more than their batch declares'],
  missing_lock: ['violation', 'an object that has to be locked is not'],
  extra_version: ['violation', 'a key that is written once has a second version'],
  delete_marker: ['violation', 'a key that is written once has a delete marker'],
  missing_object: ['violation', 'an object that a batch names is not there before its time'],
  payload_mismatch: ['violation', 'a payload object is not what its batch says'],
  record_mismatch: ['violation', 'a record does not open its entry in full'],
  disagreement: ['violation', 'an entry says in clear what its record does not'],
  not_reproduced: ['violation', 'executed again, the policy that it names gives another result'],
  policy_altered: ['violation', 'an archived policy is not the one that its place names'],
  engine_version: ['warning', 'an archived policy is of another engine version than this one'],
  silent_period: ['notice', 'no batch for longer than the heartbeat interval'],
  batch_time: ['warning', 'a batch is dated before the one before it, or before its entries'],
  writer_clone: ['warning', 'a journal was restored or copied: its boot knows less than the log'],
  tail_cut: ['violation', 'the log is shorter than a checkpoint that its key signed'],
  fork: ['violation', 'a checkpoint that its key signed is of another tree'],
  unnamed_object: ['notice', 'an object of the ledger that nothing in its log names'],
  view_mismatch: ['warning', 'the static view differs from the batches'],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

/** Code of a finding that this version makes. */
export type FindingCode = keyof typeof findingList;

/** Where a finding is. */
export interface FindingPlace {
  readonly batch?: number;
  /** Leaf index. */
  readonly index?: number;
  /** Object key. */
  readonly key?: string;
  readonly writer?: string;
  readonly boot?: string;
  readonly seq?: number;
}

/** Something to report. It never makes a batch invalid. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly at: FindingPlace;
  /** For people; no personal data. */
  readonly detail: string;
}

/** Makes a finding. Its weight is the code's. */
export function finding(code: FindingCode, at: FindingPlace, detail: string): Finding {
  return { code, severity: findingList[code][0], at, detail };
}

/** Whether any of them says that the log was falsified. */
export function hasViolation(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'violation');
}
