/**
 * Facts of control entries (`ctl`), one closed schema for each kind. They stand in the leaf in clear, so that a log
 * can be followed when every payload is gone, and take effect with the next batch. They are for ever: no personal
 * data, only identifiers, positions and codes. `docs/formats.md`, "Control facts".
 */
import { z } from 'zod';
import { POLICY_CHANGES } from './approval.ts';
import {
  applySchema,
  ApprovalJws,
  Base64Url16,
  Base64Url32,
  ClassName,
  Code,
  Count,
  EpochMs,
  Note,
  ObjectKey,
  StatementSchema,
  WriterId,
} from '../entry/schema.ts';
import type { JsonValue } from '../json/strict-json.ts';

/**
 * What fits: a leaf has 65,535 bytes, so about 48,000 for its payload. A key id takes 25 of them, the place of a payload at
 * most 43, an index at most 17; both lists are full together, and what is more goes into another entry.
 */
const ERASURE_KEYS_MAX = 900;
const PURGE_OBJECTS_MAX = 512;
const OPENING_FAILED_MAX = 128;
/** A row takes some 190 bytes. */
const SUMMARY_COUNTS_MAX = 256;

/** A boot begins. `prevBoot` and `lastSeq` are what its journal knows of the boot before; `policy` decides first. */
const BootFacts = z
  .strictObject({
    prevBoot: WriterId.nullable(),
    lastSeq: Count.nullable(),
    policy: Base64Url32.nullable(),
  })
  .refine((boot) => (boot.prevBoot === null) === (boot.lastSeq === null), {
    error: 'prevBoot and lastSeq are both null or both given',
  });

/** A boot ends by itself: no entry of it follows. */
const CloseFacts = z.strictObject({ reason: Code });

/**
 * Entries that will never come: numbers `first`..`last` of a boot, or all from `first` on. With `statement` the root
 * says so, for a writer whose journal folder is lost.
 */
const GapFacts = z
  .strictObject({
    writer: WriterId,
    boot: WriterId,
    first: Count,
    last: Count.nullable(),
    reason: Code,
    statement: z.exactOptional(StatementSchema),
  })
  .refine((gap) => gap.last === null || gap.last >= gap.first, {
    error: 'last is before first',
    path: ['last'],
  });

const HeartbeatFacts = z.strictObject({});

/** What the root keys say, see `statement.ts`. Without their signatures it has no effect and is a finding. */
const StatementFacts = z.strictObject({ statement: StatementSchema });

/**
 * A policy is activated, adopted by one writer and boot from its next entry on, or refused. `certificates` are those of
 * the approvers and of the bundle's author; `needed` is how many approvals the policy in charge asked for.
 */
const PolicyFacts = z.strictObject({
  act: z.enum(['activate', 'adopt', 'reject']),
  id: Base64Url32.nullable(),
  digest: Base64Url32.nullable(),
  revision: z.string().max(256).nullable(),
  previous: Base64Url32.nullable(),
  signer: Base64Url32.nullable(),
  approvals: z.array(ApprovalJws).max(32),
  grace: Count.nullable(),
  activation: Count.nullable(),
  change: z.exactOptional(z.enum(POLICY_CHANGES)),
  certificates: z.exactOptional(z.array(StatementSchema).max(33)),
  needed: z.exactOptional(Count),
  code: z.exactOptional(Code),
  reason: z.exactOptional(Note),
});

/** A legal hold on all entries that meet every given condition; `keys` are key ids of subjects, never their names. */
const HoldFacts = z.strictObject({
  act: z.enum(['place', 'release', 'refuse']),
  id: Base64Url16,
  scope: z
    .strictObject({
      ranges: z.exactOptional(z.array(z.tuple([Count, Count])).min(1)),
      class: z.exactOptional(ClassName),
      from: z.exactOptional(EpochMs),
      to: z.exactOptional(EpochMs),
      keys: z.exactOptional(z.array(Base64Url16).min(1)),
    })
    .nullable(),
  place: Count.nullable(),
  approvals: z.array(ApprovalJws).max(32),
  code: z.exactOptional(Code),
  reason: z.exactOptional(Note),
});

/** Outcome of opening records in full before they go: how many were checked, and which did not match their leaf. */
const Opening = z.strictObject({
  checked: Count,
  absent: Count,
  failed: z.array(Count).max(OPENING_FAILED_MAX),
});

/** Keys of sealed sets to be destroyed, then what was destroyed and what was still found at the look afterwards. */
const ErasureFacts = z.strictObject({
  act: z.enum(['intent', 'done', 'refuse']),
  id: Base64Url16,
  keys: z.array(Base64Url16).max(ERASURE_KEYS_MAX),
  remaining: z.array(Base64Url16).max(ERASURE_KEYS_MAX),
  intent: Count.nullable(),
  hold: Count.nullable(),
  approvals: z.array(ApprovalJws).max(32),
  opening: z.exactOptional(Opening),
  code: z.exactOptional(Code),
});

/** A payload object: its batch, and its place in the `payloads` or in the `orphans` of that. */
const PayloadPlace = z.union([
  z.strictObject({ batch: Count, payload: Count }),
  z.strictObject({ batch: Count, orphan: Count }),
]);

/** Payload versions whose class has ended: named by batch and place there, then deleted. */
const PurgeFacts = z.strictObject({
  act: z.enum(['intent', 'done', 'refuse']),
  id: Base64Url16,
  class: ClassName.nullable(),
  objects: z.array(PayloadPlace).max(PURGE_OBJECTS_MAX),
  remaining: z.array(PayloadPlace).max(PURGE_OBJECTS_MAX),
  intent: Count.nullable(),
  hold: Count.nullable(),
  opening: z.exactOptional(Opening),
  code: z.exactOptional(Code),
});

/** Decisions that were counted instead of recorded one by one, in [`from`, `to`). */
const SummaryFacts = z
  .strictObject({
    from: EpochMs,
    to: EpochMs,
    counts: z
      .array(
        z.strictObject({
          entrypoint: z.string().max(128),
          action: z.string().max(128),
          allow: z.boolean(),
          count: Count,
          code: z.exactOptional(Code),
          class: z.exactOptional(ClassName),
          policy: z.exactOptional(Base64Url32),
        }),
      )
      .max(SUMMARY_COUNTS_MAX),
  })
  .refine((summary) => summary.to >= summary.from, { error: 'to is before from', path: ['to'] });

/** What a policy saw in the sealed entry at `source`. (source, policy, title) names it: two gateways make it once. */
const AlertFacts = z.strictObject({
  source: Count,
  policy: Base64Url32,
  severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
  title: z.string().min(1).max(256),
});

/** A finding that a gateway made itself while it followed the log. `code` is one of `verify/findings.ts` or newer. */
const FindingFacts = z.strictObject({
  code: Code,
  at: z.strictObject({
    batch: z.exactOptional(Count),
    index: z.exactOptional(Count),
    key: z.exactOptional(ObjectKey),
    writer: z.exactOptional(WriterId),
    boot: z.exactOptional(WriterId),
    seq: z.exactOptional(Count),
  }),
  detail: Note,
});

/** The closed schema of `ctl` for each control kind. Other kinds have no `ctl`. */
export const controlSchemas = {
  boot: BootFacts,
  close: CloseFacts,
  gap: GapFacts,
  heartbeat: HeartbeatFacts,
  key: StatementFacts,
  config: StatementFacts,
  policy: PolicyFacts,
  hold: HoldFacts,
  erasure: ErasureFacts,
  purge: PurgeFacts,
  summary: SummaryFacts,
  alert: AlertFacts,
  finding: FindingFacts,
} as const;

/** A kind of entry whose facts stand in `ctl`. */
export type ControlKind = keyof typeof controlSchemas;

/** The facts of one control kind. */
export type ControlFacts<K extends ControlKind> = z.infer<(typeof controlSchemas)[K]>;

/** Kinds without facts in clear: all that they say is in their record. */
export const plainKinds = ['event', 'access', 'denial', 'decision'] as const;

/** Every kind that this version knows. */
export const knownKinds: ReadonlySet<string> = new Set([
  ...plainKinds,
  ...Object.keys(controlSchemas),
]);

/** Whether entries of a kind must have `ctl`. */
export function isControlKind(kind: string): kind is ControlKind {
  return Object.hasOwn(controlSchemas, kind);
}

/**
 * Checks that `ctl` is what its kind asks: facts of a control kind, nothing on a plain kind, anything on a kind that
 * is not known (verified otherwise, and reported).
 *
 * @throws {@link MalformedError} `malformed_control` with the pointer inside `ctl`.
 */
export function checkControl(kind: string, ctl: JsonValue | undefined): void {
  if (isControlKind(kind))
    applySchema(controlSchemas[kind], ctl, `ctl of ${kind}`, 'malformed_control');
  else if (knownKinds.has(kind)) applySchema(NoFacts, ctl, `ctl of ${kind}`, 'malformed_control');
}

/** The facts of an entry of control kind `kind`. @throws {@link MalformedError} `malformed_control`. */
export function controlFacts<K extends ControlKind>(
  kind: K,
  ctl: JsonValue | undefined,
): ControlFacts<K> {
  return applySchema(
    controlSchemas[kind],
    ctl,
    `ctl of ${kind}`,
    'malformed_control',
  ) as ControlFacts<K>;
}

const NoFacts = z.undefined();
