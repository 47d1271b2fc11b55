/**
 * What of genesis may change, as it holds at a position of the log. Changes are `config` entries with a statement of
 * the root keys; each names the one before it, so that none can be replayed. `docs/formats.md`, "Configuration".
 */
import { z } from 'zod';
import { sha256Base64Url } from '#platform';
import { canonicalJson } from '../json/canonical-json.ts';
import { MalformedError } from '../errors.ts';
import { checkRootSet, configurable } from './genesis.ts';
import type { Genesis, GenesisFields } from './genesis.ts';
import { jwkThumbprint, parseJws } from '../json/jws.ts';
import type { JwsSigner } from '../json/jws.ts';
import { refuseNewer } from '../json/newer-format.ts';
import { applySchema, Base64Url32 } from '../entry/schema.ts';
import { makeStatement, openStatement, statementTypes } from './statement.ts';
import type { Authority, RootSet, Statement } from './statement.ts';

/** Schema of the payload of a `config` entry's statement. `previous` is {@link LogConfig.hash} before it. */
export const ConfigStatementSchema = z.strictObject({
  v: z.literal(1),
  gen: Base64Url32,
  previous: Base64Url32,
  set: z.strictObject({
    roots: z.exactOptional(configurable.roots),
    classes: z.exactOptional(configurable.classes),
    fallbackClass: z.exactOptional(configurable.fallbackClass),
    labels: z.exactOptional(configurable.labels),
    limits: z.exactOptional(configurable.limits),
    maxSealMs: z.exactOptional(configurable.maxSealMs),
    maxDecisionMs: z.exactOptional(configurable.maxDecisionMs),
    heartbeatMs: z.exactOptional(configurable.heartbeatMs),
    batchLock: z.exactOptional(configurable.batchLock),
  }),
});

/** What every version of that statement has in this place where it sets roots. */
const ProposedRootsSchema = z.object({ set: z.object({ roots: configurable.roots }) });

/** What the root says about the ledger's configuration. */
export type ConfigStatement = z.infer<typeof ConfigStatementSchema>;

/** The configuration that holds at a position of the log. */
export type LogConfig = Pick<GenesisFields, keyof typeof configurable> & {
  /** What the next change has to name: `gen`, then SHA-256 of the last statement's payload, base64url. */
  readonly hash: string;
};

/** The configuration before any change. */
export function initialConfig(genesis: Genesis): LogConfig {
  const { roots, classes, fallbackClass, labels, limits } = genesis;
  const { maxSealMs, maxDecisionMs, heartbeatMs, batchLock } = genesis;
  return {
    ...{ roots, classes, fallbackClass, labels, limits },
    ...{ maxSealMs, maxDecisionMs, heartbeatMs, batchLock },
    hash: genesis.gen,
  };
}

/** In whose name statements are read under a configuration. */
export function authorityOf(genesis: Genesis, config: LogConfig): Authority {
  return { origin: genesis.origin, gen: genesis.gen, roots: config.roots };
}

/** Makes the statement of a `config` entry. A change of roots is signed by the new ones. */
export async function makeConfigStatement(
  fields: ConfigStatement,
  signers: readonly JwsSigner[],
): Promise<Statement> {
  return makeStatement(statementTypes.config, fields, signers);
}

/**
 * The configuration after a change. It is signed by the root keys; but new root keys are those to which the old set
 * committed in `next`, and sign themselves: who stole the old ones cannot choose their successors.
 *
 * @throws {@link MalformedError} `bad_statement`, also where the change does not follow on this configuration.
 */
export function changeConfig(statement: Statement, genesis: Genesis, config: LogConfig): LogConfig {
  const roots = signersOf(statement, config.roots);
  const value = openStatement(statement, statementTypes.config, roots);
  refuseNewer(value, 'config statement');
  const fields = applySchema(ConfigStatementSchema, value, 'config statement', 'bad_statement');
  if (fields.gen !== genesis.gen) throw badChange('is of another ledger');
  if (fields.previous !== config.hash) throw badChange('does not follow on the one before');
  const changed = { ...config, ...fields.set, hash: sha256Base64Url(canonicalJson(value)) };
  checkRootSet(changed.roots);
  if (!Object.hasOwn(changed.classes, changed.fallbackClass)) {
    throw badChange('has no fallback class');
  }
  return changed;
}

/**
 * The roots that have to sign. Where the payload sets roots to which the old set committed, the new keys do, as many
 * as the stricter of both thresholds asks: with fewer, one stolen successor could put itself in charge.
 */
function signersOf(statement: Statement, current: RootSet): RootSet {
  const next = proposedRoots(statement);
  if (next === undefined) return current;
  if (!next.keys.every((jwk) => current.next.includes(jwkThumbprint(jwk)))) {
    throw badChange('sets a root key that was not committed to');
  }
  return { ...next, threshold: Math.max(next.threshold, current.threshold) };
}

/**
 * The roots that a statement would set, before anything of it is verified. All else may be of a newer format: who has to
 * sign follows from the roots alone, or a newer change of roots could not be told from a forged one.
 */
function proposedRoots(statement: Statement): RootSet | undefined {
  const payload = statement.map((text) => parseJws(text, statementTypes.config).payload)[0];
  return ProposedRootsSchema.safeParse(payload).data?.set.roots;
}

function badChange(what: string): MalformedError {
  return new MalformedError(`config statement ${what}`, 'bad_statement');
}
