import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseBase64Url, toBase64Url, utf8Bytes, utf8Text } from '../../src/core/platform/bytes.ts';
import { EMPTY_ROOT } from '../../src/core/tree/hash.ts';
import { formatSdJwt } from '../../src/core/record/open-disclosures.ts';
import { sha256Base64Url } from '../../src/core/platform/platform.node.ts';
import { formatRecord } from '../../src/core/record/record.ts';
import { disclosuresFor } from '../../src/core/record/redact.ts';
import {
  formatSignedNote,
  formatVkey,
  parseSignedNote,
  parseVkey,
} from '../../src/core/tree/signed-note.ts';
import { makeCertificate, vkeyOf } from '../../src/core/ledger/statement.ts';
import { formatTlogProof, parseTlogProof } from '../../src/core/tree/tlog-proof.ts';
import { verifyProof } from '../../src/core/verify/verify.ts';
import type {
  ProofAnchors,
  ProofEvidence,
  ProofExpectation,
} from '../../src/core/verify/verify.ts';
import {
  bootFacts,
  checkpointKey,
  MiniLog,
  proofOf,
  recorded,
  signerOf,
  signHead,
} from '../golden/support.ts';
import type { TestCheckpointKey, TestRecorded, TestWriter } from '../golden/support.ts';

/** A log of seven entries, of which each has a record but the first. */
interface Shown {
  readonly log: MiniLog;
  readonly writer: TestWriter;
  readonly key: TestCheckpointKey;
  readonly records: readonly TestRecorded[];
  readonly leaves: readonly Uint8Array[];
}

/** What is shown, what the verifier knows, and what he asked for. */
interface Case {
  readonly evidence: ProofEvidence;
  readonly anchors: ProofAnchors;
  readonly expected: ProofExpectation;
}

async function makeLog(time: number): Promise<Shown> {
  const log = await MiniLog.create({ time });
  const writer = await log.writer('one');
  const boot = await log.entry(writer, 'boot', bootFacts(log));
  const records: TestRecorded[] = [];
  for (let i = 0; i < 6; i += 1) records.push(await recorded(log, writer));
  const leaves = [boot, ...records.map(({ leaf }) => leaf)];
  await log.seal(writer, leaves);
  return { log, writer, key: await checkpointKey(log), records, leaves };
}

let ours: Shown;
let other: Shown;
let honest: Case;

beforeAll(async () => {
  ours = await makeLog(1_767_225_600_000);
  other = await makeLog(1_767_225_599_000);
  const { log, writer, key, records, leaves } = ours;
  honest = {
    evidence: {
      entry: records[2]!.leaf,
      disclosures: disclosuresFor(records[2]!.disclosed, 'all'),
      proof: await proofOf(log, key, leaves, 3),
      genesis: log.genesis.bytes,
      certificates: [writer.cert, key.cert],
      record: formatRecord(records[2]!.record),
    },
    anchors: { vkeys: [key.vkey], gen: log.genesis.gen },
    expected: { origin: log.genesis.origin, jti: records[2]!.record.jti, index: 3 },
  };
});

/** Flips a bit of a text in base64 or base64url, so that it stays one. */
function flipText(text: string, at: number): string {
  const place = at < 0 ? text.length + at : at;
  return `${text.slice(0, place)}${text[place] === 'A' ? 'B' : 'A'}${text.slice(place + 1)}`;
}

/** Another text in the place of one of the proof's lines. */
function lineOf(proof: string, number: number, change: (line: string) => string): string {
  const lines = proof.split('\n');
  return [...lines.slice(0, number), change(lines[number]!), ...lines.slice(number + 1)].join('\n');
}

const evidence = (changes: Partial<ProofEvidence>): Partial<Case> => ({
  evidence: { ...honest.evidence, ...changes },
});
const disclosures = (change: (all: readonly string[]) => readonly string[]): Partial<Case> =>
  evidence({ disclosures: change(honest.evidence.disclosures!) });

/** The notes of the honest proof, with another text or signature. */
function renoted(change: (note: string) => string): Partial<Case> {
  const proof = parseTlogProof(honest.evidence.proof);
  return evidence({ proof: formatTlogProof({ ...proof, checkpoint: change(proof.checkpoint) }) });
}

async function headedBy(size: number, root: Uint8Array): Promise<Partial<Case>> {
  const { log, key } = ours;
  const checkpoint = await signHead(key, log.genesis.origin, size, root);
  const proof = parseTlogProof(honest.evidence.proof);
  return evidence({ proof: formatTlogProof({ ...proof, checkpoint }) });
}

/** What is done, and the step that fails. */
type Row = readonly [string, () => Partial<Case> | Promise<Partial<Case>>, string];

const rows: readonly Row[] = [
  [
    'another entry of the log',
    () => ({ ...evidence({ entry: ours.records[3]!.leaf }), expected: {} }),
    'inclusion',
  ],
  [
    'another entry of the log, in the place of the one that was asked for',
    async () =>
      evidence({
        entry: ours.records[3]!.leaf,
        proof: await proofOf(ours.log, ours.key, ours.leaves, 4),
      }),
    'entry',
  ],
  [
    'another index',
    () => {
      const proof = parseTlogProof(honest.evidence.proof);
      return {
        ...evidence({ proof: formatTlogProof({ ...proof, index: 2 as never }) }),
        expected: {},
      };
    },
    'inclusion',
  ],
  [
    'an index past the end',
    () => {
      const proof = parseTlogProof(honest.evidence.proof);
      return {
        ...evidence({ proof: formatTlogProof({ ...proof, index: 7 as never }) }),
        expected: {},
      };
    },
    'inclusion',
  ],
  ['another index than was asked for', () => ({ expected: { index: 2 } }), 'inclusion'],
  ['another origin than was asked for', () => ({ expected: { origin: 'x.example/y' } }), 'entry'],
  [
    'a bit of the path',
    () => evidence({ proof: lineOf(honest.evidence.proof, 2, (line) => flipText(line, 5)) }),
    'inclusion',
  ],
  [
    'two hashes of the path swapped',
    () => {
      const proof = parseTlogProof(honest.evidence.proof);
      return evidence({ proof: formatTlogProof({ ...proof, path: proof.path.toReversed() }) });
    },
    'inclusion',
  ],
  [
    'a hash of the path left out',
    () => {
      const proof = parseTlogProof(honest.evidence.proof);
      return evidence({ proof: formatTlogProof({ ...proof, path: proof.path.slice(1) }) });
    },
    'inclusion',
  ],
  [
    'a bit of the root in the checkpoint',
    () =>
      renoted((note) => {
        const { text, signatures } = parseSignedNote(note);
        const [origin, size, root] = text.split('\n');
        return formatSignedNote(`${origin}\n${size}\n${flipText(root!, 3)}\n`, signatures);
      }),
    'checkpoint',
  ],
  [
    'a bit of the signature of the checkpoint',
    () => renoted((note) => `${flipText(note.slice(0, -1), -12)}\n`),
    'checkpoint',
  ],
  [
    'the size in the checkpoint',
    () => renoted((note) => note.replace('\n7\n', '\n8\n')),
    'checkpoint',
  ],
  [
    'another size with the same root, signed by the key of the log',
    async () => headedBy(4, parseRoot(honest.evidence.proof)),
    'inclusion',
  ],
  ['an empty tree, signed by the key of the log', async () => headedBy(0, EMPTY_ROOT), 'inclusion'],
  [
    'a checkpoint of the right tree by a thief, under the name of the log',
    async () => {
      const thief = await checkpointKey(ours.log, 'thief');
      return evidence({ proof: await proofOf(ours.log, thief, ours.leaves, 3) });
    },
    'checkpoint',
  ],
  [
    'the key of the log under another name',
    () => {
      const { publicKey, type } = parseVkey(ours.key.vkey);
      return { anchors: { vkeys: [formatVkey('x.example/y', type, publicKey)] } };
    },
    'checkpoint',
  ],
  [
    'a checkpoint of another log by the same key, under its other name',
    async () => {
      const { publicKey, type } = parseVkey(ours.key.vkey);
      const vkey = formatVkey('x.example/y', type, publicKey);
      const twin = { ...ours.key, vkey };
      const checkpoint = await signHead(twin, 'x.example/y', 7, parseRoot(honest.evidence.proof));
      const proof = parseTlogProof(honest.evidence.proof);
      const shown = evidence({ proof: formatTlogProof({ ...proof, checkpoint }) });
      return { ...shown, anchors: { vkeys: [vkey] } };
    },
    'checkpoint',
  ],
  [
    'the proof of another ledger of the same name and keys',
    async () => evidence({ proof: await proofOf(other.log, other.key, other.leaves, 3) }),
    'inclusion',
  ],
  [
    'entry and proof of another ledger of the same name and keys',
    async () => ({
      ...evidence({
        entry: other.records[2]!.leaf,
        proof: await proofOf(other.log, other.key, other.leaves, 3),
      }),
      expected: {},
    }),
    'genesis',
  ],
  [
    'the genesis of another ledger',
    () => evidence({ genesis: other.log.genesis.bytes }),
    'genesis',
  ],
  [
    'an entry re-signed by another key',
    async () => {
      const jws = utf8Text(ours.records[2]!.leaf);
      const input = jws.slice(0, jws.lastIndexOf('.'));
      const signature = toBase64Url(await signerOf('thief').sign(utf8Bytes(input)));
      return evidence({ entry: `${input}.${signature}` });
    },
    'entry_signature',
  ],
  [
    'an entry re-signed by another key, so another leaf',
    async () => {
      const jws = utf8Text(ours.records[2]!.leaf);
      const input = jws.slice(0, jws.lastIndexOf('.'));
      const signature = toBase64Url(await signerOf('thief').sign(utf8Bytes(input)));
      return evidence({ entry: `${input}.${signature}`, certificates: [] });
    },
    'inclusion',
  ],
  [
    'a bit of the payload of the entry',
    () => {
      const [head, payload, signature] = utf8Text(ours.records[2]!.leaf).split('.');
      const bytes = Buffer.from(payload!, 'base64url')
        .toString()
        .replace('"allow":true', '"allow":null');
      return evidence({
        entry: `${head}.${Buffer.from(bytes).toString('base64url')}.${signature}`,
      });
    },
    'entry',
  ],
  [
    'a certificate of a root of somebody else',
    async () => {
      const { log, writer } = ours;
      const { gen } = log.genesis;
      const fields = { gen, use: 'writer', jwk: writer.signer.jwk, writer: writer.id } as const;
      const cert = await makeCertificate(fields, [signerOf('thief')]);
      return evidence({ certificates: [cert, ours.key.cert] });
    },
    'certificates',
  ],
  [
    'a certificate of another ledger',
    () => evidence({ certificates: [other.writer.cert, ours.key.cert] }),
    'certificates',
  ],
  [
    'the certificate of the checkpoint key for the key of the entry',
    async () => {
      const { log, writer, key } = ours;
      const { jwk } = writer.signer;
      const vkey = vkeyOf(log.genesis.origin, jwk)!;
      const fields = { gen: log.genesis.gen, use: 'checkpoint', jwk, vkey } as const;
      return evidence({ certificates: [await makeCertificate(fields, log.roots), key.cert] });
    },
    'entry_signature',
  ],
  [
    'a disclosure of another entry for one of this',
    () => {
      const theirs = disclosuresFor(ours.records[3]!.disclosed, 'all');
      return disclosures((all) => [...all.slice(1), theirs[0]!]);
    },
    'disclosures',
  ],
  [
    'a disclosure added that is made up',
    () => disclosures((all) => [...all, disclosed(['AAAAAAAAAAAAAAAAAAAAAA', 'amount', 999])]),
    'disclosures',
  ],
  ['a disclosure twice', () => disclosures((all) => [...all, all[0]!]), 'disclosures'],
  [
    'a disclosure without the one above it',
    () => disclosures((all) => all.filter((text) => nameIn(text) !== 'event')),
    'disclosures',
  ],
  ['the value of a disclosure', () => disclosures((all) => all.map(withValue(999))), 'disclosures'],
  [
    'the name of a disclosure',
    () => disclosures((all) => all.map(withName('total'))),
    'disclosures',
  ],
  ['the salt of a disclosure', () => disclosures((all) => all.map(withSalt)), 'disclosures'],
  [
    'a disclosure of one value in two ways of writing it',
    () => disclosures((all) => all.map((text) => text.replace(/.$/, (last) => flipText(last, 0)))),
    'disclosures',
  ],
  [
    'a record of another entry',
    () => evidence({ record: formatRecord(ours.records[3]!.record) }),
    'full_opening',
  ],
  [
    'a record with another salt key',
    () => {
      const { record } = ours.records[2]!;
      return evidence({ record: formatRecord({ ...record, key: ours.records[3]!.record.key }) });
    },
    'full_opening',
  ],
];

function parseRoot(proof: string): Uint8Array {
  return Buffer.from(parseTlogProof(proof).checkpoint.split('\n')[2]!, 'base64');
}

function disclosed(parts: readonly unknown[]): string {
  return toBase64Url(utf8Bytes(JSON.stringify(parts)));
}

function partsOf(text: string): [string, string, unknown] {
  return JSON.parse(utf8Text(parseBase64Url(text))) as [string, string, unknown];
}

function nameIn(text: string): string {
  return partsOf(text)[1];
}

/** Changes the disclosure of the event's amount, and no other. */
function withValue(value: unknown) {
  return (text: string): string =>
    nameIn(text) === 'amount' ? disclosed([partsOf(text)[0], 'amount', value]) : text;
}

function withName(name: string) {
  return (text: string): string => {
    const [salt, old, value] = partsOf(text);
    return old === 'amount' ? disclosed([salt, name, value]) : text;
  };
}

function withSalt(text: string): string {
  const [salt, name, value] = partsOf(text);
  return name === 'amount' ? disclosed([flipText(salt, 4), name, value]) : text;
}

function judge({ evidence: shown, anchors, expected }: Case) {
  const { verdict, steps } = verifyProof(shown, anchors, expected);
  const failed = steps.filter((one) => one.verdict === 'fail').map(({ name }) => name);
  return { verdict, failed };
}

test('the proof that is attacked is valid in every step', () => {
  const { verdict, steps } = verifyProof(honest.evidence, honest.anchors, honest.expected);
  expect(verdict).toBe('valid');
  const open = steps.filter((one) => one.verdict !== 'pass').map(({ name }) => name);
  expect(open).toEqual(['witnesses']);
  expect(steps.find(({ name }) => name === 'inclusion')?.detail).toContain('leaf 3 of 7');
});

describe('a proof does not survive', () => {
  test.each(rows)('%s', async (_name, make, step) => {
    const { verdict, failed } = judge({ ...honest, ...(await make()) });
    expect(failed).toContain(step);
    expect(verdict).toBe('invalid');
  });
});

test('a partial view is judged as one: what is hidden proves nothing', () => {
  const some = disclosuresFor(ours.records[2]!.disclosed, { disclose: ['/input/event/amount'] });
  const entry = formatSdJwt(utf8Text(ours.records[2]!.leaf), some);
  const { verdict, steps } = verifyProof({ entry, proof: honest.evidence.proof }, honest.anchors);
  expect(verdict).toBe('valid');
  expect(steps.find(({ name }) => name === 'agreement')?.verdict).toBe('unverifiable');
  expect(sha256Base64Url(some[0]!)).toHaveLength(43);
});

test('a whole bundle of another maker is valid only in its own eyes', async () => {
  const { genesis } = other.log;
  const proof = await proofOf(other.log, other.key, other.leaves, 3);
  const theirs = { entry: other.records[2]!.leaf, proof, genesis: genesis.bytes };
  const shown = { ...theirs, certificates: [other.writer.cert, other.key.cert] };
  expect(verifyProof(shown).verdict).toBe('self_attested');
  expect(verifyProof(shown, { gen: ours.log.genesis.gen }).verdict).toBe('invalid');
});
