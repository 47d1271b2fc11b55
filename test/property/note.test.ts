import { describe, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { toHex } from '../../src/core/platform/bytes.ts';
import { formatCheckpoint, parseCheckpoint } from '../../src/core/tree/checkpoint.ts';
import {
  parseCosignature,
  parseSubtreeCosignature,
  parseTreeHeadSignature,
} from '../../src/core/tree/cosignature.ts';
import { MalformedError } from '../../src/core/errors.ts';
import { parseSha256Hash } from '../../src/core/tree/hash.ts';
import * as notes from '../../src/core/tree/signed-note.ts';
import { formatTlogProof, parseTlogProof } from '../../src/core/tree/tlog-proof.ts';
import { parseLeafIndex, parseTreeSize } from '../../src/core/tree/tree.ts';
import { noteKey } from '../support/note-keys.ts';

/** A value, or undefined where the parser refuses; anything but a `MalformedError` is a failure. */
function accepted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
    return undefined;
  }
}

const isLine = (text: string): boolean =>
  text !== '' && !text.includes('\n') && notes.isNoteText(`${text}\n`);
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).filter(isLine);
const name = line.filter((text) => /^[^\p{White_Space}+]+$/u.test(text));
const text = fc
  .array(fc.oneof(line, fc.constant('')), { minLength: 1 })
  .map((all) => `${all.join('\n')}\n`);
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytes(32).map(parseSha256Hash);
const signature: fc.Arbitrary<notes.NoteSignature> = fc.record({
  name,
  id: bytes(4).map(toHex),
  signature: fc.uint8Array({ minLength: 1, maxLength: 90 }),
});
const signatures = fc.array(signature, { minLength: 1, maxLength: 5 });
const checkpoint = fc.record({
  origin: line,
  size: fc.maxSafeNat().map(parseTreeSize),
  root: hash,
  extensions: fc.array(line, { maxLength: 2 }),
});
const tlogProof = fc
  .record({
    index: fc.nat().map(parseLeafIndex),
    path: fc.array(hash, { maxLength: 63 }),
    checkpoint: fc
      .tuple(checkpoint, signatures)
      .map(([head, all]) => notes.formatSignedNote(formatCheckpoint(head), all)),
    extra: fc.option(fc.uint8Array({ minLength: 1 }), { nil: undefined }),
  })
  .map(({ extra, ...rest }) => (extra === undefined ? rest : { ...rest, extra }));

describe('what is parsed is what was formatted', () => {
  test.prop([text, signatures])('a note', (given, all) => {
    expect(notes.parseSignedNote(notes.formatSignedNote(given, all))).toEqual({
      text: given,
      signatures: all,
    });
  });

  test.prop([checkpoint])('a checkpoint', (given) => {
    expect(parseCheckpoint(formatCheckpoint(given))).toEqual(given);
  });

  test.prop([tlogProof])('a tlog-proof', (given) => {
    expect(parseTlogProof(formatTlogProof(given))).toEqual(given);
  });

  test.prop([name, fc.constantFrom(2, 7, 255), fc.uint8Array({ minLength: 1 })])(
    'a vkey',
    (given, type, publicKey) => {
      const parsed = notes.parseVkey(notes.formatVkey(given, type, publicKey));
      expect(parsed).toMatchObject({ name: given, type, publicKey });
    },
  );
});

const log = noteKey('example.com/log', 1);
const verifiers = [notes.verifierOf(log)];
const note = notes.formatSignedNote(
  formatCheckpoint({
    origin: log.name,
    size: parseTreeSize(5),
    root: parseSha256Hash(new Uint8Array(32)),
    extensions: [],
  }),
  [log.sign(`${log.name}\n5\n${'A'.repeat(43)}=\n`)],
);
const proofText = formatTlogProof({ index: parseLeafIndex(0), path: [], checkpoint: note });

/** Texts that are nearly right: parts of right ones, cut, doubled and mixed with what does not belong. */
const hostile = (right: readonly string[]): fc.Arbitrary<string> => {
  const scraps = right.flatMap((each) => each.split(/(?<=\n)|(?= )/));
  const piece = fc.oneof(
    fc.constantFrom(...scraps),
    fc.constantFrom(
      '\n',
      '\n\n',
      '— ',
      ' ',
      '+',
      '=',
      '\0',
      '\r',
      '\ud800',
      '\ufeff',
      '0',
      '-1',
      '1e9',
      '9'.repeat(20),
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const mutated = fc
    .tuple(fc.constantFrom(...right), fc.nat(), fc.nat(3), piece)
    .map(([whole, at, drop, put]) => {
      const place = at % (whole.length + 1);
      return `${whole.slice(0, place)}${put}${whole.slice(place + drop)}`;
    });
  return fc.oneof(
    mutated,
    fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
  );
};

describe('a hostile text is refused, or is the one text of what it says', () => {
  test.prop([hostile([note])], { numRuns: 1000 })('as a note', (given) => {
    const parsed = accepted(() => notes.parseSignedNote(given));
    if (parsed !== undefined)
      expect(notes.formatSignedNote(parsed.text, parsed.signatures)).toBe(given);
  });

  test.prop([hostile([note])], { numRuns: 1000 })(
    'and opens only with the text that was signed',
    (given) => {
      const opened = accepted(() => notes.openNote(given, verifiers));
      if (opened !== undefined) expect(note.startsWith(`${opened.text}\n`)).toBe(true);
    },
  );

  test.prop([hostile([note.slice(0, note.indexOf('\n\n') + 1)])], { numRuns: 1000 })(
    'as a checkpoint',
    (given) => {
      const parsed = accepted(() => parseCheckpoint(given));
      if (parsed !== undefined) expect(formatCheckpoint(parsed)).toBe(given);
    },
  );

  test.prop([hostile([proofText])], { numRuns: 1000 })('as a tlog-proof', (given) => {
    const parsed = accepted(() => parseTlogProof(given));
    if (parsed !== undefined) expect(formatTlogProof(parsed)).toBe(given);
  });

  test.prop([hostile([log.vkey])], { numRuns: 1000 })('as a vkey', (given) => {
    const parsed = accepted(() => notes.parseVkey(given));
    if (parsed !== undefined)
      expect(notes.formatVkey(parsed.name, parsed.type, parsed.publicKey)).toBe(given);
  });
});

describe('hostile bytes', () => {
  test.prop([fc.uint8Array({ maxLength: 100 })])(
    'are a timestamped signature or refused',
    (given) => {
      for (const parse of [parseCosignature, parseSubtreeCosignature, parseTreeHeadSignature]) {
        accepted(() => parse(given));
      }
    },
  );

  test.prop([fc.uint8Array({ maxLength: 80 }), fc.constantFrom(1, 4, 5, 6, 9)])(
    'get a verdict from every kind of key',
    (given, type) => {
      const verifier = notes.verifierOf({ ...log, type });
      expect(['invalid', 'unsupported']).toContain(verifier.verify('text\n', given).verdict);
    },
  );
});
