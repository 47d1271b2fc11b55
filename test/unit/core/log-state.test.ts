import { beforeEach, describe, expect, test } from '@jest/globals';
import { encodeBatch } from '../../../src/core/log/batch.ts';
import type { BatchHeader } from '../../../src/core/log/batch-header.ts';
import { planBatch } from '../../../src/core/log/batch-plan.ts';
import type { BatchDraft } from '../../../src/core/log/batch-plan.ts';
import { concatBytes, utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { entryBytes } from '../../../src/core/entry/entry.ts';
import { signJws } from '../../../src/core/json/jws.ts';
import type { JwsSigner } from '../../../src/core/json/jws.ts';
import { makeConfigStatement } from '../../../src/core/ledger/config.ts';
import type { ConfigStatement } from '../../../src/core/ledger/config.ts';
import { applyBatch, bootHead, entryIdentity, refusalCodes } from '../../../src/core/log/state.ts';
import type { LogState, Refusal } from '../../../src/core/log/state.ts';
import { parseBatch } from '../../../src/core/log/batch.ts';
import {
  makeCertificate,
  makeGapStatement,
  makeKeyStatement,
  makeStatement,
  statementTypes,
} from '../../../src/core/ledger/statement.ts';
import type { KeyStatement, Statement } from '../../../src/core/ledger/statement.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import {
  approvedActivation,
  allowed,
  bootFacts,
  checkpointKey,
  genesisDraft,
  idOf,
  MiniLog,
  signerOf,
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

/** A header that a certified writer signed, whatever it says. */
async function signed(
  leaves: readonly Uint8Array[],
  change: (header: BatchHeader) => Partial<BatchHeader> | Record<string, unknown>,
  signer: JwsSigner = w.signer,
  draft: Partial<BatchDraft> = {},
): Promise<Uint8Array> {
  const { header } = planBatch(log.state, log.draft(w, leaves, draft));
  return encodeBatch({ ...header, ...change(header) }, leaves, signer);
}

function refusalOf(bytes: Uint8Array, state = log.state, number?: number): Refusal {
  const verdict = applyBatch(state, bytes, 'v', number === undefined ? {} : { number });
  if (verdict.ok) throw new Error('accepted');
  return verdict;
}

describe('a valid batch', () => {
  test('moves the log on', async () => {
    const leaves = [await log.entry(w, 'event', allowed(log)), await log.entry(w, 'event')];
    const bytes = await log.batch(w, leaves);
    const verdict = applyBatch(log.state, bytes, 'version 1', { number: 1 });
    expect(verdict).toMatchObject({
      ok: true,
      state: { number: 1, size: 3, versionId: 'version 1', final: false },
      batch: { header: { first: 1, count: 2 } },
    });
    if (!verdict.ok) throw new Error(verdict.detail);
    expect(verdict.leafHashes).toHaveLength(2);
    expect(bootHead(verdict.state, w.id, w.boot)).toMatchObject({
      seq: 2,
      order: 0,
      hash: entryIdentity(verdict.batch.entries[1]!),
      policy: log.genesis.policy!.id,
    });
  });

  test('leaves the state before it as it was', async () => {
    const before = log.state;
    const copy = { ...before };
    await log.seal(w, [await log.entry(w, 'event')]);
    expect(before).toEqual(copy);
    expect([before.boots.size, bootHead(before, w.id, w.boot)?.seq]).toEqual([1, 0]);
    expect(bootHead(log.state, w.id, w.boot)?.seq).toBe(1);
  });

  test('may hold leaves of several writers and boots', async () => {
    const other = await log.writer('two');
    const leaves = [
      await log.entry(w, 'event'),
      await log.entry(other, 'boot', bootFacts(log)),
      await log.entry(w, 'event'),
    ];
    const bytes = await log.batch(w, leaves, { certs: [w.cert, other.cert] });
    const { state, batch } = log.apply(bytes);
    expect(batch.header.runs.map(({ writer, first }) => [writer, first])).toEqual([
      [w.id, 1],
      [other.id, 0],
      [w.id, 2],
    ]);
    expect([state.writers.size, state.boots.size, state.keys.size]).toEqual([2, 2, 2]);
    expect(bootHead(state, w.id, w.boot)?.hash).toBe(entryIdentity(batch.entries[2]!));
  });

  test('counts the boots of a writer in the order in which they appear', async () => {
    const first = w.boot;
    w.boot = idOf('boot one 1');
    w.seq = 0;
    await log.seal(w, [
      await log.entry(w, 'boot', bootFacts(log, { prevBoot: first, lastSeq: 0 })),
    ]);
    expect(bootHead(log.state, w.id, first)?.order).toBe(0);
    expect(bootHead(log.state, w.id, w.boot)?.order).toBe(1);
    expect(log.state.writers.get(w.id)).toEqual({ boots: 2, boot: w.boot, heard: [] });
  });

  test('may have no leaves, and is accepted under any number that follows where none is known', async () => {
    const bytes = await log.batch(w, []);
    expect(applyBatch(log.state, bytes, null)).toMatchObject({
      ok: true,
      state: { versionId: null },
    });
  });

  test('passes over numbers that it accounts for', async () => {
    const voids = [{ number: 1, versionId: 'x', size: 9, sha256: idOf('garbage', 32) }];
    const bytes = await log.batch(w, [await log.entry(w, 'event')], { voids });
    expect(applyBatch(log.state, bytes, 'v', { number: 2 })).toMatchObject({ ok: true });
    expect(log.apply(bytes).state.number).toBe(2);
  });
});

describe('the eight checks', () => {
  test('are these, in this order', () => {
    expect(refusalCodes).toEqual([
      'invalid_framing',
      'invalid_header',
      'invalid_key',
      'invalid_previous',
      'invalid_sections',
      'invalid_tree',
      'invalid_leaves',
      'invalid_ids',
    ]);
  });

  const other = idOf('something else', 32);
  const rows: readonly [string, string, (header: BatchHeader) => Record<string, unknown>][] = [
    ['an unknown member', 'invalid_header', () => ({ extra: 1 })],
    ['another origin', 'invalid_header', () => ({ origin: 'stele.example/other' })],
    ['another genesis', 'invalid_header', () => ({ gen: other })],
    ['another number than its key', 'invalid_header', () => ({ number: 2 })],
    ['another writer', 'invalid_key', () => ({ writer: { id: idOf('thief'), boot: idOf('b') } })],
    ['late leaves that it lacks', 'invalid_key', () => ({ late: [7] })],
    ['late leaves in disorder', 'invalid_key', () => ({ late: [1, 0] })],
    ['late leaves of a key in use', 'invalid_key', () => ({ late: [0] })],
    [
      'another batch before it',
      'invalid_previous',
      (h) => ({ previous: { ...h.previous, number: -1 } }),
    ],
    [
      'other bytes before it',
      'invalid_previous',
      (h) => ({ previous: { ...h.previous, sha256: other } }),
    ],
    [
      'voids where there are none',
      'invalid_previous',
      () => ({ voids: { first: 1, count: 1, digest: other } }),
    ],
    [
      'another section hash',
      'invalid_sections',
      () => ({ sections: [{ kind: 'inline', count: 2, sha256: other }] }),
    ],
    ['no section', 'invalid_sections', () => ({ sections: [] })],
    [
      'a section past the end',
      'invalid_sections',
      (h) => ({ sections: [{ ...h.sections[0], count: 3 }] }),
    ],
    ['another first index', 'invalid_tree', (h) => ({ first: h.first + 1 })],
    ['another count', 'invalid_tree', (h) => ({ count: h.count + 1 })],
    ['another size', 'invalid_tree', (h) => ({ size: h.size + 1 })],
    ['another root', 'invalid_tree', () => ({ root: other })],
    ['another right edge', 'invalid_tree', (h) => ({ edge: [...h.edge].reverse() })],
    [
      'other runs',
      'invalid_leaves',
      (h) => ({ runs: h.runs.map((run) => ({ ...run, last: run.last + 1 })) }),
    ],
    ['no runs', 'invalid_leaves', () => ({ runs: [] })],
    ['other control offsets', 'invalid_leaves', () => ({ control: [0] })],
  ];
  test.each(rows)('%s: %s', async (_name, reason, change) => {
    const leaves = [await log.entry(w, 'event'), await log.entry(w, 'event')];
    const bytes = await signed(leaves, change);
    expect(refusalOf(bytes, log.state, 1)).toMatchObject({ reason, stop: false });
  });

  test('1: a batch over the limits of its ledger', async () => {
    const small = await MiniLog.create({ limits: { ...genesisDraft().limits, batchEntries: 1 } });
    const writer = await small.writer('one');
    const leaves = [
      await small.entry(writer, 'boot', bootFacts(small)),
      await small.entry(writer, 'event'),
    ];
    const bytes = await small.batch(writer, leaves);
    expect(refusalOf(bytes, small.state)).toMatchObject({ reason: 'invalid_framing' });
    expect(refusalOf(new Uint8Array(0))).toMatchObject({ reason: 'invalid_framing' });
  });

  test('2: a number that is not after the last', async () => {
    const bytes = await signed([], () => ({ number: 0 }));
    expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_header' });
  });

  test('2: a signature of another key, or none in the certificates', async () => {
    const bytes = await signed([], () => ({}), signerOf('writer two'));
    expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_header' });
    const nonsense = await signed([], () => ({ certs: [['a.b.c']] }));
    expect(refusalOf(nonsense)).toMatchObject({ reason: 'invalid_header' });
  });

  const certs: readonly [string, () => Promise<Statement[]>][] = [
    ['a certificate by somebody else', async () => [await thief()]],
    ['a certificate twice', async () => Promise.resolve([w.cert, w.cert])],
    ['a second purpose for a known key', async () => [await secondPurpose()]],
  ];
  test.each(certs)('3: %s', async (_name, make) => {
    const bytes = await signed([], () => ({}), w.signer, { certs: await make() });
    expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_key' });
  });

  test('3: the certificate of a checkpoint key may come again', async () => {
    const { cert, signer } = await checkpointKey(log);
    for (let time = 0; time < 2; time += 1) {
      log.apply(await log.batch(w, [], { certs: [w.cert, cert] }));
    }
    expect(log.state.keys.get(signer.kid)?.certificate?.use).toBe('checkpoint');
  });

  test('3: a header signed with a checkpoint key', async () => {
    const key = await checkpointKey(log);
    const bytes = await signed([], () => ({}), key.signer, { certs: [key.cert] });
    expect(refusalOf(bytes)).toMatchObject({
      reason: 'invalid_key',
      detail: expect.stringContaining('no writer key'),
    });
  });

  test('3: leaves whose key has no certificate, another use, another writer or another algorithm', async () => {
    const two = await log.writer('two');
    const key = await checkpointKey(log);
    const leaf = await log.entry(two, 'boot', bootFacts(log));
    const byCheckpoint = await log.entry({ ...w, signer: key.signer }, 'event');
    const byOther = await log.entry({ ...w, signer: two.signer }, 'event');
    const payload = log.payload(w, 'event') as unknown as JsonValue;
    const mislabelled = await signJws('stele-entry+sd-jwt', payload, { ...w.signer, alg: 'ES256' });
    const rows3: readonly [Uint8Array, readonly Statement[], string][] = [
      [leaf, [w.cert], 'no certificate'],
      [byCheckpoint, [w.cert, key.cert], 'no writer key'],
      [byOther, [w.cert, two.cert], 'of another writer'],
      [entryBytes(mislabelled), [w.cert], 'is for Ed25519'],
    ];
    for (const [bytes, certificates, detail] of rows3) {
      const batch = await log.batch(w, [bytes], { certs: certificates });
      expect(refusalOf(batch)).toMatchObject({
        reason: 'invalid_key',
        detail: expect.stringContaining(detail),
      });
    }
  });

  test('4: numbers that are passed over without account', async () => {
    const bytes = await signed([], () => ({ number: 3 }));
    expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_previous' });
    for (const voids of [
      { first: 2, count: 2, digest: other },
      { first: 1, count: 1, digest: other },
    ]) {
      const wrong = await signed([], () => ({ number: 3, voids }));
      expect(refusalOf(wrong)).toMatchObject({ reason: 'invalid_previous' });
    }
  });

  test('4: whatever follows a final batch', async () => {
    await log.seal(w, [await log.entry(w, 'close', { ctl: { reason: 'shutdown' } })], {
      final: true,
    });
    expect(log.state.final).toBe(true);
    const bytes = await log.batch(w, []);
    expect(refusalOf(bytes)).toMatchObject({
      reason: 'invalid_previous',
      detail: 'batch 1 was the last',
    });
  });

  test('7: a leaf that is no entry', async () => {
    const leaf = utf8Bytes('nonsense');
    const draft = log.draft(w, []);
    const { header } = planBatch(log.state, {
      ...draft,
      leaves: [
        { bytes: leaf, kid: w.signer.kid, writer: w.id, boot: w.boot, seq: 1, control: false },
      ],
    });
    const bytes = await encodeBatch(header, [leaf], w.signer);
    expect(refusalOf(bytes)).toMatchObject({
      reason: 'invalid_leaves',
      detail: expect.stringContaining('bad_jws'),
    });
  });

  const leaves: readonly [string, string, EntryChanges][] = [
    ['of another ledger', 'invalid_leaves', { iss: 'stele.example/other' }],
    ['of another genesis', 'invalid_leaves', { gen: other }],
    ['with malformed facts', 'invalid_leaves', { kind: 'close', ctl: { reason: 'No!' } }],
    ['with facts on a plain kind', 'invalid_leaves', { ctl: {} }],
  ];
  test.each(leaves)('7: a leaf %s', async (_name, reason, changes) => {
    const payload = log.payload(w, 'event', changes);
    const leaf = entryBytes(
      await signJws('stele-entry+sd-jwt', payload as unknown as JsonValue, w.signer),
    );
    const control = payload.ctl !== undefined;
    const { header } = planBatch(log.state, {
      ...log.draft(w, []),
      leaves: [{ bytes: leaf, kid: w.signer.kid, writer: w.id, boot: w.boot, seq: 1, control }],
    });
    const bytes = await encodeBatch(header, [leaf], w.signer);
    expect(refusalOf(bytes)).toMatchObject({ reason });
  });

  test('7: a counter that stands still or goes back, within a batch or over the log', async () => {
    const one = await log.entry(w, 'event');
    const again = await log.entry({ ...w, seq: 1 }, 'event');
    expect(refusalOf(await log.batch(w, [one, again]))).toMatchObject({ reason: 'invalid_leaves' });
    log.apply(await log.batch(w, [one]));
    expect(refusalOf(await log.batch(w, [again]))).toMatchObject({
      reason: 'invalid_leaves',
      detail: 'leaf 0 has seq 1 after 1',
    });
  });

  test('8: an id twice in the batch', async () => {
    const { jti, at } = log.payload(w, 'event');
    const changes = { jti, at, iat: Math.floor(at / 1000) };
    const leaves2 = [await log.entry(w, 'event', changes), await log.entry(w, 'event', changes)];
    expect(refusalOf(await log.batch(w, leaves2))).toMatchObject({ reason: 'invalid_ids' });
  });

  async function thief(): Promise<Statement> {
    const fields = {
      gen: log.genesis.gen,
      use: 'writer' as const,
      jwk: w.signer.jwk,
      writer: w.id,
    };
    return makeCertificate(fields, [signerOf('thief')]);
  }

  async function secondPurpose(): Promise<Statement> {
    const fields = {
      gen: log.genesis.gen,
      use: 'writer' as const,
      jwk: w.signer.jwk,
      writer: idOf('w2'),
    };
    return makeCertificate(fields, log.roots);
  }
});

describe('what a later version makes', () => {
  const later = [{ v: 2 }, { crit: ['staged'] }];
  test.each(later)('stops the reader where a certified key signed it: %j', async (change) => {
    expect(refusalOf(await signed([], () => change))).toMatchObject({
      reason: 'invalid_header',
      stop: true,
    });
    const two = await log.writer('two');
    const newcomer = await signed([], () => change, two.signer, { certs: [two.cert] });
    expect(refusalOf(newcomer)).toMatchObject({ stop: true });
  });

  test('is garbage where anybody else did', async () => {
    const rows: readonly [readonly Statement[], JwsSigner][] = [
      [[['a.b.c']], signerOf('thief')],
      [[(await checkpointKey(log)).cert], (await checkpointKey(log)).signer],
      [[w.cert], signerOf('thief')],
    ];
    for (const [certs, signer] of rows) {
      const bytes = await signed([], () => ({ v: 2, certs }), signer);
      expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_header', stop: false });
    }
    const none = await signed([], () => ({ v: 2, certs: 'gone' }), signerOf('thief'));
    expect(refusalOf(none)).toMatchObject({ stop: false });
    const forged = utf8Text(await signed([], () => ({ v: 2 })));
    const cut = `${forged.slice(0, forged.indexOf('\n') - 86)}${'A'.repeat(86)}\n`;
    expect(refusalOf(utf8Bytes(cut))).toMatchObject({ stop: false });
  });

  test('is garbage where a key that is out of use did', async () => {
    await log.seal(w, [await keyEntry({ act: 'revoke', reason: 'stolen' }, w.signer.kid)]);
    expect(refusalOf(await signed([], () => ({ v: 2 })))).toMatchObject({ stop: false });
  });

  test.each([
    ['alone', []],
    ['behind garbage', [utf8Bytes('garbage')]],
  ])('stops the reader as a leaf of a batch, %s', async (_where, before) => {
    const payload = { ...log.payload(w, 'event'), v: 2 } as unknown as JsonValue;
    const leaf = entryBytes(await signJws('stele-entry+sd-jwt', payload, w.signer));
    const { header } = planBatch(log.state, {
      ...log.draft(w, []),
      leaves: [...before, leaf].map((bytes, i) => {
        const { kid } = w.signer;
        return { bytes, kid, writer: w.id, boot: w.boot, seq: 1 + i, control: false };
      }),
    });
    const bytes = await encodeBatch(header, [...before, leaf], w.signer);
    expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_leaves', stop: true });
  });

  test('stops the reader as a statement of the root', async () => {
    const payload = { v: 2, gen: log.genesis.gen, act: 'hibernate' };
    const statement = await makeStatement(statementTypes.key, payload, log.roots);
    const leaf = await log.entry(w, 'key', { ctl: { statement } });
    expect(refusalOf(await log.batch(w, [leaf]))).toMatchObject({
      reason: 'invalid_leaves',
      stop: true,
    });
    const byThief = await makeStatement(statementTypes.key, payload, [signerOf('thief')]);
    const harmless = await log.entry({ ...w, seq: 1 }, 'key', { ctl: { statement: byThief } });
    expect(applyBatch(log.state, await log.batch(w, [harmless]), 'v').ok).toBe(true);
  });
});

/** A `key` entry of writer one, by default about its own key. */
async function keyEntry(
  fields: JsonObject,
  kid: string,
  roots = log.roots,
  by = w,
): Promise<Uint8Array> {
  const base = { v: 1, gen: log.genesis.gen, kid, use: 'writer' };
  const statement = await makeKeyStatement(
    { ...base, ...fields } as unknown as KeyStatement,
    roots,
  );
  return log.entry(by, 'key', { ctl: { statement } });
}

describe('key status by position', () => {
  let two: TestWriter;

  beforeEach(async () => {
    two = await log.writer('two');
    const boot = await log.entry(two, 'boot', bootFacts(log));
    await log.seal(w, [boot], { certs: [w.cert, two.cert] });
  });

  test('a retired key signs no batch any more, from the next one on', async () => {
    const retire = await keyEntry(
      { act: 'retire', final: { boot: two.boot, seq: 0 } },
      two.signer.kid,
    );
    await log.seal(two, [retire], { certs: [w.cert, two.cert] });
    const bytes = await log.batch(two, [await log.entry(w, 'event')], {
      certs: [w.cert, two.cert],
    });
    expect(refusalOf(bytes)).toMatchObject({
      reason: 'invalid_key',
      detail: expect.stringContaining('is retired'),
    });
    expect(log.state.keys.get(two.signer.kid)).toMatchObject({
      status: 'retired',
      until: log.state.size,
    });
  });

  test('a revoked key has no leaves any more, late or not', async () => {
    const leaf = await log.entry(two, 'event');
    await log.seal(w, [await keyEntry({ act: 'revoke', reason: 'stolen' }, two.signer.kid)]);
    const bytes = await log.batch(w, [leaf], { certs: [w.cert, two.cert] });
    expect(refusalOf(bytes)).toMatchObject({
      reason: 'invalid_key',
      detail: expect.stringContaining('revoked'),
    });
  });

  describe('what a retired key signed before its end', () => {
    const lateRows: readonly [string, number, boolean, string | undefined][] = [
      ['is valid where the batch lists it', 1, true, undefined],
      ['is refused where the batch does not', 1, false, 'not listed as late'],
      ['is refused after its final number', 2, true, 'retired before'],
    ];
    test.each(lateRows)('%s', async (_name, seq, listed, detail) => {
      const retire = await keyEntry(
        { act: 'retire', final: { boot: two.boot, seq: 1 } },
        two.signer.kid,
      );
      await log.seal(w, [retire]);
      const leaf = await log.entry({ ...two, seq }, 'event');
      const bytes = await signed([leaf], () => ({ late: listed ? [0] : [] }), w.signer, {
        certs: [w.cert, two.cert],
      });
      const verdict = applyBatch(log.state, bytes, 'v');
      if (detail === undefined) expect(verdict).toMatchObject({ ok: true });
      else
        expect(verdict).toMatchObject({
          reason: 'invalid_key',
          detail: expect.stringContaining(detail),
        });
    });

    test('is listed by the plan by itself', async () => {
      const retire = await keyEntry(
        { act: 'retire', final: { boot: two.boot, seq: 1 } },
        two.signer.kid,
      );
      await log.seal(w, [retire]);
      const leaf = await log.entry(two, 'event');
      const { batch } = log.apply(await log.batch(w, [leaf], { certs: [w.cert, two.cert] }));
      expect(batch.header.late).toEqual([0]);
    });

    test('is valid of any boot that appeared before the final one, and of no other', async () => {
      const [first, second, third] = [two.boot, idOf('boot two 1'), idOf('boot two 2')];
      const facts = bootFacts(log, { prevBoot: first, lastSeq: 0 });
      const boot = await log.entry({ ...two, boot: second, seq: 0 }, 'boot', facts);
      await log.seal(w, [boot], { certs: [w.cert, two.cert] });
      const retire = await keyEntry(
        { act: 'retire', final: { boot: second, seq: 0 } },
        two.signer.kid,
      );
      await log.seal(w, [retire]);
      const rows: readonly [string, number, boolean][] = [
        [first, 1, true],
        [second, 1, false],
        [third, 0, false],
      ];
      for (const [bootId, seq, good] of rows) {
        const leaf = await log.entry({ ...two, boot: bootId, seq }, 'event');
        const bytes = await log.batch(w, [leaf], { certs: [w.cert, two.cert] });
        expect(applyBatch(log.state, bytes, 'v').ok).toBe(good);
      }
    });

    test('is valid of every boot in the log where the final one never appeared', async () => {
      const final = { boot: idOf('boot two 9'), seq: 3 };
      await log.seal(w, [await keyEntry({ act: 'retire', final }, two.signer.kid)]);
      const leaf = await log.entry(two, 'event');
      const bytes = await log.batch(w, [leaf], { certs: [w.cert, two.cert] });
      expect(applyBatch(log.state, bytes, 'v').ok).toBe(true);
    });

    test('is nothing where the retirement names no final number', async () => {
      await log.seal(w, [await keyEntry({ act: 'retire', final: null }, two.signer.kid)]);
      const leaf = await log.entry(two, 'event');
      const bytes = await log.batch(w, [leaf], { certs: [w.cert, two.cert] });
      expect(refusalOf(bytes)).toMatchObject({ reason: 'invalid_key' });
    });
  });

  test('certification changes nothing, and cannot bring a key back', async () => {
    const certificate = [...two.cert];
    await log.seal(w, [await keyEntry({ act: 'certify', certificate }, two.signer.kid)]);
    expect(log.state.keys.get(two.signer.kid)?.status).toBe('certified');
    await log.seal(w, [await keyEntry({ act: 'revoke', reason: 'stolen' }, two.signer.kid)]);
    await log.seal(w, [await keyEntry({ act: 'certify', certificate }, two.signer.kid)]);
    await log.seal(w, [await keyEntry({ act: 'retire', final: null }, two.signer.kid)]);
    expect(log.state.keys.get(two.signer.kid)?.status).toBe('revoked');
  });

  test('a retired key can be revoked, and a key that no batch used can be retired', async () => {
    const three = await log.writer('three');
    const final = { boot: three.boot, seq: 0 };
    await log.seal(w, [await keyEntry({ act: 'retire', final }, three.signer.kid)]);
    expect(log.state.keys.get(three.signer.kid)).toMatchObject({
      status: 'retired',
      certificate: null,
    });
    const leaf = await log.entry(three, 'boot', bootFacts(log));
    log.apply(await log.batch(w, [leaf], { certs: [w.cert, three.cert] }));
    expect(log.state.keys.get(three.signer.kid)).toMatchObject({
      status: 'retired',
      certificate: { writer: three.id },
    });
    await log.seal(w, [await keyEntry({ act: 'revoke', reason: 'stolen' }, three.signer.kid)]);
    expect(log.state.keys.get(three.signer.kid)?.status).toBe('revoked');
  });

  test('a statement that the root did not sign has no effect', async () => {
    const revoke = await keyEntry({ act: 'revoke', reason: 'stolen' }, two.signer.kid, [
      signerOf('thief'),
    ]);
    await log.seal(w, [revoke]);
    expect(log.state.keys.get(two.signer.kid)?.status).toBe('certified');
  });
});

describe('configuration', () => {
  async function change(
    set: ConfigStatement['set'],
    signers: readonly JwsSigner[] = log.roots,
    previous = log.state.config.hash,
  ): Promise<LogState> {
    const fields: ConfigStatement = { v: 1, gen: log.genesis.gen, previous, set };
    const statement = await makeConfigStatement(fields, signers);
    return log.apply(await log.batch(w, [await log.entry(w, 'config', { ctl: { statement } })]))
      .state;
  }

  test('changes with the next batch, and each change names the one before', async () => {
    const first = await change({ maxSealMs: 1234, labels: ['env'] });
    expect(first.config).toMatchObject({ maxSealMs: 1234, labels: ['env'], heartbeatMs: 300000 });
    const second = await change({ heartbeatMs: 5000 });
    expect(second.config).toMatchObject({ maxSealMs: 1234, heartbeatMs: 5000 });
    expect(new Set([log.genesis.gen, first.config.hash, second.config.hash]).size).toBe(3);
  });

  test('a change that does not follow, or is not signed, has no effect', async () => {
    await change({ maxSealMs: 1234 });
    const rows: readonly [ConfigStatement['set'], readonly JwsSigner[], string][] = [
      [{ maxSealMs: 1 }, log.roots, log.genesis.gen],
      [{ maxSealMs: 2 }, [signerOf('thief')], log.state.config.hash],
      [{ fallbackClass: 'none' }, log.roots, log.state.config.hash],
    ];
    for (const [set, signers, previous] of rows) {
      expect((await change(set, signers, previous)).config).toMatchObject({
        maxSealMs: 1234,
        fallbackClass: 'standard',
      });
    }
  });

  test('of another ledger, or of no shape, has no effect', async () => {
    const payloads: JsonObject[] = [
      { v: 1, gen: idOf('other', 32), previous: log.genesis.gen, set: {} },
      { v: 1, gen: log.genesis.gen, previous: log.genesis.gen, set: { unknown: 1 } },
    ];
    for (const payload of payloads) {
      const statement = await makeStatement(statementTypes.config, payload, log.roots);
      await log.seal(w, [await log.entry(w, 'config', { ctl: { statement } })]);
      expect(log.state.config.hash).toBe(log.genesis.gen);
    }
  });

  describe('of the root keys', () => {
    const [a, b, next1, next2, thief] = ['root a', 'root b', 'next one', 'next two', 'thief'].map(
      signerOf,
    ) as [JwsSigner, JwsSigner, JwsSigner, JwsSigner, JwsSigner];

    beforeEach(async () => {
      const roots = { threshold: 1, keys: [a.jwk, b.jwk], next: [next1.kid, next2.kid] };
      log = await MiniLog.create({ roots });
      w = await log.writer('one');
      await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
    });

    const rotation = { roots: { threshold: 1, keys: [next1.jwk, next2.jwk], next: [] } };

    test('is signed by the successors, and their certificates count from then on', async () => {
      const state = await change(rotation, [next1]);
      expect(state.config.roots).toEqual(rotation.roots);
      const old = await log.batch(w, []);
      expect(refusalOf(old)).toMatchObject({ reason: 'invalid_key' });
      const fields = {
        gen: log.genesis.gen,
        use: 'writer' as const,
        jwk: w.signer.jwk,
        writer: w.id,
      };
      const cert = await makeCertificate(fields, [next2]);
      log.apply(await log.batch(w, [], { certs: [cert] }));
    });

    test('has no effect where a successor is certified for something else', async () => {
      const roots = { threshold: 1, keys: [a.jwk], next: [w.signer.kid] };
      log = await MiniLog.create({ roots });
      w = await log.writer('one');
      await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
      const state = await change({ roots: { threshold: 1, keys: [w.signer.jwk], next: [] } }, [
        w.signer,
      ]);
      expect(state.config.roots).toEqual(roots);
    });

    test('means stop in a newer format, whoever of the two sets has to sign it', async () => {
      const payload = {
        ...{ v: 2, gen: log.genesis.gen, previous: log.state.config.hash, more: true },
        set: { ...rotation, also: 'new' },
      } as unknown as JsonValue;
      const newer = async (signer: JwsSigner) => {
        const statement = await makeStatement(statementTypes.config, payload, [signer]);
        return log.batch(w, [await log.entry(w, 'config', { ctl: { statement } })]);
      };
      expect(refusalOf(await newer(next1))).toMatchObject({ stop: true });
      // By the old set it is no change of roots, of whatever version.
      log.apply(await newer(a));
    });

    test('cannot be made by who holds the old ones', async () => {
      expect((await change(rotation, [a, b])).config.hash).toBe(log.genesis.gen);
      const own = { roots: { threshold: 1, keys: [thief.jwk], next: [] } };
      expect((await change(own, [a])).config.hash).toBe(log.genesis.gen);
    });

    test('needs as many successors as the stricter threshold', async () => {
      const strict = { roots: { threshold: 2, keys: [next1.jwk, next2.jwk], next: [] } };
      expect((await change(strict, [next1])).config.hash).toBe(log.genesis.gen);
      expect((await change(strict, [next1, next2])).config.roots.threshold).toBe(2);
    });

    test('may not name a successor twice', async () => {
      const twice = { roots: { threshold: 1, keys: [next1.jwk, next1.jwk], next: [] } };
      expect((await change(twice, [next1])).config.hash).toBe(log.genesis.gen);
    });
  });
});

describe('other effects', () => {
  test('a close or a declared loss ends a boot', async () => {
    await log.seal(w, [await log.entry(w, 'close', { ctl: { reason: 'shutdown' } })]);
    expect(bootHead(log.state, w.id, w.boot)?.end).toBe(1);
    const two = await log.writer('two');
    await log.seal(two, [await log.entry(two, 'boot', bootFacts(log))]);
    const gap = { writer: two.id, boot: two.boot, first: 1, last: null, reason: 'journal_lost' };
    await log.seal(two, [await log.entry(two, 'gap', { ctl: gap })]);
    expect(bootHead(log.state, two.id, two.boot)?.end).toBe(1);
  });

  test('a loss in the middle, or of a boot that never appeared, ends nothing', async () => {
    const gap = { writer: w.id, boot: w.boot, first: 5, last: 6, reason: 'journal_lost' };
    await log.seal(w, [await log.entry(w, 'gap', { ctl: gap })]);
    await log.seal(w, [
      await log.entry(w, 'gap', { ctl: { ...gap, boot: idOf('never'), last: null } }),
    ]);
    expect(bootHead(log.state, w.id, w.boot)?.end).toBeNull();
  });

  test('a loss of another writer takes the root’s word, to the letter', async () => {
    const two = await log.writer('two');
    await log.seal(two, [await log.entry(two, 'boot', bootFacts(log))]);
    const gap = { writer: two.id, boot: two.boot, first: 1, last: null, reason: 'disk_lost' };
    const statement = [
      ...(await makeGapStatement({ v: 1, gen: log.genesis.gen, ...gap }, log.roots)),
    ];
    const rows: readonly [JsonObject, boolean][] = [
      [gap, false],
      [{ ...gap, first: 2, statement }, false],
      [{ ...gap, statement }, true],
    ];
    for (const [ctl, ended] of rows) {
      await log.seal(w, [await log.entry(w, 'gap', { ctl })]);
      expect(bootHead(log.state, two.id, two.boot)?.end === null).toBe(!ended);
    }
  });

  test('an activation puts a policy in charge and gives the one before a grace', async () => {
    const [one, two] = [log.genesis.policy!.id, idOf('policy two', 32)];
    const facts = await approvedActivation(log, two, { grace: 1000 });
    const rows: readonly JsonObject[] = [
      { ...facts, act: 'reject' },
      { ...facts, id: null },
      { ...facts, digest: null },
      { ...facts, previous: two },
      { ...facts, approvals: [] },
      facts,
      facts,
    ];
    for (const ctl of rows) await log.seal(w, [await log.entry(w, 'policy', { ctl })]);
    const index = log.state.size - 2;
    expect(log.state.activePolicy).toBe(two);
    const { digest } = facts;
    expect(log.state.policies.get(two)).toMatchObject({ id: two, digest, index, until: null });
    expect([...log.state.approvals.entries()].map(([, used]) => used)).toEqual([index, index]);
    const { at } = parseBatch(await log.batch(w, [await log.entry(w, 'event')])).entries[0]!
      .payload;
    expect(log.state.policies.get(one)?.until).toBe(at - 2000 + 1000);
    await log.seal(w, [
      await log.entry({ ...w, seq: w.seq - 1 }, 'policy', {
        ctl: { ...facts, act: 'adopt', activation: index },
      }),
    ]);
    expect(bootHead(log.state, w.id, w.boot)?.policy).toBe(two);
  });

  test('a first activation needs none before it, and no grace ends at once', async () => {
    log = await MiniLog.create({ policy: null });
    w = await log.writer('one');
    await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
    const facts = async (id: string): Promise<JsonObject> =>
      approvedActivation(log, id, { grace: null });
    const [one, two] = [idOf('p1', 32), idOf('p2', 32)];
    await log.seal(w, [await log.entry(w, 'policy', { ctl: await facts(one) })]);
    await log.seal(w, [
      await log.entry(w, 'policy', { ctl: await facts(two), at: START, iat: START / 1000 }),
    ]);
    expect(log.state.activePolicy).toBe(two);
    expect(log.state.policies.get(one)?.until).toBe(START);
  });
});

test('a batch cannot be cut and put together otherwise', async () => {
  const one = await log.batch(w, [await log.entry(w, 'event')]);
  const end = one.indexOf(10) + 1;
  const two = await log.batch(w, [await log.entry({ ...w, seq: 1 }, 'event')]);
  const mixed = concatBytes(one.subarray(0, end), two.subarray(two.indexOf(10) + 1));
  expect(refusalOf(mixed)).toMatchObject({ reason: 'invalid_sections' });
});
