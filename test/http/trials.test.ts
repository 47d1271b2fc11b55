/** Trials of the policy in charge take threads from the decisions that count: their turns are for who may try it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PolicyChanges } from '../../src/gateway/context/components.ts';
import { problemSchema } from '../../src/gateway/schema/answers.ts';
import type { JsonValue } from '../../src/core/json/strict-json.ts';
import { policyOf, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

/** As many as there are turns. */
const TURNS = 2;

let world: World;
/** Ends each trial that is under way. */
const ends: ((result: JsonValue) => void)[] = [];

beforeAll(async () => {
  const policy = await policyOf();
  const never = () => {
    throw new Error('a trial changes nothing');
  };
  const evaluate: PolicyChanges['evaluate'] = async () =>
    new Promise<JsonValue>((resolve) => ends.push(resolve));
  const rest = { stage: never, keep: never, decide: {} as PolicyChanges['decide'] };
  world = await startWorld({}, { changes: { prepared: () => policy, evaluate, ...rest } });
});
afterAll(async () => {
  await world.close();
});

async function tries(key: string, body: object = { entrypoint: 'stele/read', input: {} }) {
  return fetch(`${world.url}/v1/ledgers/demo/policies/evaluate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

test('a caller who is denied takes no turn of a trial, and waits for none', async () => {
  const allowed = Array.from({ length: TURNS }, async () => tries(world.keys.admin));
  for (let i = 0; ends.length < TURNS && i < 500; i += 1) await tick();
  expect(ends).toHaveLength(TURNS);
  // More than may wait, and each is answered while all turns are taken.
  for (let n = 0; n < 6; n += 1) {
    const denied = await tries(world.keys.other);
    expect(denied.status).toBe(403);
    const problem = problemSchema.parse(await denied.json());
    expect(problem).toMatchObject({ code: 'denied' });
    // Nothing was sent to be stored.
    expect(problem).not.toHaveProperty('durability');
  }
  const next = tries(world.keys.admin);
  for (const end of ends.splice(0)) end(true);
  for (let i = 0; ends.length === 0 && i < 500; i += 1) await tick();
  expect(ends).toHaveLength(1);
  ends.pop()!(true);
  const answers = await Promise.all([...allowed, next]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('a trial that is no object has the whole body as its place', async () => {
  const refused = await tries(world.keys.admin, []);
  expect(await refused.json()).toMatchObject({ code: 'evaluation_malformed', pointer: '' });
});

async function tick(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
}
