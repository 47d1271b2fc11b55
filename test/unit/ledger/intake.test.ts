import { describe, expect, test } from '@jest/globals';
import type { JwsSigner } from '../../../src/core/json/jws.ts';
import { HaltError } from '../../../src/ledger/context/errors.ts';
import { StoreUnavailableError } from '../../../src/storage/errors.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import type { Fault } from '../../support/faulty-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

const away = (): Fault => ({ effect: 'before', answer: 'timeout' });

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('a ledger that is being opened', () => {
  test('takes nothing before its boot entry is sealed', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    store.plan = ({ key }) => (key.includes('/batch/') ? away() : null);
    const { ledger, append } = await world.open({ store, early: true });
    const refusal = { disposition: 'retry', durability: 'not-durable' };
    // Nobody has to look at a store that has not failed.
    expect(ledger.status()).toMatchObject({ ready: false, reason: 'starting' });
    await expect(append(1)).rejects.toMatchObject({ code: 'starting', ...refusal });
    await expect(ledger.refresh()).rejects.toMatchObject({ code: 'starting', ...refusal });
    await until(() => ledger.status().storeFault !== null);
    await expect(append(1)).rejects.toMatchObject({ code: 'store_unreachable', ...refusal });
    expect(ledger.status()).toMatchObject({ ready: false, reason: 'store_unreachable' });
    store.plan = () => null;
    await ledger.ready();
    await append(1);
    await ledger.close();
    await world.check();
  });

  test('starts without the store once it has seen the ledger, and is ready when the store is back', async () => {
    const world = await TestWorld.create();
    const first = await world.open();
    await first.ledger.close();
    const store = new FaultyStore(world.store, away);
    const second = await world.open({ folder: first.folder, store, early: true });
    await expect(second.append(1)).rejects.toMatchObject({ code: 'store_unreachable' });
    store.plan = () => null;
    await second.ledger.ready();
    await second.ledger.close();
    await world.check();
    const stranger = world.open({ store: new FaultyStore(world.store, away) });
    await expect(stranger).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  test('halts when the store that was away comes back with another genesis, or with none', async () => {
    for (const change of ['another', 'none'] as const) {
      const [world, other] = [await TestWorld.create(), await TestWorld.create()];
      const first = await world.open();
      await first.ledger.close();
      const shown = new FaultyStore(other.store, away);
      const { ledger } = await world.open({ folder: first.folder, store: shown, early: true });
      const [version] = await other.store.listVersions(keys.genesis);
      if (change === 'none') other.store.eraseVersion(keys.genesis, version!.versionId);
      const waiting = ledger.ready();
      shown.plan = () => null;
      await expect(waiting).rejects.toMatchObject({ cause: { code: 'ledger_corrupt' } });
      expect(ledger.status()).toMatchObject({ ready: false, reason: 'ledger_halted' });
      await ledger.close();
    }
  });

  test('does what is to be done with the store first, until it succeeds, and halts where it never will', async () => {
    const world = await TestWorld.create();
    const failures = [new StoreUnavailableError('away'), new StoreUnavailableError('away')];
    const prepare = async (): Promise<void> => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return Promise.resolve();
    };
    const first = await world.open({ prepare });
    expect(failures).toEqual([]);
    await first.ledger.close();
    const refused = new HaltError('lock_refused', 'the store keeps no locks');
    const opened = await world.open({
      prepare: async () => Promise.reject(refused),
      early: true,
    });
    await expect(opened.ledger.ready()).rejects.toMatchObject({ cause: refused });
    await opened.ledger.close();
    await world.check();
  });

  test('closes before it was ready', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    store.plan = ({ key }) => (key.includes('/batch/') ? away() : null);
    const { ledger } = await world.open({ store, early: true });
    const waiting = ledger.ready();
    await ledger.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closing' });
    await expect(ledger.ready()).rejects.toMatchObject({ code: 'closing' });
  });

  test.each([
    [
      'ledger_missing',
      async (world: TestWorld) => {
        const [version] = await world.store.listVersions(keys.genesis);
        world.store.eraseVersion(keys.genesis, version!.versionId);
      },
    ],
  ])('refuses %s', async (code, spoil) => {
    const world = await TestWorld.create();
    await spoil(world);
    await expect(world.open()).rejects.toMatchObject({ code });
  });

  test('refuses another genesis than its folder knows', async () => {
    const [world, other] = [await TestWorld.create(), await TestWorld.create()];
    const { ledger, folder } = await world.open();
    await ledger.close();
    const opening = world.open({ folder, store: other.store });
    await expect(opening).rejects.toMatchObject({ code: 'ledger_corrupt' });
  });

  test('refuses a certificate that is not of its key or its folder', async () => {
    const world = await TestWorld.create();
    const { ledger, folder } = await world.open();
    await ledger.close();
    const stranger = await TestWorld.create();
    const { writerSigner } = await stranger.components(stranger.newFolder());
    const signer = (): JwsSigner => writerSigner;
    const mismatch = { code: 'certificate_mismatch' };
    await expect(world.open({ folder, signer })).rejects.toMatchObject(mismatch);
  });
});

describe('a ledger whose store is away', () => {
  test('carries what it may in the journal, then refuses, and takes again', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store, backlogBytes: 20_000 });
    store.plan = away;
    let taken = 0;
    const filling = async (): Promise<never> => {
      for (;;) taken += (await append(1)).length;
    };
    const refusal = { code: 'backlog_full', disposition: 'retry', durability: 'not-durable' };
    await expect(filling()).rejects.toMatchObject(refusal);
    expect(taken).toBeGreaterThan(3);
    expect(ledger.status().backlogEntries).toBe(taken);
    store.plan = () => null;
    await until(() => ledger.status().backlogEntries === 0);
    await append(1);
    await ledger.close();
    await world.check();
  });

  test('refuses when its oldest entry has waited too long', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store, backlogMs: 60_000 });
    store.plan = away;
    await append(1);
    world.offsetMs += 61_000;
    await expect(append(1)).rejects.toMatchObject({ code: 'backlog_full' });
    expect(ledger.status().oldestUnsealedMs).toBeGreaterThan(60_000);
    store.plan = () => null;
    await until(() => ledger.status().backlogEntries === 0);
    await append(1);
    await ledger.close();
    await world.check(['late_seal']);
  });

  test('leaves what the store did not take to the journal when it closes', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store, closeMs: 100 });
    store.plan = away;
    const [receipt] = await append(1);
    const [sealed, published] = [receipt!.sealed, receipt!.published];
    await ledger.close();
    const stopped = { code: 'ledger_halted', durability: 'durable' };
    await expect(sealed).rejects.toMatchObject(stopped);
    await expect(published).rejects.toMatchObject(stopped);
    await expect(receipt!.sealed).rejects.toMatchObject(stopped);
    await world.recover();
    await world.check();
  });

  test('goes on when rights come back that were taken away', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store });
    store.plan = () => ({ effect: 'before', answer: '403' });
    const [receipt] = await append(1);
    await until(() => ledger.status().storeFault !== null);
    store.plan = () => null;
    await receipt!.sealed;
    await ledger.close();
    await world.check();
  });

  test('builds other bytes when an outage has outlived the lock of the first', async () => {
    const world = await TestWorld.create({ batchLock: { mode: 'compliance', days: 0 } });
    const store = new FaultyStore(world.store);
    const { ledger, append } = await world.open({ store, backlogMs: 1e12 });
    store.plan = ({ method, key }) =>
      method === 'putNew' && key.includes('/batch/') ? away() : null;
    const draft = world.draft({ class: 'short' });
    await append(1, draft);
    await until(
      () =>
        store.calls.filter(({ key, method }) => method === 'putNew' && key.includes('/batch/'))
          .length > 1,
    );
    world.offsetMs += 40 * 86_400_000;
    store.plan = () => null;
    await until(() => ledger.status().backlogEntries === 0);
    await ledger.close();
    const { jtis } = await world.log();
    expect(jtis.filter((jti) => jti === draft.jti)).toHaveLength(1);
  });
});

describe('an append', () => {
  test('takes all of its entries or none', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open();
    const large = { ...world.draft(), prefix: world.draft().prefix.replace('"test"', '') };
    const many = [
      world.draft(),
      {
        ...large,
        prefix: large.prefix.replace(
          /"kind":"event"/,
          `"kind":"event","lbl":{"a":"${'x'.repeat(70_000)}"}`,
        ),
      },
    ];
    await expect(ledger.append(many)).rejects.toMatchObject({ disposition: 'fix-input' });
    await ledger.close();
    expect((await world.log()).kinds).toEqual(['boot', 'close']);
    await world.check();
  });

  test.each([
    [
      'of another ledger',
      (prefix: string) => prefix.replace('stele.test/log/demo', 'stele.test/log/other'),
    ],
    [
      'with a member that nobody knows',
      (prefix: string) => prefix.replace('"at":', '"as":1,"at":'),
    ],
    [
      'with facts of the wrong kind',
      (prefix: string) => prefix.replace('"kind":"event"', '"kind":"boot"'),
    ],
    ['that is no JSON', (prefix: string) => prefix.slice(1)],
  ])('refuses a draft %s, which would spoil its batch', async (_name, spoil) => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const draft = world.draft();
    await expect(ledger.append([{ ...draft, prefix: spoil(draft.prefix) }])).rejects.toThrow();
    await append(1);
    await ledger.close();
    await world.check();
  });

  test('refuses an entry that would be longer than genesis allows', async () => {
    const world = await TestWorld.create({
      limits: { batchEntries: 1000, batchBytes: 4_194_304, headerBytes: 262_144, entryBytes: 1024 },
    });
    const { ledger, append } = await world.open();
    const refusal = {
      code: 'entry_too_large',
      disposition: 'fix-input',
      durability: 'not-durable',
    };
    await expect(append(1)).rejects.toMatchObject(refusal);
    await ledger.close();
    await world.check();
  });

  test('refuses a decision that is older than genesis lets it trail', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    await append(1);
    const stale = world.draft({ at: world.clock() - 6000 });
    await expect(ledger.append([stale])).rejects.toMatchObject({ code: 'decision_stale' });
    const fresh = world.draft({ at: world.clock() - 3000 });
    await ledger.append([fresh]);
    await ledger.close();
    await world.check();
  });

  test('whose entry cannot be signed fails with those behind it, and leaves no hole', async () => {
    const world = await TestWorld.create();
    let broken = false;
    const signer = (inner: JwsSigner): JwsSigner => ({
      ...inner,
      sign: async (bytes) => (broken ? Promise.reject(new Error('away')) : inner.sign(bytes)),
    });
    const { ledger, append } = await world.open({ signer });
    await append(2);
    broken = true;
    const failing = [append(1), append(2)];
    const outcomes = await Promise.allSettled(failing);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        reason: { code: 'signer_unavailable', durability: 'not-durable' },
      });
    }
    broken = false;
    await append(2);
    await ledger.close();
    await world.check();
  });

  test('survives a signer that is away when the batch is to be signed', async () => {
    const world = await TestWorld.create();
    let failures = 0;
    const signer = (inner: JwsSigner): JwsSigner => ({
      ...inner,
      sign: async (bytes) => {
        const isBatch = bytes.length > 3000;
        if (isBatch && failures < 2) {
          failures += 1;
          throw new Error('away');
        }
        return inner.sign(bytes);
      },
    });
    const { ledger, append } = await world.open({ signer });
    await append(40);
    await ledger.close();
    expect(failures).toBe(2);
    await world.check();
  });

  test('is sealed in batches that stay within the limits of genesis', async () => {
    const world = await TestWorld.create({
      limits: { batchEntries: 7, batchBytes: 262_144, headerBytes: 65_536, entryBytes: 4096 },
    });
    const { ledger, append } = await world.open();
    const receipts = await append(40);
    const sealed = await Promise.all(receipts.map(async (receipt) => receipt.sealed));
    expect(new Set(sealed.map(({ number }) => number)).size).toBeGreaterThan(5);
    await ledger.close();
    await world.check();
  });

  test('of records of several classes makes a payload object for each', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open();
    const drafts = [world.draft(), world.draft({ class: 'short' }), world.draft()];
    await Promise.all((await ledger.append(drafts)).map(async ({ sealed }) => sealed));
    const objects = await world.store.list(keys.payloadPrefix);
    expect(objects.map((key) => key.split('/')[2])).toEqual(['class=short', 'class=standard']);
    for (const { jti, record } of drafts) {
      expect((await ledger.entry(jti))?.record).toBe(record?.trimEnd());
    }
    await ledger.close();
    await world.check();
  });
});

describe('the system itself', () => {
  test('appends entries of its own', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open();
    const counts = [{ entrypoint: 'stele/read', action: 'read', allow: true, count: 3 }];
    const receipt = await ledger.appendSystem('summary', { from: 1, to: 2, counts });
    await receipt.sealed;
    expect(await ledger.entry(receipt.jti)).toMatchObject({ record: null, state: 'sealed' });
    await expect(ledger.appendSystem('summary', { from: 1 })).rejects.toMatchObject({
      code: 'malformed_control',
    });
    await ledger.close();
    await ledger.close();
    await world.check();
  });

  test('seals a heartbeat although another writer had a clock that was a day ahead', async () => {
    const world = await TestWorld.create({ heartbeatMs: 60_000 });
    const [ahead, behind] = [await world.open(), await world.open()];
    world.offsetMs = 86_400_000;
    await ahead.ledger.refresh();
    await ahead.ledger.ready();
    await (
      await ahead.append(1)
    )[0]!.sealed;
    await ahead.kill();
    world.offsetMs = 0;
    await behind.ledger.refresh();
    await behind.ledger.ready();
    world.offsetMs = 61_000;
    const before = (await world.log()).kinds.length;
    await until(async () => (await world.log()).kinds.slice(before).includes('heartbeat'));
    await behind.ledger.close();
  });

  test('does not make anybody wait for a look at a log that it has not learnt', async () => {
    const world = await TestWorld.create();
    const first = await world.open();
    await first.ledger.close();
    const store = new FaultyStore(world.store, away);
    const { ledger } = await world.open({ folder: first.folder, store, early: true });
    await expect(ledger.refresh()).rejects.toMatchObject({ code: 'store_unreachable' });
    await ledger.close();
  });

  test('seals a heartbeat when nothing else happens', async () => {
    const world = await TestWorld.create();
    const [one, other] = [await world.open(), await world.open()];
    await one.ledger.refresh();
    for (let beats = 1; beats <= 3; beats += 1) {
      world.offsetMs += 301_000;
      await until(async () => {
        const { kinds } = await world.log();
        return kinds.filter((kind) => kind === 'heartbeat').length >= beats;
      });
      await Promise.all([one.ledger.refresh(), other.ledger.refresh()]);
      // Nobody's own heartbeat may wait over the next jump of the clock.
      await until(() => one.ledger.status().backlogEntries === 0);
      await until(() => other.ledger.status().backlogEntries === 0);
    }
    await one.ledger.close();
    await other.ledger.close();
    await world.check();
  });

  test('begins another boot when its clock is set back: times only grow within one', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    await append(1);
    const { boot } = ledger.writer;
    world.offsetMs -= 3_600_000;
    await until(() => ledger.writer.boot !== boot && ledger.status().ready);
    await append(2);
    expect(ledger.status().findings).toMatchObject({ clock_went_back: 1 });
    await ledger.close();
    await world.check(['batch_time']);
  });

  test('goes on with a new key, and seals what the old one had signed', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = away;
    await first.append(3);
    await first.kill();
    await world.rotateWriterKey(first.folder);
    const second = await world.open({ folder: first.folder });
    await second.append(1);
    await second.ledger.close();
    await world.check();
    expect((await world.log()).state.keys.size).toBeGreaterThan(2);
  });
});

describe('an idempotency key', () => {
  const known = { idk: `a.${'K'.repeat(42)}A`, idb: `a.${'B'.repeat(42)}A` };

  function draftWith(world: TestWorld, identity = known) {
    const draft = world.draft();
    const { idk, idb } = identity;
    const prefix = draft.prefix.replace(',"iss":', `,"idb":"${idb}","idk":"${idk}","iss":`);
    return { ...draft, prefix, ...identity };
  }

  function iatOf(prefix: string) {
    return prefix.replace(/("iat":[0-9]+),"idb":("[^"]*"),"idk":("[^"]*")/, '$1,"idb":$2,"idk":$3');
  }

  test('is reserved by one of two requests in flight, and known to the next', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open();
    const first = ledger.reserve(known.idk, known.idb, 'alice');
    expect(first.outcome).toBe('reserved');
    const second = ledger.reserve(known.idk, known.idb, 'alice');
    if (second.outcome !== 'in_flight') throw new Error(second.outcome);
    const draft = draftWith(world);
    const [receipt] = await ledger.append([{ ...draft, prefix: iatOf(draft.prefix) }]);
    const third = ledger.reserve(known.idk, 'another body', 'alice');
    expect(third).toMatchObject({
      outcome: 'known',
      sameBody: false,
      write: { jti: receipt!.jti, receipt: { jws: receipt!.jws } },
    });
    await receipt!.sealed;
    expect(ledger.reserve(known.idk, known.idb, 'alice')).toMatchObject({
      outcome: 'known',
      sameBody: true,
      write: { jti: receipt!.jti, receipt: null },
    });
    await ledger.close();
  });

  test('is free again when its write fails or is given up', async () => {
    const world = await TestWorld.create();
    const { ledger } = await world.open();
    const first = ledger.reserve(known.idk, known.idb, 'alice');
    const second = ledger.reserve(known.idk, known.idb, 'alice');
    const stale = { ...draftWith(world), at: 0 };
    await (
      await ledger.append([world.draft()])
    )[0]!.sealed;
    await expect(ledger.append([stale])).rejects.toMatchObject({ code: 'decision_stale' });
    if (second.outcome !== 'in_flight' || first.outcome !== 'reserved') throw new Error();
    const third = ledger.reserve(known.idk, known.idb, 'alice');
    if (third.outcome !== 'reserved') throw new Error(third.outcome);
    third.release();
    first.release();
    expect(ledger.reserve(known.idk, known.idb, 'alice').outcome).toBe('reserved');
    await ledger.close();
  });

  test('is known again after a crash, from the journal and from the log', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    const sealedKey = { idk: `b.${'K'.repeat(42)}A`, idb: known.idb };
    const [sealed] = await first.ledger.append([draftWith(world, sealedKey)]);
    await sealed!.sealed;
    store.plan = away;
    const [pending] = await first.ledger.append([draftWith(world)]);
    await first.kill();
    const second = await world.open({ folder: first.folder });
    for (const [{ idk, idb }, receipt] of [
      [known, pending],
      [sealedKey, sealed],
    ] as const) {
      expect(second.ledger.reserve(idk, idb, 'alice')).toMatchObject({
        outcome: 'known',
        sameBody: true,
        write: { jti: receipt!.jti },
      });
    }
    await second.ledger.close();
    await world.check();
  });
});
