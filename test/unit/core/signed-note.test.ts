import { describe, expect, test } from '@jest/globals';
import {
  concatBytes,
  parseBase64,
  parseHex,
  toBase64,
  uint64,
} from '../../../src/core/platform/bytes.ts';
import * as note from '../../../src/core/tree/signed-note.ts';
import { noteKey } from '../../support/note-keys.ts';
import { readVector, readVectorText } from '../../support/vectors.ts';

const malformed = (code: string): unknown =>
  expect.objectContaining({ name: 'MalformedError', code });
const verifierOf = (vkey: string): note.NoteVerifier => note.verifierOf(note.parseVkey(vkey));
const spec = (name: string): string => readVectorText(`c2sp-spec-examples/${name}`);

describe('the examples of the specification', () => {
  const vkey = spec('signed-note/example.vkey.txt').trim();
  const example = spec('signed-note/example.note.txt');

  test('open with the published key', () => {
    const key = note.parseVkey(vkey);
    expect(key).toMatchObject({ name: 'example.com/foo', id: '530d903a', type: 1 });
    expect(note.formatVkey(key.name, key.type, key.publicKey)).toBe(vkey);
    const opened = note.openNote(example, [note.verifierOf(key)]);
    expect(opened).toMatchObject({
      text: 'This is an example message.\n',
      verified: [{ name: 'example.com/foo', id: '530d903a', type: 1, timeMs: null }],
      unknown: [],
    });
  });

  test('do not open when a letter of the text is another', () => {
    const changed = example.replace('This', 'Thus');
    expect(() => note.openNote(changed, [verifierOf(vkey)])).toThrow(
      malformed('note_bad_signature'),
    );
  });

  test.each([
    { name: 'signed-note/quasimodo.note.txt', signers: ['quasimodo.example/salvatore'] },
    { name: 'checkpoint/behind-the-sofa.note.txt', signers: ['example.com/behind-the-sofa'] },
    {
      name: 'checkpoint/behind-the-sofa-cosigned.note.txt',
      signers: ['example.com/behind-the-sofa', 'witness.example.com/w1'],
    },
  ])('$name comes apart and together again', ({ name, signers }) => {
    const parsed = note.parseSignedNote(spec(name));
    expect(parsed.signatures.map((signature) => signature.name)).toEqual(signers);
    expect(note.formatSignedNote(parsed.text, parsed.signatures)).toBe(spec(name));
    expect(() => note.openNote(spec(name), [])).toThrow(malformed('note_unverified'));
  });

  test('a text with empty lines ends at the last of them', () => {
    const { text } = note.parseSignedNote(spec('signed-note/quasimodo.note.txt'));
    expect(text.split('\n')).toEqual([
      'Ognuno sta solo sul cuor della terra',
      'trafitto da un raggio di sole:',
      '',
      'ed è subito sera.',
      '',
    ]);
  });

  test('the note inside a witness request comes apart', () => {
    const request = spec('witness/add-checkpoint.request.txt');
    const checkpoint = request.slice(request.indexOf('\n\n') + 2);
    const { signatures } = note.parseSignedNote(checkpoint);
    expect(signatures.map(({ name, id }) => `${name}+${id}`)).toEqual([
      'example.com/behind-the-sofa+033de0ae',
      'example.com/behind-the-sofa+a292ea05',
    ]);
  });

  test('the answer of a witness is lines for the same note', () => {
    const lines = spec('witness/add-checkpoint.response.txt');
    const { signatures } = note.parseSignedNote(`any text\n\n${lines}`);
    expect(signatures.map(({ name, signature }) => [name, signature.length])).toEqual([
      ['witness.example/w1', 72],
      ['witness.example/w1', 72],
      ['witness.example/w2', 72],
    ]);
  });
});

describe('a checkpoint signed with ML-DSA-44', () => {
  const vkey = readVectorText('torchwood-mldsa/log.vkey.txt').trim();
  const text = readVectorText('torchwood-mldsa/checkpoint.note.txt');

  test('has a key whose id fits, and a signature that we report as unknown', () => {
    const key = note.parseVkey(vkey);
    expect([key.type, key.publicKey.length]).toEqual([note.KEY_TYPES.subtree, 1312]);
    const [signature] = note.parseSignedNote(text).signatures;
    expect(signature).toMatchObject({ name: key.name, id: key.id });
    expect(signature!.signature.length).toBe(8 + 2420);
    const verifier = note.verifierOf(key);
    expect(verifier.verify(text, signature!.signature)).toEqual({
      verdict: 'unsupported',
      timeMs: 0,
    });
    expect(() => note.openNote(text, [verifier])).toThrow(malformed('note_unverified'));
  });

  test('opens by a second signature of a kind that we know', () => {
    const log = noteKey('example.com/log', 1);
    const parsed = note.parseSignedNote(text);
    const both = note.formatSignedNote(parsed.text, [...parsed.signatures, log.sign(parsed.text)]);
    const opened = note.openNote(both, [verifierOf(vkey), note.verifierOf(log)]);
    expect(opened.verified).toMatchObject([{ name: 'example.com/log' }]);
    expect(opened.unknown).toMatchObject([{ name: 'example.com/mldsa-log', type: 6, timeMs: 0 }]);
  });
});

describe('a vkey', () => {
  const { name, publicKey } = noteKey('example.com/log', 1);
  const withKey = (id: string, bytes: Uint8Array): string => `${name}+${id}+${toBase64(bytes)}`;

  // The ids of types 0x02 and 0xff were computed apart, with sha256sum.
  test.each([
    { about: 'Ed25519', type: 1, key: publicKey, id: /^[0-9a-f]{8}$/ },
    {
      about: 'ECDSA, whose id leaves out the name',
      type: 2,
      key: Uint8Array.of(1, 2, 3),
      id: /^039058c6$/,
    },
    { about: 'an RFC 6962 log', type: 5, key: publicKey, id: /^[0-9a-f]{8}$/ },
    { about: 'a private type', type: 255, key: Uint8Array.of(1, 2, 3), id: /^[0-9a-f]{8}$/ },
  ])('of $about is parsed as it was made', ({ type, key, id }) => {
    const text = note.formatVkey(name, type, key);
    const parsed = note.parseVkey(text);
    expect(parsed).toEqual({ name, id: expect.stringMatching(id), type, publicKey: key });
  });

  test('of another type or name has another id', () => {
    const ids = [
      note.formatVkey(name, 1, publicKey),
      note.formatVkey(name, 4, publicKey),
      note.formatVkey(`${name}2`, 1, publicKey),
    ].map((text) => note.parseVkey(text).id);
    expect(new Set(ids).size).toBe(3);
  });

  // prettier-ignore
  test.each([
    { about: 'nothing', text: '', code: 'malformed_vkey' },
    { about: 'one part', text: 'example.com', code: 'malformed_vkey' },
    { about: 'an id in capitals', text: withKey('C0FFEE00', Uint8Array.of(1, ...publicKey)), code: 'malformed_vkey' },
    { about: 'an id of another key', text: withKey('c0ffee00', Uint8Array.of(1, ...publicKey)), code: 'malformed_vkey' },
    { about: 'no key', text: `${name}+c0ffee00+`, code: 'malformed_vkey' },
    { about: 'a key of 31 bytes', text: withKey('c0ffee00', Uint8Array.of(1, ...publicKey.subarray(1))), code: 'malformed_vkey' },
    { about: 'a cosigner key of 33 bytes', text: withKey('c0ffee00', Uint8Array.of(4, ...publicKey, 0)), code: 'malformed_vkey' },
    { about: 'no name', text: `+c0ffee00+${toBase64(Uint8Array.of(1, ...publicKey))}`, code: 'malformed_vkey' },
    { about: 'a space in the name', text: `a b+c0ffee00+${toBase64(Uint8Array.of(1, ...publicKey))}`, code: 'malformed_vkey' },
    { about: 'a control character in the name', text: `a\u0001b+c0ffee00+${toBase64(Uint8Array.of(1, ...publicKey))}`, code: 'malformed_vkey' },
    { about: 'a lone surrogate in the name', text: `a\ud800b+c0ffee00+${toBase64(Uint8Array.of(1, ...publicKey))}`, code: 'malformed_vkey' },
    { about: 'no base64', text: `${name}+c0ffee00+!`, code: 'malformed_base64' },
    { about: 'a line end', text: `${note.formatVkey(name, 1, publicKey)}\n`, code: 'malformed_base64' },
  ])('with $about is refused: $code', ({ text, code }) => {
    expect(() => note.parseVkey(text)).toThrow(malformed(code));
  });

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\nb'])(
    'is not made for the name %j',
    (bad) => {
      expect(() => note.formatVkey(bad, 1, publicKey)).toThrow(malformed('malformed_vkey'));
    },
  );

  test.each([1, 4])('of type %d with a key of low order makes no verifier', (type) => {
    const lowOrder = new Uint8Array(32).fill(1, 0, 1);
    const vkey = note.formatVkey(name, type, lowOrder);
    expect(() => verifierOf(vkey)).toThrow(malformed('weak_key'));
  });
});

describe('a note', () => {
  const text = 'text\n';
  const [log, other] = [noteKey('example.com/log', 1), noteKey('example.com/other', 2)];
  const line = note.formatSignedNote(text, [log.sign(text)]).slice(text.length + 1);

  // prettier-ignore
  test.each([
    { about: 'nothing', given: '', code: 'malformed_note' },
    { about: 'no signature', given: 'text\n\n', code: 'malformed_note' },
    { about: 'no empty line', given: `text\n${line}`, code: 'malformed_note' },
    { about: 'no last line end', given: `text\n\n${line.slice(0, -1)}`, code: 'malformed_note' },
    { about: 'another dash', given: `text\n\n${line.replace('—', '–')}`, code: 'malformed_note' },
    { about: 'a line between', given: `text\n\n${line}more\n${line}`, code: 'malformed_note' },
    { about: 'two spaces', given: `text\n\n${line.replace('— ', '—  ')}`, code: 'malformed_note' },
    { about: 'a space at the end', given: `text\n\n${line.slice(0, -1)} \n`, code: 'malformed_note' },
    { about: 'a plus in the name', given: `text\n\n${line.replace('example', 'exa+mple')}`, code: 'malformed_note' },
    { about: 'a wide space in the name', given: `text\n\n${line.replace('example', 'exa\u3000mple')}`, code: 'malformed_note' },
    { about: 'a signature of no bytes', given: 'text\n\n— a AAAAAA==\n', code: 'malformed_note' },
    { about: 'stray bits', given: 'text\n\n— a AAAAAAB=\n', code: 'malformed_base64' },
    { about: 'a tab', given: `te\txt\n\n${line}`, code: 'malformed_note' },
    { about: 'a carriage return', given: `text\r\n\r\n${line}`, code: 'malformed_note' },
    { about: 'a null', given: `te\0xt\n\n${line}`, code: 'malformed_note' },
    { about: 'a lone surrogate', given: `te\ud800xt\n\n${line}`, code: 'malformed_note' },
    { about: '101 signatures', given: `text\n\n${line.repeat(101)}`, code: 'malformed_note' },
    { about: 'a million characters', given: `${'x'.repeat(1_000_000)}\n\n${line}`, code: 'malformed_note' },
  ])('with $about is refused: $code', ({ given, code }) => {
    expect(() => note.parseSignedNote(given)).toThrow(malformed(code));
  });

  test('may have 100 signatures, and any text that ends with a line end', () => {
    for (const odd of ['\n', '\n\n\n', 'a\u007f\u0085b\n', '— a line that looks signed AAAA\n']) {
      const given = note.formatSignedNote(
        odd,
        Array.from({ length: 100 }, () => log.sign(odd)),
      );
      expect(note.parseSignedNote(given).text).toBe(odd);
    }
  });

  test('may be as long as a million characters, and a signature as short as a byte', () => {
    const tail = '\n\n— a AAAAAAE=\n';
    const longest = `${'x'.repeat(note.NOTE_LENGTH_MAX - tail.length)}${tail}`;
    const { signatures } = note.parseSignedNote(longest);
    expect(signatures).toEqual([{ name: 'a', id: '00000000', signature: Uint8Array.of(1) }]);
    expect(() => note.parseSignedNote(`x${longest}`)).toThrow(malformed('malformed_note'));
  });

  test.each(['', 'no line end', 'half\n\n— a AAAAAAA=\nrest', 'one\n\n— a AAAAAAA='])(
    'is not made of %j',
    (bad) => {
      expect(() => note.formatSignedNote(bad, [log.sign('x')])).toThrow(
        malformed('malformed_note'),
      );
    },
  );

  test('is not made without signatures', () => {
    expect(() => note.formatSignedNote(text, [])).toThrow(malformed('malformed_note'));
  });

  const verifiers = [note.verifierOf(log)];
  test('tells known from unknown keys', () => {
    const signed = note.formatSignedNote(text, [other.sign(text), log.sign(text)]);
    expect(note.openNote(signed, verifiers)).toEqual({
      text,
      verified: [{ ...log.sign(text), type: 1, timeMs: null }],
      unknown: [{ ...other.sign(text), type: null, timeMs: null }],
    });
    expect(() => note.openNote(signed, [])).toThrow(malformed('note_unverified'));
  });

  test('counts a key once, however often it signed', () => {
    const signed = note.formatSignedNote(text, [log.sign(text), log.sign(text)]);
    expect(note.openNote(signed, verifiers).verified.length).toBe(1);
  });

  test('falls by one bad line of a known key, however many good ones stand by it', () => {
    const bad = { ...log.sign(text), signature: log.sign('other\n').signature };
    const signed = note.formatSignedNote(text, [log.sign(text), bad, other.sign(text)]);
    const all = [...verifiers, note.verifierOf(other)];
    expect(() => note.openNote(signed, all)).toThrow(malformed('note_bad_signature'));
  });

  test('a name or an id alone makes no known key', () => {
    const renamed = { ...log.sign(text), name: 'example.com/else' };
    const rekeyed = { ...log.sign(text), id: '00000000' };
    const signed = note.formatSignedNote(text, [renamed, rekeyed]);
    expect(() => note.openNote(signed, verifiers)).toThrow(malformed('note_unverified'));
  });

  test('is not opened with two verifiers of one name and id', () => {
    const signed = note.formatSignedNote(text, [log.sign(text)]);
    const twice = [...verifiers, ...verifiers];
    expect(() => note.openNote(signed, twice)).toThrow(malformed('ambiguous_key'));
  });
});

describe('a verifier', () => {
  const text = 'text\n';
  const witness = noteKey('witness.example', 3, note.KEY_TYPES.cosignature);
  const { signature } = witness.sign(text, 1_700_000_000_000);

  test('of a cosigner says when', () => {
    const verify = (given: Uint8Array): note.SignatureVerdict =>
      note.verifierOf(witness).verify(text, given);
    expect(verify(signature)).toEqual({ verdict: 'valid', timeMs: 1_700_000_000_000 });
    expect(verify(concatBytes(uint64(1), signature.subarray(8)))).toEqual({ verdict: 'invalid' });
    expect(verify(signature.subarray(8))).toEqual({ verdict: 'invalid' });
  });

  test('of a type that this version lacks says so', () => {
    const ecdsa = note.parseVkey(note.formatVkey('a', note.KEY_TYPES.ecdsa, Uint8Array.of(1)));
    const verdict = note.verifierOf(ecdsa).verify(text, signature);
    expect(verdict).toEqual({ verdict: 'unsupported', timeMs: null });
  });

  test('keeps a bug a bug', () => {
    const broken = note.verifierOf({ ...witness, publicKey: witness.publicKey });
    const notBytes = { length: 72, subarray: () => null } as unknown as Uint8Array;
    expect(() => broken.verify(text, notBytes)).toThrow(TypeError);
  });

  test('of an RFC 6962 log takes the signature apart, and leaves it unknown', () => {
    const { rfc6962_log: log } = readVector('sunlight-cosignatures/ed25519-cosignatures.json') as {
      rfc6962_log: { origin: string; log_id_b64: string; checkpoint: string };
    };
    const vkey = note.formatVkey(log.origin, 5, parseBase64(log.log_id_b64));
    const verifier = verifierOf(vkey);
    const parsed = note.parseSignedNote(log.checkpoint);
    expect(parsed.signatures).toMatchObject([{ name: log.origin, id: verifier.id }]);
    const given = parsed.signatures[0]!.signature;
    expect(verifier.verify(parsed.text, given)).toEqual({
      verdict: 'unsupported',
      timeMs: 1767139200000,
    });
    expect(verifier.verify(parsed.text, parseHex('00'))).toEqual({ verdict: 'invalid' });
  });
});
