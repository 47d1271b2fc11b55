import type { Answer } from '../request/answer.ts';
import { queryOf } from '../request/arrival.ts';
import type { ActivationRequest } from '../activation/approvals.ts';
import { jsonAnswer } from '../request/answer.ts';
import { readJsonBody } from '../request/json-body.ts';
import { ProblemError } from '../context/problem.ts';
import { writeRoute } from '../request/pipeline.ts';
import type { Admitted } from '../request/pipeline.ts';
import { activationSchema, noQuerySchema } from '../schema/requests.ts';

/** `POST /v1/ledgers/{ledger}/policy`: puts another policy in charge. */
export const policyRoute = writeRoute(
  { name: 'policy', path: '/v1/ledgers/:ledger/policy' },
  async (admitted): Promise<Answer> => {
    queryOf(admitted.request, noQuerySchema);
    const { desk, asker } = admitted;
    let request: ActivationRequest;
    try {
      request = await readRequest(admitted);
    } catch (error) {
      const isOurs = error instanceof ProblemError && error.code === 'activation_malformed';
      throw isOurs ? await desk.activations.malformed(asker, error) : error;
    }
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
  const body = await readJsonBody(admitted, activationSchema, 'activation_malformed');
  const { change, bundle, grace_ms: graceMs, reason = null, approvals, certificates } = body;
  return {
    ...{ change, graceMs, reason, approvals, certificates },
    bundle: bundle === undefined ? null : new Uint8Array(Buffer.from(bundle, 'base64')),
  };
}
