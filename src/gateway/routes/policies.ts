/**
 * The policies of a ledger, for whoever checks what they decided: which were in charge, the bundle of each, and what
 * the one in charge would answer. Each is decided by `stele/read`, and an access entry.
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { Activation } from '../../core/ledger/log-position.ts';
import { PolicyError } from '../../policy/contract/policy-error.ts';
import type { PreparedPolicy } from '../../policy/bundle/prepare.ts';
import { pathParameter, queryOf } from '../request/arrival.ts';
import { jsonAnswer } from '../request/answer.ts';
import type { Desk } from '../request/desk.ts';
import { readJsonBody } from '../request/json-body.ts';
import { TRIALS_MAX, TRIALS_WAITING_MAX } from '../context/limits.ts';
import { again } from '../context/outcomes.ts';
import { readRoute, writeRoute } from '../request/pipeline.ts';
import type { Admitted } from '../request/pipeline.ts';
import { evaluationSchema } from '../schema/policies.ts';
import type { Evaluation } from '../schema/policies.ts';
import { ProblemError } from '../context/problem.ts';
import { noQuerySchema } from '../schema/requests.ts';

const JSON_TYPE = 'application/json';
const BUNDLE_TYPE = 'application/gzip';
const PATH = '/v1/ledgers/:ledger/policies';

/** `GET /v1/ledgers/{ledger}/policies`: every policy that was ever in charge. */
export const policiesRoute = readRoute(
  { name: 'policies', path: PATH },
  {
    action: 'policy.read',
    wish: ({ request }) => queryOf(request, noQuerySchema),
    find: async ({ served }) => Promise.resolve(served.ledger.policies()),
    resource: () => resourceOf(''),
    mediaType: () => JSON_TYPE,
    answer: ({ desk }, _wish, policies) => {
      const { active, deciding } = desk.served.ledger.policy();
      const rows = policies.map((policy) => rowOf(policy, active?.id, deciding));
      return jsonAnswer(200, { ledger: desk.served.name, policies: rows });
    },
  },
);

/** `GET /v1/ledgers/{ledger}/policies/{policy}`: its archived bundle, as it was activated. */
export const policyBundleRoute = readRoute(
  { name: 'policy_bundle', path: `${PATH}/:policy` },
  {
    action: 'policy.read',
    wish: ({ request }) => {
      queryOf(request, noQuerySchema);
      return pathParameter(request, 'policy');
    },
    find: async (desk, id) => Promise.resolve(knownIn(desk, id)),
    resource: (_desk, id) => resourceOf(id),
    mediaType: () => BUNDLE_TYPE,
    answer: async ({ desk }, _id, known) => {
      const bundle = known === undefined ? undefined : await desk.bundles.of(known.id);
      if (bundle === undefined) throw new ProblemError('policy_unknown');
      const headers = ['Cache-Control', 'no-store'];
      return { status: 200, type: BUNDLE_TYPE, body: bundle, headers };
    },
  },
);

/** Trials under way in this process, and those that were allowed and wait for one to end. */
let running = 0;
const waiting: (() => void)[] = [];

/** `POST /v1/ledgers/{ledger}/policies/evaluate`: what the policy in charge answers to an input. Nothing comes of it. */
export const evaluateRoute = writeRoute(
  { name: 'policy_evaluate', path: `${PATH}/evaluate`, write: false },
  async (admitted) => {
    queryOf(admitted.request, noQuerySchema);
    const { desk, asker } = admitted;
    const evaluation = await readEvaluation(admitted);
    const changes = desk.served.changes;
    const prepared = changes?.prepared() ?? null;
    const id = prepared?.identity.id ?? '';
    const resource = resourceOf(id, { entrypoint: evaluation.entrypoint });
    const asked = { action: 'policy.evaluate', resource, mediaType: JSON_TYPE } as const;
    if (changes === undefined || prepared === null) throw new ProblemError('engine_unavailable');
    // Before it is decided: an entry would say that it was tried.
    if (waiting.length >= TRIALS_WAITING_MAX) throw new ProblemError('overloaded');
    await again(async () => desk.reads.decide(asker, asked));
    return inTurn(async () => {
      const outcome = await evaluated(changes.evaluate, prepared, evaluation);
      return jsonAnswer(200, { policy: id, entrypoint: evaluation.entrypoint, ...outcome });
    });
  },
  'policy.evaluate',
);

/** Whoever may not try the policy takes nobody's turn, so turns are given once it is decided. */
async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (running < TRIALS_MAX) running += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await act();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

async function evaluated(
  evaluate: NonNullable<Desk['served']['changes']>['evaluate'],
  { compiled }: PreparedPolicy,
  { entrypoint, input }: Evaluation,
): Promise<object> {
  try {
    return { result: await evaluate(compiled, entrypoint, canonicalJson(input as JsonObject)) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { error: error.code, detail: error.message };
  }
}

/** An input holds a whole event. */
async function readEvaluation(admitted: Admitted): Promise<Evaluation> {
  const { eventLimits } = admitted.gateway;
  const code = 'evaluation_malformed';
  return readJsonBody(admitted, evaluationSchema, code, eventLimits.bytes, eventLimits);
}

function knownIn({ served }: Desk, id: string): Activation | undefined {
  return served.ledger.policies().find((policy) => policy.id === id);
}

function resourceOf(id: string, properties: JsonObject = {}) {
  return { type: 'policy', id, properties };
}

function rowOf(
  { id, digest, signer, index, until }: Activation,
  active: string | undefined,
  deciding: string | null,
): object {
  const facts = { digest, signer, activation: index, until };
  return { policy: id, ...facts, in_charge: id === active, decides_here: id === deciding };
}
