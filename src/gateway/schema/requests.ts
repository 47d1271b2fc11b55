/** What goes in over HTTP, as schemas: requests are checked by them, and `/openapi.json` is made of them. */
import { z } from 'zod';
import { POLICY_CHANGES } from '../../core/ledger/approval.ts';
import {
  IDEMPOTENCY_KEY_CHARACTERS_MAX,
  PAGE_ENTRIES_MAX,
  WHERE_CHARACTERS_MAX,
  WHERE_MAX,
} from '../context/limits.ts';

/** Decimal without leading zeros, at most 2^53 - 1. */
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

const decimal = z
  .string()
  .regex(DECIMAL, 'want a whole number without leading zeros')
  .transform(Number)
  .refine((value) => Number.isSafeInteger(value), { message: 'is above 2^53 - 1' });

/** `?ack=`. */
export const appendQuerySchema = z.strictObject({
  ack: z.enum(['durable', 'sealed', 'witnessed']).default('durable').meta({
    description:
      'State to wait for. `durable`: synced on this disk. `sealed`: in the tree and locked in the store; answered as `durable` when that takes too long.',
  }),
});

/** `?wait=`. */
export const proofQuerySchema = z.strictObject({
  wait: z
    .string()
    .regex(/^[0-9]{1,6}(?:ms|s)$/, 'want a whole number and ms or s, as in 500ms or 5s')
    .transform((text) => Number.parseInt(text, 10) * (text.endsWith('ms') ? 1 : 1000))
    .optional()
    .meta({ description: 'How long to wait for the seal: a number and `ms` or `s`. Capped.' }),
});

/** Epoch milliseconds, or RFC 3339 with an offset. */
const moment = z
  .union([decimal, z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))], {
    error: 'want epoch milliseconds, or an RFC 3339 time',
  })
  .meta({ description: 'Epoch milliseconds, or an RFC 3339 time.' });

const word = z.string().min(1).max(WHERE_CHARACTERS_MAX);

/** Parameters of a search that may be given again and again. */
export const SEARCH_LISTS: readonly string[] = ['class', 'kind', 'label', 'where'];

/** `?kind=&where=&limit=` and so on. */
export const searchQuerySchema = z.strictObject({
  kind: z.array(word).max(WHERE_MAX).optional().meta({ description: 'Any of these kinds.' }),
  class: z.array(word).max(WHERE_MAX).optional().meta({ description: 'Any of these classes.' }),
  label: z
    .array(word)
    .max(WHERE_MAX)
    .optional()
    .meta({ description: 'All of these labels, each `name:value`.' }),
  from: moment.optional(),
  to: moment.optional(),
  where: z.array(word).max(WHERE_MAX).optional().meta({
    description:
      'All of these hold for what you may see of the record: `/input/event/user/id:eq:alice`. Operators: eq, ne, lt, le, gt, ge, prefix, contains, exists; `*` is any member or element.',
  }),
  order: z.enum(['oldest', 'newest']).default('oldest').meta({ description: 'First in the page.' }),
  only: z.literal('count').optional().meta({ description: 'How many, without the entries.' }),
  limit: decimal
    .refine((value) => value >= 1 && value <= PAGE_ENTRIES_MAX, {
      message: `want 1 to ${PAGE_ENTRIES_MAX}`,
    })
    .optional()
    .meta({ description: `Entries of a page, at most ${PAGE_ENTRIES_MAX}.` }),
  after: z.string().max(512).optional().meta({ description: '`next` of the page before.' }),
});

/** `?from=&to=`. */
export const consistencyQuerySchema = z.strictObject({
  from: decimal.meta({ description: 'Tree size that is known.' }),
  to: decimal.optional().meta({ description: 'Tree size that extends it; the newest if absent.' }),
});

/** `?verbose`. */
export const readyQuerySchema = z.strictObject({
  verbose: z.string().optional().meta({ description: 'Lists the checks.' }),
});

/** No query at all. */
export const noQuerySchema = z.strictObject({});

/** An entry in a path: its id or its leaf index. */
export const entryIdSchema = z
  .union([z.uuidv7().lowercase(), decimal])
  .meta({ description: 'Id (UUIDv7, lower case) or leaf index.' });

/** `Idempotency-Key`. */
export const idempotencyKeySchema = z
  .string()
  .regex(new RegExp(`^[!-~]{1,${IDEMPOTENCY_KEY_CHARACTERS_MAX}}$`))
  .meta({
    description:
      'Names this write: the same key with the same body is answered as the first time, with another body refused. Known for a day, or until there are 100,000 newer ones, of which whoever has most gives way first; what comes again later is an entry of its own, which the log marks.',
  });

/** Longest grace of an activation, milliseconds: a year. The policy may allow less. */
const GRACE_MS_MAX = 31_536_000_000;

/** What is asked of the policy route. */
export const activationSchema = z
  .strictObject({
    change: z.enum(POLICY_CHANGES).default('update'),
    bundle: z
      .base64()
      .optional()
      .meta({ description: 'The bundle file. Absent: the archived one that the approvals name.' }),
    grace_ms: z
      .int()
      .min(0)
      .max(GRACE_MS_MAX)
      .default(60_000)
      .meta({ description: 'For how long the policy before may still decide elsewhere.' }),
    reason: z.string().min(1).max(1024).optional().meta({ description: 'In the log for ever.' }),
    approvals: z.array(z.string().max(16_384)).max(32),
    certificates: z
      .array(z.array(z.string().max(65_535)).min(1).max(32))
      .max(33)
      .default([]),
  })
  .meta({ id: 'Activation', description: 'A change of policy, with its approvals.' });

/** What the root says about a key. */
export const keyStatementSchema = z
  .strictObject({
    statement: z.array(z.string().max(16_384)).min(1).max(32).meta({
      description: 'Compact JWS by the root keys, ascending by kid: docs/formats.md, section 2.',
    }),
  })
  .meta({ id: 'KeyStatement', description: 'That a key is retired or revoked.' });

/** One decision in so many, at the least often. */
const SHADOW_SAMPLE_MAX = 10_000;

/** What is asked of the shadow. */
export const shadowSchema = z
  .discriminatedUnion('act', [
    z.strictObject({
      act: z.literal('start'),
      bundle: z
        .base64()
        .optional()
        .meta({ description: 'The bundle file. Absent: the candidate of the source of bundles.' }),
      sample: z.int().min(1).max(SHADOW_SAMPLE_MAX).default(1).meta({
        description: 'One decision in so many is compared.',
      }),
    }),
    z.strictObject({ act: z.literal('stop') }),
  ])
  .meta({ id: 'Shadow', description: 'Begins or ends that a candidate decides without effect.' });
