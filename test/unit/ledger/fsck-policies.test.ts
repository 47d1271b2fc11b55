/** What `fsck` asks of the policy before, where there was none before the first. */
import { expect, test } from '@jest/globals';
import { sha256Base64Url } from '#platform';
import { utf8Bytes } from '../../../src/core/platform/bytes.ts';
import type { OpenExecutable } from '../../../src/ledger/fsck/policies.ts';
import { adoption, DAY, keys, World } from '../../attack/support.ts';
import { approvalOf, approvedActivation, bootFacts, idOf, personOf } from '../../golden/support.ts';

const [first, second] = [idOf('first policy', 32), idOf('second policy', 32)];

/** Puts a policy in charge, its bundle archived as genesis says. @param by - Who decided it. */
async function activate(world: World, id: string, by: string | null): Promise<number> {
  const { log, one, store, time } = world;
  const archive = utf8Bytes(`bundle ${id}`);
  const digest = sha256Base64Url(archive);
  const { mode, days } = log.genesis.batchLock;
  if (mode === 'none') throw new Error('genesis asks for no lock');
  await store.putNew(keys.policy(id, 'bundle.tar.gz'), archive, {
    retention: { mode, until: time - (time % 1000) + (days + 1) * DAY },
    contentType: 'application/gzip',
  });
  const previous = log.state.activePolicy;
  const people = await Promise.all(['ann', 'ben'].map(async (name) => personOf(log, name)));
  const approvals = await Promise.all(
    people.map(async (person) => approvalOf(log, person, { id, digest, previous })),
  );
  const ctl = await approvedActivation(log, id, { digest, approvals });
  const entry =
    by === null
      ? await world.entry(one, 'policy', { ctl })
      : await world.recorded(one, {
          kind: 'policy',
          leaf: { ctl, pol: { id: by, entrypoint: 'stele/admin', allow: true } },
        });
  await world.seal(one, [entry]);
  return log.state.size - 1;
}

test('nobody is asked about the first policy of a ledger that was founded without one; the first decides the second', async () => {
  const world = await World.found({ policy: null });
  await world.seal(world.one, [await world.entry(world.one, 'boot', bootFacts(world.log))]);
  let asked = 0;
  const policies: OpenExecutable = async () =>
    Promise.resolve({
      revision: null,
      fault: () => undefined,
      signerFault: async () => Promise.resolve(undefined),
      evaluate: async () => {
        asked += 1;
        return Promise.reject(new Error('nobody was in charge'));
      },
    });
  const check = async () => {
    const { findings } = await world.check({ policies });
    return findings.filter(({ severity }) => severity !== 'warning');
  };

  await activate(world, first, null);
  expect(world.log.state.activePolicy).toBe(first);
  expect(await check()).toEqual([]);

  await world.seal(world.one, [await world.entry(world.one, 'policy', adoption(first, 1))]);
  const index = await activate(world, second, first);
  const detail = 'the policy was asked about another change';
  expect(await check()).toMatchObject([{ code: 'undecided_activation', at: { index }, detail }]);
  expect(asked).toBe(0);
});
