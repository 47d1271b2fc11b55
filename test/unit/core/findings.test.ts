import { beforeEach, describe, expect, test } from '@jest/globals';
import { encodeBatch, parseBatch } from '../../../src/core/log/batch.ts';
import type { BatchHeader, VoidSlot } from '../../../src/core/log/batch-header.ts';
import { planBatch } from '../../../src/core/log/batch-plan.ts';
import type { BatchDraft } from '../../../src/core/log/batch-plan.ts';
import { findingsOf } from '../../../src/core/verify/batch-findings.ts';
import type { FindingsContext } from '../../../src/core/verify/batch-findings.ts';
import { entryBytes, parseEntry } from '../../../src/core/entry/entry.ts';
import { finding, findingList, hasViolation } from '../../../src/core/verify/findings.ts';
import type { Finding } from '../../../src/core/verify/findings.ts';
import { EMPTY_ROOT } from '../../../src/core/tree/hash.ts';
import { applyBatch } from '../../../src/core/log/state.ts';
import { caughtMalformed } from '../../../src/core/entry/schema.ts';
import { makeConfigStatement } from '../../../src/core/ledger/config.ts';
import { makeKeyStatement } from '../../../src/core/ledger/statement.ts';
import type { KeyStatement } from '../../../src/core/ledger/statement.ts';
import type { JsonObject } from '../../../src/core/json/strict-json.ts';
import {
  allowed,
  approvedActivation,
  bootFacts,
  checkpointKey,
  checkpointOf,
  idOf,
  MiniLog,
  signerOf,
  signHead,
  START,
} from '../../golden/support.ts';
import type { EntryChanges, TestWriter } from '../../golden/support.ts';

let log: MiniLog;
let w: TestWriter;

beforeEach(async () => {
  log = await MiniLog.create();
  w = await log.writer('one');
  await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
});

/** Seals leaves in a batch and gives what is found about it. */
async function found(
  leaves: readonly Uint8Array[],
  draft: Partial<BatchDraft> = {},
  context: FindingsContext = {},
  change: Partial<BatchHeader> = {},
): Promise<Finding[]> {
  const { header } = planBatch(log.state, log.draft(w, leaves, draft));
  const bytes = await encodeBatch({ ...header, ...change }, leaves, w.signer);
  const before = log.state;
  const { batch } = log.apply(bytes);
  return findingsOf(before, batch, context);
}

async function codes(...args: Parameters<typeof found>): Promise<string[]> {
  return (await found(...args)).map(({ code }) => code);
}

describe('a batch that is as it should be', () => {
  test('has no findings', async () => {
    const key = await checkpointKey(log);
    const note = await checkpointOf(log, key);
    const draft = { certs: [w.cert, key.cert], checkpoints: [note] };
    const leaves = [await log.entry(w, 'event', { ...allowed(log), lbl: { env: 'test' } })];
    expect(await found(leaves, draft, { rootAt: () => undefined, voids: [] })).toEqual([]);
  });

  test('nor has the first of a ledger', async () => {
    const fresh = await MiniLog.create();
    const before = fresh.state;
    const writer = await fresh.writer('one');
    const boot = await fresh.entry(writer, 'boot', bootFacts(fresh));
    const { batch } = fresh.apply(await fresh.batch(writer, [boot]));
    expect(findingsOf(before, batch)).toEqual([]);
  });
});

describe('entries', () => {
  const rows: readonly [string, string[], () => EntryChanges][] = [
    ['sealed after it was promised', ['late_seal'], () => ({ sby: START })],
    ['promised for too far away', ['long_promise'], () => ({ sby: START + 3_600_000 })],
    [
      'with a label that is not in the vocabulary',
      ['unknown_label'],
      () => ({ lbl: { name: 'x' } }),
    ],
    [
      'of a class that is not in the table',
      ['class_mismatch'],
      () => ({ ret: { class: 'none', mode: 'none', until: null } }),
    ],
    [
      'of a class of Object’s',
      ['class_mismatch'],
      () => ({ ret: { class: 'constructor', mode: 'none', until: null } }),
    ],
    [
      'in another mode than its class',
      ['class_mismatch'],
      () => ({ ret: { class: 'standard', mode: 'none', until: null } }),
    ],
    [
      'kept for less than its class',
      ['class_mismatch'],
      () => ({ ret: { class: 'standard', mode: 'compliance', until: START } }),
    ],
    [
      'decided by a policy that its boot had not adopted',
      ['not_adopted'],
      () => ({ pol: { id: idOf('p', 32), entrypoint: 'stele/append', allow: true } }),
    ],
    [
      'that no policy could decide',
      [],
      () => ({
        pol: { id: null, entrypoint: 'stele/append', allow: false, err: 'policy_timeout' },
      }),
    ],
    [
      'of a class whose end an event will set',
      [],
      () => ({ ret: { class: 'standard', mode: 'compliance', until: null } }),
    ],
  ];
  test.each(rows)('%s: %j', async (_name, want, changes) => {
    expect(await codes([await log.entry(w, 'event', changes())])).toEqual(want);
  });

  test('kept for longer than their class allows', async () => {
    const classes = {
      standard: { mode: 'none' as const, days: null, maxDays: 10, erasable: false, ground: null },
    };
    log = await MiniLog.create({ classes, batchLock: { mode: 'none', days: 0 } });
    w = await log.writer('one');
    const ret = (days: number): EntryChanges => ({
      ret: { class: 'standard', mode: 'none', until: START + days * 86_400_000 },
      at: START,
      iat: START / 1000,
      sby: START + 9000,
    });
    const boot = await log.entry(w, 'boot', { ...bootFacts(log), ...ret(10) });
    expect(await codes([boot, await log.entry(w, 'event', ret(11))], { time: START })).toEqual([
      'class_mismatch',
    ]);
  });

  test('of a kind of a later version', async () => {
    expect(await found([await log.entry(w, 'marvel', { ctl: { any: [1] } })])).toMatchObject([
      { code: 'unknown_kind', severity: 'notice', at: { batch: 1, index: 1 }, detail: 'marvel' },
    ]);
  });

  test('whose signature does not verify', async () => {
    const good = new TextDecoder().decode(await log.entry(w, 'event'));
    const bad = entryBytes(`${good.slice(0, -86)}${'A'.repeat(86)}`);
    expect(await found([bad])).toMatchObject([{ code: 'leaf_signature', at: { index: 1 } }]);
  });

  test('whose signatures nobody asked for', async () => {
    const good = new TextDecoder().decode(await log.entry(w, 'event'));
    const bad = entryBytes(`${good.slice(0, -86)}${'A'.repeat(86)}`);
    expect(await codes([bad], {}, { signatures: false })).toEqual([]);
  });

  test('admitted long before others of their boot', async () => {
    const at = START - 60_000;
    const changes = { at, iat: at / 1000, sby: START + 10_000 };
    const leaves = [await log.entry(w, 'event'), await log.entry(w, 'event', changes)];
    expect(await codes(leaves)).toEqual(['time_order', 'long_promise']);
  });

  test('whose id or idempotency key occurred before', async () => {
    const key = (name: string): string => `s1.${idOf(name, 32)}`;
    const make = async (idk: string, idb: string): Promise<Uint8Array> =>
      log.entry(w, 'event', { idk: key(idk), idb: key(idb) });
    const leaves = [
      await make('k', 'b'),
      await make('k', 'b'),
      await make('k', 'c'),
      await make('old', 'b'),
    ];
    const ids = new Map([[parseEntry(leaves[0]!).payload.jti, 0]]);
    const context: FindingsContext = {
      indexOfId: (jti) => ids.get(jti),
      firstWithKey: (idk) => (idk === key('old') ? { index: 0, idb: key('b') } : undefined),
    };
    const all = await found(leaves, {}, context);
    expect(all.map(({ code, at, detail }) => [code, at.index, detail])).toEqual([
      ['duplicate_jti', 1, 'as entry 0'],
      ['duplicate_idk', 2, 'as entry 1'],
      ['idempotency_conflict', 3, 'with entry 1'],
      ['duplicate_idk', 4, 'as entry 0'],
    ]);
  });
});

describe('decisions', () => {
  const bare = { _sd: undefined, _sd_alg: undefined, dsc: undefined };
  const rows: readonly [string, string, object, string[]][] = [
    ['an event that nothing decided', 'event', { pol: undefined }, ['not_adopted']],
    ['a read that nothing decided', 'access', { pol: undefined }, ['not_adopted']],
    ['an event without a record', 'event', bare, ['record_mismatch']],
    ['neither', 'decision', { ...bare, pol: undefined }, ['not_adopted', 'record_mismatch']],
    [
      'an event without a record that was denied',
      'event',
      bare,
      ['record_mismatch', 'disagreement'],
    ],
    ['a denial without a record that allowed', 'denial', bare, ['record_mismatch', 'disagreement']],
    ['a read without a record that was denied', 'access', bare, ['record_mismatch']],
  ];
  test.each(rows)('%s', async (name, kind, changes, want) => {
    const id = log.genesis.policy!.id;
    const allow = !name.includes('denied') && (kind !== 'denial' || name.includes('allowed'));
    const pol = { id, entrypoint: 'stele/append', allow };
    const all = { pol, ...changes } as EntryChanges;
    expect(await codes([await log.entry(w, kind, all)])).toEqual(want);
  });

  test('entries of the system are not decided', async () => {
    expect(await codes([await log.entry(w, 'heartbeat', { ctl: {} })])).toEqual([]);
  });
});

describe('chains', () => {
  test('that are broken, or have holes', async () => {
    const forged = await log.entry({ ...w, prev: idOf('other', 32) }, 'event');
    expect(await found([forged])).toMatchObject([{ code: 'chain_prev', at: { seq: 1 } }]);
    const skipped = await log.entry({ ...w, seq: 5 }, 'event');
    expect(await found([skipped])).toMatchObject([{ code: 'seq_hole', detail: '2 to 4' }]);
  });

  test('that go on after their end', async () => {
    const leaves = [
      await log.entry(w, 'close', { ctl: { reason: 'shutdown' } }),
      await log.entry(w, 'event'),
    ];
    expect(await codes(leaves)).toEqual(['after_close']);
  });

  describe('that go on after the next boot of their writer', () => {
    /** The boot after that of `w`, which knows entries of it up to `lastSeq`. */
    const next = async (lastSeq: number): Promise<Uint8Array> =>
      log.entry(
        { ...w, boot: idOf('boot one 1'), seq: 0 },
        'boot',
        bootFacts(log, { prevBoot: w.boot, lastSeq }),
      );

    test('in a later batch', async () => {
      await log.seal(w, [await next(0)]);
      expect(await found([await log.entry(w, 'event')])).toMatchObject([
        { code: 'after_close', severity: 'warning', at: { boot: w.boot, seq: 1 } },
      ]);
    });

    test('in the same batch, and ever after', async () => {
      const boot = await next(0);
      expect(await codes([boot, await log.entry(w, 'event')])).toEqual(['after_close']);
      expect(await codes([await log.entry(w, 'event')])).toEqual(['after_close']);
    });

    test('but not with what that boot found in the journal', async () => {
      expect(await codes([await next(1)])).toEqual(['seq_hole']);
      expect(await codes([await log.entry(w, 'event')])).toEqual([]);
      expect(await codes([await log.entry(w, 'close', { ctl: { reason: 'x' } })])).toEqual([
        'after_close',
      ]);
    });

    test('and a later word for a later end does not open them again', async () => {
      await log.seal(w, [await log.entry(w, 'close', { ctl: { reason: 'shutdown' } })]);
      await log.seal(w, [await next(9)]);
      expect(await codes([await log.entry(w, 'event')])).toEqual(['after_close']);
    });
  });

  test('that do not begin with their boot entry', async () => {
    const two = await log.writer('two');
    expect(
      await codes([await log.entry(two, 'event', allowed(log))], { certs: [w.cert, two.cert] }),
    ).toEqual(['boot_missing']);
    const three = await log.writer('three');
    const boot = await log.entry({ ...three, seq: 2 }, 'boot', bootFacts(log));
    expect(await codes([boot], { certs: [w.cert, three.cert] })).toEqual(['boot_missing']);
  });

  describe('across boots', () => {
    const rows: readonly [string, JsonObject, boolean, string[]][] = [
      ['follow on what the log has', { lastSeq: 1 }, true, []],
      ['are forged', { lastSeq: 1 }, false, ['chain_prev']],
      ['miss the end of the boot before', { lastSeq: 7 }, true, ['seq_hole']],
      ['come from a restored journal', { lastSeq: 0 }, true, ['writer_clone']],
      ['forget that there was one', { prevBoot: null, lastSeq: null }, true, ['writer_clone']],
      ['name one that nobody saw', { prevBoot: idOf('unseen'), lastSeq: 3 }, true, ['seq_hole']],
    ];
    test.each(rows)('%s', async (_name, facts, linked, want) => {
      await log.seal(w, [await log.entry(w, 'event')]);
      const next = {
        ...w,
        boot: idOf('boot one 1'),
        seq: 0,
        prev: linked ? w.prev : idOf('x', 32),
      };
      const boot = await log.entry(next, 'boot', bootFacts(log, { prevBoot: w.boot, ...facts }));
      expect(await codes([boot])).toEqual(want);
    });

    test('within one batch', async () => {
      const last = await log.entry(w, 'event');
      const next = { ...w, boot: idOf('boot one 1'), seq: 0 };
      const boot = await log.entry(next, 'boot', bootFacts(log, { prevBoot: w.boot, lastSeq: 1 }));
      expect(await codes([last, boot])).toEqual([]);
    });

    test('of a first boot that does not begin at genesis', async () => {
      const two = await log.writer('two');
      const boot = await log.entry({ ...two, prev: idOf('x', 32) }, 'boot', bootFacts(log));
      expect(await codes([boot], { certs: [w.cert, two.cert] })).toEqual(['writer_clone']);
    });
  });
});

describe('policies', () => {
  const two = idOf('policy two', 32);
  const facts = {
    act: 'activate',
    id: two,
    digest: null,
    revision: 'r2',
    previous: idOf('policy one', 32),
    signer: null,
    approvals: [],
    grace: 5000,
    activation: null,
  };
  const activate = async (): Promise<JsonObject> =>
    approvedActivation(log, two, { grace: facts.grace });
  const decided = (id: string, at?: number): EntryChanges => ({
    pol: { id, entrypoint: 'stele/append', allow: true },
    ...(at === undefined ? {} : { at, iat: Math.floor(at / 1000), sby: at + 50_000 }),
  });

  test('hold from the next number after their adoption', async () => {
    await log.seal(w, [await log.entry(w, 'policy', { ctl: await activate() })]);
    const adopt = { ...facts, act: 'adopt', activation: 1 };
    const leaves = [
      await log.entry(w, 'event', decided(two)),
      await log.entry(w, 'policy', { ctl: adopt }),
      await log.entry(w, 'event', decided(two)),
      await log.entry(w, 'event', decided(facts.previous)),
    ];
    const all = await found(leaves);
    expect(all.map(({ code, at }) => [code, at.index])).toEqual([
      ['not_adopted', 2],
      ['not_adopted', 5],
    ]);
  });

  test('are stale after the grace of their successor', async () => {
    const { state } = log.apply(
      await log.batch(w, [await log.entry(w, 'policy', { ctl: await activate() })]),
    );
    const until = state.policies.get(facts.previous)!.until!;
    const leaves = [
      await log.entry(w, 'event', decided(facts.previous, until)),
      await log.entry(w, 'event', decided(facts.previous, until + 1)),
    ];
    const all = await found(leaves);
    expect(all.map(({ code, at, detail }) => [code, at.index, detail])).toEqual([
      ['stale_policy', 3, '1 ms'],
    ]);
  });

  describe('of a writer that has heard of the successor', () => {
    /** From the later of the end of the grace and the time of the batch by which the writer has heard. */
    const rows: readonly (readonly [string, number, number, string])[] = [
      ['an old entry, however late it is sealed', 0, 900_000, 'stale_policy'],
      ['what is as old as may be', 60_000, 900_000, 'stale_policy'],
      ['what is sealed in time', 60_001, 60_000, 'stale_policy'],
      ['what is new', 60_001, 60_001, 'superseded_policy'],
    ];
    test.each(rows)('%s', async (_name, at, time, code) => {
      await log.seal(w, [await log.entry(w, 'policy', { ctl: await activate() })]);
      const until = log.state.policies.get(facts.previous)!.until!;
      const heard = until + 10_000;
      await log.seal(w, [await log.entry(w, 'event', decided(facts.previous))], { time: heard });
      expect(log.state.writers.get(w.id)!.heard).toEqual([{ index: 1, time: heard }]);
      const leaf = await log.entry(w, 'event', decided(facts.previous, heard + at));
      const all = await found([leaf], { time: heard + time });
      expect(all.map((one) => one.code).filter((one) => one.endsWith('policy'))).toEqual([code]);
    });

    test('a denied change of policy is neither', async () => {
      await log.seal(w, [await log.entry(w, 'policy', { ctl: await activate() })]);
      const at = START + 9_000_000;
      const pol = { id: facts.previous, entrypoint: 'stele/admin', allow: false };
      const ctl = { ...facts, act: 'reject', code: 'denied' };
      const leaf = await log.entry(w, 'policy', { ...decided(facts.previous, at), pol, ctl });
      expect((await codes([leaf])).filter((code) => code.endsWith('policy'))).toEqual([]);
    });
  });

  const adoptions: readonly [string, JsonObject, string[]][] = [
    ['without activation', { ...facts, act: 'adopt', activation: 4 }, ['not_activated']],
    ['of none', { ...facts, act: 'adopt', id: null, activation: 4 }, ['not_activated']],
    ['of genesis’ own', { ...facts, act: 'adopt', id: facts.previous }, []],
    [
      'citing another entry',
      { ...facts, act: 'adopt', id: facts.previous, activation: 0 },
      ['not_activated'],
    ],
    ['that is a refusal', { ...facts, act: 'reject' }, []],
  ];
  test.each(adoptions)('adopted %s', async (_name, ctl, want) => {
    expect(await codes([await log.entry(w, 'policy', { ctl })])).toEqual(want);
  });

  test('with which a boot begins although nobody activated them', async () => {
    const next = { ...w, boot: idOf('boot one 1'), seq: 0 };
    const boot = bootFacts(log, { prevBoot: w.boot, lastSeq: 0, policy: two });
    expect(await codes([await log.entry(next, 'boot', boot)])).toEqual(['not_activated']);
  });

  test('that a boot does not name are those of genesis', async () => {
    const next = { ...w, boot: idOf('boot one 1'), seq: 0 };
    const leaves = [
      await log.entry(next, 'boot', bootFacts(log, { prevBoot: w.boot, lastSeq: 0, policy: null })),
      await log.entry(next, 'event', allowed(log)),
    ];
    expect(await codes(leaves)).toEqual([]);
  });

  test('cannot be adopted where nothing is known of the boot and genesis names none', async () => {
    log = await MiniLog.create({ policy: null });
    w = await log.writer('one');
    expect(await codes([await log.entry(w, 'event', decided(two))])).toEqual([
      'boot_missing',
      'not_adopted',
    ]);
  });
});

describe('control entries', () => {
  async function keyEntry(
    fields: JsonObject,
    roots = log.roots,
    kid = w.signer.kid,
  ): Promise<Uint8Array> {
    const says = { v: 1, gen: log.genesis.gen, kid, use: 'writer', ...fields };
    const statement = await makeKeyStatement(says as unknown as KeyStatement, roots);
    return log.entry(w, 'key', { ctl: { statement } });
  }

  test('without authority, or out of place', async () => {
    const revoke = { act: 'revoke', reason: 'stolen' };
    expect(await codes([await keyEntry(revoke, [signerOf('thief')])])).toEqual(['bad_statement']);
    const unused = signerOf('writer nine').kid;
    const retire = { act: 'retire', final: null };
    const leaves = [
      await keyEntry(retire, log.roots, unused),
      await keyEntry(retire, log.roots, unused),
    ];
    expect(await found(leaves)).toMatchObject([{ code: 'no_effect', at: { index: 3 } }]);
    const { until } = log.state.keys.get(unused)!;
    await log.seal(w, [await keyEntry(revoke, log.roots, unused)]);
    expect(log.state.keys.get(unused)).toMatchObject({ status: 'revoked', until });
    expect(await codes([await keyEntry(revoke, log.roots, unused)])).toEqual(['no_effect']);
  });

  test('that retire a key at a position that the log has passed', async () => {
    await log.seal(w, [await log.entry(w, 'event')]);
    const rows: readonly [JsonObject, string[], string?][] = [
      [{ act: 'retire', final: { boot: w.boot, seq: 5 } }, [], signerOf('writer nine').kid],
      [{ act: 'retire', final: { boot: idOf('unseen'), seq: 0 } }, []],
    ];
    const before = log.state;
    for (const [fields, want, kid] of rows) {
      expect(await codes([await keyEntry(fields, log.roots, kid)])).toEqual(want);
    }
    log.state = before;
    w.seq = 2;
    const past = await keyEntry({ act: 'retire', final: { boot: w.boot, seq: 0 } });
    expect(await codes([past])).toContain('past_final');
  });

  test('that retire a key in the batch that brings its certificate, behind what it signed', async () => {
    const two = await log.writer('two');
    const leaves = [
      await log.entry(two, 'boot', bootFacts(log)),
      await log.entry(two, 'event'),
      await keyEntry(
        { act: 'retire', final: { boot: two.boot, seq: 0 } },
        log.roots,
        two.signer.kid,
      ),
    ];
    expect(await codes(leaves, { certs: [w.cert, two.cert] })).toEqual(['past_final']);
  });

  test('that make a certified key a root key', async () => {
    const roots = { threshold: 1, keys: [signerOf('root a').jwk], next: [w.signer.kid] };
    log = await MiniLog.create({ roots });
    w = await log.writer('one');
    await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
    const set = { roots: { threshold: 1, keys: [w.signer.jwk], next: [] } };
    const fields = { v: 1 as const, gen: log.genesis.gen, previous: log.state.config.hash, set };
    const statement = await makeConfigStatement(fields, [w.signer]);
    const leaf = await log.entry(w, 'config', { ctl: { statement } });
    expect(await found([leaf])).toMatchObject([
      { code: 'bad_statement', detail: `key ${w.signer.kid} is certified for something` },
    ]);
    expect(log.state.config.hash).toBe(log.genesis.gen);
  });

  test('that declare a loss', async () => {
    const gap = { writer: w.id, boot: w.boot, first: 2, last: 9, reason: 'journal_lost' };
    expect(await found([await log.entry(w, 'gap', { ctl: gap })])).toMatchObject([
      { code: 'gap', severity: 'notice', detail: '2 to 9: journal_lost' },
    ]);
    const open = await log.entry(w, 'gap', { ctl: { ...gap, first: 10, last: null } });
    expect(await found([open])).toMatchObject([{ detail: '10 to the end: journal_lost' }]);
  });
});

describe('places', () => {
  test('another version before it than the oldest', async () => {
    const other = { previous: { number: 0, sha256: '', versionId: 'x' } };
    const { header } = planBatch(log.state, log.draft(w, []));
    const change = { previous: { ...header.previous, versionId: other.previous.versionId } };
    expect(await codes([], {}, {}, change)).toEqual(['version_mismatch']);
  });

  test('no versions at all', async () => {
    log.state = { ...log.state, versionId: null };
    expect(await codes([])).toEqual([]);
  });

  test('void numbers, as they were found or otherwise', async () => {
    const voids: VoidSlot[] = [1, 2].map((number) => ({
      number,
      versionId: 'v',
      size: 9,
      sha256: null,
    }));
    expect(await found([], { voids }, { voids })).toMatchObject([
      { code: 'void_batch', at: { batch: 1 } },
      { code: 'void_batch', at: { batch: 2 } },
    ]);
    const more: VoidSlot[] = [{ number: 4, versionId: 'v', size: 9, sha256: null }];
    const seen = [{ ...more[0]!, size: 10 }];
    expect(await codes([], { voids: more }, { voids: seen })).toEqual([
      'void_batch',
      'void_mismatch',
    ]);
    const unlooked: VoidSlot[] = [{ number: 6, versionId: 'v', size: 9, sha256: null }];
    expect(await codes([], { voids: unlooked })).toEqual(['void_batch']);
  });

  test('so many void numbers that only the first are named', async () => {
    const count = 10 ** 12;
    const voids = { first: 1, count, digest: idOf('voids', 32) };
    const all = await found([], {}, {}, { number: count + 1, voids });
    expect(all).toHaveLength(1000);
    expect(all[999]).toMatchObject({
      at: { batch: 1000 },
      detail: `one of ${count} before batch ${count + 1}`,
    });
  });

  test('silence for longer than the heartbeat', async () => {
    expect(await codes([], { time: log.state.time + 360_001, retainUntil: 1900000000000 })).toEqual(
      ['silent_period'],
    );
  });

  describe('a date', () => {
    const dated = async (time: number, leaves: readonly Uint8Array[] = []): Promise<string[]> =>
      (await found(leaves, { time, retainUntil: 1900000000000 })).map(({ code, detail }) => {
        return `${code}: ${detail}`;
      });

    test('before the batch before, by more than writers may take', async () => {
      const { time } = log.state;
      expect(await dated(time - 60_000)).toEqual([]);
      log.state = { ...log.state, time };
      expect(await dated(time - 60_001)).toEqual([
        'batch_time: 60001 ms before the batch before it',
      ]);
    });

    test('before genesis', async () => {
      log = await MiniLog.create();
      w = await log.writer('one');
      const leaf = await log.entry(w, 'boot', bootFacts(log));
      expect(await dated(START - 400_000, [leaf])).toEqual([
        expect.stringMatching(/^batch_time: 399000 ms before the batch/),
        expect.stringMatching(/^batch_time: 400000 ms before an entry/),
      ]);
    });

    test('before one of its entries', async () => {
      const at = log.state.time + 10_000;
      const leaf = async () => log.entry(w, 'heartbeat', { ctl: {}, at, sby: at + 60_000 });
      expect(await dated(at - 5000, [await leaf()])).toEqual([]);
      expect(await dated(at - 5001, [await leaf()])).toEqual([
        'batch_time: 5001 ms before an entry of it',
      ]);
    });

    test('far ahead of its entries', async () => {
      const at = log.state.time;
      const leaf = await log.entry(w, 'heartbeat', { ctl: {}, at, sby: at + 60_000 });
      expect(await dated(at + 60_001, [leaf])).toEqual(['late_seal: 1 ms']);
    });
  });

  const payload = {
    key: 'golden/payload/class=standard/date=2026-01-01/x.ndjson.gz',
    versionId: 'v',
    size: 10,
    sha256: idOf('payload', 32),
    class: 'standard',
    mode: 'compliance' as const,
    retainUntil: 1898848000000,
    members: [[0, 0]] as [number, number][],
  };
  const record = {
    _sd: [idOf('a', 32), idOf('b', 32), idOf('c', 32)].sort(),
    _sd_alg: 'sha-256' as const,
    dsc: '1:3.3.3',
  };

  test('a payload object whose index cannot be', async () => {
    const payloads = [{ ...payload, members: [[5, 0]] as [number, number][] }];
    expect(await codes([await log.entry(w, 'event', record)], { payloads })).toEqual([
      'payload_mismatch',
    ]);
  });

  test('locks that do not reach', async () => {
    const rows: readonly [Partial<BatchDraft>, string[]][] = [
      [{ retainUntil: START }, ['short_lock']],
      [{ retainUntil: null }, ['short_lock']],
      [{ mode: 'none', retainUntil: null }, ['short_lock']],
      [{ mode: 'governance' }, ['short_lock']],
      [{ payloads: [payload] }, []],
      [{ payloads: [{ ...payload, retainUntil: START }] }, ['short_lock']],
      [{ payloads: [{ ...payload, retainUntil: null }] }, ['short_lock']],
      [{ payloads: [{ ...payload, mode: 'none', retainUntil: null }] }, []],
      [{ payloads: [{ ...payload, class: 'short', retainUntil: START }] }, []],
      [{ payloads: [{ ...payload, mode: 'governance', retainUntil: START }] }, []],
    ];
    for (const [draft, want] of rows) {
      expect(await codes([await log.entry(w, 'event', record)], draft)).toEqual(want);
    }
  });

  test('a lock that has to reach further than the floor, for an entry', async () => {
    const ret = { class: 'standard', mode: 'compliance' as const, until: 1898848000000 };
    expect(await codes([await log.entry(w, 'event', { ret })])).toEqual(['short_lock']);
  });

  test('no lock where genesis wants none, governance where it is enough', async () => {
    for (const [mode, want] of [
      ['none', []],
      ['governance', ['short_lock']],
    ] as const) {
      log = await MiniLog.create({ batchLock: { mode, days: 1 } });
      w = await log.writer('one');
      const boot = await log.entry(w, 'boot', bootFacts(log));
      expect(await codes([boot], { mode: 'none', retainUntil: null })).toEqual(want);
    }
    expect(await codes([], { mode: 'governance' })).toEqual([]);
  });
});

describe('checkpoints that a batch carries', () => {
  test('of another tree, a later size, another key, another log, or no shape', async () => {
    const key = await checkpointKey(log);
    const other = await checkpointKey(log, 'two');
    const origin = log.genesis.origin;
    const draft = { certs: [w.cert, key.cert] };
    const notes = [
      await signHead(key, origin, 1, EMPTY_ROOT),
      await signHead(key, origin, 9, EMPTY_ROOT),
      await checkpointOf(log, other),
      'nonsense',
    ];
    for (const note of notes) {
      expect(await codes([], { ...draft, checkpoints: [note] })).toEqual(['bad_checkpoint']);
    }
  });

  test('of an earlier size, where the root is remembered', async () => {
    const key = await checkpointKey(log);
    const draft = { certs: [w.cert, key.cert], checkpoints: [await checkpointOf(log, key)] };
    await log.seal(w, [await log.entry(w, 'event')]);
    expect(await codes([], draft, { rootAt: () => EMPTY_ROOT })).toEqual(['bad_checkpoint']);
    expect(await codes([], draft)).toEqual([]);
  });

  test('of a size at which no batch ended, where all ends are known', async () => {
    const key = await checkpointKey(log);
    const note = await signHead(key, log.genesis.origin, 2, EMPTY_ROOT);
    await log.seal(w, [await log.entry(w, 'event'), await log.entry(w, 'event')]);
    const draft = { certs: [w.cert, key.cert], checkpoints: [note] };
    const rootAt = (): undefined => undefined;
    expect(await codes([], draft, { rootAt })).toEqual([]);
    expect(await found([], draft, { rootAt, knowsAllRoots: true })).toMatchObject([
      { code: 'bad_checkpoint', detail: 'checkpoint 0: no batch ended at size 2' },
    ]);
    const empty = await signHead(key, log.genesis.origin, 0, EMPTY_ROOT);
    const whole = { ...draft, checkpoints: [empty] };
    expect(await codes([], whole, { rootAt, knowsAllRoots: true })).toEqual([]);
  });

  test('by a key that was out of use at that size', async () => {
    const key = await checkpointKey(log);
    const draft = { certs: [w.cert, key.cert] };
    const early = await checkpointOf(log, key);
    const says = {
      v: 1,
      gen: log.genesis.gen,
      kid: key.signer.kid,
      use: 'checkpoint',
      act: 'retire',
      final: null,
    };
    const statement = await makeKeyStatement(says as KeyStatement, log.roots);
    await log.seal(w, [await log.entry(w, 'key', { ctl: { statement } })], draft);
    expect(await codes([], { ...draft, checkpoints: [early] })).toEqual([]);
    expect(await codes([], { ...draft, checkpoints: [await checkpointOf(log, key)] })).toEqual([]);
    await log.seal(w, [await log.entry(w, 'event')]);
    expect(await codes([], { ...draft, checkpoints: [await checkpointOf(log, key)] })).toEqual([
      'bad_checkpoint',
    ]);
  });
});

describe('the list', () => {
  test('has a weight and a meaning for every code', () => {
    for (const [code, [severity, meaning]] of Object.entries(findingList)) {
      expect(code).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(['violation', 'warning', 'notice']).toContain(severity);
      expect(meaning.length).toBeGreaterThan(10);
    }
  });

  test('decides what a violation is', () => {
    expect(finding('fork', { batch: 3 }, 'x')).toEqual({
      code: 'fork',
      severity: 'violation',
      at: { batch: 3 },
      detail: 'x',
    });
    expect(hasViolation([finding('gap', {}, 'x'), finding('seq_hole', {}, 'x')])).toBe(false);
    expect(hasViolation([finding('gap', {}, 'x'), finding('fork', {}, 'x')])).toBe(true);
  });
});

test('findings are no reason to refuse: validity does not look at them', async () => {
  const forged = await log.entry({ ...w, prev: idOf('other', 32) }, 'event', { sby: 0 });
  const bytes = await log.batch(w, [forged], { retainUntil: null });
  expect(applyBatch(log.state, bytes, 'v').ok).toBe(true);
  expect(parseBatch(bytes).entries).toHaveLength(1);
});

test('an error that is no malformed input goes on up', () => {
  const bug = new TypeError('bug');
  expect(() => caughtMalformed(bug)).toThrow(bug);
});
