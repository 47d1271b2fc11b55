/** Gateways with checkpoint keys of their own on one ledger: what each publishes is known to the others. */
import { describe, expect, jest, test } from '@jest/globals';
import { utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { formatCheckpoint, parseCheckpoint } from '../../../src/core/tree/checkpoint.ts';
import { formatSignedNote, parseSignedNote } from '../../../src/core/tree/signed-note.ts';
import { parseTreeSize } from '../../../src/core/tree/tree.ts';
import { generateKey } from '../../../src/keys/key-files.ts';
import { noteSigner } from '../../../src/keys/signers.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function publishedIn({ store }: TestWorld) {
  const found = await store.get(keys.checkpoint);
  return found === null ? null : parseCheckpoint(parseSignedNote(utf8Text(found.bytes)).text);
}

/** Puts a checkpoint of some size by a key that no batch names. */
async function publishBy(world: TestWorld, size: number): Promise<string> {
  const { origin, hash: root } = world.genesis;
  const signer = noteSigner(origin, generateKey());
  const text = formatCheckpoint({ origin, size: parseTreeSize(size), root, extensions: [] });
  const note = formatSignedNote(text, [await signer.sign(text)]);
  const etag = (await world.store.get(keys.checkpoint))?.etag ?? null;
  await world.store.replace(keys.checkpoint, utf8Bytes(note), { etag, contentType: 'text/plain' });
  return note;
}

describe('a checkpoint by a key that no batch has named yet', () => {
  test('that is ahead of us stands until the log was looked at, and is replaced when the log does not explain it', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open({ publishMs: 500 });
    await (
      await append(1)
    )[0]!.published;
    await until(async () => (await publishedIn(world)) !== null);
    const note = await publishBy(world, 1000);
    await (
      await append(1)
    )[0]!.published;
    const size = ledger.status().treeSize;
    await until(async () => (await publishedIn(world))?.size === size);
    expect(ledger.status().findings).toMatchObject({ bad_checkpoint: 1 });
    expect(utf8Text((await world.store.get(keys.checkpoint))!.bytes)).not.toBe(note);
    await ledger.close();
    await world.check();
  });

  test('that is another one at each look keeps nothing back for longer than one that stays, and is said', async () => {
    const world = await TestWorld.create();
    let isChurned = false;
    let looks = 0;
    const get = world.store.get.bind(world.store);
    jest.spyOn(world.store, 'get').mockImplementation(async (key, options) => {
      // Puts another one there before each look of the gateway, whose looks have a range.
      if (isChurned && key === keys.checkpoint && options !== undefined) {
        await publishBy(world, 900_000 + (looks += 1));
      }
      return get(key, options);
    });
    const said: unknown[] = [];
    const note = (event: string, fields?: object): void => void said.push({ event, ...fields });
    const log = { debug: note, info: note, warn: note, error: note };
    const { ledger, append } = await world.open({ log, publishMs: 20, followMs: 60 });
    isChurned = true;
    await (
      await append(3)
    )[0]!.sealed;
    const size = ledger.status().treeSize;
    await until(() => ledger.status().publishedSize >= size || looks > 200);
    isChurned = false;
    expect(looks).toBeLessThan(200);
    const doubted = { event: 'view_not_published', code: 'checkpoint_doubted', claimed: 900_001 };
    expect(said).toContainEqual(expect.objectContaining(doubted));
    expect(ledger.status().findings).toMatchObject({ bad_checkpoint: 1 });
    await ledger.close();
    await world.check();
  });

  test('is not overwritten by a gateway that closes while it is behind', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open({ publishMs: 1e9, followMs: 1e9 });
    await append(1);
    const note = await publishBy(world, 1000);
    await ledger.close();
    expect(utf8Text((await world.store.get(keys.checkpoint))!.bytes)).toBe(note);
    expect(ledger.status().findings).not.toHaveProperty('bad_checkpoint');
  });

  test('that is smaller is replaced at once', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open({ publishMs: 1e9 });
    await append(3);
    await publishBy(world, 1);
    await ledger.close();
    await world.check();
  });
});

test('the first batch of a gateway names its checkpoint key, so nobody meets a checkpoint of a stranger', async () => {
  const world = await TestWorld.create();
  const { ledger } = await world.open({ publishMs: 1e9 });
  const { state } = await world.log();
  const uses = [...state.keys.entries()].map(([, { certificate }]) => certificate?.use);
  expect(uses.sort()).toEqual(['checkpoint', 'writer']);
  await ledger.close();
});

test('a ledger tells the keys of all its writers, its own first', async () => {
  const world = await TestWorld.create();
  const [one, two] = [await world.open(), await world.open()];
  await one.append(1);
  await (
    await two.append(1)
  )[0]!.sealed;
  await one.ledger.refresh();
  const kids = await Promise.all(
    [one, two].map(async ({ folder }) => (await world.components(folder)).writerSigner.kid),
  );
  const { vkeys, jwks } = one.ledger.keys();
  expect(vkeys).toEqual([world.vkey]);
  expect(jwks.keys.map(({ kid }) => kid)).toEqual(kids);
  for (const { ledger } of [one, two]) await ledger.close();
});
