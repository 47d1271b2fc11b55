import { describe, expect, test } from '@jest/globals';
import { toBase64, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import * as checkpoint from '../../../src/core/tree/checkpoint.ts';
import { EMPTY_ROOT, hashLeaf } from '../../../src/core/tree/hash.ts';
import {
  formatSignedNote,
  parseSignedNote,
  parseVkey,
  verifierOf,
} from '../../../src/core/tree/signed-note.ts';
import { edgeHead, emptyEdge, extendEdge, parseTreeSize } from '../../../src/core/tree/tree.ts';
import { noteKey } from '../../support/note-keys.ts';
import { readVector, readVectorText } from '../../support/vectors.ts';

const malformed = (code: string): unknown =>
  expect.objectContaining({ name: 'MalformedError', code });

describe('the test log of Tessera', () => {
  const log = readVector('tessera-testlog/testlog.json') as {
    origin: string;
    vkey: string;
    leaves_utf8: string[];
    checkpoints: Record<string, string>;
  };
  const verifiers = [verifierOf(parseVkey(log.vkey))];

  test.each(Object.entries(log.checkpoints))('at size %s is ours, note and root', (size, note) => {
    const opened = checkpoint.openCheckpoint(note, log.origin, verifiers);
    const leaves = log.leaves_utf8.slice(0, Number(size)).map((text) => hashLeaf(utf8Bytes(text)));
    const head = edgeHead(extendEdge(emptyEdge(), leaves));
    expect(opened.checkpoint).toEqual({ origin: log.origin, ...head, extensions: [] });
    const text = checkpoint.formatCheckpoint({ origin: log.origin, ...head, extensions: [] });
    expect(formatSignedNote(text, parseSignedNote(note).signatures)).toBe(note);
  });
});

test.each(['behind-the-sofa', 'behind-the-sofa-cosigned'])('the example %s parses', (name) => {
  const { text } = parseSignedNote(
    readVectorText(`c2sp-spec-examples/checkpoint/${name}.note.txt`),
  );
  expect(checkpoint.parseCheckpoint(text)).toMatchObject({
    origin: 'example.com/behind-the-sofa',
    size: 20852163,
  });
});

describe('a checkpoint text', () => {
  const root = toBase64(EMPTY_ROOT);
  const size = parseTreeSize(0);

  // prettier-ignore
  test.each([
    { about: 'nothing', text: '', code: 'malformed_checkpoint' },
    { about: 'two lines', text: 'a\n0\n', code: 'malformed_checkpoint' },
    { about: 'no last line end', text: `a\n0\n${root}`, code: 'malformed_checkpoint' },
    { about: 'no origin', text: `\n0\n${root}\n`, code: 'malformed_checkpoint' },
    { about: 'an origin of 256 bytes', text: `${'é'.repeat(128)}\n0\n${root}\n`, code: 'malformed_checkpoint' },
    { about: 'a control character', text: `a\u0007\n0\n${root}\n`, code: 'malformed_checkpoint' },
    { about: 'a lone surrogate', text: `a\udc00\n0\n${root}\n`, code: 'malformed_checkpoint' },
    { about: 'an empty extension', text: `a\n0\n${root}\n\n`, code: 'malformed_checkpoint' },
    { about: 'a leading zero', text: `a\n00\n${root}\n`, code: 'malformed_number' },
    { about: 'a sign', text: `a\n-1\n${root}\n`, code: 'malformed_number' },
    { about: 'a size of 2^53', text: `a\n9007199254740992\n${root}\n`, code: 'malformed_number' },
    { about: 'a root of 31 bytes', text: `a\n0\n${toBase64(EMPTY_ROOT.subarray(1))}\n`, code: 'malformed_hash' },
    { about: 'a root without padding', text: `a\n0\n${root.slice(0, -1)}\n`, code: 'malformed_base64' },
    { about: 'a space', text: `a\n0\n${root} \n`, code: 'malformed_base64' },
  ])('with $about is refused: $code', ({ text, code }) => {
    expect(() => checkpoint.parseCheckpoint(text)).toThrow(malformed(code));
  });

  test('may have an origin of 255 bytes, and extensions', () => {
    const given = {
      origin: `${'é'.repeat(127)}a`,
      size,
      root: EMPTY_ROOT,
      extensions: ['x', ' y'],
    };
    expect(checkpoint.parseCheckpoint(checkpoint.formatCheckpoint(given))).toEqual(given);
  });

  // prettier-ignore
  test.each([
    { about: 'a line end in the origin', origin: 'a\n1', extensions: [], code: 'malformed_base64' },
    { about: 'another head in the origin', origin: `a\n9\n${root}`, extensions: [], code: 'malformed_checkpoint' },
    { about: 'no origin', origin: '', extensions: [], code: 'malformed_checkpoint' },
    { about: 'an empty extension', origin: 'a', extensions: [''], code: 'malformed_checkpoint' },
    { about: 'a line end in an extension', origin: 'a', extensions: ['x\ny'], code: 'malformed_checkpoint' },
  ])('is not made with $about', ({ origin, extensions, code }) => {
    const given = { origin, size, root: EMPTY_ROOT, extensions };
    expect(() => checkpoint.formatCheckpoint(given)).toThrow(malformed(code));
  });
});

describe('opening a checkpoint', () => {
  const origin = 'example.com/log';
  const [log, witness] = [noteKey(origin, 1), noteKey('witness.example', 2, 4)];
  const verifiers = [verifierOf(log), verifierOf(witness)];
  const given = { origin, size: parseTreeSize(0), root: EMPTY_ROOT, extensions: [] };
  const text = checkpoint.formatCheckpoint(given);

  test('gives head and signers', () => {
    const note = formatSignedNote(text, [log.sign(text), witness.sign(text, 5000)]);
    const opened = checkpoint.openCheckpoint(note, origin, verifiers);
    expect(opened.checkpoint).toEqual(given);
    expect(opened.verified.map(({ name, timeMs }) => ({ name, timeMs }))).toEqual([
      { name: origin, timeMs: null },
      { name: 'witness.example', timeMs: 5000 },
    ]);
  });

  test('takes no cosigner for the log', () => {
    const note = formatSignedNote(text, [witness.sign(text, 5000)]);
    const open = (): unknown => checkpoint.openCheckpoint(note, origin, verifiers);
    expect(open).toThrow(malformed('note_unverified'));
  });

  test('takes no other log for this one', () => {
    const note = formatSignedNote(text, [log.sign(text)]);
    const open = (): unknown => checkpoint.openCheckpoint(note, 'example.com/other', verifiers);
    expect(open).toThrow(malformed('other_origin'));
  });
});
