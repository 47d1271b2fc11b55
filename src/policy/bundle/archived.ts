/**
 * Whether an archived bundle is the policy of its place. A bundle that makes another policy than the log names was
 * changed, or is as it was and this is another engine: the one is evidence, the other is a matter of versions, and whoever
 * reads the report has to know which (`docs/decisions/0011-*`).
 */
import { ENGINE } from './identity.ts';
import type { PreparedPolicy } from './prepare.ts';
import type { StagedPolicy } from './staged.ts';

/** Why an archived bundle is not the policy of its place; also the code of the finding. */
export interface IdentityFault {
  readonly code: 'policy_altered' | 'engine_version';
  readonly detail: string;
}

/**
 * Holds a staged bundle against the log.
 *
 * @param id - The policy of its place.
 * @param digest - SHA-256 of the bundle file by its activation, base64url; null where the log does not say, as of the policy
 *   of genesis.
 * @returns undefined where it is the one.
 */
export function identityFault(
  {
    prepared,
    digest: found,
  }: Pick<StagedPolicy, 'digest'> & {
    readonly prepared: Pick<PreparedPolicy, 'identity' | 'former'>;
  },
  id: string,
  digest: string | null,
): IdentityFault | undefined {
  const made = prepared.identity.id;
  if (made === id) return undefined;
  const [engine] = Object.entries(prepared.former).find(([, former]) => former === id) ?? [];
  if (engine !== undefined) {
    return {
      code: 'engine_version',
      detail: `policy ${id} is of engine ${engine}; this is ${ENGINE}, which makes ${made} of it`,
    };
  }
  if (digest === null || digest !== found) {
    return { code: 'policy_altered', detail: `the bundle of policy ${id} makes ${made}` };
  }
  const detail = `the bundle of policy ${id} is unchanged, and engine ${ENGINE} makes ${made} of it: another engine made it`;
  return { code: 'engine_version', detail };
}
