import { describe, expect, test } from '@jest/globals';
import { concatBytes, parseHex, uint64, utf8Text } from '../../../src/core/platform/bytes.ts';
import * as cosignature from '../../../src/core/tree/cosignature.ts';
import {
  openNote,
  parseSignedNote,
  parseVkey,
  verifierOf,
} from '../../../src/core/tree/signed-note.ts';
import { readVector } from '../../support/vectors.ts';

const vectors = readVector('sunlight-cosignatures/ed25519-cosignatures.json') as {
  rfc6962_log: { checkpoint: string };
  cosignatures: { cosigner_vkey: string; timestamp: number; checkpoint: string }[];
};
const malformed = expect.objectContaining({ name: 'MalformedError', code: 'malformed_signature' });

describe('the cosignatures of Sunlight', () => {
  test.each(vectors.cosignatures)('of $cosigner_vkey verify', ({ cosigner_vkey, ...given }) => {
    const key = parseVkey(cosigner_vkey);
    const opened = openNote(given.checkpoint, [verifierOf(key)]);
    expect(opened.verified).toMatchObject([
      { name: key.name, id: key.id, type: 4, timeMs: given.timestamp * 1000 },
    ]);
  });

  test.each(vectors.cosignatures)('of $cosigner_vkey cover text and time', (given) => {
    const { publicKey, name } = parseVkey(given.cosigner_vkey);
    const { text, signatures } = parseSignedNote(given.checkpoint);
    const line = signatures.find((signature) => signature.name === name)!;
    const parsed = cosignature.parseCosignature(line.signature);
    const verify = (noteText: string, timeMs: number): boolean =>
      cosignature.verifyCosignature(publicKey, noteText, { ...parsed, timeMs });
    expect(verify(text, parsed.timeMs)).toBe(true);
    expect(verify(text, parsed.timeMs + 1000)).toBe(false);
    expect(verify(`${text}extension\n`, parsed.timeMs)).toBe(false);
  });
});

test('what a cosigner signs is as C2SP tlog-cosignature has it', () => {
  const bytes = cosignature.cosignedBytes('example.com/log\n1\nroot\n', 1_679_315_147_000);
  expect(utf8Text(bytes)).toBe('cosignature/v1\ntime 1679315147\nexample.com/log\n1\nroot\n');
});

test('a tree head signature of RFC 6962 comes apart', () => {
  const [line] = parseSignedNote(vectors.rfc6962_log.checkpoint).signatures;
  const parsed = cosignature.parseTreeHeadSignature(line!.signature);
  expect(new Date(parsed.timeMs).toISOString()).toBe('2025-12-31T00:00:00.000Z');
  expect(parsed.signature.length).toBe(71);
});

test('the longest times are those of a safe number of ms', () => {
  const made = (seconds: number): Uint8Array => concatBytes(uint64(seconds), new Uint8Array(64));
  const last = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
  expect(cosignature.parseCosignature(made(last)).timeMs).toBe(last * 1000);
  expect(() => cosignature.parseCosignature(made(last + 1))).toThrow(malformed);
});

const time = '0000000000000001';
// prettier-ignore
test.each([
  { about: 'an Ed25519 cosignature of 71 bytes', parse: cosignature.parseCosignature, given: new Uint8Array(71) },
  { about: 'an Ed25519 cosignature of 73 bytes', parse: cosignature.parseCosignature, given: new Uint8Array(73) },
  { about: 'an ML-DSA cosignature of 72 bytes', parse: cosignature.parseSubtreeCosignature, given: new Uint8Array(72) },
  { about: 'a tree head signature without bytes', parse: cosignature.parseTreeHeadSignature, given: parseHex('') },
  { about: 'a tree head signature without a signature', parse: cosignature.parseTreeHeadSignature, given: parseHex(`${time}04030000`) },
  { about: 'a tree head signature with one byte fewer', parse: cosignature.parseTreeHeadSignature, given: parseHex(`${time}04030002ff`) },
  { about: 'a tree head signature with one byte more', parse: cosignature.parseTreeHeadSignature, given: parseHex(`${time}04030001ffff`) },
  { about: 'a tree head signature with SHA-1', parse: cosignature.parseTreeHeadSignature, given: parseHex(`${time}02030001ff`) },
  { about: 'a tree head signature with DSA', parse: cosignature.parseTreeHeadSignature, given: parseHex(`${time}04020001ff`) },
])('$about is refused', ({ parse, given }) => {
  expect(() => parse(given)).toThrow(malformed);
});

test.each([
  { algorithm: 'RSA', given: '0000000000000001040100020102' },
  { algorithm: 'ECDSA', given: '0000000000000001040300020102' },
])('a tree head signature with $algorithm is taken apart', ({ given }) => {
  const parsed = cosignature.parseTreeHeadSignature(parseHex(given));
  expect(parsed).toEqual({ timeMs: 1, signature: Uint8Array.of(1, 2) });
});

test('a time beyond all numbers is refused', () => {
  const far = concatBytes(new Uint8Array(8).fill(255), new Uint8Array(64));
  expect(() => cosignature.parseCosignature(far)).toThrow(
    expect.objectContaining({ name: 'MalformedError', code: 'unsafe_number' }),
  );
});
