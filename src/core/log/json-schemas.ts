/** The closed schemas of all formats as JSON Schema 2020-12: what `docs/reference/schemas/` is made from. */
import { z } from 'zod';
import { ApprovalSchema } from '../ledger/approval.ts';
import { BatchHeaderSchema } from './batch-header.ts';
import { controlSchemas } from '../ledger/ctl.ts';
import { EntryPayloadSchema } from '../entry/entry-schema.ts';
import { GenesisObjectSchema, GenesisSchema } from '../ledger/genesis.ts';
import { ConfigStatementSchema } from '../ledger/config.ts';
import { Base64Url32 } from '../entry/schema.ts';
import { CertificateSchema, GapStatementSchema, KeyStatementSchema } from '../ledger/statement.ts';
import type { JsonObject } from '../json/strict-json.ts';

/** Schema of a record's line. `record.ts` parses it by hand, for speed, and a test holds the two against each other. */
export const RecordSchema = z.strictObject({
  v: z.literal(1),
  jti: z.string(),
  key: Base64Url32,
  input: z.json(),
  result: z.json(),
  source: z.json(),
  sealed: z.array(
    z.strictObject({
      pointers: z.array(z.string()).min(1),
      digests: z.array(Base64Url32).min(1),
      jwe: z.string(),
    }),
  ),
});

const formats: readonly (readonly [string, string, z.ZodType])[] = [
  ['genesis-object', 'Genesis object', GenesisObjectSchema],
  ['genesis', 'Payload of genesis', GenesisSchema],
  ['certificate', 'Payload of a certificate', CertificateSchema],
  ['key-statement', 'Payload of the statement of a key entry', KeyStatementSchema],
  ['config-statement', 'Payload of the statement of a config entry', ConfigStatementSchema],
  ['gap-statement', 'Payload of the statement of a gap entry', GapStatementSchema],
  ['approval', 'Payload of an approval', ApprovalSchema],
  ['entry', 'Payload of an entry', EntryPayloadSchema],
  ['record', 'Line of a payload object', RecordSchema],
  ['batch-header', 'Payload of a batch header', BatchHeaderSchema],
  ...Object.entries(controlSchemas).map(
    ([kind, schema]) => [`ctl-${kind}`, `Control facts of kind ${kind}`, schema] as const,
  ),
];

/**
 * JSON Schemas by file name without ending. They say what shape is let through; rules that tie members to one another
 * or to another object are in `docs/formats.md` only.
 */
export function jsonSchemas(): ReadonlyMap<string, JsonObject> {
  return new Map(
    formats.map(([name, title, schema]) => {
      const made = z.toJSONSchema(schema, { target: 'draft-2020-12' }) as JsonObject;
      return [name, { $id: `urn:stele:1:${name}`, title, ...made }];
    }),
  );
}
