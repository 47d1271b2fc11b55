/** Ledgers whose entries a policy really decided. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';
import { composeEntry, entryFacts } from '../../src/policy/decide/compose.ts';
import { Decider } from '../../src/policy/decide/decide.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import { appendWork } from '../../src/policy/pool/pool.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { objectKeys } from '../../src/storage/object-keys.ts';
import { appendJob, settings } from '../unit/policy/support.ts';
import { LEDGER, TestWorld } from './test-ledger.ts';

/** The 2,000 real CloudTrail events, one JSON text each. */
export const realEvents = (): string[] =>
  gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz'))
    .toString('utf8')
    .trim()
    .split('\n');

/** A sealed ledger of decisions by a policy, archived as `archive`; the event `{}` comes from a caller without roles. */
export async function sealedDecisions(
  policy: PreparedPolicy,
  texts: readonly string[],
  evaluator: Evaluator,
  archive: Uint8Array | null,
): Promise<TestWorld> {
  const { id } = policy.identity;
  const world = await TestWorld.create({
    policy: { id, approvals: [] },
    labels: settings.labels,
    limits: { batchEntries: 1000, batchBytes: 8_388_608, headerBytes: 262_144, entryBytes: 65_535 },
  });
  const { gen, origin, classes, fallbackClass } = world.genesis;
  const components = { evaluator, policy: id, random: world.random };
  const decider = new Decider(components, { ...settings, gen, origin, classes, fallbackClass });
  const gateway = await world.open({ policy: id });
  for (let first = 0; first < texts.length; first += 500) {
    const drafts = texts.slice(first, first + 500).map((text) => {
      const at = world.clock();
      const jti = makeUuid7(at, new Uint8Array(randomBytes(10)));
      const job = { ...appendJob(text, text === '{}' ? [] : ['service']), at, jti };
      const decided = decider.append(appendWork(job, new WeakMap()));
      if (decided.outcome !== 'decided') throw new Error(decided.code);
      return decided;
    });
    await gateway.ledger.append(drafts);
  }
  await gateway.ledger.close();
  if (archive !== null) {
    const key = objectKeys(LEDGER).policy(id, 'bundle.tar.gz');
    await world.store.putNew(key, archive, { retention: null, contentType: 'application/gzip' });
  }
  return world;
}

/** What a writer that lies makes of an allowed event. */
export interface Forgery {
  readonly entrypoint: string;
  /** Members of the input, instead of those of an honest gateway. */
  readonly input: JsonObject;
}

/** A ledger with an honest decision, and one that its writer made up for a caller without roles. */
export async function forgedDecision(
  policy: PreparedPolicy,
  { entrypoint = 'stele/append', input = {} }: Partial<Forgery>,
  archive: Uint8Array,
): Promise<TestWorld> {
  const world = await sealedDecisions(
    policy,
    ['{"a":1}'],
    new PolicyEngine(policy.compiled),
    archive,
  );
  const { id } = policy.identity;
  const { gen, origin, classes, fallbackClass } = world.genesis;
  const gateway = await world.open({ policy: id });
  const at = world.clock();
  const jti = makeUuid7(at, new Uint8Array(randomBytes(10)));
  const canonical = (value: JsonObject) => ({ value, text: canonicalJson(value) });
  const forged = { ...{ action: { name: 'entry.append' }, context: {} }, event: { paid: 1 } };
  const rest = { ledger: {}, resource: {}, subject: {}, time: { ms: at }, ...input };
  const effect = { allow: true, class: 'standard' };
  const table = { ...settings, gen, origin, classes, fallbackClass };
  const draft = {
    ...{ at, jti, kind: 'event' as const, entrypoint, policy: id, effect, identity: null },
    input: canonical({ ...forged, ...rest }),
    result: canonical({ allow: true, class: 'standard', reasons: [] }),
    source: canonical({
      media_type: 'application/json',
      auth: null,
      producer: null,
      raw_hmac: null,
    }),
  } as const;
  const composed = composeEntry(draft, table, world.random(32));
  const facts = entryFacts({ at, jti }, effect, table);
  await gateway.ledger.append([{ ...facts, ...composed, at, jti, policy: id }]);
  await gateway.ledger.close();
  return world;
}
