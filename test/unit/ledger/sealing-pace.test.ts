import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TestWorld } from '../../support/test-ledger.ts';

/** Longer than any test: what is sealed before was hurried. */
const LONG_MS = 600_000;

let world: TestWorld;

beforeEach(async () => {
  world = await TestWorld.create();
});

afterEach(async () => {
  await world.recover();
  await world.check();
});

/** Lets everything happen that waits for nothing. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('the pace of sealing', () => {
  test('what nobody waits for is not sealed before its interval', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    const { batchNumber } = ledger.status();
    await append(3);
    await settled();
    expect(ledger.status()).toMatchObject({ batchNumber, backlogEntries: 3 });
  });

  test('with the interval over, it is sealed although nobody asks', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: 30, sealHurryMs: 1 });
    await append(3);
    while (ledger.status().backlogEntries > 0) await settled();
  });

  test('who waits for one seal has everything sealed that is pending', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    await append(2);
    const [receipt] = await append(1);
    const sealed = await receipt?.sealed;
    expect(sealed?.index).toBe(ledger.status().treeSize - 1);
    expect(ledger.status().backlogEntries).toBe(0);
  });

  test('who waits for a signed head hurries the seal too', async () => {
    const { append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    const [receipt] = await append(1);
    expect((await receipt?.published)?.size).toBeGreaterThan(0);
  });

  test('a second wait is as short as the first', async () => {
    const { append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    for (let round = 0; round < 3; round += 1) await (await append(1))[0]?.sealed;
  });

  test('who asks for it by name hurries it', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    await append(1);
    ledger.hurry();
    while (ledger.status().backlogEntries > 0) await settled();
  });

  test('a look at the log does not wait for the interval, and seals nothing', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    await append(1);
    await ledger.refresh();
    await ledger.refresh();
    expect(ledger.status().backlogEntries).toBe(1);
  });

  test('looks without end do not keep entries from their seal', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: 60, sealHurryMs: 1 });
    await append(1);
    while (ledger.status().backlogEntries > 0) await ledger.refresh();
  });

  test('what did not fit into a hurried batch follows at once', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    const many = await append(1001);
    await many[0]?.sealed;
    while (ledger.status().backlogEntries > 0) await settled();
  });

  test('closing waits for no interval', async () => {
    const { ledger, append } = await world.open({ sealIntervalMs: LONG_MS, sealHurryMs: 1 });
    await append(2);
    await ledger.close();
    expect(ledger.status().backlogEntries).toBe(0);
  });
});
