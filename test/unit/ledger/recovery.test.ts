import { describe, expect, jest, test } from '@jest/globals';
import { encodeBatch, parseBatch } from '../../../src/core/log/batch.ts';
import { planBatch } from '../../../src/core/log/batch-plan.ts';
import { toBase64Url } from '../../../src/core/platform/bytes.ts';
import { makeKeyStatement } from '../../../src/core/ledger/statement.ts';
import { ORPHANS_LISTED_MAX } from '../../../src/ledger/context/limits.ts';
import { NextBatch } from '../../../src/ledger/write/next-batch.ts';
import { encodeGroup, parseSegment, parseSegmentFile } from '../../../src/ledger/journal/format.ts';
import type { JournalRecord, SegmentName } from '../../../src/ledger/journal/format.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import type { Fault, StoreCall } from '../../support/faulty-store.ts';
import { keys, TestWorld } from '../../support/test-ledger.ts';

const away = (): Fault => ({ effect: 'before', answer: 'timeout' });
const noBatches = (call: StoreCall) =>
  call.method === 'putNew' && call.key.includes('/batch/') ? away() : null;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The headers of all batches. */
async function headers(world: TestWorld) {
  const listed = await world.store.list(keys.batchPrefix);
  return Promise.all(
    listed.map(async (key) => parseBatch((await world.store.get(key))!.bytes).header),
  );
}

/** A gateway that dies with entries which only its journal has. @returns its folder */
async function diedWith(world: TestWorld, appends: number): Promise<string> {
  const store = new FaultyStore(world.store);
  const first = await world.open({ store });
  store.plan = away;
  for (let i = 0; i < appends; i += 1) await first.append(1);
  await first.kill();
  return first.folder;
}

/** The one segment of a folder, and a way to put another in its place or beside it. */
async function segmentOf(world: TestWorld, folder: string) {
  const { files } = world.disk;
  const [file] = await files.list(`${folder}/journal`);
  const { number, boot } = parseSegmentFile(file!)!;
  const name = { number, boot };
  const { records } = parseSegment((await files.read(`${folder}/journal/${file!}`))!, name);
  return {
    name,
    records,
    remove: async () => files.remove(`${folder}/journal/${file!}`),
    write: async (as: SegmentName, kept: readonly JournalRecord[], cut = 0) => {
      const digits = String(as.number).padStart(8, '0');
      const copy = await files.create(`${folder}/journal/${digits}-${as.boot}.journal`);
      const bytes = encodeGroup(kept, as, { offset: 0, sequence: 0 });
      await copy.write(bytes.subarray(0, bytes.length - cut));
    },
  };
}

describe('a journal', () => {
  test('with a torn end before the last segment of its boot is corrupt: that had been synced', async () => {
    const world = await TestWorld.create();
    const folder = await diedWith(world, 3);
    const { name, records, remove, write } = await segmentOf(world, folder);
    await remove();
    await write(name, records, 1);
    await write({ ...name, number: name.number + 1 }, records.slice(0, 1));
    await expect(world.open({ folder })).rejects.toMatchObject({ code: 'journal_corrupt' });
  });

  test.each([
    ['in the last segment of its boot', 0],
    ['in the last segment of its boot, behind which another boot wrote', 1],
  ])('with a torn end %s goes on: nothing of that was acknowledged', async (_name, others) => {
    const world = await TestWorld.create();
    const folder = await diedWith(world, 3);
    const { name, records, remove, write } = await segmentOf(world, folder);
    await remove();
    await write(name, records, 1);
    const other = { number: name.number + 1, boot: toBase64Url(new Uint8Array(16)) };
    if (others > 0) await write(other, records.slice(0, 1));
    const again = await world.open({ folder });
    await again.append(1);
    await again.ledger.close();
    expect((await world.log()).kinds.filter((kind) => kind === 'event')).toHaveLength(3);
  });

  test('that has lost an entry in the middle says so', async () => {
    const world = await TestWorld.create();
    const folder = await diedWith(world, 4);
    const { name, records, remove, write } = await segmentOf(world, folder);
    await remove();
    const lost = records.length - 2;
    await write(
      name,
      records.filter((_, i) => i !== lost),
    );
    const { ledger } = await world.open({ folder });
    expect(ledger.status().findings).toMatchObject({ seq_hole: 1 });
    await ledger.close();
  });

  test('in which an entry stands twice is removed when the entry is sealed', async () => {
    const world = await TestWorld.create();
    const folder = await diedWith(world, 2);
    const { name, records, write } = await segmentOf(world, folder);
    await write({ ...name, number: name.number + 1 }, records);
    const again = await world.open({ folder });
    await again.append(1);
    await again.ledger.close();
    expect(await world.disk.files.list(`${folder}/journal`)).toEqual([]);
    await world.check();
  });
});

/** Larger than any entry that the ledger makes by itself. */
function largeDraft(world: TestWorld) {
  const draft = world.draft();
  const prefix = draft.prefix.replace('stele/append', `stele/append${'_long'.repeat(200)}`);
  return { ...draft, prefix };
}

describe('entries of a key that was revoked before they were sealed', () => {
  /** Leaves entries of a key that the log revokes. @returns the folder, with a new key */
  async function revoked(world: TestWorld, large = false): Promise<string> {
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    const { kid } = (await world.components(first.folder)).writerSigner;
    store.plan = away;
    for (let i = 0; i < 3; i += 1)
      await first.ledger.append([large ? largeDraft(world) : world.draft()]);
    await first.kill();
    await world.rotateWriterKey(first.folder);
    const other = await world.open();
    const { gen } = world.genesis;
    const facts = { v: 1, gen, act: 'revoke', kid, use: 'writer', reason: 'stolen' } as const;
    const statement = await makeKeyStatement(facts, [world.root]);
    await (
      await other.ledger.appendSystem('key', { statement: [...statement] })
    ).sealed;
    await other.ledger.close();
    return first.folder;
  }

  test('are issued again under the new key, with what they stand for', async () => {
    const world = await TestWorld.create();
    const folder = await revoked(world);
    const again = await world.open({ folder });
    await again.append(1);
    await again.ledger.close();
    const { reissued } = await world.log();
    expect(reissued).toHaveLength(3);
    await world.check();
  });

  test('fit, however large they were: their place is kept free', async () => {
    const measure = await TestWorld.create();
    const gateway = await measure.open();
    const [receipt] = await gateway.ledger.append([largeDraft(measure)]);
    const { length } = receipt!.jws;
    await gateway.ledger.close();
    const limits = { batchEntries: 1000, batchBytes: 4_194_304, headerBytes: 262_144 };
    const tight = await TestWorld.create({ limits: { ...limits, entryBytes: length + 90 } });
    const again = await tight.open({ folder: await revoked(tight, true) });
    await again.ledger.close();
    expect((await tight.log()).reissued).toHaveLength(3);
    const tighter = await TestWorld.create({ limits: { ...limits, entryBytes: length + 89 } });
    const { ledger } = await tighter.open();
    await expect(ledger.append([largeDraft(tighter)])).rejects.toMatchObject({
      code: 'entry_too_large',
    });
  });
});

describe('payload objects that were uploaded for nothing', () => {
  test('are listed with their class and lock, by whichever life commits the next batch', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    let gateway = await world.open({ store });
    const drafts = [world.draft({ class: 'short' }), world.draft()];
    store.plan = noBatches;
    await gateway.ledger.append(drafts);
    // Every life uploads the records again, and dies before it commits anything.
    for (let life = 0; life < 2; life += 1) {
      const attempts = (): number => store.calls.filter((call) => noBatches(call) !== null).length;
      const before = attempts();
      await until(() => attempts() > before);
      await gateway.kill();
      gateway = await world.open({ folder: gateway.folder, store, early: true });
    }
    store.plan = () => null;
    await gateway.ledger.ready();
    await gateway.ledger.close();
    const all = await headers(world);
    const named = new Set(all.flatMap(({ payloads }) => payloads.map(({ key }) => key)));
    const orphans = all.flatMap((header) => header.orphans);
    const stored = await world.store.list(keys.payloadPrefix);
    expect(orphans.map(({ key }) => key).sort()).toEqual(stored.filter((key) => !named.has(key)));
    expect(orphans.length).toBeGreaterThanOrEqual(2);
    for (const { key, versionId, size, mode, retainUntil, ...orphan } of orphans) {
      const head = (await world.store.head(key, versionId))!;
      expect(head.size).toBe(size);
      expect(head.retention).toEqual({ mode, until: retainUntil });
      expect(mode).toBe(orphan.class === 'short' ? 'governance' : 'compliance');
      expect(key).toContain(`class=${orphan.class}/`);
    }
    expect(new Set(orphans.map((each) => each.class))).toEqual(new Set(['short', 'standard']));
    await world.check();
  });

  test('beyond what one header has room for wait for the next', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const count = ORPHANS_LISTED_MAX * 2 + 1;
    const added = jest.spyOn(NextBatch.prototype, 'addOrphans');
    try {
      const other = await world.open();
      const orphans = Array.from({ length: count }, (_, i) => ({
        key: `${keys.payloadPrefix}class=standard/date=2026-01-01/made-up-${i}.ndjson.gz`,
        versionId: 'v',
        size: 1,
        sha256: toBase64Url(new Uint8Array(32)),
        class: 'standard',
        mode: 'compliance' as const,
        retainUntil: Math.ceil(world.clock() / 1000) * 1000,
      }));
      let released = 0;
      const plan = { release: () => (released += 1) };
      (added.mock.contexts[0] as NextBatch).addOrphans({ orphans, plan: plan as never });
      for (let i = 0; i < 2; i += 1) await (await other.append(1))[0]!.sealed;
      expect(released).toBe(0);
      await (
        await other.append(1)
      )[0]!.sealed;
      await until(() => released === 1);
      await other.ledger.close();
    } finally {
      added.mockRestore();
    }
    await append(1);
    await ledger.close();
    const lists = (await headers(world)).map((header) => header.orphans.length);
    expect(lists.filter((length) => length > 0)).toEqual([16, 16, 1]);
  });
});

describe('a ledger that has ended for good', () => {
  /** Seals a final batch, as a writer does that hands the ledger over to a successor. */
  async function end(world: TestWorld, folder: string): Promise<void> {
    const { state } = await world.log();
    const { writerSigner, writerCert } = await world.components(folder);
    const writer = state.keys.get(writerSigner.kid)!.certificate as { writer: string };
    const plan = planBatch(state, {
      id: toBase64Url(world.random(16)),
      writer: { id: writer.writer, boot: toBase64Url(world.random(16)) },
      certs: [writerCert],
      leaves: [],
      time: world.clock(),
      mode: 'compliance',
      retainUntil: Math.ceil(world.clock() / 1000) * 1000 + 400 * 86_400_000,
      final: true,
    });
    const bytes = await encodeBatch(plan.header, [], writerSigner);
    const retention = { mode: 'compliance', until: plan.header.retainUntil! } as const;
    const contentType = 'application/vnd.stele.batch';
    await world.store.putNew(keys.batch(plan.header.number), bytes, { retention, contentType });
  }

  test('takes nothing more at once, and is read on, also after a start', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    const [receipt] = await gateway.append(2);
    await receipt!.published;
    await end(world, gateway.folder);
    await gateway.ledger.refresh();
    expect(gateway.ledger.status()).toMatchObject({ ready: false, reason: 'ledger_final' });
    const refusal = {
      code: 'ledger_halted',
      durability: 'not-durable',
      cause: { code: 'ledger_final' },
    };
    await expect(gateway.append(1)).rejects.toMatchObject(refusal);
    expect(await gateway.ledger.entry(receipt!.jti)).toMatchObject({ state: 'sealed' });
    await gateway.ledger.close();
    const again = await world.open({ folder: gateway.folder, early: true });
    await until(() => again.ledger.status().reason === 'ledger_final');
    await until(() => again.ledger.head() !== null);
    expect((await again.ledger.inclusion(1)).path.length).toBeGreaterThan(0);
    await expect(again.append(1)).rejects.toMatchObject(refusal);
    await again.ledger.close();
    expect(await world.disk.files.list(`${gateway.folder}/journal`)).toEqual([]);
    await world.check();
  });
});
