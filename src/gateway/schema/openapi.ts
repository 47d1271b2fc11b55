import { z } from 'zod';
import { createDocument } from 'zod-openapi';
import type {
  ZodOpenApiOperationObject,
  ZodOpenApiPathsObject,
  ZodOpenApiResponseObject,
} from 'zod-openapi';
import { cloudEventSchema } from './cloudevents.ts';
import { PROBLEM_TYPE } from '../context/problem.ts';
import { evaluatedSchema, evaluationSchema, policiesSchema } from './policies.ts';
import {
  activatedSchema,
  shadowStatusSchema,
  consistencySchema,
  entryViewSchema,
  inclusionSchema,
  keyStatedSchema,
  ledgerSchema,
  pageSchema,
  problemSchema,
  receiptSchema,
  resultSchema,
} from './answers.ts';
import {
  activationSchema,
  shadowSchema,
  appendQuerySchema,
  consistencyQuerySchema,
  entryIdSchema,
  idempotencyKeySchema,
  keyStatementSchema,
  proofQuerySchema,
  readyQuerySchema,
  searchQuerySchema,
} from './requests.ts';

type Responses = ZodOpenApiOperationObject['responses'];

const ledger = z.string().meta({ description: 'Name of the ledger.' });
const event = z.looseObject({}).meta({ id: 'Event', description: 'Any JSON object.' });
const text = z.string();
const purpose = z.object({
  'Stele-Purpose': z
    .string()
    .optional()
    .meta({ description: 'What you read for; a policy may ask.' }),
});
const bytes = z.string().meta({ format: 'binary' });

/** What any operation may answer beside its own. */
const failures: Responses = {
  default: { description: 'A problem.', content: { [PROBLEM_TYPE]: { schema: problemSchema } } },
};

/** The description of this interface, OpenAPI 3.1, from the schemas that check requests. */
export function openApiDocument(version: string): object {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Stele',
      version,
      description:
        'Decides every write to and read of an audit ledger, and seals what was decided.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ bearer: [] }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A JWT or an API key.' },
      },
    },
    paths: { ...entryPaths, ...ledgerPaths, ...logPaths, ...probePaths },
  });
}

const entryPaths: ZodOpenApiPathsObject = {
  '/v1/ledgers/{ledger}/entries': {
    get: {
      operationId: 'search',
      summary: 'Entries that you may see, page by page',
      description:
        'There is no index: a page looks at leaves from its cursor on, up to a bound, so it may hold few entries or none and not be the last. Each entry is decided as if it were read alone, and conditions hold for what is shown.',
      requestParams: { path: z.object({ ledger }), query: searchQuerySchema, header: purpose },
      responses: { 200: json('A page.', pageSchema), ...failures },
    },
    post: {
      operationId: 'append',
      summary: 'Append one event or many',
      requestParams: {
        path: z.object({ ledger }),
        query: appendQuerySchema,
        header: z.object({ 'Idempotency-Key': idempotencyKeySchema.optional() }),
      },
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: event },
          'application/x-ndjson': { schema: text },
          'application/cloudevents+json': { schema: cloudEventSchema },
          'application/cloudevents-batch+json': { schema: z.array(cloudEventSchema) },
        },
      },
      responses: {
        200: {
          description:
            'What became of each of many, in order. Of NDJSON each is a Result, with its line.',
          content: {
            'application/x-ndjson': { schema: text },
            'application/json': { schema: z.array(resultSchema) },
          },
        },
        201: json('Sealed.', receiptSchema),
        202: json('Durable.', receiptSchema),
        ...failures,
      },
    },
  },
  '/v1/ledgers/{ledger}/entries/{id}': {
    get: {
      operationId: 'entry',
      summary: 'One entry, redacted as the policy decides',
      requestParams: { path: z.object({ ledger, id: entryIdSchema }), header: purpose },
      responses: {
        200: {
          description: 'The entry.',
          content: {
            'application/json': { schema: entryViewSchema },
            'application/sd-jwt': { schema: text },
          },
        },
        ...failures,
      },
    },
  },
  '/v1/ledgers/{ledger}/entries/{id}/proof': {
    get: {
      operationId: 'proof',
      summary: 'That an entry is in the tree',
      requestParams: { path: z.object({ ledger, id: entryIdSchema }), query: proofQuerySchema },
      responses: {
        200: {
          description: 'C2SP tlog-proof, or the same as JSON.',
          content: {
            'text/plain': { schema: text },
            'application/json': { schema: inclusionSchema },
          },
        },
        ...failures,
      },
    },
  },
};

const ledgerPaths: ZodOpenApiPathsObject = {
  '/v1/ledgers/{ledger}': {
    get: {
      operationId: 'ledger',
      summary: 'What a verifier needs to know first',
      requestParams: { path: z.object({ ledger }) },
      responses: { 200: json('The ledger.', ledgerSchema), ...failures },
    },
  },
  '/v1/ledgers/{ledger}/policy': {
    post: {
      operationId: 'activate_policy',
      summary: 'Put another policy in charge',
      requestParams: { path: z.object({ ledger }) },
      requestBody: {
        required: true,
        content: { 'application/json': { schema: activationSchema } },
      },
      responses: {
        201: json('Sealed.', activatedSchema),
        202: json('Durable.', activatedSchema),
        ...failures,
      },
    },
  },
  '/v1/ledgers/{ledger}/policies': {
    get: {
      operationId: 'policies',
      summary: 'Every policy that was ever in charge',
      requestParams: { path: z.object({ ledger }) },
      responses: { 200: json('The policies.', policiesSchema), ...failures },
    },
  },
  '/v1/ledgers/{ledger}/policies/{policy}': {
    get: {
      operationId: 'policy_bundle',
      summary: 'The bundle of a policy, as it was activated',
      requestParams: { path: z.object({ ledger, policy: text }) },
      responses: {
        200: { description: 'The bundle.', content: { 'application/gzip': { schema: bytes } } },
        ...failures,
      },
    },
  },
  '/v1/ledgers/{ledger}/policies/evaluate': {
    post: {
      operationId: 'evaluate_policy',
      summary: 'What the policy in charge would answer, without effect',
      requestParams: { path: z.object({ ledger }) },
      requestBody: {
        required: true,
        content: { 'application/json': { schema: evaluationSchema } },
      },
      responses: { 200: json('The answer.', evaluatedSchema), ...failures },
    },
  },
  '/v1/ledgers/{ledger}/keys': {
    post: {
      operationId: 'state_key',
      summary: 'Record what the root says about a key: retired or revoked',
      requestParams: { path: z.object({ ledger }) },
      requestBody: {
        required: true,
        content: { 'application/json': { schema: keyStatementSchema } },
      },
      responses: {
        201: json('Sealed.', keyStatedSchema),
        202: json('Durable.', keyStatedSchema),
        ...failures,
      },
    },
  },
  '/v1/ledgers/{ledger}/policy/shadow': {
    get: {
      operationId: 'shadow_status',
      summary: 'What a candidate would have decided otherwise',
      requestParams: { path: z.object({ ledger }) },
      responses: { 200: json('The comparison.', shadowStatusSchema), ...failures },
    },
    post: {
      operationId: 'shadow',
      summary: 'Let a candidate decide beside the policy in charge, without effect',
      requestParams: { path: z.object({ ledger }) },
      requestBody: { required: true, content: { 'application/json': { schema: shadowSchema } } },
      responses: { 200: json('The comparison.', shadowStatusSchema), ...failures },
    },
  },
  '/v1/ledgers/{ledger}/consistency': {
    get: {
      operationId: 'consistency',
      summary: 'That one tree extends another',
      requestParams: { path: z.object({ ledger }), query: consistencyQuerySchema },
      responses: { 200: json('The proof.', consistencySchema), ...failures },
    },
  },
};

const logPaths: ZodOpenApiPathsObject = {
  '/log/{ledger}/checkpoint': {
    get: {
      operationId: 'log_checkpoint',
      summary: 'The newest signed head (C2SP tlog-tiles)',
      requestParams: { path: z.object({ ledger }) },
      responses: {
        200: { description: 'A signed note.', content: { 'text/plain': { schema: text } } },
        ...failures,
      },
    },
  },
  '/log/{ledger}/tile/{path}': {
    get: {
      operationId: 'log_tile',
      summary: 'Hash tiles and entry bundles (C2SP tlog-tiles)',
      requestParams: { path: z.object({ ledger, path: text }) },
      responses: {
        200: {
          description: 'The bytes of a tile or an entry bundle.',
          content: { 'application/octet-stream': { schema: bytes } },
        },
        ...failures,
      },
    },
  },
};

const probePaths: ZodOpenApiPathsObject = {
  '/livez': { get: probe('livez', 'Whether the process lives') },
  '/healthz': { get: probe('healthz', 'The same as /livez') },
  '/readyz': {
    get: {
      ...probe('readyz', 'Whether requests are taken'),
      requestParams: { query: readyQuerySchema },
      responses: { 200: plain('Ready.'), 503: plain('Not ready.') },
    },
  },
  '/metrics': { get: probe('metrics', 'Prometheus metrics') },
};

function json(description: string, schema: z.ZodType): ZodOpenApiResponseObject {
  return { description, content: { 'application/json': { schema } } };
}

function plain(description: string): ZodOpenApiResponseObject {
  return { description, content: { 'text/plain': { schema: text } } };
}

function probe(operationId: string, summary: string): ZodOpenApiOperationObject {
  return { operationId, summary, security: [], responses: { 200: plain('Text.') } };
}
