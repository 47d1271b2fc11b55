/** What comes out over HTTP, as schemas: `/openapi.json` is made of them, and tests hold the answers against them. */
import { z } from 'zod';
import { CHANGE_KINDS } from '../../policy/replay/replay.ts';
import { codes } from '../context/codes.ts';

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
