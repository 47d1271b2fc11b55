/** Shapes of what is asked and answered about the policies of a ledger. */
import { z } from 'zod';
import { ENTRYPOINTS } from '../../policy/contract/decision.ts';

/** A trial of the policy in charge. */
export const evaluationSchema = z
  .strictObject({
    entrypoint: z.enum(Object.values(ENTRYPOINTS) as [string, ...string[]]),
    input: z.looseObject({}).meta({ description: 'The whole input, as rego/README.md has it.' }),
  })
  .meta({
    id: 'Evaluation',
    description: 'What the policy in charge is asked. No entry is made of the answer.',
  });

/** See {@link evaluationSchema}. */
export type Evaluation = z.infer<typeof evaluationSchema>;

const policy = z.string().meta({ description: 'Identity of a policy, base64url.' });

/** What it answered. */
export const evaluatedSchema = z
  .strictObject({
    policy,
    entrypoint: z.string(),
    result: z.unknown().optional().meta({ description: 'The answer of the entrypoint, unjudged.' }),
    error: z.string().optional().meta({ description: 'Code, where it gave none.' }),
    detail: z.string().optional(),
  })
  .meta({ id: 'Evaluated', description: 'What the policy in charge answers. Nothing came of it.' });

/** The policies of a ledger. */
export const policiesSchema = z
  .strictObject({
    ledger: z.string(),
    policies: z.array(
      z.strictObject({
        policy,
        digest: z.string().nullable().meta({ description: 'SHA-256 of its bundle, base64url.' }),
        signer: z
          .string()
          .nullable()
          .meta({ description: 'Thumbprint of the key that signed it.' }),
        activation: z
          .int()
          .min(0)
          .nullable()
          .meta({ description: 'Leaf index; null: of genesis.' }),
        until: z.int().nullable().meta({ description: 'May decide until then, epoch ms.' }),
        in_charge: z.boolean(),
        decides_here: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'Policies', description: 'Every policy that was ever in charge, oldest first.' });
