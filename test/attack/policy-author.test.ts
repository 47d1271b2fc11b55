/** A writer that went bad and has enough approvals lies about who wrote the bundle, or about who approved it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Bundle, Person } from '../support/policy-world.ts';
import { sealActivation } from '../support/sealed-activation.ts';
import type { Lie } from '../support/sealed-activation.ts';

let w: PolicyWorld;
let [ann, ben, dan]: Person[] = [];

beforeAll(async () => {
  w = await PolicyWorld.open();
  [ann, ben, dan] = await Promise.all(['ann', 'ben', 'dan'].map(async (one) => w.person(one)));
}, 240_000);

afterAll(async () => {
  await w.close();
});

const seal = async (bundle: Bundle, lie: Lie): Promise<number> => sealActivation(w, bundle, lie);

/** Why the gateway does not adopt what is in charge, once it has tried. */
async function fault(): Promise<string | null> {
  for (let tries = 0; w.gateway.ledger.policy().fault === null && tries < 400; tries += 1) {
    await sleep(20);
  }
  return w.gateway.ledger.policy().fault;
}

/** The honest way on: decided by the policy that still runs. @returns the leaf index. */
async function wayOut(name: string): Promise<number> {
  const { status, body } = await w.activate(await w.request(await w.bundle(name), [ann!, ben!]));
  expect([status, body['adopted']]).toEqual([201, true]);
  return Number(body['index']);
}

/** What is found of leaves, in one look at the whole ledger. */
const found = async (...leaves: readonly number[]): Promise<string[][]> => {
  const { findings } = await w.check();
  return leaves.map((leaf) => {
    return findings.filter(({ at }) => at.index === leaf).map(({ code }) => code);
  });
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

  /** Leaf indices, with what is to be found there. */
  const sealed: (readonly [number, string[]])[] = [];

  test.each(lies)('a gateway that tells the policy %s', async (name, told, codes) => {
    const bundle = await w.bundle(name);
    const index = await seal(bundle, { approvers: [ann!, ben!], author: w.author, told });
    if (codes.length === 0) await w.gateway.ledger.adopted(index);
    else expect(await fault()).toBe('policy_undecided');
    const next = await wayOut(`after ${name}`);
    sealed.push([index, codes], [next, codes.length === 0 ? [] : ['former_decided']]);
  });

  test('and found afterwards, beside the way out of each', async () => {
    expect(await found(...sealed.map(([index]) => index))).toEqual(
      sealed.map(([, codes]) => codes),
    );
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
    expect(await found(index)).toEqual([codes]);
  });
});

test('an activation that names another author than signed the bundle is adopted by nobody, and found', async () => {
  const { deciding } = w.gateway.ledger.policy();
  const mallory = await w.person('mal', 'author');
  const written = await w.person('dan', 'author');
  const bundle = await w.bundle('own', () => undefined, written.key);
  const index = await seal(bundle, { approvers: [ann!, dan!], author: mallory });
  expect(await fault()).toBe('policy_signer_other');
  expect(w.gateway.ledger.policy()).toMatchObject({ deciding, fallback: deciding });
  expect(await found(index)).toEqual([['policy_mismatch']]);
});
