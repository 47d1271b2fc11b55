import { caughtMalformed } from '../../core/schema.ts';
import { parseStrictJson } from '../../core/strict-json.ts';
import type { Answer } from '../answer.ts';
import { queryOf } from '../arrival.ts';
import { readBody } from '../body.ts';
import type { ActivationRequest } from '../activation.ts';
import { jsonAnswer } from '../answer.ts';
import { mediaTypeOf } from '../media-type.ts';
import { writeRoute } from '../pipeline.ts';
import type { Admitted } from '../pipeline.ts';
import { ProblemError } from '../problem.ts';
import { activationSchema, noQuerySchema } from '../schemas.ts';

const JSON_TYPE = 'application/json';
/** Containers inside each other, and members, of a request: a list of lists of texts. */
const DEPTH = 4;
const MEMBERS = 4_096;

/** `POST /v1/ledgers/{ledger}/policy`: puts another policy in charge. */
export const policyRoute = writeRoute(
  { name: 'policy', path: '/v1/ledgers/:ledger/policy' },
  async (admitted): Promise<Answer> => {
    queryOf(admitted.request, noQuerySchema);
    const request = await readRequest(admitted);
    const { desk, asker } = admitted;
    const done = await desk.activations.activate(asker, request);
    const { jti, jws, policy, previous, index, adopted } = done;
    const state = index === null ? 'durable' : 'sealed';
    const body = { id: jti, ledger: desk.served.name, state, policy, previous, index, adopted };
    return jsonAnswer(index === null ? 202 : 201, { ...body, entry: jws }, [
      'Location',
      `/v1/ledgers/${desk.served.name}/entries/${jti}`,
    ]);
  },
  'policy.activate',
);

async function readRequest(admitted: Admitted): Promise<ActivationRequest> {
  if (mediaTypeOf(admitted.request.headers['content-type']) !== JSON_TYPE) {
    throw new ProblemError('media_type_unsupported', { headers: ['Accept-Post', JSON_TYPE] });
  }
  const { bodyBytesMax: bytesMax, bodyMs: ms } = admitted.gateway.settings;
  const text = await readBody(admitted, { bytesMax, ms });
  const limits = { bytes: bytesMax, depth: DEPTH, members: MEMBERS, stringLength: bytesMax };
  const parsed = activationSchema.safeParse(parsedJson(text, limits));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const pointer = `/${(issue?.path ?? []).map(String).join('/')}`;
    throw new ProblemError('activation_malformed', { detail: issue?.message ?? '', pointer });
  }
  const { change, bundle, grace_ms: graceMs, reason = null, approvals, certificates } = parsed.data;
  return {
    ...{ change, graceMs, reason, approvals, certificates },
    bundle: bundle === undefined ? null : new Uint8Array(Buffer.from(bundle, 'base64')),
  };
}

function parsedJson(text: string, limits: Parameters<typeof parseStrictJson>[1]): unknown {
  try {
    return parseStrictJson(text, limits);
  } catch (error) {
    const { message } = caughtMalformed(error);
    throw new ProblemError('activation_malformed', { detail: message });
  }
}
