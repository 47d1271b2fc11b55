/** What goes in and comes out over HTTP, as schemas: requests are checked by them, `/openapi.json` is made of them. */
import { z } from 'zod';
import { POLICY_CHANGES } from '../../core/ledger/approval.ts';
import { CHANGE_KINDS } from '../../policy/replay/replay.ts';
import { codes } from '../context/codes.ts';
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
      'Names this write: the same key with the same body is answered as the first time, with another body refused.',
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

/** What the shadow found. */
export const shadowStatusSchema = z
  .strictObject({
    running: z.boolean(),
    candidate: z
      .strictObject({ policy: z.string(), revision: z.string().nullable(), digest: z.string() })
      .nullable(),
    fault: z.string().nullable().meta({ description: 'Why it stopped by itself.' }),
    since: z.int().nullable().meta({ description: 'Epoch milliseconds.' }),
    sample: z.int(),
    compared: z.int(),
    identical: z.int(),
    changed: z.int(),
    kinds: z.record(z.enum(CHANGE_KINDS), z.int()),
    dropped: z.int().meta({ description: 'Decisions that found no room.' }),
    timeouts: z.int(),
    failed: z.int(),
    samples: z.array(
      z.strictObject({
        id: z.string().meta({ description: 'Id of the entry.' }),
        ask: z.enum(['append', 'read']),
        kinds: z.array(z.enum(CHANGE_KINDS)),
        pointers: z.array(z.string()).meta({ description: 'What differs, as `/result/class`.' }),
        err: z.string().nullable(),
      }),
    ),
  })
  .meta({
    id: 'ShadowStatus',
    description: 'Which decisions would differ; never what is in them.',
  });

const id = z.uuidv7().meta({ description: 'Id of the entry.' });
const jws = z.string().meta({ description: 'Compact JWS: the leaf of the tree.' });
const index = z.int().min(0).meta({ description: 'Leaf index.' });
const base64 = z.base64();
const checkpoint = z.string().meta({ description: 'C2SP signed note.' });

/** What acknowledges a write. */
export const receiptSchema = z
  .strictObject({
    id,
    ledger: z.string(),
    state: z.enum(['durable', 'sealed']),
    index: index.optional(),
    proof: z.string().nullable().optional().meta({ description: 'C2SP tlog-proof.' }),
    replayed: z.literal(true).optional(),
    entry: jws,
  })
  .meta({ id: 'Receipt', description: 'The signed promise, and the proof once there is one.' });

/** What became of a statement about a key. */
export const keyStatedSchema = receiptSchema
  .omit({ proof: true, replayed: true })
  .meta({ id: 'KeyStated', description: 'The entry of it; it holds from the next batch on.' });

/** RFC 9457. */
export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    code: z.enum(Object.keys(codes) as [string, ...string[]]),
    action: z.string().meta({ description: 'What to do about it.' }),
    durability: z.enum(['durable', 'not-durable', 'unknown']).optional().meta({
      description:
        'Of what was sent to be stored: what became of it as an entry of its own. A denial is an entry, too, and holds what was sent less what the policy masks.',
    }),
    pointer: z.string().optional().meta({ description: 'RFC 6901, into the event or the body.' }),
    reasons: z.array(z.string()).optional(),
    decision: id.optional().meta({ description: 'Entry that records the denial.' }),
    request_id: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem with a stable code.' });

const line = z.int().min(1).optional().meta({
  description: 'Of NDJSON: the line of the body that it answers, from 1; blank lines count.',
});

/** One line of the answer to many events. */
export const resultSchema = z
  .union([
    receiptSchema.extend({ status: z.union([z.literal(201), z.literal(202)]), line }),
    problemSchema.extend({ line }),
  ])
  .meta({
    id: 'Result',
    description:
      'What became of one event, in the order in which they came. Blank lines of NDJSON have no answer.',
  });

const reasons = z.array(z.string()).meta({ description: 'Of the policy, for people.' });
const obligations = z
  .array(z.enum(['purpose', 'sealed', 'view_only']))
  .meta({ description: 'What was owed with this answer. `view_only`: no disclosures.' });

const entryMembers = z.strictObject({
  id,
  index: index.nullable(),
  state: z.enum(['durable', 'sealed']),
  kind: z.string(),
  at: z.int().meta({ description: 'Admission, epoch milliseconds.' }),
  payload: z.looseObject({}).meta({ description: 'Payload of the entry.' }),
  record: z
    .looseObject({})
    .nullable()
    .meta({ description: 'What is disclosed of input, result and source.' }),
  hidden: z.int().min(0).meta({ description: 'How many nodes are not disclosed.' }),
  obligations,
  entry: jws,
  disclosures: z.array(z.string()),
});

/** A page of a search. */
export const pageSchema = z
  .strictObject({
    ledger: z.string(),
    size: z.int().min(0).meta({ description: 'Size of the tree in which all pages look.' }),
    items: z
      .array(entryMembers.meta({ id: 'EntryItem', description: 'An entry, as far as you may.' }))
      .optional(),
    count: z.int().min(0).meta({ description: 'Entries of this page.' }),
    scanned: z.int().min(0).meta({ description: 'Leaves that were looked at for it.' }),
    complete: z.boolean().meta({ description: 'Whether the end was reached.' }),
    next: z.string().nullable().meta({ description: '`after` of the next page.' }),
    unreadable: z.array(index).meta({ description: 'Leaves that the store has lost or changed.' }),
    reasons,
    obligations,
  })
  .meta({ id: 'Page', description: 'Some of what you may see, and where to go on.' });

/** An entry as it is read. */
export const entryViewSchema = entryMembers
  .extend({ ledger: z.string(), reasons })
  .meta({ id: 'EntryView', description: 'An entry, as much of it as the policy discloses.' });

/** An inclusion proof as JSON. */
export const inclusionSchema = z
  .strictObject({
    id,
    index,
    size: z.int().min(1),
    root: base64,
    path: z.array(base64).meta({ description: 'Leaf side first (RFC 9162 §2.1.3).' }),
    checkpoint,
  })
  .meta({ id: 'InclusionProof', description: 'That an entry is in the tree.' });

/** A consistency proof. */
export const consistencySchema = z
  .strictObject({
    from: z.int().min(0),
    to: z.int().min(0),
    path: z.array(base64).meta({ description: 'RFC 9162 §2.1.4.' }),
    checkpoint: checkpoint.nullable().optional(),
  })
  .meta({ id: 'ConsistencyProof', description: 'That one tree extends another.' });

const policyIdentity = z.string().meta({ description: 'Identity of a policy, base64url.' });

/** What became of a change of policy. */
export const activatedSchema = z
  .strictObject({
    id,
    ledger: z.string(),
    state: z.enum(['durable', 'sealed']),
    policy: policyIdentity,
    previous: policyIdentity.nullable(),
    index: index.nullable(),
    adopted: z.boolean().meta({ description: 'Whether it decides here already.' }),
    entry: jws,
  })
  .meta({ id: 'Activated', description: 'The activation, and how far it has come.' });

/** A ledger. */
export const ledgerSchema = z
  .strictObject({
    name: z.string(),
    origin: z.string().meta({ description: 'Identity of the log: first line of its checkpoints.' }),
    genesis: z.string().meta({ description: 'SHA-256 of the genesis object, base64url.' }),
    genesis_object: z.string().meta({ description: 'The genesis object, as it is stored.' }),
    certificates: z.array(z.array(z.string())).meta({
      description: 'Certificates by the root keys: of checkpoint keys and entry signers.',
    }),
    vkeys: z.array(z.string()).meta({ description: 'C2SP verifier keys of its checkpoints.' }),
    jwks: z.looseObject({ keys: z.array(z.looseObject({})) }),
    size: z.int().min(0),
    root: base64.nullable(),
    checkpoint: checkpoint.nullable(),
    classes: z.record(z.string(), z.looseObject({})),
    policy: z.strictObject({
      active: policyIdentity.nullable().meta({ description: 'In charge, says the log.' }),
      digest: z.string().nullable().meta({ description: 'SHA-256 of its bundle, base64url.' }),
      activation: index.nullable().meta({ description: 'Leaf index; null: the one of genesis.' }),
      deciding: policyIdentity.nullable().meta({ description: 'What decides here.' }),
      fault: z.string().nullable().meta({ description: 'Why these differ.' }),
    }),
  })
  .meta({ id: 'Ledger', description: 'What a verifier needs to know first.' });
