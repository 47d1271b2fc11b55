/** The entry's payload as a closed schema: what the documentation is made from. `entry-payload.ts` is its fast form. */
import { z } from 'zod';
import {
  findContradiction,
  isDigests,
  isLabels,
  isPolicyOutcome,
  LABEL_BYTES_MAX,
  PATTERNS,
} from './entry-payload.ts';
import type { EntryPayload, PolicyOutcome } from './entry-payload.ts';
import type { JsonValue } from './strict-json.ts';
import { uuid7Time } from './uuid7.ts';

const hash = z.string().regex(PATTERNS.hash).describe('base64url of a SHA-256');
const id = z.string().regex(PATTERNS.id).describe('base64url of 16 random bytes');
const count = z.number().int().nonnegative();
const identity = z.string().regex(PATTERNS.identity).describe('secret id, dot, base64url HMAC');

/** Where an entry stands in its writer's chain. */
export const writerPositionSchema = z.strictObject({ id, boot: id, seq: count, prev: hash });

/** Which policy decided, and how. */
export const policyOutcomeSchema = z
  .strictObject({
    id: hash.nullable(),
    entrypoint: z.string().regex(PATTERNS.entrypoint),
    allow: z.boolean(),
    err: z.string().regex(PATTERNS.code).optional(),
  })
  .refine((outcome) => isPolicyOutcome(outcome as PolicyOutcome), {
    message: 'id is null only with err, and err allows nothing',
  });

/** How long the record is kept. */
export const entryRetentionSchema = z.strictObject({
  class: z.string().regex(PATTERNS.class),
  mode: z.enum(['compliance', 'governance', 'none']),
  until: count.nullable().describe('epoch ms; null where an event will start it'),
});

/** The payload of an entry. Specification: docs/formats.md, Entry. */
export const entryPayloadSchema = z
  .strictObject({
    v: z.literal(1),
    iss: z.string().regex(PATTERNS.origin).describe('origin of the ledger'),
    gen: hash.describe('SHA-256 of the genesis object'),
    jti: z
      .string()
      .refine((text) => uuid7Time(text) >= 0, 'not a UUIDv7')
      .describe('UUIDv7 of the time at'),
    iat: count.describe('at in whole seconds, rounded down'),
    at: count.describe('admission, epoch ms'),
    kind: z.string().regex(PATTERNS.kind),
    wtr: writerPositionSchema,
    pol: policyOutcomeSchema.optional(),
    ret: entryRetentionSchema,
    sby: count.describe('sealed by, epoch ms'),
    idk: identity.optional(),
    idb: identity.optional(),
    lbl: z
      .record(z.string(), z.string())
      .refine((labels) => isLabels(labels), `more than ${LABEL_BYTES_MAX} bytes`)
      .optional(),
    ctl: z.record(z.string(), z.json()).optional().describe('facts of a control kind'),
    was: hash.optional().describe('hash of the signing input that this entry reissues'),
    dsc: z.string().regex(PATTERNS.dsc).optional(),
    _sd: z
      .array(hash)
      .length(3)
      .refine((digests) => isDigests(digests as JsonValue), 'not ascending')
      .optional(),
    _sd_alg: z.literal('sha-256').optional(),
  })
  .refine((payload) => findContradiction(payload as EntryPayload) === undefined, {
    message: 'members contradict each other',
  });
