import { Decider, refusingEvaluator } from '../decide/decide.ts';
import type { DecideSettings } from '../decide/decide.ts';
import { PolicyEngine } from '../engine/engine.ts';
import { appendWork, readWork } from './pool.ts';
import type { PolicyPool } from './pool.ts';
import type { PreparedPolicy } from '../bundle/prepare.ts';
import { pagedRandom } from './random.ts';

/**
 * Decides on the calling thread: for tests, replay and tools. A runaway policy cannot be stopped here, so a gateway takes
 * `openWorkerPool` instead.
 *
 * @param policy - Null denies everything with `engine_unavailable`.
 */
export function openInProcessPool(
  policy: PreparedPolicy | null,
  settings: DecideSettings,
): PolicyPool {
  const evaluator =
    policy === null ? refusingEvaluator('engine_unavailable') : new PolicyEngine(policy.compiled);
  const components = { evaluator, policy: policy?.identity.id ?? null, random: pagedRandom() };
  const decider = new Decider(components, settings);
  const texts = new WeakMap<object, string>();
  return {
    policy: policy?.identity ?? null,
    append: async (jobs) =>
      Promise.resolve(jobs.map((job) => decider.append(appendWork(job, texts)))),
    read: async (jobs) => Promise.resolve(jobs.map((job) => decider.read(readWork(job, texts)))),
    close: async () => Promise.resolve(),
  };
}
