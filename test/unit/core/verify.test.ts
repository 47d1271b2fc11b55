import { beforeAll, describe, expect, test } from '@jest/globals';
import { concatBytes, uint64, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { cosignedBytes } from '../../../src/core/tree/cosignature.ts';
import { disclosuresFor } from '../../../src/core/record/redact.ts';
import { parseEntry } from '../../../src/core/entry/entry.ts';
import { EMPTY_ROOT } from '../../../src/core/tree/hash.ts';
import type { FindingCode } from '../../../src/core/verify/findings.ts';
import { formatSdJwt } from '../../../src/core/record/open-disclosures.ts';
import { formatRecord } from '../../../src/core/record/record.ts';
import { finding } from '../../../src/core/verify/findings.ts';
import {
  formatSignedNote,
  formatVkey,
  parseSignedNote,
  parseVkey,
} from '../../../src/core/tree/signed-note.ts';
import { signJws } from '../../../src/core/json/jws.ts';
import { makeCertificate } from '../../../src/core/ledger/statement.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { edgeRoot } from '../../../src/core/tree/tree.ts';
import { formatTlogProof, parseTlogProof } from '../../../src/core/tree/tlog-proof.ts';
import { LogVerification, step, verdictOf, verifyProof } from '../../../src/core/verify/verify.ts';
import type {
  ProofAnchors,
  ProofEvidence,
  ProofExpectation,
} from '../../../src/core/verify/verify.ts';
import {
  bootFacts,
  checkpointKey,
  idOf,
  MiniLog,
  proofOf,
  recorded,
  recordParts,
  signerOf,
  signHead,
} from '../../golden/support.ts';
import type { TestCheckpointKey, TestRecorded, TestWriter } from '../../golden/support.ts';
import { discloseRecord } from '../../../src/core/record/disclosure.ts';

let log: MiniLog;
let w: TestWriter;
let key: TestCheckpointKey;
let leaves: Uint8Array[];
let plain: TestRecorded;
let sealed: TestRecorded;
let denied: TestRecorded;
/** Everything that could be given about the entry at index 1. */
let evidence: ProofEvidence;
let anchors: ProofAnchors;

beforeAll(async () => {
  log = await MiniLog.create();
  w = await log.writer('one');
  key = await checkpointKey(log);
  const boot = await log.entry(w, 'boot', bootFacts(log));
  plain = await recorded(log, w);
  sealed = await recorded(log, w, {}, [['/input/event/actor']]);
  // Its record says that it was allowed.
  denied = await recorded(log, w, {
    pol: { id: log.genesis.policy!.id, entrypoint: 'stele/append', allow: false },
  });
  const odd = await log.entry(w, 'marvel');
  leaves = [boot, plain.leaf, sealed.leaf, denied.leaf, odd];
  await log.seal(w, leaves);
  evidence = {
    entry: plain.leaf,
    disclosures: disclosuresFor(plain.disclosed, 'all'),
    proof: await proofOf(log, key, leaves, 1),
    genesis: log.genesis.bytes,
    certificates: [w.cert, key.cert],
    record: formatRecord(plain.record),
  };
  anchors = { vkeys: [key.vkey] };
});

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The verdict, and of each step that did not pass its verdict. */
function outcome(
  changes: Partial<ProofEvidence> = {},
  anchored: ProofAnchors = anchors,
  expected: ProofExpectation = {},
): Record<string, string> {
  const { verdict, steps } = verifyProof({ ...evidence, ...changes }, anchored, expected);
  const others = steps.filter((one) => one.verdict !== 'pass');
  return Object.fromEntries([
    ['verdict', verdict],
    ...others.map((one) => [one.name, one.verdict]),
  ]);
}

function without(...names: (keyof ProofEvidence)[]): ProofEvidence {
  return Object.fromEntries(
    Object.entries(evidence).filter(([name]) => !names.includes(name as keyof ProofEvidence)),
  ) as unknown as ProofEvidence;
}

describe('verifyProof', () => {
  test('passes in every step, in the order of the specifications', () => {
    const report = verifyProof(evidence, anchors);
    expect(report.steps.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      'entry pass',
      'genesis pass',
      'certificates pass',
      'entry_signature pass',
      'checkpoint pass',
      'witnesses not_checked',
      'inclusion pass',
      'disclosures pass',
      'agreement pass',
      'full_opening pass',
    ]);
    expect(report).toMatchObject({ verdict: 'valid', index: 1, size: 5, findings: [] });
    const { at } = report.entry!.payload;
    const source = { ...(recordParts(at).source as object), raw_hmac: expect.any(String) };
    expect(report.opened?.parts).toEqual({ ...recordParts(at), source });
  });

  test('says what a pass shows, and what nobody should read into it', () => {
    const { establishes, doesNotEstablish } = verifyProof(evidence, anchors);
    expect(establishes).toEqual([
      'These bytes are entry 1 of the log stele.example/golden, as it stood at 5 entries.',
      'A gateway that the root keys of this genesis certified signed the entry.',
      'What is disclosed is what the entry committed to when it was signed.',
      'No name of the record has a second value.',
    ]);
    const said = doesNotEstablish.join(' ');
    for (const word of [
      'Who holds the keys',
      'is true',
      'completeness',
      'When',
      'same log',
      'in use',
    ]) {
      expect(said).toContain(word);
    }
  });

  test('passes with nothing but the entry, the proof and the key of the log', () => {
    const { entry, proof } = evidence;
    const report = verifyProof({ entry, proof }, anchors);
    expect(report.verdict).toBe('valid');
    expect(report.establishes).toHaveLength(1);
    expect(report.doesNotEstablish.join(' ')).toContain('Who made the entry');
    expect(report.doesNotEstablish.join(' ')).toContain('3 hidden');
  });

  test('takes an SD-JWT, and its disclosures from there', () => {
    const some = disclosuresFor(plain.disclosed, { disclose: ['/input/event/amount'] });
    const { opened, verdict } = verifyProof(
      { ...without('disclosures'), entry: formatSdJwt(text(plain.leaf), some) },
      anchors,
    );
    expect(verdict).toBe('valid');
    expect(opened?.parts).toEqual({ input: { event: { amount: 12 } } });
    const report = verifyProof(
      { ...without('disclosures'), entry: formatSdJwt(text(plain.leaf), some) },
      anchors,
    );
    expect(report.steps.find(({ name }) => name === 'agreement')).toMatchObject({
      verdict: 'unverifiable',
    });
    expect(report.steps.find(({ name }) => name === 'disclosures')?.detail).toBe(
      '3 disclosed, 2 hidden at /, 3 hidden at /input, 2 hidden at /input/event',
    );
  });

  describe('is only self-attested where every key came with the proof', () => {
    test('as a certificate', () => {
      expect(outcome({}, {})).toEqual({ verdict: 'self_attested', witnesses: 'not_checked' });
      expect(verifyProof(evidence).doesNotEstablish[0]).toContain('every key came with the proof');
    });

    test('as a vkey', () => {
      const bare = { ...without('certificates', 'genesis'), vkeys: [key.vkey] };
      const report = verifyProof(bare);
      expect(report.verdict).toBe('self_attested');
      expect(report.steps.find(({ name }) => name === 'checkpoint')?.detail).toContain(
        'came with it',
      );
    });

    test('as a vkey, beside a genesis hash that nothing ties it to', () => {
      const bare = { ...without('certificates'), vkeys: [key.vkey] };
      expect(verifyProof(bare, { gen: log.genesis.gen }).verdict).toBe('self_attested');
    });
  });

  test('hangs on the hash of genesis as well as on the key of the log', () => {
    const { gen } = log.genesis;
    expect(outcome({}, { gen })).toEqual({ verdict: 'valid', witnesses: 'not_checked' });
    expect(outcome({ vkeys: [vkeyOfThief()] }, { gen })).toMatchObject({ verdict: 'valid' });
    expect(outcome({}, { gen: idOf('other', 32) })).toMatchObject({
      verdict: 'invalid',
      genesis: 'fail',
    });
  });

  test('is incomplete without any key of the log', () => {
    const bare = without('certificates');
    expect(verifyProof(bare).verdict).toBe('incomplete');
    const { verdict, steps } = verifyProof(without('genesis'), {});
    expect(verdict).toBe('incomplete');
    expect(steps.find(({ name }) => name === 'certificates')?.verdict).toBe('unverifiable');
  });

  test('takes published keys for want of certificates, and says so', () => {
    const report = verifyProof(
      { ...without('certificates'), keys: [signerOf('x').jwk, w.signer.jwk] },
      anchors,
    );
    expect(report.steps.find(({ name }) => name === 'entry_signature')).toMatchObject({
      verdict: 'pass',
      detail: expect.stringContaining('nobody but its publisher'),
    });
    expect(report.establishes.join(' ')).toContain('published entry key');
    const other = verifyProof({ ...without('certificates'), keys: [signerOf('x').jwk] }, anchors);
    expect(other.steps.find(({ name }) => name === 'entry_signature')?.verdict).toBe('not_checked');
  });

  test('does not say that a published key is certified because another key is', () => {
    const given = { ...evidence, certificates: [key.cert], keys: [w.signer.jwk] };
    const report = verifyProof(given, anchors);
    expect(report.verdict).toBe('valid');
    expect(report.establishes.join(' ')).toContain('published entry key');
    expect(report.establishes.join(' ')).not.toContain('root keys');
  });

  test('does not refute a fallback class by genesis, for it may have changed since', async () => {
    const pol = {
      ...{ id: log.genesis.policy!.id, entrypoint: 'stele/append' },
      ...{ allow: false, err: 'policy_error' },
    };
    const ret = { class: 'short', mode: 'governance' as const, until: null };
    const fallen = await recorded(log, w, { kind: 'denial', pol, ret });
    const disclosures = disclosuresFor(fallen.disclosed, 'all');
    const { steps } = verifyProof({ ...evidence, entry: fallen.leaf, disclosures }, anchors);
    expect(steps.find(({ name }) => name === 'agreement')).toMatchObject({
      verdict: 'unverifiable',
      detail: expect.stringContaining('ret.class unverifiable'),
    });
  });

  describe('does not take a good proof of something else', () => {
    const rows: readonly [string, ProofExpectation, string][] = [
      ['another origin', { origin: 'stele.example/other' }, 'entry'],
      ['another entry', { jti: '00000000-0000-7000-8000-000000000000' }, 'entry'],
      ['another index', { index: 2 }, 'inclusion'],
    ];
    test.each(rows)('%s', (_name, expected, failed) => {
      expect(outcome({}, anchors, expected)).toMatchObject({
        verdict: 'invalid',
        [failed]: 'fail',
      });
    });

    test('what is expected and found passes', () => {
      const { jti } = parseEntry(plain.leaf).payload;
      const expected = { origin: log.genesis.origin, jti, index: 1 };
      expect(outcome({}, anchors, expected)['verdict']).toBe('valid');
    });

    test('the proof of another entry', async () => {
      const proof = await proofOf(log, key, leaves, 2);
      expect(outcome({ proof })).toMatchObject({ verdict: 'invalid', inclusion: 'fail' });
    });

    test('the checkpoint of another log', async () => {
      const tlog = parseTlogProof(evidence.proof);
      const twin = {
        ...key,
        vkey: formatVkey('stele.example/other', 1, parseVkey(key.vkey).publicKey),
      };
      const checkpoint = await signHead(twin, 'stele.example/other', 5, EMPTY_ROOT);
      const proof = formatTlogProof({ ...tlog, checkpoint });
      expect(outcome({ proof }, { vkeys: [twin.vkey] })).toMatchObject({
        verdict: 'invalid',
        checkpoint: 'fail',
      });
    });

    test('the genesis of another ledger', async () => {
      const other = await MiniLog.create({ time: 1 });
      expect(outcome({ genesis: other.genesis.bytes })).toMatchObject({
        verdict: 'invalid',
        genesis: 'fail',
      });
    });

    test('a genesis of another origin, although the entry names its hash', async () => {
      const other = await MiniLog.create({ origin: 'stele.example/other' });
      const writer = await other.writer('one');
      const entry = await other.entry(writer, 'event', { iss: log.genesis.origin });
      const bare = { entry, proof: evidence.proof, genesis: other.genesis.bytes };
      const { steps } = verifyProof(bare, anchors);
      expect(steps.find(({ name }) => name === 'genesis')).toMatchObject({
        verdict: 'fail',
        detail: expect.stringContaining('want stele.example/golden'),
      });
    });
  });

  describe('finds what was altered', () => {
    const swapSignature = (jws: string): string => `${jws.slice(0, -86)}${'A'.repeat(86)}`;
    const rows: readonly [string, () => Partial<ProofEvidence>, string][] = [
      ['no entry at all', () => ({ entry: 'nonsense' }), 'entry'],
      ['a broken SD-JWT', () => ({ entry: `${text(plain.leaf)}~x` }), 'entry'],
      ['bytes that are no text', () => ({ entry: Uint8Array.of(0xff) }), 'entry'],
      ['no genesis', () => ({ genesis: utf8Bytes('{}') }), 'genesis'],
      [
        'the signature of the entry',
        () => ({ entry: swapSignature(text(plain.leaf)) }),
        'entry_signature',
      ],
      [
        'the signature of the entry, so the leaf',
        () => ({ entry: swapSignature(text(plain.leaf)) }),
        'inclusion',
      ],
      ['a certificate', () => ({ certificates: [w.cert.map(swapSignature)] }), 'certificates'],
      ['the proof', () => ({ proof: 'nonsense' }), 'checkpoint'],
      [
        'a disclosure of another entry',
        () => ({ disclosures: disclosuresFor(sealed.disclosed, 'all') }),
        'disclosures',
      ],
      [
        'a record of another entry',
        () => ({ record: formatRecord(sealed.record) }),
        'full_opening',
      ],
      ['a record that is none', () => ({ record: '{}' }), 'full_opening'],
      [
        'a key of small order',
        () => ({ certificates: [], keys: [{ crv: 'Ed25519', kty: 'OKP', x: 'A'.repeat(43) }] }),
        'entry_signature',
      ],
    ];
    test.each(rows)('%s', (_name, change, failed) => {
      expect(outcome(change())).toMatchObject({ verdict: 'invalid', [failed]: 'fail' });
    });

    test('a result that contradicts its leaf', async () => {
      const proof = await proofOf(log, key, leaves, 3);
      const disclosures = disclosuresFor(denied.disclosed, 'all');
      const entry = denied.leaf;
      expect(
        outcome({ entry, proof, disclosures, record: formatRecord(denied.record) }),
      ).toMatchObject({
        verdict: 'invalid',
        agreement: 'fail',
      });
    });

    test('two values of one name, of which one was disclosed', () => {
      const other = discloseRecord({
        jti: plain.record.jti,
        key: new Uint8Array(32),
        depth: { input: 3, result: 3, source: 3 },
        parts: recordParts(1),
      });
      expect(outcome({ disclosures: disclosuresFor(other, 'all') })).toMatchObject({
        disclosures: 'fail',
      });
    });

    test('a key that is certified for another writer, or for checkpoints', async () => {
      const fields = {
        gen: log.genesis.gen,
        use: 'writer' as const,
        jwk: w.signer.jwk,
        writer: idOf('w2'),
      };
      const wrong = await makeCertificate(fields, log.roots);
      expect(outcome({ certificates: [wrong, key.cert] })).toMatchObject({
        entry_signature: 'fail',
      });
      const vkey = formatVkey(log.genesis.origin, 1, Buffer.from(w.signer.jwk.x, 'base64url'));
      const checkpoint = {
        gen: log.genesis.gen,
        use: 'checkpoint' as const,
        jwk: w.signer.jwk,
        vkey,
      };
      const mixed = await makeCertificate(checkpoint, log.roots);
      expect(outcome({ certificates: [mixed, key.cert] })).toMatchObject({
        entry_signature: 'fail',
      });
    });

    test('a checkpoint by another key under the name of the log', async () => {
      const thief = { ...key, vkey: vkeyOfThief(), signer: signerOf('checkpoint thief') };
      const tlog = parseTlogProof(evidence.proof);
      const checkpoint = await signHead(thief, log.genesis.origin, 5, EMPTY_ROOT);
      const proof = formatTlogProof({ ...tlog, checkpoint });
      expect(outcome({ proof })).toMatchObject({
        verdict: 'invalid',
        checkpoint: 'fail',
        inclusion: 'not_checked',
      });
    });
  });

  test('opens a record with sealed sets as far as it can', async () => {
    const proof = await proofOf(log, key, leaves, 2);
    const disclosures = disclosuresFor(sealed.disclosed, { redact: ['/input/event/actor'] });
    const given = { entry: sealed.leaf, proof, disclosures, record: formatRecord(sealed.record) };
    expect(outcome(given)).toEqual({
      verdict: 'valid',
      witnesses: 'not_checked',
      full_opening: 'unverifiable',
    });
  });

  test('has nothing to disclose of an entry without record', async () => {
    const proof = await proofOf(log, key, leaves, 0);
    const report = verifyProof(
      { ...without('disclosures', 'record'), entry: leaves[0]!, proof },
      anchors,
    );
    expect(report.steps.find(({ name }) => name === 'disclosures')?.verdict).toBe('not_checked');
    expect(report.verdict).toBe('valid');
  });

  test('cannot say what an entry of a later version is', async () => {
    const { payload } = parseEntry(plain.leaf);
    const entry = await signJws(
      'stele-entry+sd-jwt',
      { ...payload, v: 2 } as unknown as JsonValue,
      w.signer,
    );
    expect(outcome({ entry })).toMatchObject({ verdict: 'incomplete', entry: 'unverifiable' });
  });

  test('reports a kind of a later version', async () => {
    const proof = await proofOf(log, key, leaves, 4);
    const { verdict, findings } = verifyProof(
      { ...without('disclosures', 'record'), entry: leaves[4]!, proof },
      anchors,
    );
    expect([verdict, findings]).toEqual([
      'valid',
      [finding('unknown_kind', { index: 4 }, 'marvel')],
    ]);
    const broken = verifyProof(
      { ...without('disclosures', 'record'), entry: leaves[4]!, proof: '' },
      anchors,
    );
    expect(broken.findings).toEqual([finding('unknown_kind', {}, 'marvel')]);
  });

  describe('witnesses', () => {
    async function cosigned(seconds: number, names: readonly string[]): Promise<string> {
      const tlog = parseTlogProof(evidence.proof);
      const note = parseSignedNote(tlog.checkpoint);
      const lines = await Promise.all(
        names.map(async (name) => {
          const signature = await signerOf(name).sign(cosignedBytes(note.text, seconds * 1000));
          const { id } = parseVkey(witness(name));
          return { name, id, signature: concatBytes(uint64(seconds), signature) };
        }),
      );
      const checkpoint = formatSignedNote(note.text, [...note.signatures, ...lines]);
      return formatTlogProof({ ...tlog, checkpoint });
    }

    const witness = (name: string): string =>
      formatVkey(name, 4, Buffer.from(signerOf(name).jwk.x, 'base64url'));
    const asked = (threshold: number): ProofAnchors => ({
      ...anchors,
      witnesses: { vkeys: ['w1.example', 'w2.example'].map(witness), threshold },
    });

    test('as many as were asked for give a time and one view', async () => {
      const proof = await cosigned(1767225700, ['w1.example', 'w2.example']);
      const report = verifyProof({ ...evidence, proof }, asked(2));
      expect(report.verdict).toBe('valid');
      expect(report.establishes.at(-1)).toBe(
        'The entry existed at 2026-01-01T00:01:40.000Z, by the clock of a witness.',
      );
      expect(report.doesNotEstablish.join(' ')).not.toContain('same log');
    });

    test('fewer fail, and so does one that is named twice', async () => {
      const proof = await cosigned(1767225700, ['w1.example', 'w1.example']);
      expect(outcome({ proof }, asked(2))).toMatchObject({ verdict: 'invalid', witnesses: 'fail' });
      expect(outcome({ proof: 'nonsense' }, asked(2))).toMatchObject({ witnesses: 'not_checked' });
    });

    test('may state no time, or one that no calendar has', async () => {
      const none = verifyProof({ ...evidence, proof: await cosigned(0, ['w1.example']) }, asked(1));
      expect([none.verdict, none.establishes.join(' ').includes('existed at')]).toEqual([
        'valid',
        false,
      ]);
      const far = verifyProof(
        { ...evidence, proof: await cosigned(8_700_000_000_000, ['w1.example']) },
        asked(1),
      );
      expect(far.establishes.at(-1)).toContain('8700000000000000 ms');
    });

    test('with a key that does not parse are the caller’s mistake', () => {
      expect(() => verifyProof(evidence, { vkeys: ['nonsense'] })).toThrow(
        expect.objectContaining({ code: 'malformed_vkey' }),
      );
    });
  });

  test('a key given twice counts once', () => {
    expect(outcome({ vkeys: [key.vkey] }, {})).toMatchObject({ verdict: 'self_attested' });
  });
});

function vkeyOfThief(): string {
  return formatVkey(
    log.genesis.origin,
    1,
    Buffer.from(signerOf('checkpoint thief').jwk.x, 'base64url'),
  );
}

describe('LogVerification', () => {
  let batches: Uint8Array[];
  let heads: string[];
  let long: MiniLog;
  let longKey: TestCheckpointKey;

  beforeAll(async () => {
    long = await MiniLog.create();
    longKey = await checkpointKey(long);
    const writer = await long.writer('one');
    batches = [];
    heads = [];
    for (let i = 0; i < 4; i += 1) {
      const first = i === 0 ? [await long.entry(writer, 'boot', bootFacts(long))] : [];
      const idk = { idk: `s.${idOf(`k${i}`, 32)}`, idb: `s.${idOf('b', 32)}` };
      const inside = [
        ...first,
        await long.entry(writer, 'event'),
        await long.entry(writer, 'event', idk),
      ];
      batches.push(await long.seal(writer, inside));
      heads.push(await signHead(longKey, long.genesis.origin, long.state.size, rootOf(long)));
    }
  });

  function rootOf(one: MiniLog): Uint8Array {
    const [line] = text(one === long && batches.length > 0 ? batches.at(-1)! : batches[0]!).split(
      '\n',
    );
    const payload = JSON.parse(Buffer.from(line!.split('.')[1]!, 'base64url').toString()) as {
      root: string;
    };
    return new Uint8Array(Buffer.from(payload.root, 'base64url'));
  }

  function verified(
    anchor: ConstructorParameters<typeof LogVerification>[1] = {},
    options: ConstructorParameters<typeof LogVerification>[2] = {},
    objects: readonly Uint8Array[] = batches,
  ): LogVerification {
    const verification = new LogVerification(long.genesis.bytes, anchor, options);
    objects.forEach((bytes, number) =>
      verification.add(bytes, { number, versionId: `v${number}` }),
    );
    return verification;
  }

  test('passes a whole log, step by step', () => {
    const { gen } = long.genesis;
    const known = { gen, vkeys: [longKey.vkey], checkpoints: [heads[3]!, heads[1]!] };
    const report = verified(known).report();
    expect(report.findings).toEqual([]);
    expect(report.verdict).toBe('valid');
    expect(report.steps.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      'genesis pass',
      'batches pass',
      'leaf_signatures pass',
      'chains pass',
      'ids pass',
      'policies pass',
      'control pass',
      'carried_checkpoints pass',
      'versions pass',
      'known_checkpoints pass',
    ]);
    expect(report.establishes).toHaveLength(4);
    expect(report.doesNotEstablish.join(' ')).not.toContain('missing');
  });

  test('is self-attested with no key or hash from elsewhere, and says what that leaves open', () => {
    const report = verified().report();
    expect(report.verdict).toBe('self_attested');
    expect(report.doesNotEstablish.join(' ')).toContain('Whose log this is');
    expect(report.doesNotEstablish.join(' ')).toContain('That the end is not missing');
  });

  test('hangs on a known checkpoint as well as on the hash of genesis', () => {
    const known = { vkeys: [longKey.vkey], checkpoints: [heads[0]!] };
    expect(verified(known).report().verdict).toBe('valid');
    expect(verified({ vkeys: [longKey.vkey] }).report().verdict).toBe('self_attested');
  });

  test('does not hang on a checkpoint of the empty tree, which is that of every log', async () => {
    const note = await signHead(longKey, long.genesis.origin, 0, EMPTY_ROOT);
    const report = verified({ vkeys: [longKey.vkey], checkpoints: [note] }).report();
    expect(report.findings).toEqual([]);
    expect(report.verdict).toBe('self_attested');
  });

  test('finds a tail that was cut behind a known checkpoint', () => {
    const known = { vkeys: [longKey.vkey], checkpoints: [heads[3]!] };
    const report = verified(known, {}, batches.slice(0, 3)).report();
    expect(report.verdict).toBe('invalid');
    expect(report.findings).toMatchObject([{ code: 'tail_cut' }]);
  });

  test('finds a fork, also at a size inside a batch', async () => {
    for (const size of [7, 8]) {
      const note = await signHead(longKey, long.genesis.origin, size, EMPTY_ROOT);
      const report = verified({ vkeys: [longKey.vkey], checkpoints: [note] }).report();
      expect(report.findings).toMatchObject([{ code: 'fork' }]);
    }
  });

  test('fails at a batch that is not valid, and goes on where it is passed over', () => {
    const verification = verified({}, {}, batches.slice(0, 2));
    const bad = batches[3]!;
    expect(verification.add(bad, { number: 2, versionId: null })).toMatchObject({ ok: false });
    expect(verification.report()).toMatchObject({ verdict: 'invalid' });
    expect(verification.report().steps[1]).toMatchObject({
      name: 'batches',
      verdict: 'fail',
      detail: expect.stringContaining('batch 2: invalid_header'),
    });
    expect(verification.add(bad, { versionId: null })).toMatchObject({ ok: false });
    expect(verification.add(batches[2]!, { number: 2, versionId: null })).toMatchObject({
      ok: true,
    });
    expect(verification.state.number).toBe(2);
    expect(verification.report().verdict).toBe('self_attested');
  });

  test('finds ids and idempotency keys that occur twice in the log', async () => {
    const other = await MiniLog.create();
    const writer = await other.writer('one');
    const { jti, at } = other.payload(writer, 'event');
    const twice = { jti, at, iat: at / 1000, idk: `s.${idOf('k', 32)}`, idb: `s.${idOf('b', 32)}` };
    const verification = new LogVerification(other.genesis.bytes);
    const quick = new LogVerification(
      other.genesis.bytes,
      {},
      { repetitions: false, signatures: false },
    );
    for (let i = 0; i < 2; i += 1) {
      const bytes = await other.seal(writer, [
        await other.entry(writer, i === 0 ? 'boot' : 'event', {
          ...twice,
          ...(i === 0 ? bootFacts(other) : { idb: `s.${idOf('c', 32)}` }),
        }),
      ]);
      verification.add(bytes, { versionId: `v${i}` });
      quick.add(bytes, { versionId: `v${i}`, voids: [] });
    }
    const codes: FindingCode[] = verification.report().findings.map(({ code }) => code);
    expect(codes).toEqual(['duplicate_jti', 'idempotency_conflict']);
    expect(verification.report().steps.find(({ name }) => name === 'ids')).toMatchObject({
      verdict: 'fail',
      detail: '1 duplicate_jti, 1 idempotency_conflict',
    });
    expect(quick.report().findings).toEqual([]);
    const left = quick.report().steps.filter(({ detail }) => detail === 'left out by option');
    expect(left.map(({ name }) => name)).toEqual(['leaf_signatures', 'ids']);
    expect(quick.report().establishes).toHaveLength(2);
  });

  test('holds carried checkpoints against the roots that it remembers', async () => {
    const other = await MiniLog.create();
    const otherKey = await checkpointKey(other);
    const writer = await other.writer('one');
    const verification = new LogVerification(other.genesis.bytes);
    const seal = async (checkpoints: string[]): Promise<void> => {
      const certs = [writer.cert, otherKey.cert];
      const bytes = await other.seal(writer, [await other.entry(writer, 'event')], {
        certs,
        checkpoints,
      });
      verification.add(bytes, { versionId: null });
    };
    await seal([]);
    const first = await signHead(otherKey, other.genesis.origin, 1, edgeRoot(other.state.edge));
    await seal([]);
    await seal([first, await signHead(otherKey, other.genesis.origin, 1, EMPTY_ROOT)]);
    const { findings } = verification.report();
    expect(findings.filter(({ code }) => code === 'bad_checkpoint')).toMatchObject([
      { detail: 'checkpoint 1: root of size 1 differs' },
    ]);
  });

  test('cannot say what a certified key signed in a newer format', async () => {
    const [line = ''] = text(batches[1]!).split('\n');
    const payload = JSON.parse(Buffer.from(line.split('.')[1]!, 'base64url').toString()) as object;
    const newer = await signJws('stele-batch+jwt', { ...payload, v: 2 }, signerOf('writer one'));
    const verification = verified({}, {}, batches.slice(0, 1));
    expect(verification.add(utf8Bytes(`${newer}\n`), { versionId: null })).toMatchObject({
      stop: true,
    });
    const { verdict, steps } = verification.report();
    expect([verdict, steps[1]]).toMatchObject([
      'incomplete',
      { name: 'batches', verdict: 'unverifiable' },
    ]);
    expect(steps[1]?.detail).toContain('batch 1: invalid_header');
  });

  test('takes what a reader of the store found', () => {
    const more = {
      steps: [step('locks', 'unverifiable', 'no right to read them')],
      findings: [finding('delete_marker', { key: 'x' }, 'x')],
    };
    const report = verified().report(more);
    expect(report.steps.at(-1)?.name).toBe('locks');
    expect(report.verdict).toBe('invalid');
  });

  test('does not begin with another genesis, or a checkpoint that is not of this log', () => {
    expect(() => verified({ gen: idOf('other', 32) })).toThrow(
      expect.objectContaining({ code: 'other_genesis' }),
    );
    expect(() => verified({ checkpoints: [heads[0]!] })).toThrow(
      expect.objectContaining({ code: 'note_unverified' }),
    );
  });
});

describe('verdictOf', () => {
  const pass = step('a', 'pass', '');
  const rows: readonly [string, Parameters<typeof verdictOf>, string][] = [
    ['all passed', [[pass], [], ['a'], true], 'valid'],
    ['no anchor', [[pass], [], ['a'], false], 'self_attested'],
    ['a needed step is missing', [[pass], [], ['a', 'b'], true], 'incomplete'],
    ['a step failed', [[pass, step('b', 'fail', '')], [], ['a'], true], 'invalid'],
    ['a violation was found', [[pass], [finding('fork', {}, '')], ['a'], true], 'invalid'],
    ['a warning was found', [[pass], [finding('gap', {}, '')], ['a'], true], 'valid'],
  ];
  test.each(rows)('%s', (_name, args, want) => {
    expect(verdictOf(...args)).toBe(want);
  });
});
