import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { parseBatch } from '../../../src/core/log/batch.ts';
import { parseBatchHeader, voidsDigest } from '../../../src/core/log/batch-header.ts';
import type { VoidSlot } from '../../../src/core/log/batch-header.ts';
import { concatBytes, toBase64Url, utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../../../src/core/json/canonical-json.ts';
import { formatCheckpoint, parseCheckpoint } from '../../../src/core/tree/checkpoint.ts';
import { parseDsc } from '../../../src/core/record/disclosure.ts';
import {
  completePayload,
  entryBytes,
  entryPrefix,
  parseEntry,
  sealJws,
  signingInput,
} from '../../../src/core/entry/entry.ts';
import { ENTRY_KINDS } from '../../../src/core/entry/entry.ts';
import { parseGenesis } from '../../../src/core/ledger/genesis.ts';
import { jsonSchemas, RecordSchema } from '../../../src/core/log/json-schemas.ts';
import { formatSdJwt, parseSdJwt } from '../../../src/core/record/open-disclosures.ts';
import { memberRange } from '../../../src/core/log/payload-object.ts';
import { sha256 } from '../../../src/core/platform/platform.node.ts';
import {
  checkFullOpening,
  discloseStored,
  formatRecord,
  parseRecord,
} from '../../../src/core/record/record.ts';
import { formatSignedNote, parseSignedNote } from '../../../src/core/tree/signed-note.ts';
import { parseCertificate } from '../../../src/core/ledger/statement.ts';
import type { Statement } from '../../../src/core/ledger/statement.ts';
import { frameEntries } from '../../../src/core/tree/tile.ts';
import { formatTlogProof, parseTlogProof } from '../../../src/core/tree/tlog-proof.ts';
import { LogVerification, verifyProof } from '../../../src/core/verify/verify.ts';
import { fillFormats } from '../../golden/formats.ts';
import { GOLDEN_FOLDER, makeGolden } from '../../golden/make.ts';

/** `GOLDEN=write` makes the files of a version that was never released. */
const writes = process.env['GOLDEN'] === 'write';

const made = await makeGolden();
if (writes) {
  for (const [path, content] of made) {
    mkdirSync(dirname(join(GOLDEN_FOLDER, path)), { recursive: true });
    writeFileSync(join(GOLDEN_FOLDER, path), content);
  }
}

function bytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(GOLDEN_FOLDER, path)));
}

function text(path: string): string {
  return utf8Text(bytes(path));
}

function paths(folder: string): string[] {
  return readdirSync(join(GOLDEN_FOLDER, folder), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => relative(GOLDEN_FOLDER, join(one.parentPath, one.name)))
    .sort();
}

const values = JSON.parse(text('values.json')) as {
  readonly gen: string;
  readonly vkey: string;
  readonly size: number;
};
const entries = paths('entries');
const records = paths('records');
const batches = paths('batches');

test('the maker gives the same bytes as ever, and no other files', () => {
  expect(paths('.')).toEqual([...made.keys()].sort());
  for (const [path, content] of made)
    expect([path, Buffer.from(content).equals(bytes(path))]).toEqual([path, true]);
});

describe('every file comes apart and together again, byte for byte', () => {
  test('genesis', () => {
    const genesis = parseGenesis(bytes('genesis.json'));
    expect(genesis.gen).toBe(values.gen);
    expect(canonicalJson(parseCanonicalJson(text('genesis.json')))).toBe(text('genesis.json'));
  });

  test.each(paths('certificates'))('%s', (path) => {
    const genesis = parseGenesis(bytes('genesis.json'));
    const statement = JSON.parse(text(path)) as Statement;
    expect(canonicalJson(parseCertificate(statement, genesis).statement)).toBe(text(path));
  });

  test.each(entries)('%s', (path) => {
    const { payload, header, signature } = parseEntry(bytes(path));
    const { wtr, ...fields } = payload;
    const input = signingInput(header.kid, completePayload(entryPrefix(fields), wtr));
    expect(entryBytes(sealJws(input, signature))).toEqual(bytes(path));
  });

  test.each(records)('%s', (path) => {
    const record = parseRecord(text(path));
    expect(formatRecord(record)).toBe(text(path));
    expect(RecordSchema.parse(JSON.parse(text(path)))).toEqual(record);
  });

  test.each(batches)('%s', (path) => {
    const object = bytes(path);
    const { header, leaves } = parseBatch(object);
    const end = object.indexOf(10);
    const line = utf8Text(object.subarray(0, end));
    const { jws } = parseBatchHeader(line);
    const payload = toBase64Url(utf8Bytes(canonicalJson(header)));
    expect(jws.signingInput.split('.')[1]).toBe(payload);
    expect(concatBytes(object.subarray(0, end + 1), frameEntries(leaves))).toEqual(object);
  });

  test('checkpoint and proof', () => {
    const note = parseSignedNote(text('checkpoint.txt'));
    const body = formatCheckpoint(parseCheckpoint(note.text));
    expect(formatSignedNote(body, note.signatures)).toBe(text('checkpoint.txt'));
    expect(formatTlogProof(parseTlogProof(text('proof.tlog-proof')))).toBe(
      text('proof.tlog-proof'),
    );
  });

  test.each(paths('sd-jwt'))('%s', (path) => {
    const { jws, disclosures } = parseSdJwt(text(path));
    expect(formatSdJwt(jws, disclosures)).toBe(text(path));
    expect(utf8Bytes(jws)).toEqual(bytes('entries/event.jws'));
  });
});

test('every kind occurs, and one of a later version', () => {
  const kinds = new Set(entries.map((path) => parseEntry(bytes(path)).payload.kind));
  expect([...kinds].sort()).toEqual([...ENTRY_KINDS, 'marvel'].sort());
});

function verified(): LogVerification {
  const verification = new LogVerification(bytes('genesis.json'), {
    gen: values.gen,
    vkeys: [values.vkey],
    checkpoints: [text('checkpoint.txt')],
  });
  const voids = JSON.parse(text('voids.json')) as VoidSlot[];
  for (const path of batches) {
    const number = Number(path.slice('batches/'.length));
    const source = {
      number,
      versionId: `version-of-${number}`,
      ...(number === 4 ? { voids } : {}),
    };
    expect(verification.add(bytes(path), source)).toMatchObject({ ok: true });
  }
  return verification;
}

describe('the golden log', () => {
  test('is valid, and has the findings that it was made to have', () => {
    const verification = verified();
    const report = verification.report();
    expect(report.verdict).toBe('valid');
    expect(report.findings.map(({ code, at }) => [code, at.index ?? at.batch])).toEqual([
      ['unknown_kind', 18],
      ['gap', 10],
      ['void_batch', 2],
      ['void_batch', 3],
    ]);
    expect(verification.state).toMatchObject({ number: 4, size: values.size, final: true });
    expect(verification.state.config.labels).toContain('team');
  });

  test('accounts for its void numbers', () => {
    const voids = JSON.parse(text('voids.json')) as VoidSlot[];
    expect(parseBatch(bytes(batches[2]!)).header).toMatchObject({
      number: 4,
      voids: { first: 2, count: 2, digest: voidsDigest(voids) },
      late: [1],
      final: true,
      orphans: [{ size: 120 }],
    });
  });

  test('has a proof of its event that passes in every step', () => {
    const certificates = paths('certificates').map((path) => JSON.parse(text(path)) as Statement);
    const report = verifyProof(
      {
        entry: text('sd-jwt/full.txt'),
        proof: text('proof.tlog-proof'),
        genesis: bytes('genesis.json'),
        certificates,
        record: text('records/event.ndjson'),
      },
      { vkeys: [values.vkey] },
      { index: 1 },
    );
    expect(
      report.steps.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name),
    ).toEqual(['witnesses']);
    expect(report.verdict).toBe('valid');
  });

  test('has records that open their entries, found by one range each', () => {
    for (const [number, name, offset] of [
      [0, 'event', 1],
      [1, 'event-sealed', 0],
    ] as const) {
      const { header } = parseBatch(bytes(batches[number]!));
      const reference = header.payloads[0]!;
      const object = bytes(`payloads/${number === 0 ? 'first' : 'second'}.ndjson.gz`);
      expect([object.length, toBase64Url(sha256(object))]).toEqual([
        reference.size,
        reference.sha256,
      ]);
      const { start, end } = memberRange(reference, offset)!;
      const line = gunzipSync(object.subarray(start, end)).toString();
      expect(line).toBe(text(`records/${name}.ndjson`));
      const { payload } = parseEntry(bytes(`entries/${name}.jws`));
      expect(checkFullOpening(payload, parseRecord(line))).toEqual({ ok: true });
      expect(discloseStored(parseRecord(line), parseDsc(payload.dsc!)).sd).toEqual(payload._sd);
    }
  });
});

describe('the reference', () => {
  test('has examples, checks and findings that are those of the code', () => {
    const page = readFileSync('docs/formats.md', 'utf8');
    const wanted = fillFormats(page, made);
    if (writes) writeFileSync('docs/formats.md', wanted);
    expect(readFileSync('docs/formats.md', 'utf8')).toBe(wanted);
    expect(fillFormats(wanted, made)).toBe(wanted);
  });

  test('names every member of every schema, every kind and every step', () => {
    const page = readFileSync('docs/formats.md', 'utf8');
    const names = (schema: unknown): string[] => {
      if (typeof schema !== 'object' || schema === null) return [];
      const own = 'properties' in schema ? Object.keys(schema.properties as object) : [];
      return [...own, ...Object.values(schema).flatMap(names)];
    };
    const missing = [...new Set([...jsonSchemas().values()].flatMap(names))].filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(page),
    );
    expect(missing).toEqual([]);
    for (const kind of ENTRY_KINDS) expect(page).toContain(`\`${kind}\``);
    const steps = [...verified().report().steps, ...verifyProof({ entry: '', proof: '' }).steps];
    for (const { name } of steps) expect(page).toContain(`\`${name}\``);
  });

  test('has the schemas that the parsers apply', () => {
    const folder = 'docs/reference/schemas';
    const wanted = new Map(
      [...jsonSchemas()].map(([name, schema]) => [
        `${name}.json`,
        `${JSON.stringify(schema, null, 2)}\n`,
      ]),
    );
    if (writes) for (const [name, content] of wanted) writeFileSync(join(folder, name), content);
    // Those of policies are generated from the schemas of src/policy and compared by the gate.
    const names = readdirSync(folder).filter((name) => !name.startsWith('policy-'));
    expect(names.sort()).toEqual([...wanted.keys()].sort());
    for (const [name, content] of wanted)
      expect([name, readFileSync(join(folder, name), 'utf8')]).toEqual([name, content]);
  });
});
