import { describe, expect, jest, test } from '@jest/globals';
import { utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { makeUuid7 } from '../../../src/core/entry/uuid7.ts';
import { idMatcher } from '../../../src/ledger/tree/leaf-id.ts';
import { EntryReader } from '../../../src/ledger/tree/reader.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import type { Fault } from '../../support/faulty-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

const DAY_MS = 86_400_000;
const away = (): Fault => ({ effect: 'before', answer: 'timeout' });

/** Opens a gateway that remembers no id: every search goes to the store. */
async function forgetful(world: TestWorld, folder?: string) {
  const spy = jest.spyOn(EntryReader.prototype, 'remember').mockReturnValue();
  const store = new FaultyStore(world.store);
  const gateway = await world.open({ store, ...(folder === undefined ? {} : { folder }) });
  spy.mockRestore();
  return { ...gateway, store };
}

/** How many batches are read while something is done, in whole or in part. */
async function batchesRead(store: FaultyStore, act: () => Promise<unknown>) {
  const from = store.calls.length;
  await act();
  return new Set(
    store.calls.slice(from).flatMap(({ method, key }) => {
      return method === 'get' ? (keys.parseBatch(key) ?? []) : [];
    }),
  ).size;
}

/** An id of a time that nobody made. */
function madeUp(world: TestWorld, at: number): string {
  return makeUuid7(at, world.random(10));
}

describe('an entry is found by its id', () => {
  test('when it was sealed a day after it was acknowledged', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    await (
      await first.append(1)
    )[0]!.sealed;
    store.plan = away;
    const [late] = await first.append(1);
    await first.kill();
    world.offsetMs = DAY_MS;
    const second = await world.open({ folder: first.folder });
    await (
      await second.append(1)
    )[0]!.sealed;
    await second.ledger.close();
    // From the log read anew, and from what was kept of it.
    for (const folder of [undefined, first.folder]) {
      const { ledger } = await forgetful(world, folder);
      expect(await ledger.entry(late!.jti)).toMatchObject({ jti: late!.jti, state: 'sealed' });
      await ledger.close();
    }
    await world.check(['silent_period', 'late_seal']);
  });

  test('when a clock that was a day ahead was put right', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const jtis: string[] = [];
    for (const offset of [0, DAY_MS, 0, 0]) {
      world.offsetMs = offset;
      await ledger.refresh();
      await ledger.ready();
      const [receipt] = await append(1);
      await receipt!.sealed;
      jtis.push(receipt!.jti);
    }
    await ledger.close();
    const other = await forgetful(world);
    for (const jti of jtis) expect(await other.ledger.entry(jti)).toMatchObject({ jti });
    await other.ledger.close();
  });
});

describe('an id that nobody made', () => {
  test('costs the batches of its moment only, wherever in the log that is', async () => {
    const world = await TestWorld.create();
    const first = await world.open();
    const batches = 150;
    const ats: number[] = [];
    for (let i = 0; i < batches; i += 1) {
      // Batches of a second apart from each other.
      world.offsetMs += 1000;
      ats.push(world.clock());
      await (
        await first.append(2)
      )[1]!.sealed;
    }
    await first.ledger.close();
    const { ledger, store } = await forgetful(world, first.folder);
    for (const at of [ats[0]!, ats[1]!, ats[75]!, ats.at(-1)!]) {
      const read = await batchesRead(store, async () => ledger.entry(madeUp(world, at)));
      // A search of the right place among headers, and the batches there.
      expect(read).toBeLessThan(16);
    }
    for (const at of [ats[0]! - DAY_MS, ats.at(-1)! + DAY_MS]) {
      expect(await batchesRead(store, async () => ledger.entry(madeUp(world, at)))).toBe(0);
    }
    await ledger.close();
  }, 60_000);

  test('of a moment that this process saw costs one batch at most', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store });
    const ats: number[] = [];
    for (let i = 0; i < 30; i += 1) {
      ats.push(world.clock());
      await (
        await append(2)
      )[1]!.sealed;
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    for (const at of ats) {
      const read = await batchesRead(store, async () => ledger.entry(madeUp(world, at)));
      expect(read).toBeLessThanOrEqual(1);
    }
    await ledger.close();
  });
});

describe('the id of a leaf', () => {
  test('is known in each of the places that base64url gives it', async () => {
    const world = await TestWorld.create();
    const { append, ledger } = await world.open();
    const drafts = [0, 1, 2].map((more) => {
      // One byte more before the id each time.
      const identity = `${'k'.repeat(8 + more)}.${'A'.repeat(43)}`;
      const identities = `"idb":"k.${'A'.repeat(43)}","idk":"${identity}",`;
      const draft = world.draft();
      return { ...draft, prefix: draft.prefix.replace('"iss":', `${identities}"iss":`) };
    });
    const receipts = await ledger.append(drafts);
    const more = await append(6);
    for (const { jti, jws } of [...receipts, ...more]) {
      expect(idMatcher(jti)(utf8Bytes(jws))).toBe(true);
      expect(idMatcher(madeUp(world, world.clock()))(utf8Bytes(jws))).toBe(false);
    }
    await ledger.close();
  });

  test('that is quoted in another member, or in what is no entry, is not its own', () => {
    const jti = '01a20621-f66f-78e2-ad84-ea0e82eabbdc';
    for (const before of ['', ' ', '  ']) {
      const payload = Buffer.from(`${before}{"jti":"${jti}"}`).toString('base64url');
      expect(idMatcher(jti)(utf8Bytes(`e30.${payload}.AAAA`))).toBe(false);
    }
  });
});
