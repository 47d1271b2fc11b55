/**
 * A candidate in the shadow of the policy in charge. It has no effect, so nothing about it is an administrator's act in
 * the log: what it gives is knowledge of what passes, and `stele/read` decides who may have that. Each start, stop and
 * look is an access entry.
 */
import { sha256Base64Url } from '#platform';
import { SteleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import { jsonAnswer } from '../request/answer.ts';
import { queryOf } from '../request/arrival.ts';
import type { PolicyShadow } from '../context/components.ts';
import type { Desk } from '../request/desk.ts';
import { readJsonBody } from '../request/json-body.ts';
import { again } from '../context/outcomes.ts';
import { readRoute, writeRoute } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import { noQuerySchema, shadowSchema } from '../schema/requests.ts';

const JSON_TYPE = 'application/json';
const PATH = '/v1/ledgers/:ledger/policy/shadow';
const ACTION = 'policy.shadow';

/** `GET /v1/ledgers/{ledger}/policy/shadow`: what would have been decided otherwise. */
export const shadowStatusRoute = readRoute(
  { name: 'shadow', path: PATH },
  {
    action: ACTION,
    wish: ({ request }) => queryOf(request, noQuerySchema),
    find: async (desk) => Promise.resolve(shadowOf(desk)),
    resource: (desk) => resourceOf(desk, { act: 'status' }),
    mediaType: () => JSON_TYPE,
    answer: (_admitted, _wish, shadow) => jsonAnswer(200, shadow.status()),
  },
);

/** `POST /v1/ledgers/{ledger}/policy/shadow`: begins, or ends. */
export const shadowRoute = writeRoute(
  { name: 'shadow_change', path: PATH, write: false },
  async (admitted) => {
    queryOf(admitted.request, noQuerySchema);
    const request = await readJsonBody(admitted, shadowSchema, 'shadow_malformed');
    const { desk, asker } = admitted;
    const archive = request.act === 'start' ? bundleOf(desk, request.bundle) : null;
    const digest = archive === null ? {} : { digest: sha256Base64Url(archive) };
    const resource = resourceOf(desk, { act: request.act, ...digest });
    const asked = { action: ACTION, resource, mediaType: JSON_TYPE } as const;
    await again(async () => desk.reads.decide(asker, asked));
    const shadow = shadowOf(desk);
    if (request.act === 'stop') await shadow.stop();
    else await shadow.start(await staged(shadow, archive), request.sample);
    return jsonAnswer(200, shadow.status());
  },
  ACTION,
);

function shadowOf({ served }: Desk): PolicyShadow {
  if (served.shadow === undefined) throw new ProblemError('shadow_unavailable');
  return served.shadow;
}

function resourceOf({ served }: Desk, properties: JsonObject) {
  return { type: 'policy', id: served.policy.policy?.id ?? 'none', properties };
}

/** What was sent, or else the candidate of the source of bundles. */
function bundleOf({ served }: Desk, sent: string | undefined): Uint8Array | null {
  if (sent !== undefined) return new Uint8Array(Buffer.from(sent, 'base64'));
  return served.feed?.status.candidate?.archive ?? null;
}

async function staged(shadow: PolicyShadow, archive: Uint8Array | null): Promise<StagedPolicy> {
  if (archive === null) throw new ProblemError('policy_unknown');
  try {
    return await shadow.stage(archive);
  } catch (error) {
    if (!(error instanceof SteleError)) throw error;
    throw new ProblemError('bundle_refused', { detail: `${error.code}: ${error.message}` });
  }
}
