import { describe, expect, test } from '@jest/globals';
import { keys, TestWorld } from '../../support/test-ledger.ts';

describe('an open ledger', () => {
  test('seals what it acknowledged, signs the head and closes', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const receipts = await append(5);
    const sealed = await Promise.all(receipts.map(async (receipt) => receipt.sealed));
    expect(sealed.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);
    const { size, note } = await receipts[4]!.published;
    expect(size).toBeGreaterThan(5);
    expect(note).toContain(world.genesis.origin);
    await ledger.close();
    await world.check();
    const { kinds } = await world.log();
    expect(kinds).toEqual(['boot', 'event', 'event', 'event', 'event', 'event', 'close']);
    expect(await world.store.get(keys.checkpoint)).not.toBeNull();
  });
});
