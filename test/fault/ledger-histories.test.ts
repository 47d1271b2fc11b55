/** Histories that broke earlier drafts of the commit protocol, each under its name. */
import { describe, expect, test } from '@jest/globals';
import { encodeBatch } from '../../src/core/log/batch.ts';
import { planBatch } from '../../src/core/log/batch-plan.ts';
import { parseBase64Url, toBase64Url, utf8Bytes, utf8Text } from '../../src/core/platform/bytes.ts';
import { completePayload, entryBytes, sealJws, signingInput } from '../../src/core/entry/entry.ts';
import { bootHead } from '../../src/core/log/state.ts';
import { sha256Base64Url } from '../../src/core/platform/platform.node.ts';
import type { JwsSigner } from '../../src/core/json/jws.ts';
import { writerIdOf } from '../../src/ledger/journal/writer-folder.ts';
import type { MemoryImage } from '../../src/storage/memory-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import type { Fault, StoreCall } from '../support/faulty-store.ts';
import { FaultyFiles } from '../support/faulty-files.ts';
import { keys, TestWorld } from '../support/test-ledger.ts';

const away = (): Fault => ({ effect: 'before', answer: 'timeout' });
const onBatches = (fault: Fault) => (call: StoreCall) =>
  call.method === 'putNew' && call.key.includes('/batch/') ? fault : null;

/** Waits until something holds; the test's own limit ends it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Takes away the newest batch. */
async function cutLast(world: TestWorld): Promise<void> {
  const key = (await world.store.list(keys.batchPrefix)).at(-1)!;
  const [version] = await world.store.listVersions(key);
  world.store.eraseVersion(key, version!.versionId);
}

function lockFor(world: TestWorld) {
  const until = Math.ceil((world.clock() + 86_400_000) / 1000) * 1000;
  return { mode: 'compliance', until } as const;
}

describe('a batch', () => {
  test('that lands after its writer died and was recovered is refused by its slot', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = onBatches({ effect: 'late', calls: 1_000_000 });
    await first.append(3);
    await until(() => store.calls.filter(onBatches(away())).length > 1);
    await first.kill();
    await world.recover();
    await store.landLate();
    await world.recover();
    await world.check();
  });

  test('that lands before its dead writer is recovered is learnt, and nothing is sealed twice', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = onBatches({ effect: 'late', calls: 1_000_000 });
    await first.append(3);
    await until(() => store.calls.some(onBatches(away())));
    await first.kill();
    await store.landLate();
    await world.recover();
    await world.check();
  });

  test('that lands while its dead writer is being recovered is learnt in its slot', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = onBatches({ effect: 'late', calls: 1_000_000 });
    await first.append(3);
    await until(() => store.calls.some(onBatches(away())));
    await first.kill();
    const racing = new FaultyStore(world.store);
    // Right before the recovering process sends its own batch to the same slot.
    racing.plan = (call) => {
      if (onBatches(away())(call) !== null) void store.landLate();
      return null;
    };
    const second = await world.open({ folder: first.folder, store: racing });
    await second.append(1);
    await second.ledger.close();
    await world.check();
  });

  test('that was won by a writer who died before it signed is signed by whoever learns it', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const [winner, other] = [await world.open({ store }), await world.open()];
    // It never hears of its success, so it signs nothing.
    store.plan = onBatches({ effect: 'after', answer: 'reset' });
    await winner.append(2);
    await until(async () => (await world.log()).jtis.length >= 4);
    await winner.kill();
    await other.ledger.refresh();
    await until(() => (other.ledger.head()?.size ?? 0) >= 4);
    await world.recover();
    await world.check();
  });

  test('whose lock got lost on the way is locked when it is learnt', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const receipts = await append(1);
    const { number } = await receipts[0]!.sealed;
    await ledger.close();
    const [version] = await world.store.listVersions(keys.batch(number));
    world.store.setRetention(keys.batch(number), version!.versionId, null);
    await world.recover();
    await world.check();
  });
});

describe('garbage on the next key, put there with credentials of the store', () => {
  test.each([
    ['a few bytes', () => utf8Bytes('not a batch')],
    ['an empty object', () => new Uint8Array()],
    ['more than a batch may have', () => new Uint8Array(5_000_000)],
  ])('%s, locked: is void, named, and the ledger goes on', async (_name, garbage) => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    await (
      await append(1)
    )[0]!.sealed;
    const next = ledger.status().batchNumber + 1;
    for (const number of [next, next + 1]) {
      world.store.overwrite(keys.batch(number), garbage(), lockFor(world));
    }
    const { number } = await (await append(1))[0]!.sealed;
    expect(number).toBe(next + 2);
    expect(ledger.status().findings).toMatchObject({ void_batch: 2 });
    await ledger.close();
    await world.check(['void_batch']);
  });

  test('not locked: is locked, so that the slot never looks empty again', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    const next = ledger.status().batchNumber + 1;
    const versionId = world.store.overwrite(keys.batch(next), utf8Bytes('garbage'));
    await (
      await append(1)
    )[0]!.sealed;
    expect(() => {
      world.store.deleteVersion(keys.batch(next), versionId);
    }).toThrow();
    await ledger.close();
    await world.check(['void_batch']);
  });

  test('far ahead misleads nobody', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    await append(1);
    await ledger.close();
    world.store.overwrite(keys.batch(1_000), utf8Bytes('garbage'), lockFor(world));
    const second = await world.open();
    await second.append(1);
    await second.ledger.close();
    const { state } = await world.log();
    expect(state.number).toBeLessThan(10);
  });
});

describe('a delete marker', () => {
  test('on the next key does not keep the ledger from going on', async () => {
    const world = await TestWorld.create();
    const { ledger, append } = await world.open();
    world.store.markDeleted(keys.batch(ledger.status().batchNumber + 1));
    await (
      await append(1)
    )[0]!.sealed;
    await ledger.close();
    await world.check(['delete_marker']);
  });

  test('over a batch that a writer has not seen does not let it win the slot again', async () => {
    const world = await TestWorld.create();
    const [first, second] = [
      await world.open({ followMs: 1e9 }),
      await world.open({ followMs: 1e9 }),
    ];
    const { number } = await (await first.append(2))[0]!.sealed;
    world.store.markDeleted(keys.batch(number));
    const late = await (await second.append(1))[0]!.sealed;
    expect(late.number).toBeGreaterThan(number);
    await world.recover();
    await world.check(['delete_marker', 'extra_version']);
  });
});

describe('a store that lost the end of the log', () => {
  test('in the middle is not written over: whoever comes halts', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open({ publishMs: 1e9 });
    for (let i = 0; i < 3; i += 1) await (await gateway.append(1))[0]!.sealed;
    await gateway.kill();
    const [version] = await world.store.listVersions(keys.batch(2));
    world.store.eraseVersion(keys.batch(2), version!.versionId);
    const stranger = await world.open({ early: true });
    await expect(stranger.ledger.ready()).rejects.toMatchObject({
      code: 'ledger_halted',
      cause: { code: 'ledger_corrupt' },
    });
    await expect(stranger.append(1)).rejects.toMatchObject({ code: 'ledger_halted' });
    const same = await world.open({ folder: gateway.folder, early: true });
    await expect(same.ledger.ready()).rejects.toMatchObject({ cause: { code: 'head_conflict' } });
  });

  test('copied to a later key is junk there: the log goes on', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    for (let i = 0; i < 2; i += 1) await (await gateway.append(1))[0]!.sealed;
    await gateway.kill();
    const genuine = await world.store.get(keys.batch(1));
    const next = 3 + 4;
    await world.store.putNew(keys.batch(next), genuine!.bytes, {
      retention: null,
      contentType: 'application/octet-stream',
    });
    const again = await world.open({ folder: gateway.folder });
    await (
      await again.append(1)
    )[0]!.sealed;
    expect(again.ledger.status().ready).toBe(true);
  });

  test('to an image of a minute ago is not signed: no key signs two histories', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    await (
      await gateway.append(1)
    )[0]!.published;
    const image = world.store.image();
    await (
      await gateway.append(2)
    )[1]!.published;
    await gateway.kill();
    world.store.restore(image);
    const second = await world.open({ folder: gateway.folder, early: true });
    await until(() => second.ledger.status().reason === 'ledger_halted');
    await expect(second.append(1)).rejects.toMatchObject({ cause: { code: 'head_conflict' } });
    expect(second.ledger.head()).toBeNull();
  });

  test.each([
    [
      'rolled back to an image',
      async (world: TestWorld, image: MemoryImage) => {
        world.store.restore(image);
        return Promise.resolve();
      },
    ],
    ['cut by its last batch', cutLast],
  ])('under a running gateway, %s: nothing more is sealed, and it halts', async (_name, attack) => {
    const world = await TestWorld.create();
    const { ledger, append, kill } = await world.open({ followMs: 1e9, publishMs: 1e9 });
    await (
      await append(1)
    )[0]!.published;
    const image = world.store.image();
    await (
      await append(2)
    )[1]!.published;
    await attack(world, image);
    const before = await world.store.list(keys.batchPrefix);
    const [receipt] = await append(1);
    await expect(receipt!.sealed).rejects.toMatchObject({ cause: { code: 'tail_cut' } });
    expect(ledger.status()).toMatchObject({ ready: false, reason: 'ledger_halted' });
    expect(await world.store.list(keys.batchPrefix)).toEqual(before);
    await kill();
  });

  test.each([
    ['without the heads that its key signed', 'gone'],
    ['with them torn in the middle', 'torn'],
    ['with them emptied', 'empty'],
  ])('%s: a writer does not sign, for it could be a second history', async (_name, how) => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    await (
      await gateway.append(1)
    )[0]!.published;
    const image = world.store.image();
    await (
      await gateway.append(2)
    )[1]!.published;
    await gateway.kill();
    world.store.restore(image);
    const { files } = world.disk;
    for (const name of await files.list(`${gateway.folder}/heads`)) {
      const path = `${gateway.folder}/heads/${name}`;
      const bytes = (await files.read(path))!;
      await files.remove(path);
      const kept = how === 'torn' ? bytes.subarray(9) : new Uint8Array();
      if (how !== 'gone') await (await files.create(path)).write(kept);
    }
    const second = await world.open({ folder: gateway.folder, early: true });
    await expect(second.ledger.ready()).rejects.toMatchObject({ cause: { code: 'heads_lost' } });
    expect(second.ledger.head()).toBeNull();
  });

  test('is noticed by a new writer, too, from the published checkpoint', async () => {
    const world = await TestWorld.create();
    const gateway = await world.open();
    await (
      await gateway.append(1)
    )[0]!.published;
    await gateway.ledger.close();
    const checkpoint = await world.store.get(keys.checkpoint);
    const versions = await world.store.listVersions(keys.batch(2));
    world.store.eraseVersion(keys.batch(2), versions[0]!.versionId);
    expect(checkpoint).not.toBeNull();
    const second = await world.open({ early: true });
    await expect(second.ledger.ready()).rejects.toMatchObject({ cause: { code: 'head_conflict' } });
  });
});

describe('a journal restored from an image of a minute ago', () => {
  test('while the store went on: what is in the log is dropped by hash', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = away;
    await first.append(5);
    const image = await world.imageOf(first.folder);
    await first.append(5);
    store.plan = () => null;
    await until(() => first.ledger.status().backlogEntries === 0);
    await first.append(2);
    await first.ledger.close();
    const second = await world.open({ folder: image });
    await second.append(1);
    await second.ledger.close();
    await world.check();
  });

  test('together with the store goes on from there', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    await (
      await first.append(2)
    )[1]!.sealed;
    store.plan = away;
    await first.append(3);
    const [bucket, image] = [world.store.image(), await world.imageOf(first.folder)];
    const kept = new Map(world.acknowledged);
    store.plan = () => null;
    await (
      await first.append(3)
    )[2]!.sealed;
    await first.kill();
    world.store.restore(bucket);
    world.acknowledged.clear();
    for (const [jti, jws] of kept) world.acknowledged.set(jti, jws);
    const second = await world.open({ folder: image });
    await second.append(1);
    await second.ledger.close();
    await world.check();
  });
});

describe('two lives of one boot', () => {
  test('with different entries in the same places: both are sealed, one as a reissue that says so', async () => {
    const world = await TestWorld.create();
    // A machine image with a running process in it: two processes that draw the same boot id.
    const twin = (): ((bytes: number) => Uint8Array) => {
      let drawn = 0;
      return (bytes) => {
        if (bytes === 16) drawn += 1;
        // The token of the folder's lock, then the boot id.
        const same = bytes === 16 && drawn < 3;
        return same
          ? new Uint8Array(16).fill(drawn)
          : crypto.getRandomValues(new Uint8Array(bytes));
      };
    };
    const seed = await world.open();
    await seed.append(1);
    await seed.ledger.close();
    const image = await world.imageOf(seed.folder);
    const store = new FaultyStore(world.store, onBatches(away()));
    const options = { early: true, followMs: 1e9 };
    const other = await world.open({ ...options, folder: image, random: twin(), store });
    await until(() => store.calls.some((call) => onBatches(away())(call) !== null));
    const one = await world.open({ ...options, folder: seed.folder, random: twin() });
    await one.ledger.ready();
    expect(one.ledger.writer).toEqual(other.ledger.writer);
    store.plan = () => null;
    await other.ledger.ready();
    expect(one.ledger.writer.boot).not.toBe(other.ledger.writer.boot);
    await (
      await one.append(1)
    )[0]!.sealed;
    await (
      await other.append(1)
    )[0]!.sealed;
    expect(other.ledger.status().findings).toMatchObject({ writer_clone: 1 });
    await one.ledger.close();
    await other.ledger.close();
    // The log shows it too: the boot that lost its place goes on behind the boot that ended it.
    await world.check(['after_close']);
  });

  test('that part in the middle: what was acknowledged in a place that is taken is issued again, and says so', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const gateway = await world.open({ store });
    await (
      await gateway.append(1)
    )[0]!.sealed;
    await until(() => gateway.ledger.status().backlogEntries === 0);
    store.plan = onBatches(away());
    const receipts = await gateway.append(3);
    const { boot } = gateway.ledger.writer;
    await sealAsTwin(world, gateway.folder, boot, 2);
    store.plan = () => null;
    await Promise.all(receipts.map(async ({ sealed }) => sealed));
    expect(gateway.ledger.writer.boot).not.toBe(boot);
    await (
      await gateway.append(1)
    )[0]!.sealed;
    await gateway.ledger.close();
    // Two places were taken; the third entry keeps its bytes, and shows that what it follows is not in the log.
    const { identities, reissued } = await world.log();
    expect(receipts.map(({ jws }) => identities.has(identityOf(jws)))).toEqual([
      false,
      false,
      true,
    ]);
    expect(reissued).toEqual(receipts.slice(0, 2).map(({ jws }) => identityOf(jws)));
    await world.check(['chain_prev']);
  });

  test('that part in the middle, seen only after a restart: the journal knows what was acknowledged', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const gateway = await world.open({ store });
    store.plan = onBatches(away());
    await gateway.append(2);
    await gateway.kill();
    await sealAsTwin(world, gateway.folder, gateway.ledger.writer.boot, 2);
    await world.recover();
    // Twice over: a start that was cut short between issuing again and sealing finds both in the journal.
    await world.recover();
    await world.check();
  });

  test('that part in the middle, and the signer is away for what has to be issued again: it is when the signer is back', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    let left = 0;
    const refuses = (input: string): boolean => input.includes('"was":') && left-- > 0;
    const gateway = await world.open({ store, signer: failing(refuses) });
    await (
      await gateway.append(1)
    )[0]!.sealed;
    await until(() => gateway.ledger.status().backlogEntries === 0);
    store.plan = onBatches(away());
    const receipts = await gateway.append(3);
    await sealAsTwin(world, gateway.folder, gateway.ledger.writer.boot, 2);
    // More than the attempts at one signature.
    left = 6;
    store.plan = () => null;
    await Promise.all(receipts.map(async ({ sealed }) => sealed));
    expect(left).toBeLessThanOrEqual(0);
    await gateway.ledger.close();
    await world.check(['chain_prev']);
  });
});

test('a clock that is set back while the signer is away: writes are taken again when it is back', async () => {
  const world = await TestWorld.create();
  let [isAway, refused] = [false, 0];
  const refuses = (): boolean => {
    if (isAway) refused += 1;
    return isAway;
  };
  const gateway = await world.open({ signer: failing(refuses) });
  await (
    await gateway.append(1)
  )[0]!.sealed;
  const { boot } = gateway.ledger.writer;
  isAway = true;
  world.offsetMs -= 60_000;
  await until(() => refused > 3);
  isAway = false;
  await until(() => gateway.ledger.status().ready);
  expect(gateway.ledger.writer.boot).not.toBe(boot);
  await (
    await gateway.append(1)
  )[0]!.sealed;
  await gateway.ledger.close();
  await world.check();
});

/** A signer that fails for some of what it is asked to sign. @param refuses - Asked with the payload as JSON. */
function failing(refuses: (payload: string) => boolean): (inner: JwsSigner) => JwsSigner {
  return (inner) => ({
    ...inner,
    sign: async (bytes) => {
      const [, payload = ''] = utf8Text(bytes).split('.');
      if (refuses(utf8Text(parseBase64Url(payload)))) throw new Error('the signer is busy');
      return inner.sign(bytes);
    },
  });
}

/** Seals entries under a boot's name as its double would: a process of the same machine image. */
async function sealAsTwin(world: TestWorld, folder: string, boot: string, count: number) {
  const { writerSigner: signer, writerCert } = await world.components(folder);
  const { state } = await world.log();
  const id = await writerIdOf(folder, world.random, world.disk.files);
  const head = bootHead(state, id, boot)!;
  let prev = head.hash;
  const leaves = [];
  for (let seq = head.seq + 1; seq <= head.seq + count; seq += 1) {
    const payload = completePayload(world.beat(), { id, boot, seq, prev });
    const input = signingInput(signer.kid, payload);
    const bytes = entryBytes(sealJws(input, await signer.sign(utf8Bytes(input))));
    leaves.push({ kid: signer.kid, writer: id, boot, seq, control: true, bytes });
    prev = sha256Base64Url(input);
  }
  const { mode, until: retainUntil } = lockFor(world);
  const { header } = planBatch(state, {
    id: toBase64Url(world.random(16)),
    writer: { id, boot },
    certs: [writerCert],
    leaves,
    time: world.clock(),
    mode,
    retainUntil: retainUntil + 400 * 86_400_000,
  });
  const bytes = await encodeBatch(
    header,
    leaves.map((leaf) => leaf.bytes),
    signer,
  );
  const retention = { mode, until: header.retainUntil! };
  await world.store.putNew(keys.batch(header.number), bytes, { retention, contentType: 'x' });
}

function identityOf(jws: string): string {
  return sha256Base64Url(jws.slice(0, jws.lastIndexOf('.')));
}

describe('two processes on one journal folder', () => {
  test('cannot be where they see each other', async () => {
    const world = await TestWorld.create();
    const { folder } = await world.open();
    await expect(world.open({ folder })).rejects.toMatchObject({ code: 'folder_in_use' });
  });

  test('that do not see each other: the later takes over, the earlier stops before it acknowledges', async () => {
    const world = await TestWorld.create();
    const store = new FaultyStore(world.store);
    const first = await world.open({ store });
    store.plan = away;
    await first.append(3);
    await world.disk.files.remove(`${first.folder}/lock`);
    const second = await world.open({ folder: first.folder });
    await expect(first.append(1)).rejects.toMatchObject({ code: 'ledger_halted' });
    store.plan = () => null;
    await second.append(2);
    await second.ledger.close();
    await world.check();
  });
});

describe('a journal that fails', () => {
  test.each([
    ['sync', 'EIO'],
    ['write', 'ENOSPC'],
  ] as const)(
    'in a %s (%s) ends the process, and loses nothing that was acknowledged',
    async (operation, code) => {
      const world = await TestWorld.create();
      const faulty = new FaultyFiles(world.disk.files);
      const gateway = await world.open({ files: faulty.files });
      await gateway.append(2);
      faulty.fail(operation, code, { part: 0.5 });
      await expect(gateway.append(2)).rejects.toMatchObject({ code: 'ledger_halted' });
      await expect(gateway.append(1)).rejects.toMatchObject({
        code: 'ledger_halted',
        durability: 'not-durable',
      });
      expect(gateway.ledger.status()).toMatchObject({ ready: false, reason: 'ledger_halted' });
      await world.recover();
      await world.check();
    },
  );

  test.each([0, 0.3, 0.7, 1])(
    'by a power cut with %p of the unsynced bytes on the disk loses nothing acknowledged',
    async (part) => {
      const world = await TestWorld.create();
      const store = new FaultyStore(world.store);
      const gateway = await world.open({ store });
      store.plan = away;
      await gateway.append(3);
      void gateway.append(3).catch(() => undefined);
      await gateway.kill();
      world.disk.cut((unsynced) => Math.floor(unsynced * part));
      await world.recover();
      await world.check();
    },
  );
});

describe('several writers on one ledger', () => {
  test('race for each slot: losers learn, rebase and seal behind', async () => {
    const world = await TestWorld.create();
    const gateways = await Promise.all([world.open(), world.open(), world.open()]);
    for (let round = 0; round < 8; round += 1) {
      const receipts = await Promise.all(gateways.map(async ({ append }) => append(2)));
      await Promise.all(receipts.flat().map(async ({ sealed }) => sealed));
    }
    await Promise.all(gateways.map(async ({ ledger }) => ledger.close()));
    await world.check();
  });

  test('whose store answers 409 to every other create lose and double nothing', async () => {
    const world = await TestWorld.create();
    let creates = 0;
    const conflict = (call: StoreCall): Fault | null => {
      if (onBatches(away())(call) === null) return null;
      creates += 1;
      if (creates % 2 === 0) return null;
      return { effect: creates % 4 === 1 ? 'before' : 'after', answer: '409' };
    };
    const stores = [0, 1].map(() => new FaultyStore(world.store));
    const gateways = await Promise.all(stores.map(async (store) => world.open({ store })));
    for (const store of stores) store.plan = conflict;
    for (let round = 0; round < 8; round += 1) {
      const receipts = await Promise.all(gateways.map(async ({ append }) => append(2)));
      await Promise.all(receipts.flat().map(async ({ sealed }) => sealed));
    }
    await Promise.all(gateways.map(async ({ ledger }) => ledger.close()));
    await world.check();
  });

  test('read what the other has sealed', async () => {
    const world = await TestWorld.create();
    const [one, other] = [await world.open(), await world.open({ followMs: 1e9 })];
    const [receipt] = await one.append(1);
    const { index } = await receipt!.sealed;
    await other.ledger.refresh();
    expect(await other.ledger.entry(receipt!.jti)).toMatchObject({ index, state: 'sealed' });
  });
});
