/** From a bundle that was read to a policy that may decide: compiled, started once, and named. */
import type { PolicyBundle } from './bundle.ts';
import { ENTRYPOINTS } from '../contract/decision.ts';
import { limitsFor, PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import { formerIds, policyId } from './identity.ts';
import type { PolicyIdentity } from './identity.ts';
import { BundleError } from '../contract/policy-error.ts';
import { compileModule } from '../engine/wasm-module.ts';

/** What every request asks. Without `stele/admin` a policy decides, but can never be changed. */
const ASKED = [ENTRYPOINTS.append, ENTRYPOINTS.read];

/** A policy that was checked and can be handed to workers. */
export interface PreparedPolicy {
  readonly identity: PolicyIdentity;
  readonly compiled: CompiledPolicy;
  /** What earlier engines called it, by engine. */
  readonly former: Readonly<Record<string, string>>;
}

/**
 * Compiles a bundle's module, starts it with its data, and checks that it has exactly the entrypoints its manifest promises,
 * among them those that the gateway asks.
 *
 * @throws {@link BundleError}; then nothing of it may decide.
 */
export function preparePolicy(bundle: PolicyBundle): PreparedPolicy {
  const limits = limitsFor(Buffer.byteLength(bundle.data));
  const compiled = { module: compileModule(bundle.wasm), data: bundle.data, limits };
  const { facts } = new PolicyEngine(compiled);
  if (facts.entrypoints.join() !== bundle.entrypoints.join()) {
    throw new BundleError(
      `module has entrypoints ${facts.entrypoints.join()}, manifest ${bundle.entrypoints.join()}`,
    );
  }
  const missing = ASKED.find((name) => !facts.entrypoints.includes(name));
  if (missing !== undefined) throw new BundleError(`bundle has no entrypoint ${missing}`);
  const id = policyId(bundle, facts, limits);
  return {
    identity: { id, revision: bundle.revision, entrypoints: facts.entrypoints },
    compiled,
    former: formerIds(bundle, facts, limits),
  };
}
