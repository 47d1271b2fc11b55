import { describe, expect, test } from '@jest/globals';
import { utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { PersistentMap } from '../../../src/core/ledger/persistent-map.ts';
import { LOOK_BACK_BATCHES } from '../../../src/ledger/context/limits.ts';
import { loadSnapshot, SNAPSHOT_FORMAT } from '../../../src/ledger/tree/snapshot.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import type { Fault } from '../../support/faulty-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

const away = (): Fault => ({ effect: 'before', answer: 'timeout' });

/** A ledger with many more batches than a start looks back at, closed. */
async function longLog(count = LOOK_BACK_BATCHES + 20) {
  const world = await TestWorld.create();
  const gateway = await world.open();
  for (let i = 0; i < count; i += 1) await (await gateway.append(3))[0]!.sealed;
  await gateway.ledger.close();
  return { world, folder: gateway.folder };
}

/** Lowest number of a batch that an opening reads. */
async function lowestRead(world: TestWorld, folder: string): Promise<number> {
  const store = new FaultyStore(world.store);
  const { ledger, append } = await world.open({ folder, store });
  await append(2);
  await ledger.close();
  await world.check();
  const numbers = store.calls.flatMap(({ method, key }) => {
    return method === 'get' ? (keys.parseBatch(key) ?? []) : [];
  });
  return Math.min(...numbers);
}

describe('a start', () => {
  test('reads the end of the log only, and goes on as if it had read all of it', async () => {
    const { world, folder } = await longLog();
    expect(await lowestRead(world, folder)).toBeGreaterThan(0);
    expect(await lowestRead(world, folder)).toBeGreaterThan(0);
  }, 60_000);

  test.each([
    ['without a snapshot', () => null],
    ['with one cut short', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 9)],
    [
      'with one changed',
      (bytes: Uint8Array) => bytes.map((byte, i) => (i === 300 ? byte ^ 1 : byte)),
    ],
    ['with an empty one', () => new Uint8Array()],
  ])('%s reads the log from its beginning', async (_name, spoil) => {
    const { world, folder } = await longLog(4);
    const { files } = world.disk;
    const spoiled = spoil((await files.read(`${folder}/learnt`))!);
    await files.remove(`${folder}/learnt`);
    if (spoiled !== null) await (await files.create(`${folder}/learnt`)).write(spoiled);
    expect(await lowestRead(world, folder)).toBe(0);
  });

  test('with a snapshot of another log reads the log from its beginning', async () => {
    const [one, other] = [await longLog(4), await longLog(4)];
    const bytes = await other.world.disk.files.read(`${other.folder}/learnt`);
    await one.world.disk.files.remove(`${one.folder}/learnt`);
    await (await one.world.disk.files.create(`${one.folder}/learnt`)).write(bytes!);
    expect(await lowestRead(one.world, one.folder)).toBe(0);
  });

  test('with a snapshot of a batch that the store does not have is not fooled', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    await (
      await gateway.append(1)
    )[0]!.published;
    const image = world.store.image();
    await (
      await gateway.append(2)
    )[1]!.published;
    await gateway.ledger.close();
    world.store.restore(image);
    const again = await world.open({ folder: gateway.folder, early: true });
    await expect(again.ledger.ready()).rejects.toMatchObject({ cause: { code: 'head_conflict' } });
  });

  test('finds in the log what a restored journal has pending, however far back that is', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = away;
    await first.append(3);
    const journal = await world.imageOf(first.folder);
    store.plan = () => null;
    for (let i = 0; i < LOOK_BACK_BATCHES + 5; i += 1) await (await first.append(1))[0]!.sealed;
    await first.ledger.close();
    // The snapshot of now with the journal of then.
    const bytes = await world.disk.files.read(`${first.folder}/learnt`);
    await (await world.disk.files.create(`${journal}/learnt`)).write(bytes!);
    const again = await world.open({ folder: journal });
    await again.append(1);
    await again.ledger.close();
    await world.check();
  }, 60_000);
});

test('a snapshot is of one form: whoever changes what it holds has to number it anew', async () => {
  const { world, folder } = await longLog(2);
  const snapshot = await loadSnapshot(world.disk.files, folder, world.genesis);
  const { state } = await world.log();
  expect(shapeOf(snapshot!.state).sort()).toEqual(shapeOf(state).sort());
  const shape = shapeOf({ ...snapshot!.state, genesis: null, config: null });
  expect([...new Set(shapeOf(snapshot!.admitted))].sort()).toEqual([
    '[].first',
    '[].high',
    '[].lagMs',
    '[].last',
    '[].low',
    '[].time',
  ]);
  expect(SNAPSHOT_FORMAT).toBe(6);
  expect([...new Set(shape)].sort()).toEqual([
    '.activePolicy',
    '.boots{}.at',
    '.boots{}.boot',
    '.boots{}.end',
    '.boots{}.hash',
    '.boots{}.order',
    '.boots{}.policy',
    '.boots{}.seq',
    '.boots{}.writer',
    '.config',
    '.edge.hashes[]:bytes',
    '.edge.size',
    '.final',
    '.genesis',
    '.keys{}.certificate.alg',
    '.keys{}.certificate.gen',
    '.keys{}.certificate.jwk.crv',
    '.keys{}.certificate.jwk.kty',
    '.keys{}.certificate.jwk.x',
    '.keys{}.certificate.kid',
    '.keys{}.certificate.statement[]',
    '.keys{}.certificate.use',
    '.keys{}.certificate.v',
    '.keys{}.certificate.vkey',
    '.keys{}.certificate.writer',
    '.keys{}.final',
    '.keys{}.kid',
    '.keys{}.status',
    '.keys{}.until',
    '.number',
    '.policies{}.adopters[]',
    '.policies{}.digest',
    '.policies{}.id',
    '.policies{}.index',
    '.policies{}.signer',
    '.policies{}.successor',
    '.policies{}.until',
    '.sha256:bytes',
    '.size',
    '.time',
    '.verified{}.alg',
    '.verified{}.gen',
    '.verified{}.jwk.crv',
    '.verified{}.jwk.kty',
    '.verified{}.jwk.x',
    '.verified{}.kid',
    '.verified{}.statement[]',
    '.verified{}.use',
    '.verified{}.v',
    '.verified{}.vkey',
    '.verified{}.writer',
    '.versionId',
    '.writers{}.boot',
    '.writers{}.boots',
  ]);
  const text = utf8Text((await world.disk.files.read(`${folder}/learnt`))!);
  expect(utf8Bytes(text).length).toBeLessThan(100_000);
});

/** Every path of a value, keys of maps left out. */
function shapeOf(value: unknown, path = ''): string[] {
  if (value instanceof PersistentMap) {
    return [...value.entries()].flatMap(([, each]) => shapeOf(each, `${path}{}`));
  }
  if (value instanceof Uint8Array) return [`${path}:bytes`];
  if (Array.isArray(value)) return value.flatMap((each) => shapeOf(each, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, each]) => shapeOf(each, `${path}.${name}`));
}
