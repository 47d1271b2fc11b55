/** The shapes of `decision.ts` as closed schemas: for the documentation, and for authors' type checks. */
import { z } from 'zod';
import { ACKS, DECISION_LIMITS as LIMITS, MASK_POINTER, RECORD_POINTER } from './decision.ts';

const pointer = z.string().max(LIMITS.pointerCharacters).regex(RECORD_POINTER);
const maskPointer = z.string().max(LIMITS.pointerCharacters).regex(MASK_POINTER);
const pointers = z.array(pointer).max(LIMITS.pointers);
const name = z.string().min(1).max(LIMITS.nameCharacters);
const reasons = z
  .array(z.string().max(LIMITS.reasonCharacters))
  .max(LIMITS.reasons)
  .describe('for people; never echoes what is masked');

/** Answer of `stele/append`. */
export const appendResultSchema = z
  .strictObject({
    allow: z.boolean(),
    reasons,
    class: name.describe('retention class; required with allow').optional(),
    ack: z.enum(ACKS).describe('what the answer waits for').optional(),
    labels: z.record(name, z.string()).describe("public, of the ledger's vocabulary").optional(),
    mask: z.array(maskPointer).max(LIMITS.pointers).describe('never stored').optional(),
    erasure: z
      .array(
        z.strictObject({
          subject: z.string().min(1).max(LIMITS.subjectCharacters),
          pointers: pointers.min(1),
        }),
      )
      .max(LIMITS.claims)
      .optional(),
    hold: z.boolean().optional(),
  })
  .refine((result) => !result.allow || result.class !== undefined, {
    message: 'an allowed append names a class',
    path: ['class'],
  });

const obligationSchema = z
  .discriminatedUnion('id', [
    z.strictObject({
      id: z.literal('purpose').describe('the reader says in Stele-Purpose what it reads for'),
      of: z
        .array(z.string().min(1).max(LIMITS.purposeCharacters))
        .min(1)
        .max(LIMITS.purposes)
        .describe('which purposes will do; any if absent')
        .optional(),
    }),
    z.strictObject({
      id: z.literal('sealed').describe('the access is sealed before anything is answered'),
    }),
    z.strictObject({
      id: z.literal('view_only').describe('values without disclosures: no proof for others'),
    }),
  ])
  .describe('owed with an allowed read; one that is not known denies');

/** Answer of `stele/read`. */
export const readResultSchema = z
  .strictObject({
    allow: z.boolean(),
    reasons,
    redact: pointers.describe('all but these').optional(),
    disclose: pointers.describe('only these').optional(),
    record: z.boolean().describe('false leaves the read out of the log').optional(),
    obligations: z.array(obligationSchema).optional(),
  })
  .refine((result) => result.redact === undefined || result.disclose === undefined, {
    message: 'a read is redacted or disclosed, not both',
    path: ['redact'],
  })
  .refine(
    ({ obligations = [] }) => new Set(obligations.map(({ id }) => id)).size === obligations.length,
    {
      message: 'each obligation stands once',
      path: ['obligations'],
    },
  )
  .refine(
    ({ record, obligations }) =>
      record !== false || obligations?.some(({ id }) => id === 'sealed') !== true,
    { message: 'what is not in the log cannot be sealed', path: ['obligations'] },
  );

/** Answer of `stele/admin`. */
export const adminResultSchema = z.strictObject({
  allow: z.boolean(),
  reasons,
  approvals_needed: z.int().min(0).max(LIMITS.approvals).describe('fewer deny'),
});
