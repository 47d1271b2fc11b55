import { randomBytes } from 'node:crypto';
import type { Genesis } from '../../../src/core/genesis.ts';
import type { JsonObject, JsonValue } from '../../../src/core/strict-json.ts';
import { Decider } from '../../../src/policy/decide.ts';
import type { Evaluator } from '../../../src/policy/engine.ts';
import { DEFAULT_INPUT_LIMITS } from '../../../src/policy/input.ts';
import { appendWork, readWork } from '../../../src/policy/pool.ts';
import type { PolicyPool } from '../../../src/policy/pool.ts';
import type { LedgerSecret } from '../../../src/policy/write-identity.ts';

/** What a policy in JavaScript answers: `undefined` is undefined, a throw is a failing policy. */
export type Answerer = (entrypoint: string, input: JsonObject) => JsonValue;

interface Subject extends JsonObject {
  readonly properties: { readonly roles?: readonly string[]; readonly issuer?: string };
}

/** The rules of the default policy that the routes depend on, as a test can read them. */
export const roleRules: Answerer = (entrypoint, input) => {
  const subject = input['subject'] as Subject;
  const resource = input['resource'] as { type: string; properties: JsonObject };
  const action = (input['action'] as { name: string }).name;
  const roles = new Set(subject.properties.roles ?? []);
  if (entrypoint === 'stele/append') {
    const allow = roles.has('service') || roles.has('admin');
    return {
      allow,
      reasons: allow ? ['role may append'] : ['no role of the caller may append'],
      class: 'standard',
      mask: ['/input/event/password'],
    };
  }
  if (action === 'ledger.read' || action === 'log.read') {
    return { allow: true, reasons: ['open'], record: false };
  }
  if (roles.has('admin')) return { allow: true, reasons: ['administrator'], redact: [] };
  if (roles.has('auditor')) {
    return { allow: true, reasons: ['auditor'], redact: ['/input/event/email'] };
  }
  const owner = resource.properties['owner'] as JsonObject | null | undefined;
  const isOwner =
    owner?.['id'] === subject['id'] && owner?.['issuer'] === subject.properties.issuer;
  if (isOwner) return { allow: true, reasons: ['owner'], redact: [] };
  return { allow: false, reasons: ['no role of the caller may read this'] };
};

/** A pool over a policy in JavaScript: everything but the evaluation is the project's own. */
export function jsPool(
  answer: () => Answerer,
  genesis: Genesis,
  secret: LedgerSecret,
  evaluatorOf: (answer: () => Answerer) => Evaluator = jsEvaluator,
): PolicyPool {
  const decider = new Decider(
    { evaluator: evaluatorOf(answer), policy: 'A'.repeat(43), random: (size) => randomBytes(size) },
    {
      secret,
      limits: DEFAULT_INPUT_LIMITS,
      origin: genesis.origin,
      gen: genesis.gen,
      maxSealMs: genesis.maxSealMs,
      classes: genesis.classes,
      fallbackClass: genesis.fallbackClass,
      labels: genesis.labels,
    },
  );
  const texts = new WeakMap<object, string>();
  return {
    policy: null,
    append: async (jobs) =>
      Promise.resolve(jobs.map((job) => decider.append(appendWork(job, texts)))),
    read: async (jobs) => Promise.resolve(jobs.map((job) => decider.read(readWork(job, texts)))),
    close: async () => Promise.resolve(),
  };
}

function jsEvaluator(answer: () => Answerer): Evaluator {
  return {
    evaluate: (entrypoint, input) => answer()(entrypoint, JSON.parse(input) as JsonObject),
  };
}
