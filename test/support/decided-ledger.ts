/** Ledgers whose entries a policy really decided. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { makeUuid7 } from '../../src/core/uuid7.ts';
import { Decider } from '../../src/policy/decide.ts';
import type { Evaluator } from '../../src/policy/engine.ts';
import { appendWork } from '../../src/policy/pool.ts';
import type { PreparedPolicy } from '../../src/policy/prepare.ts';
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
