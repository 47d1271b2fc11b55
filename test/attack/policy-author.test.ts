/** A writer that went bad and has enough approvals lies about who wrote the bundle, or about who approved it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { homeOf } from '../../src/cli/open/home.ts';
import { stageArchived } from '../../src/cli/open/policy.ts';
import type { JsonObject } from '../../src/core/strict-json.ts';
import { makeUuid7 } from '../../src/core/uuid7.ts';
import { loadLedgerSecret } from '../../src/keys/ledger-secret.ts';
import { decideActivation } from '../../src/policy/admin.ts';
import { DEFAULT_INPUT_LIMITS } from '../../src/policy/input.ts';
import { evaluateOnce } from '../../src/policy/one-shot.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Bundle, Person } from '../support/policy-world.ts';

let w: PolicyWorld;
let [ann, ben, dan]: Person[] = [];

beforeAll(async () => {
  w = await PolicyWorld.open();
  [ann, ben, dan] = await Promise.all(['ann', 'ben', 'dan'].map(async (one) => w.person(one)));
}, 240_000);

afterAll(async () => {
  await w.close();
});

interface Lie {
  readonly approvers: readonly Person[];
  /** Who wrote the bundle, as the entry says. */
  readonly author: Person;
  /** What the policy is told otherwise than it is. */
  readonly told?: JsonObject;
  /** What the approvals name as the replay that was seen. */
  readonly report?: number;
}

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** Asks the policy in charge, tells it what is wanted, and seals its answer. @returns the leaf index. */
async function seal(
  bundle: Bundle,
  { approvers, author, told = {}, report }: Lie,
): Promise<number> {
  const named = report === undefined ? {} : { report };
  const { ledger } = w.gateway;
  const { origin, gen, classes, fallbackClass, labels, maxSealMs } = w.genesis;
  const secret = await loadLedgerSecret(homeOf(w.configuration).ledgerSecret);
  const shared = { origin, gen, classes, fallbackClass, labels, maxSealMs };
  const settings = { ...shared, secret, limits: DEFAULT_INPUT_LIMITS };
  const policy = (await stageArchived((await ledger.archivedPolicy(w.active))!)).prepared;
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
  expect(decided.allow).toBe(true);
  await ledger.archivePolicy(id, archive);
  const [receipt] = await ledger.append([decided]);
  return (await receipt!.sealed).index;
}

const found = async (index: number): Promise<string[]> => {
  const { findings } = await w.check();
  return findings.filter(({ at }) => at.index === index).map(({ code }) => code);
};

describe('what the policy in charge was told is held against the batches', () => {
  const lies: readonly (readonly [string, JsonObject, string[]])[] = [
    ['nothing but the truth', {}, []],
    ['another author', { author: 'somebody' }, ['undecided_activation']],
    ['another reason', { reason: 'urgent' }, ['undecided_activation']],
    ['another revision', { revision: 'r-0' }, ['undecided_activation']],
    [
      'approvals of other people than approved',
      {
        approvals: ['ceo', 'ciso'].map((person) => ({ person, kid: person, expiry_ms: 1 })),
      },
      ['undecided_activation'],
    ],
  ];

  test.each(lies)('a gateway that tells the policy %s', async (name, told, codes) => {
    const bundle = await w.bundle(name);
    const index = await seal(bundle, { approvers: [ann!, ben!], author: w.author, told });
    await w.gateway.ledger.adopted(index);
    expect(await found(index)).toEqual(codes);
  });
});

describe('what approvals name as the replay that was seen is held against the store', () => {
  const sealed = async (event: JsonObject): Promise<number> => {
    const { body } = await w.post('entries?ack=sealed', event);
    return body['index'] as number;
  };
  const replayOf = ({ id, digest }: Bundle): JsonObject => {
    return { type: 'policy.replay', candidate: { policy: id, digest, revision: 'r' } };
  };

  test.each([
    ['a replay of this bundle', async (bundle: Bundle) => sealed(replayOf(bundle)), []],
    [
      'a replay of another bundle',
      async (bundle: Bundle) => sealed(replayOf({ ...bundle, digest: 'other' })),
      ['undecided_activation'],
    ],
    ['another event', async () => sealed({ type: 'shop' }), ['undecided_activation']],
    ['the start of a boot', async () => Promise.resolve(0), ['undecided_activation']],
  ])('%s', async (name, make, codes) => {
    const bundle = await w.bundle(name);
    const report = await make(bundle);
    const index = await seal(bundle, { approvers: [ann!, ben!], author: w.author, report });
    await w.gateway.ledger.adopted(index);
    expect(await found(index)).toEqual(codes);
  });
});

test('an activation that names another author than signed the bundle is adopted by nobody, and found', async () => {
  const { deciding } = w.gateway.ledger.policy();
  const mallory = await w.person('mal', 'author');
  const written = await w.person('dan', 'author');
  const bundle = await w.bundle('own', () => undefined, written.key);
  const index = await seal(bundle, { approvers: [ann!, dan!], author: mallory });
  for (let tries = 0; w.gateway.ledger.policy().fault === null && tries < 200; tries += 1) {
    await sleep(20);
  }
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding, fault: 'policy_signer_other' });
  expect(await found(index)).toEqual(['policy_mismatch']);
});
