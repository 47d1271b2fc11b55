import { describe, expect, test } from '@jest/globals';
import { toBase64, utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { openCheckpoint } from '../../../src/core/tree/checkpoint.ts';
import { EMPTY_ROOT, hashLeaf } from '../../../src/core/tree/hash.ts';
import { verifyInclusion } from '../../../src/core/tree/proof.ts';
import { parseVkey, verifierOf } from '../../../src/core/tree/signed-note.ts';
import { formatTlogProof, parseTlogProof } from '../../../src/core/tree/tlog-proof.ts';
import { parseLeafIndex } from '../../../src/core/tree/tree.ts';
import { readVector, readVectorText } from '../../support/vectors.ts';

const malformed = (code: string): unknown =>
  expect.objectContaining({ name: 'MalformedError', code });
const log = readVector('tessera-testlog/testlog.json') as {
  origin: string;
  vkey: string;
  leaves_utf8: string[];
  checkpoints: Record<string, string>;
};
const checkpoint = log.checkpoints['3']!;

describe('the proofs over the test log', () => {
  test.each([
    { file: 'index0-size1', index: 0, hashes: 0, extra: undefined },
    { file: 'index2-size3', index: 2, hashes: 1, extra: undefined },
    { file: 'index7-size15-extra', index: 7, hashes: 4, extra: 'example extra data' },
  ])('$file comes apart, verifies, and together again', ({ file, index, hashes, extra }) => {
    const text = readVectorText(`derived/${file}.tlog-proof.txt`);
    const proof = parseTlogProof(text);
    expect([proof.index, proof.path.length]).toEqual([index, hashes]);
    expect(proof.extra === undefined ? undefined : utf8Text(proof.extra)).toBe(extra);
    expect(formatTlogProof(proof)).toBe(text);
    const verifiers = [verifierOf(parseVkey(log.vkey))];
    const { checkpoint: head } = openCheckpoint(proof.checkpoint, log.origin, verifiers);
    const leaf = hashLeaf(utf8Bytes(log.leaves_utf8[index]!));
    const inclusion = { leafIndex: proof.index, path: proof.path };
    expect(verifyInclusion(inclusion, leaf, head)).toEqual({ ok: true });
  });
});

const first = 'c2sp.org/tlog-proof@v1';
const hash = toBase64(EMPTY_ROOT);
// prettier-ignore
test.each([
  { about: 'nothing', text: '', code: 'malformed_tlog_proof' },
  { about: 'no checkpoint', text: `${first}\nindex 0\n`, code: 'malformed_tlog_proof' },
  { about: 'an empty checkpoint', text: `${first}\nindex 0\n\n`, code: 'malformed_note' },
  { about: 'another version', text: `c2sp.org/tlog-proof@v2\nindex 0\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'no index', text: `${first}\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'an index without a number', text: `${first}\nindex\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'an index of 01', text: `${first}\nindex 01\n\n${checkpoint}`, code: 'malformed_number' },
  { about: 'an index of 2^53-1', text: `${first}\nindex 9007199254740991\n\n${checkpoint}`, code: 'malformed_index' },
  { about: 'extra after the index', text: `${first}\nindex 0\nextra AA==\n\n${checkpoint}`, code: 'malformed_base64' },
  { about: 'extra twice', text: `${first}\nextra AA==\nextra AA==\nindex 0\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'an empty extra', text: `${first}\nextra \nindex 0\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'a loose extra', text: `${first}\nextra AA\nindex 0\n\n${checkpoint}`, code: 'malformed_base64' },
  { about: 'a short hash', text: `${first}\nindex 0\nAAAA\n\n${checkpoint}`, code: 'malformed_hash' },
  { about: '64 hashes', text: `${first}\nindex 0\n${`${hash}\n`.repeat(64)}\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'a carriage return', text: `${first}\r\nindex 0\n\n${checkpoint}`, code: 'malformed_tlog_proof' },
  { about: 'a note that is no checkpoint', text: `${first}\nindex 0\n\ntext\n\n— a AAAAAAA=\n`, code: 'malformed_checkpoint' },
])('a text with $about is refused: $code', ({ text, code }) => {
  expect(() => parseTlogProof(text)).toThrow(malformed(code));
});

test('a path has 63 hashes at most', () => {
  const path = Array.from({ length: 63 }, () => EMPTY_ROOT);
  const index = parseLeafIndex(0);
  expect(parseTlogProof(formatTlogProof({ index, path, checkpoint })).path.length).toBe(63);
  const longer = { index, path: [...path, EMPTY_ROOT], checkpoint };
  expect(() => formatTlogProof(longer)).toThrow(malformed('malformed_tlog_proof'));
});
