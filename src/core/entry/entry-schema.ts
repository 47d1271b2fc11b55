/** The entry's payload as a closed schema: what the documentation is made from. `payload.ts` is its fast form. */
import { z } from 'zod';
import {
  findContradiction,
  isDigests,
  isLabels,
  isPolicyOutcome,
  LABEL_BYTES_MAX,
  PART_COUNT,
  PATTERNS,
} from './payload.ts';
import type { EntryPayload, PolicyOutcome } from './payload.ts';
import {
  Base64Url32,
  ClassName,
  Code,
  Count,
  EpochMs,
  Origin,
  RetentionMode,
  WriterId,
} from './schema.ts';
import { uuid7Time } from './uuid7.ts';

const Identity = z.string().regex(PATTERNS.identity).describe('secret id, dot, base64url HMAC');

/** Where an entry stands in its writer's chain. */
const WriterPositionSchema = z.strictObject({
  id: WriterId.describe('born with the journal folder'),
  boot: WriterId.describe('new at every start'),
  seq: Count.describe('from 0 in each boot, without gaps'),
  prev: Base64Url32.describe('SHA-256 of the previous signing input of this writer; first: gen'),
});

/** Which policy decided, and how. */
const PolicyOutcomeSchema = z
  .strictObject({
    id: Base64Url32.nullable().describe('null where nothing could be evaluated'),
    entrypoint: z.string().regex(PATTERNS.entrypoint),
    allow: z.boolean(),
    err: z.exactOptional(Code),
  })
  .refine((outcome) => isPolicyOutcome(outcome as PolicyOutcome), {
    error: 'id is null without err, or err allows',
  });

/** How long the record is kept. */
const EntryRetentionSchema = z.strictObject({
  class: ClassName,
  mode: RetentionMode,
  until: EpochMs.nullable().describe('null where an event will start it'),
});

/** The payload of an entry. Specification: docs/formats.md, Entry. */
export const EntryPayloadSchema = z
  .strictObject({
    v: z.literal(1),
    iss: Origin.describe('origin of the ledger'),
    gen: Base64Url32.describe('SHA-256 of the genesis object'),
    jti: z
      .string()
      .refine((text) => uuid7Time(text) >= 0, { error: 'not a lower-case UUIDv7' })
      .describe('UUIDv7 of the time at'),
    iat: Count.describe('at in whole seconds, rounded down'),
    at: EpochMs.describe('admission'),
    kind: z.string().regex(PATTERNS.kind).describe('an unknown one is let through and reported'),
    wtr: WriterPositionSchema,
    pol: z.exactOptional(PolicyOutcomeSchema).describe('absent on entries of the system'),
    ret: EntryRetentionSchema,
    sby: EpochMs.describe('sealed by then, or the promise is broken'),
    idk: z.exactOptional(Identity).describe('identity of the write'),
    idb: z.exactOptional(Identity).describe('identity of its body'),
    lbl: z.exactOptional(
      z.record(z.string(), z.string()).refine((labels) => isLabels(labels), {
        error: `more than ${LABEL_BYTES_MAX} bytes`,
      }),
    ),
    ctl: z.exactOptional(z.record(z.string(), z.json())).describe('facts of a control kind'),
    was: z.exactOptional(Base64Url32).describe('SHA-256 of the signing input it reissues'),
    dsc: z.exactOptional(z.string().regex(PATTERNS.dsc)).describe('disclosure scheme and depths'),
    _sd: z.exactOptional(
      z
        .array(Base64Url32)
        .length(PART_COUNT)
        .refine((digests) => isDigests(digests), { error: 'digests are not ascending' }),
    ),
    _sd_alg: z.exactOptional(z.literal('sha-256')),
  })
  .refine((payload) => findContradiction(payload as EntryPayload) === undefined, {
    error: 'members contradict each other',
  });
