/**
 * What a policy is given and what it may answer, as JSON Schemas for its authors. OPA type-checks rules against the first:
 * a member that an object does not list is a mistake there, so an object whose members are open lists none.
 */
import { z } from 'zod';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { adminResultSchema, appendResultSchema, readResultSchema } from './decision-schema.ts';

const open = (about: string): z.ZodType => z.looseObject({}).describe(about);
const name = z.string();

/** `input` of every entrypoint. */
const inputSchema = z.object({
  subject: z
    .object({
      type: name,
      id: name,
      properties: open('roles: a list of texts; issuer: who knows the subject by this id, or null'),
    })
    .describe('who asks; the gateway has verified it'),
  action: z
    .object({ name, properties: open('nothing yet').optional() })
    .describe('what is asked for, as entry.append; the list is in rego/README.md'),
  resource: z
    .object({
      type: name,
      id: name,
      properties: open(
        'of an entry: kind, class, labels, at, index, owned (whether who asks wrote it); each may be absent',
      ),
    })
    .describe('on what'),
  context: open(
    'of the request: request_id; ip, of the client as far as the gateway’s proxies are trusted; purpose, what Stele-Purpose says, absent where it says nothing',
  ),
  ledger: z.object({ name, origin: name }),
  time: z
    .object({ ms: z.number(), rfc3339: name })
    .describe('the only clock; the same time stands in the entry'),
  event: z
    .any()
    .describe('appends only: the JSON that was sent, the claim of the caller')
    .optional(),
  entry: z
    .object({ kind: name, id: name, index: z.number(), allow: z.boolean() })
    .describe('stele/alert and stele/fact only: the sealed entry that the rest was the input of')
    .optional(),
  recent: z
    .array(z.any())
    .describe(
      'stele/alert and stele/fact only: what stele/fact said of the same actor, oldest first',
    )
    .optional(),
});

const schemas: readonly (readonly [string, string, z.ZodType])[] = [
  ['input', 'What a policy is given', inputSchema],
  ['append-result', 'Answer of stele/append', appendResultSchema],
  ['read-result', 'Answer of stele/read', readResultSchema],
  ['admin-result', 'Answer of stele/admin', adminResultSchema],
];

/** JSON Schemas (draft 7, the newest that OPA reads) by file name without ending. */
export function authorSchemas(): ReadonlyMap<string, JsonObject> {
  return new Map(
    schemas.map(([file, title, schema]) => {
      const made = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonObject;
      return [file, { title, ...made }];
    }),
  );
}
