/** Activations that a writer with its key seals by itself, decided by a policy as it is told. */
import { randomBytes } from 'node:crypto';
import { homeOf } from '../../src/cli/open/home.ts';
import { stageArchived } from '../../src/cli/open/policy.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';
import { loadLedgerSecret } from '../../src/keys/ledger-secret.ts';
import { decideActivation } from '../../src/policy/decide/admin.ts';
import { DEFAULT_INPUT_LIMITS } from '../../src/policy/decide/input.ts';
import { evaluateOnce } from '../../src/policy/decide/one-shot.ts';
import type { Bundle, Person, PolicyWorld } from './policy-world.ts';

/** What a writer says of a change, and what of it is not so. */
export interface Lie {
  readonly approvers: readonly Person[];
  /** Who wrote the bundle, as the entry says. */
  readonly author: Person;
  /** What the policy is told otherwise than it is. */
  readonly told?: JsonObject;
  /** What the approvals name as the replay that was seen. */
  readonly report?: number;
  /** Whether it forgets to archive the bundle. */
  readonly isAbsent?: boolean;
  /** The policy that it asks; default: the one that may decide. */
  readonly by?: string;
  /** What answers instead, under the name of that policy. */
  readonly really?: Bundle;
}

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** Asks the policy in charge, tells it what is wanted, and seals its answer. @returns the leaf index. */
export async function sealActivation(
  w: PolicyWorld,
  bundle: Bundle,
  { approvers, author, told = {}, report, isAbsent = false, by, really }: Lie,
): Promise<number> {
  const named = report === undefined ? {} : { report };
  const { ledger } = w.gateway;
  const decider = by ?? ledger.policy().fallback ?? w.active;
  const { origin, gen, classes, fallbackClass, labels, maxSealMs } = w.genesis;
  const secret = await loadLedgerSecret(homeOf(w.configuration).ledgerSecret);
  const shared = { origin, gen, classes, fallbackClass, labels, maxSealMs };
  const settings = { ...shared, secret, limits: DEFAULT_INPUT_LIMITS };
  const { identity } = (await stageArchived((await ledger.archivedPolicy(decider))!)).prepared;
  const answering = really?.archive ?? (await ledger.archivedPolicy(decider))!;
  const policy = { ...(await stageArchived(answering)).prepared, identity };
  const { id, digest, revision, archive } = bundle;
  const expiry = Date.now() + 3_600_000;
  const request = await w.request(bundle, approvers, { expiry, ...named });
  const claims = { digest, revision, previous: w.active, signer: author.signer.kid };
  const at = Date.now();
  const decided = await decideActivation(
    { policy, evaluate: evaluateOnce, random },
    {
      ...{ at, jti: makeUuid7(at, random(10)), approvals: approvers.length },
      facts: {
        ...{ id, ...claims, change: 'update', activation: null, grace: 0 },
        approvals: request['approvals'] as string[],
        certificates: [...approvers, author].map(({ cert }) => [...cert]),
      },
      known: {
        subject: { type: 'service', id: 'admin', properties: { roles: ['admin'], issuer: null } },
        action: { name: 'policy.activate' },
        resource: {
          ...{ type: 'policy', id },
          properties: {
            ...{ ...claims, author: author.person, change: 'update', reason: null, grace_ms: 0 },
            approvals: approvers.map(({ person, signer }) => {
              return { person, kid: signer.kid, expiry_ms: expiry, ...named };
            }),
            ...told,
          },
        },
        context: { request_id: 'r-1' },
        ledger: { name: 'demo', origin },
      },
      source: {
        media_type: 'application/json',
        auth: {
          method: 'api_key',
          issuer: null,
          subject: 'admin',
          key_id: 'k',
          token_sha256: null,
        },
        producer: null,
      },
    },
    settings,
  );
  if (!decided.allow) throw new Error(decided.reasons.join());
  if (!isAbsent) await ledger.archivePolicy(id, archive);
  const [receipt] = await ledger.append([{ ...decided, policy: null }]);
  return (await receipt!.sealed).index;
}
