import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { makeConfigStatement } from '../../../src/core/ledger/config.ts';
import { EMPTY_ROOT } from '../../../src/core/tree/hash.ts';
import { makeKeyStatement } from '../../../src/core/ledger/statement.ts';
import { fsck } from '../../../src/ledger/fsck/fsck.ts';
import type { FsckReport } from '../../../src/ledger/fsck/fsck.ts';
import type { MemoryStore } from '../../../src/storage/memory-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { decidedBy, flip, keys, LEDGER, policyTwo, World, DAY } from '../../attack/support.ts';
import { bootFacts, checkpointKey, signHead } from '../../golden/support.ts';

/** When the class `short` has ended and the others have not. */
const AFTER_SHORT = 1_767_225_600_000 + 40 * DAY;

let world: World;

beforeAll(async () => {
  world = await World.build();
});

beforeEach(() => {
  world.restore();
});

function stepOf(report: FsckReport, name: string): string {
  const found = report.steps.find((one) => one.name === name);
  return `${found?.verdict}: ${found?.detail}`;
}

function codesOf({ findings }: FsckReport): string[] {
  return [...new Set(findings.map(({ code }) => code))].sort();
}

/** The store with some of its answers changed. */
function answering(store: MemoryStore, changed: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const own = Reflect.get(changed, name) as unknown;
      const value = own ?? (Reflect.get(target, name) as unknown);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A ledger of one batch with a single boot entry. */
async function small(changes: Parameters<typeof World.found>[0] = {}): Promise<World> {
  const made = await World.found(changes);
  await made.seal(made.one, [await made.entry(made.one, 'boot', bootFacts(made.log))]);
  return made;
}

describe('what the auditor knows', () => {
  test('decides whether a good ledger is valid or only self-attested', async () => {
    const { gen } = world.log.genesis;
    expect((await world.check()).verdict).toBe('valid');
    expect((await world.check({ vkeys: [], gen })).verdict).toBe('valid');
    expect((await world.check({ vkeys: [] })).verdict).toBe('self_attested');
    await world.erase(keys.checkpoint);
    const bare = await world.check();
    // A head by the auditor's key stands in a batch: it tells whose log this is, and nothing of its end.
    expect(bare.verdict).toBe('valid');
    const stranger = await checkpointKey(world.log, 'stranger');
    expect((await world.check({ vkeys: [stranger.vkey] })).verdict).toBe('self_attested');
    expect((await world.check({ vkeys: [] })).verdict).toBe('self_attested');
    expect(stepOf(bare, 'published_checkpoint')).toBe('not_checked: nothing is published');
    expect(stepOf(bare, 'static_view')).toBe('not_checked: nothing is published');
    expect(bare.doesNotEstablish.join(' ')).toContain('That the end is not missing');
  });

  test('is his own mistake where it is malformed or of another log', async () => {
    await expect(world.check({ vkeys: ['nonsense'] })).rejects.toMatchObject({
      code: 'malformed_vkey',
    });
    await expect(world.check({ checkpoints: ['nonsense'] })).rejects.toMatchObject({
      code: 'malformed_note',
    });
  });

  test('may be nothing: then the keys that the batches vouch for judge the published checkpoint', async () => {
    const report = await world.check({ vkeys: [] });
    expect(stepOf(report, 'published_checkpoint')).toBe(
      'pass: size 273, signed by a key of the log',
    );
    const note = await world.head(273, EMPTY_ROOT);
    world.derive(keys.checkpoint, utf8Bytes(note));
    expect(codesOf(await world.check({ vkeys: [] }))).toEqual(['fork']);
    world.derive(keys.checkpoint, utf8Bytes(await world.head(999, EMPTY_ROOT)));
    expect(codesOf(await world.check({ vkeys: [] }))).toEqual(['tail_cut']);
  });

  describe('and a published checkpoint by a key that no batch has named', () => {
    async function publishedBy(name: string, size: number, root = world.rootOf(size)) {
      const key = await checkpointKey(world.log, name);
      const note = await signHead(key, world.log.genesis.origin, size, root);
      world.derive(keys.checkpoint, utf8Bytes(note));
      await world.erase(keys.tile('tile/0/000'));
      return world.check({ vkeys: [], view: false });
    }

    test('may be of a newer key: it is not judged', async () => {
      const report = await publishedBy('newer', 273);
      expect(report.findings).toEqual([]);
      expect(stepOf(report, 'published_checkpoint')).toBe(
        'unverifiable: size 273, signed by a key that no batch has vouched for',
      );
      expect(stepOf(report, 'static_view')).toBe('not_checked: left out by option');
    });

    test('is wrong all the same where it is of another tree, or of a longer one', async () => {
      expect(codesOf(await publishedBy('newer', 273, EMPTY_ROOT))).toEqual(['bad_checkpoint']);
      expect(codesOf(await publishedBy('newer', 999, EMPTY_ROOT))).toEqual(['bad_checkpoint']);
    });
  });

  test('a published checkpoint of another log, or of nothing, is told apart', async () => {
    const other = { ...world.key, vkey: world.key.vkey };
    const note = await signHead(other, 'x.example/y', 273, world.rootOf(273));
    world.derive(keys.checkpoint, utf8Bytes(note));
    expect(codesOf(await world.check({ vkeys: [], view: false }))).toEqual(['bad_checkpoint']);
    world.derive(keys.checkpoint, utf8Bytes(await world.head(0, EMPTY_ROOT)));
    const empty = await world.check();
    expect(stepOf(empty, 'published_checkpoint')).toBe('pass: size 0, signed by a key of the log');
    expect(stepOf(empty, 'static_view')).toBe('pass: 0 objects');
  });

  test('a checkpoint key that was revoked or retired signs nothing any more', async () => {
    const { gen } = world.log.genesis;
    const { kid } = world.key.signer;
    for (const says of [
      { v: 1, gen, act: 'retire', kid, use: 'checkpoint', final: null } as const,
      { v: 1, gen, act: 'revoke', kid, use: 'checkpoint', reason: 'stolen' } as const,
    ]) {
      world.restore();
      const statement = [...(await makeKeyStatement(says, world.log.roots))];
      await world.seal(world.one, [await world.entry(world.one, 'key', { ctl: { statement } })]);
      await world.seal(world.one, [await world.entry(world.one, 'heartbeat', { ctl: {} })]);
      await world.publish();
      const report = await world.check({ vkeys: [] });
      expect(stepOf(report, 'published_checkpoint')).toContain('unverifiable: size 275');
    }
  });
});

describe('the static view', () => {
  test('may be left out, be behind the log, or be missing in part', async () => {
    expect(stepOf(await world.check({ view: false }), 'static_view')).toContain('by option');
    await world.seal(world.one, [await world.entry(world.one, 'heartbeat', { ctl: {} })]);
    const behind = await world.check();
    expect([behind.verdict, stepOf(behind, 'static_view')]).toEqual(['valid', 'pass: 5 objects']);
    await world.erase(keys.tile('tile/entries/001.p/17'));
    const partly = await world.check();
    expect(codesOf(partly)).toEqual(['view_mismatch']);
    expect(stepOf(partly, 'static_view')).toBe('fail: 1 of 5 differ');
  });

  test('of a size that the log never reached is compared as far as it goes', async () => {
    await world.erase(keys.batch(5));
    const report = await world.check();
    expect(codesOf(report)).toEqual(['tail_cut']);
    expect(stepOf(report, 'static_view')).toBe('pass: 2 objects');
  });
});

describe('records', () => {
  test('are not read without need; their objects and locks are looked at all the same', async () => {
    const [first] = await world.payloadKeys();
    world.store.corrupt(first!, flip(50));
    const report = await world.check({ records: false });
    expect([report.verdict, report.records, report.findings]).toEqual(['valid', 0, []]);
    expect(stepOf(report, 'records')).toBe('not_checked: left out by option');
    world.store.corrupt(first!, (bytes) => bytes.slice(1));
    const shorter = await world.check({ records: false });
    expect(codesOf(shorter)).toEqual(['payload_mismatch']);
    expect(stepOf(shorter, 'records')).toBe('fail: 0 opened in full');
    await world.erase(first!);
    expect(codesOf(await world.check({ records: false }))).toEqual(['missing_object']);
  });

  test('of an ended class may be gone, deleted or marked; of the others not', async () => {
    const payloads = await world.payloadKeys();
    const short = payloads.filter((key) => key.includes('class=short'));
    expect(short).toHaveLength(1);
    await world.erase(short[0]!);
    expect(codesOf(await world.check())).toEqual(['missing_object']);
    const gone = await world.check({ now: AFTER_SHORT });
    expect([gone.verdict, codesOf(gone)]).toEqual(['valid', ['silent_period']]);
    expect(stepOf(gone, 'records')).toBe('pass: 7 opened in full, 1 of ended classes gone');
    world.restore();
    world.store.markDeleted(short[0]!);
    expect(codesOf(await world.check())).toEqual(['delete_marker']);
    const marked = await world.check({ now: AFTER_SHORT });
    expect([marked.verdict, codesOf(marked), marked.records]).toEqual([
      'valid',
      ['silent_period'],
      8,
    ]);
    await world.erase(payloads.find((key) => key.includes('class=standard'))!);
    expect(codesOf(await world.check({ now: AFTER_SHORT }))).toContain('missing_object');
  });

  test('that were exchanged after the end of their class are found', async () => {
    const [short] = (await world.payloadKeys()).filter((key) => key.includes('class=short'));
    await world.erase(short!);
    world.store.overwrite(short!, utf8Bytes('something else'));
    expect(codesOf(await world.check({ now: AFTER_SHORT }))).toEqual([
      'payload_mismatch',
      'silent_period',
      'version_mismatch',
    ]);
  });

  describe('of a class without locks', () => {
    const classes = {
      standard: { mode: 'compliance', days: 365, erasable: false, ground: null },
      loose: { mode: 'none', days: 1, erasable: false, ground: null },
      open: { mode: 'none', days: null, erasable: false, ground: null },
    } as const;
    let loose: World;

    async function event(name: string, until: number | null) {
      const parts = (at: number) => ({
        input: { event: { n: 1 }, time: { ms: at } },
        result: { allow: true, class: name, labels: { env: 'test' } },
        source: { media_type: 'application/json' },
      });
      return loose.recorded(loose.one, {
        parts,
        leaf: { ret: { class: name, mode: 'none', until } },
      });
    }

    beforeAll(async () => {
      loose = await World.found({ classes });
      const boot = await loose.entry(loose.one, 'boot', bootFacts(loose.log));
      const until = 1_767_225_602_000 + DAY;
      await loose.seal(loose.one, [
        boot,
        await event('loose', until - 1000),
        await event('loose', until),
        await event('open', null),
      ]);
    });

    test('are not to be locked', async () => {
      const image = loose.store.image();
      const [key] = await loose.payloadKeys();
      const retention = { mode: 'governance', until: loose.time + DAY } as const;
      loose.store.setRetention(key!, await loose.versionOf(key!), retention);
      const { findings } = await loose.check();
      loose.store.restore(image);
      expect(findings).toMatchObject([{ code: 'long_lock', severity: 'warning' }]);
      expect(findings[0]!.detail).toMatch(/^declared without a lock, has governance until 2026/);
    });

    test('may go when the last of them may, or never', async () => {
      const whole = await loose.check();
      expect([codesOf(whole), whole.records]).toEqual([[], 3]);
      const image = loose.store.image();
      const outcomes: unknown[] = [];
      for (const name of ['class=loose', 'class=open']) {
        for (const now of [loose.time, 1_767_225_602_000 + DAY]) {
          loose.store.restore(image);
          await loose.erase((await loose.payloadKeys()).find((key) => key.includes(name))!);
          const report = await loose.check({ now });
          outcomes.push([name, report.verdict, report.records]);
        }
      }
      expect(outcomes).toEqual([
        ['class=loose', 'invalid', 1],
        ['class=loose', 'self_attested', 1],
        ['class=open', 'invalid', 2],
        ['class=open', 'invalid', 2],
      ]);
      loose.store.restore(image);
    });
  });
});

describe('slots', () => {
  test('that hold garbage are void once a batch passed over them, whatever their number and size', async () => {
    const voids = [];
    for (const bytes of [utf8Bytes('garbage'), new Uint8Array(4_194_305), new Uint8Array(0)]) {
      voids.push(await world.squat(bytes, 6 + voids.length));
    }
    const found = await world.check();
    expect(found.verdict).toBe('invalid');
    expect(stepOf(found, 'end_of_log')).toBe(
      'fail: 3 slots hold no valid batch; 6: invalid_framing: bad_framing: batch has no header line',
    );
    // Too large to be read: only its size is known.
    voids[1] = { ...voids[1]!, sha256: null as never };
    await world.seal(world.one, [await world.entry(world.one, 'heartbeat', { ctl: {} })], {
      draft: { voids },
    });
    const report = await world.check();
    expect(report.findings.map(({ code, at }) => [code, at.batch])).toEqual([
      ['void_batch', 6],
      ['void_batch', 7],
      ['void_batch', 8],
    ]);
    expect([report.verdict, stepOf(report, 'end_of_log')]).toEqual([
      'valid',
      'pass: the slot behind the last batch is empty',
    ]);
  });

  test('after a batch that is damaged are named up to a few', async () => {
    for (let i = 0; i < 20; i += 1) {
      await world.seal(world.one, [await world.entry(world.one, 'heartbeat', { ctl: {} })]);
    }
    world.store.corrupt(keys.batch(2), flip(300));
    const report = await world.check();
    expect(report.findings.filter(({ code }) => code === 'void_batch')).toHaveLength(16);
    expect(stepOf(report, 'end_of_log')).toContain(
      '24 slots hold no valid batch; 2: invalid_header',
    );
    expect(stepOf(report, 'batches')).toContain('fail: batch 2: invalid_header');
  });

  test('may hold more than genesis allowed, where the configuration has changed since', async () => {
    const limits = {
      batchEntries: 900,
      batchBytes: 262_144,
      headerBytes: 65_536,
      entryBytes: 8192,
    };
    const tight = await small({ limits });
    const { gen } = tight.log.genesis;
    const set = { limits: { ...limits, batchBytes: 1_000_000 } };
    const says = { v: 1, gen, previous: gen, set } as const;
    const statement = [...(await makeConfigStatement(says, tight.log.roots))];
    await tight.seal(tight.one, [await tight.entry(tight.one, 'config', { ctl: { statement } })]);
    const many = [];
    for (let i = 0; i < 500; i += 1) {
      many.push(await tight.entry(tight.one, 'heartbeat', { ctl: {} }));
    }
    await tight.seal(tight.one, many);
    const { size } = (await tight.store.head(keys.batch(2)))!;
    expect(size).toBeGreaterThan(262_144);
    const report = await tight.check();
    expect([report.findings, report.entries]).toEqual([[], 502]);
  });

  test('that fill up while the log is read are no hole', async () => {
    const next = await small();
    const before = next.store.image();
    await next.seal(next.one, [await next.entry(next.one, 'heartbeat', { ctl: {} })]);
    await next.seal(next.one, [await next.entry(next.one, 'heartbeat', { ctl: {} })]);
    const after = next.store.image();
    next.store.restore(before);
    let lists = 0;
    const growing = answering(next.store, {
      list: async (prefix, options) => {
        // Both batches arrive when their slot has been seen empty.
        lists += 1;
        next.store.restore(after);
        return next.store.list(prefix, options);
      },
    });
    const report = await fsck(growing, LEDGER, { now: next.time });
    // The second look is for objects that nothing names.
    expect([lists, report.entries, report.findings]).toEqual([2, 1, []]);
  });

  test('behind the end may hold the rest of a log, or only delete markers', async () => {
    world.store.markDeleted(keys.batch(6));
    world.store.markDeleted(keys.batch(10));
    const report = await world.check();
    expect(report.findings.map(({ code, at }) => [code, at.batch])).toEqual([
      ['delete_marker', 6],
      ['delete_marker', 10],
    ]);
    expect(report.verdict).toBe('invalid');
  });

  test('of too large objects behind the end are garbage', async () => {
    await world.squat(new Uint8Array(4_194_305), 8);
    expect(codesOf(await world.check())).toEqual(['void_batch']);
  });
});

describe('a torn answer is never called damage', () => {
  /** Cuts the first answer to each key in half. */
  function tearing(key: string): ObjectStore {
    let torn = 0;
    return answering(world.store, {
      get: async (wanted, options) => {
        const found = await world.store.get(wanted, options);
        if (found === null || wanted !== key || torn > 0) return found;
        torn += 1;
        return { ...found, bytes: found.bytes.slice(0, found.bytes.length / 2) };
      },
    });
  }

  test('of a batch, a payload object or genesis', async () => {
    const [payload] = await world.payloadKeys();
    for (const key of [keys.batch(3), payload!, keys.genesis]) {
      const options = { now: world.time, vkeys: [world.key.vkey] };
      await expect(fsck(tearing(key), LEDGER, options)).rejects.toMatchObject({
        code: 'store_unavailable',
      });
    }
  });

  test('an object that is listed and cannot be read is not there; of a batch it is said', async () => {
    const [payload] = await world.payloadKeys();
    for (const [key, code] of [
      [payload!, 'payload_mismatch'],
      [keys.batch(5), 'slot_unreadable'],
    ] as const) {
      const store = answering(world.store, {
        get: async (wanted, options) => (wanted === key ? null : world.store.get(wanted, options)),
      });
      const report = await fsck(store, LEDGER, { now: world.time });
      expect(codesOf(report)).toContain(code);
    }
    const store = answering(world.store, {
      get: async (wanted, options) =>
        wanted === keys.genesis ? null : world.store.get(wanted, options),
    });
    expect((await fsck(store, LEDGER, { now: world.time })).verdict).toBe('invalid');
  });
});

test('a step that passed says how much it looked at', async () => {
  const report = await world.check();
  const batches = `${report.batches} batches`;
  const passed = [
    ['leaf_signatures', `${report.entries} entries checked, no findings`],
    ['ids', `${report.entries} entries checked, no findings`],
    ['versions', `${batches} checked, no findings`],
    ['object_versions', `genesis, ${batches} and what they name checked, no findings`],
    ['locks', `genesis, ${batches} and what they name checked, no findings`],
  ] as const;
  for (const [name, detail] of passed) expect(stepOf(report, name)).toBe(`pass: ${detail}`);
});

describe('locks', () => {
  test('of a store in a folder are dates only: right or wrong, they keep nobody from anything', async () => {
    const folder = answering(world.store, { kind: 'file' });
    const good = await fsck(folder, LEDGER, { now: world.time, vkeys: [world.key.vkey] });
    expect(stepOf(good, 'locks')).toMatch(/^not_checked: this store keeps no locks/);
    expect(good.doesNotEstablish.join()).toContain('no lock was seen');
    expect((await world.check()).doesNotEstablish.join()).not.toContain('no lock was seen');
    world.store.setRetention(keys.batch(0), await world.versionOf(keys.batch(0)), null);
    expect(stepOf(await fsck(folder, LEDGER, { now: world.time }), 'locks')).toBe('fail: 1 found');
  });

  const YEAR = 365 * DAY;
  test.each([
    ['as declared', 'governance', 0, 0, []],
    ['rounded up to the next day', 'governance', DAY, 0, []],
    ['a year longer', 'governance', YEAR, 0, ['long_lock']],
    ['a year longer, when their time is over', 'governance', YEAR, DAY, ['long_lock']],
    ['a year longer, when that is over', 'governance', YEAR, YEAR, []],
    ['such that nobody lifts them', 'compliance', 0, 0, ['long_lock']],
    ['such that nobody lifts them, but too short', 'compliance', -1000, 0, ['short_lock']],
  ] as const)('of records %s', async (_about, mode, longer, over, found) => {
    const [short] = (await world.payloadKeys()).filter((key) => key.includes('class=short'));
    const version = await world.versionOf(short!);
    const { until } = (await world.store.head(short!, version))!.retention!;
    world.store.setRetention(short!, version, { mode, until: until + longer });
    const now = over === 0 ? world.time : until + over;
    const codes = codesOf(await world.check({ now }));
    expect(codes.filter((code) => code !== 'silent_period')).toEqual(found);
  });

  test('of records that are longer than declared are said in the step, which passes', async () => {
    const [key] = await world.payloadKeys();
    const version = await world.versionOf(key!);
    const until = world.time + 100 * YEAR;
    world.store.setRetention(key!, version, { mode: 'compliance', until });
    const report = await world.check();
    expect(report.verdict).toBe('valid');
    expect(stepOf(report, 'locks')).toMatch(/^pass: .* checked, 1 locked for more than declared$/);
  });

  test('of a store that keeps none are not looked at, as genesis says', async () => {
    const weak = await small({ weakStore: true });
    weak.store.setRetention(keys.batch(0), await weak.versionOf(keys.batch(0)), null);
    const report = await weak.check();
    expect(report.findings).toEqual([]);
    expect(stepOf(report, 'locks')).toBe('not_checked: genesis says that the store keeps none');
  });

  test('are not asked for where genesis asks for none', async () => {
    const open = await World.found({ batchLock: { mode: 'none', days: 0 } });
    const boot = await open.entry(open.one, 'boot', bootFacts(open.log));
    await open.seal(open.one, [boot], { draft: { mode: 'none', retainUntil: null } });
    expect((await open.check()).findings).toEqual([]);
  });

  test('that have ended are none of our business any more', async () => {
    for (const key of [keys.genesis, keys.batch(0), keys.batch(5)]) {
      world.store.setRetention(key, await world.versionOf(key), null);
    }
    const report = await world.check({ now: 1_800_000_000_000 });
    expect(codesOf(report)).toEqual(['silent_period']);
  });

  test('until a day that no calendar has are compared as well', async () => {
    const far = 9_007_199_254_740_000;
    await world.seal(world.one, [await world.entry(world.one, 'heartbeat', { ctl: {} })], {
      draft: { retainUntil: far },
    });
    const version = await world.versionOf(keys.batch(6));
    world.store.setRetention(keys.batch(6), version, { mode: 'compliance', until: far - 1000 });
    const report = await world.check();
    expect(report.findings.map(({ detail }) => detail)).toEqual([
      `declared compliance until ${far} ms, has compliance until ${far - 1000} ms`,
    ]);
  });

  test('of an object that went in the meantime are not reported: that it went is', async () => {
    const store = answering(world.store, { head: async () => Promise.resolve(null) });
    expect((await fsck(store, LEDGER, { now: world.time })).findings).toEqual([]);
  });
});

describe('silence', () => {
  test('at the end is worth knowing, unless the log said that it ends', async () => {
    const { heartbeatMs, maxSealMs } = world.log.genesis;
    const limit = world.log.state.time + heartbeatMs + maxSealMs;
    expect(codesOf(await world.check({ now: limit }))).toEqual([]);
    const silent = await world.check({ now: limit + 1 });
    expect(silent.findings).toMatchObject([
      { code: 'silent_period', severity: 'notice', at: { batch: 5, index: 273 } },
    ]);
    await world.seal(
      world.one,
      [await world.entry(world.one, 'close', { ctl: { reason: 'end' } })],
      {
        draft: { final: true },
      },
    );
    expect(codesOf(await world.check({ now: limit + DAY }))).toEqual([]);
  });
});

describe('there may be no ledger at all', () => {
  test('of a name that nobody used', async () => {
    await expect(fsck(world.store, 'nobody', { now: 0 })).rejects.toMatchObject({
      code: 'ledger_missing',
      disposition: 'fix-configuration',
    });
  });

  test('behind its genesis yet', async () => {
    const empty = await World.found();
    const report = await empty.check({ gen: empty.log.genesis.gen });
    expect(report).toMatchObject({ verdict: 'valid', entries: 0, batches: 0, records: 0 });
  });

  test('of a genesis that says nothing: the report says why, and claims nothing', async () => {
    world.store.corrupt(keys.genesis, () => utf8Bytes('{}'));
    const report = await world.check();
    expect(report.steps).toEqual([
      { name: 'genesis', verdict: 'fail', detail: expect.stringContaining('bad_genesis') },
    ]);
    expect([report.verdict, report.establishes]).toEqual(['invalid', []]);
    world.store.corrupt(keys.genesis, () => new Uint8Array(1_048_577));
    expect((await world.check()).verdict).toBe('invalid');
  });
});

test('progress is told after every batch, with what a listing shows', async () => {
  const told: number[][] = [];
  await world.check({ progress: (...args) => told.push(args) });
  expect(told).toEqual([
    [4, 0, 6],
    [7, 1, 6],
    [268, 2, 6],
    [271, 3, 6],
    [272, 4, 6],
    [273, 5, 6],
  ]);
});

test('a listing of more than a page is counted to its end', async () => {
  const pages: (string | undefined)[] = [];
  const names = Array.from({ length: 100_001 }, (_, i) => keys.batch(i + 100));
  const store = answering(world.store, {
    list: async (_prefix, options = {}) => {
      pages.push(options.after);
      const from = names.findIndex((name) => name > (options.after ?? ''));
      return Promise.resolve(from < 0 ? [] : names.slice(from, from + (options.max ?? 0)));
    },
  });
  const counted: number[] = [];
  await fsck(store, LEDGER, { now: world.time, progress: (_e, _b, all) => counted.push(all) });
  expect(counted[0]).toBe(100_001);
  expect(pages.slice(0, 2)).toEqual([keys.batchPrefix, names[99_999]]);
});

test('a record is opened under the policy and class that held where it was sealed', async () => {
  const drafted = await world.recorded(world.one, { leaf: decidedBy(policyTwo, true) });
  await world.seal(world.one, [drafted]);
  const report = await world.check();
  expect([report.records, report.findings]).toEqual([9, []]);
});

test('the page on formats names every step of the report', async () => {
  const page = await readFile('docs/formats.md', 'utf8');
  const { steps } = await world.check();
  for (const { name } of steps) expect(page).toContain(`\`${name}\``);
});
