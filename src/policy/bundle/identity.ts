/** Which policy decided: one digest over everything that can change a result (design section 4). */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { sha256Base64Url } from '#platform';
import { HOST_BUILTINS } from '../engine/builtins/index.ts';
import type { PolicyBundle } from './bundle.ts';
import type { EngineLimits, ModuleFacts } from '../engine/engine.ts';

/** Name and version of this evaluator. The number changes when the same module and input could give another result. */
export const ENGINE = 'stele-opa-wasm/2';

/** Names a policy. */
export interface PolicyIdentity {
  /** Base64url SHA-256; see {@link policyId}. */
  readonly id: string;
  /** What the author called it; never an identity. */
  readonly revision: string;
  readonly entrypoints: readonly string[];
}

/**
 * Engines before this one, and how each named a host function. By them an archived policy is known for what it is: one
 * that another engine made, and not one that somebody changed. None is ever taken away.
 */
const FORMER_ENGINES: Readonly<Record<string, (builtin: string) => string>> = {
  'stele-opa-wasm/1': (builtin) => builtin,
};

/**
 * SHA-256 of the RFC 8785 form of `{builtins, data, engine, entrypoints, limits, manifest, module}`, where `module` is the
 * digest of `policy.wasm` and `data` and `manifest` are digests of their own RFC 8785 forms. The archive around them
 * does not count: its bytes depend on who packed it.
 */
export function policyId(bundle: PolicyBundle, facts: ModuleFacts, limits: EngineLimits): string {
  return idBy(ENGINE, versioned, { bundle, facts, limits });
}

/** What engines before this one called the same bundle: identity by engine. */
export function formerIds(
  bundle: PolicyBundle,
  facts: ModuleFacts,
  limits: EngineLimits,
): Readonly<Record<string, string>> {
  const parts = { bundle, facts, limits };
  return Object.fromEntries(
    Object.entries(FORMER_ENGINES).map(([engine, named]) => [engine, idBy(engine, named, parts)]),
  );
}

interface Identified {
  readonly bundle: PolicyBundle;
  readonly facts: ModuleFacts;
  readonly limits: EngineLimits;
}

function idBy(
  engine: string,
  named: (builtin: string) => string,
  { bundle, facts, limits }: Identified,
): string {
  return sha256Base64Url(
    canonicalJson({
      builtins: facts.builtins.map(named),
      data: sha256Base64Url(bundle.data),
      engine: `${engine} abi ${facts.abi}`,
      entrypoints: facts.entrypoints,
      limits: { ...limits },
      manifest: sha256Base64Url(canonicalJson(bundle.manifest)),
      module: sha256Base64Url(bundle.wasm),
    }),
  );
}

/** A host function with the version of its answers, as in `sprintf@1`. */
function versioned(name: string): string {
  return `${name}@${HOST_BUILTINS.get(name)?.version ?? 0}`;
}
