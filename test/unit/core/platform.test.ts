import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as node from '../../../src/core/platform/platform.node.ts';
import * as portable from '../../../src/core/platform/platform.ts';
import { isPrimeOrderEd25519 } from '../../../src/core/platform/point.ts';
import { readVector } from '../../support/vectors.ts';

const platforms = [
  { name: 'Node', platform: node },
  { name: 'a browser', platform: portable },
];
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'ascii'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface SignatureCase {
  readonly about: string;
  readonly key: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly want: boolean;
}
interface CctvCase {
  number: number;
  key: string;
  sig: string;
  msg: string;
  flags: string[] | null;
}
interface WycheproofFile {
  testGroups: {
    publicKey: { pk: string };
    tests: { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

/** What leaves a cofactorless verifier no choice: a residue of low order, or an encoding that is not the one. */
const REFUSED = new Set(['low_order_residue', 'non_canonical_A', 'non_canonical_R']);
const cctvCases = readVector('ed25519/cctv-ed25519vectors.json') as CctvCase[];
const cctv = cctvCases.map(({ number, key, sig, msg, flags }): SignatureCase => ({
  about: `CCTV ${number} (${(flags ?? []).join(', ')})`,
  key: hex(key),
  message: ascii(msg),
  signature: hex(sig),
  want: !(flags ?? []).some((flag) => REFUSED.has(flag)),
}));
const wycheproofFile = readVector('ed25519/wycheproof-ed25519_test.json') as WycheproofFile;
const wycheproof = wycheproofFile.testGroups.flatMap(({ publicKey, tests }) =>
  tests.map(({ tcId, comment, msg, sig, result }): SignatureCase => ({
    about: `Wycheproof ${tcId} (${comment})`,
    key: hex(publicKey.pk),
    message: hex(msg),
    signature: hex(sig),
    want: result === 'valid',
  })),
);
const valid = wycheproof.find(({ want, message }) => want && message.length > 0)!;

describe.each(platforms)('hashes in $name', ({ platform }) => {
  test('are those of the published examples', () => {
    expect(toHex(platform.sha256(ascii('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(platform.sha256Base64Url('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
    expect(platform.sha256Base64Url(ascii('abc'))).toBe(platform.sha256Base64Url('abc'));
    expect(toHex(platform.shake256(ascii(''), 32))).toBe(
      '46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f',
    );
    const rfc4231 = platform.hmacSha256(ascii('Jefe'), ascii('what do ya want for nothing?'));
    expect(toHex(rfc4231)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  test('are plain arrays of their own', () => {
    for (const bytes of [platform.sha256(ascii('')), platform.shake256(ascii(''), 32)]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    }
    const first = platform.sha256(ascii('first'));
    const before = toHex(first);
    platform.sha256(ascii('second'));
    expect(toHex(first)).toBe(before);
  });

  test.each(['\ud800', 'a\udfff', '\udc00\ud800'])('refuse the text %j', (text) => {
    expect(() => platform.sha256Base64Url(text)).toThrow(
      expect.objectContaining({ code: 'lone_surrogate' }),
    );
  });
});

describe.each(platforms)('Ed25519 in $name', ({ platform }) => {
  test('gives the verdict of every CCTV and Wycheproof case', () => {
    expect([cctv.length, wycheproof.length]).toEqual([914, 151]);
    const wrong = [...cctv, ...wycheproof].filter(
      ({ key, message, signature, want }) =>
        platform.verifyEd25519(key, message, signature) !== want,
    );
    expect(wrong.map(({ about }) => about)).toEqual([]);
  });

  test.each([
    { about: 'a key of 31 bytes', key: valid.key.subarray(1), signature: valid.signature },
    { about: 'a key of 33 bytes', key: hex(`${toHex(valid.key)}00`), signature: valid.signature },
    { about: 'a signature of 63', key: valid.key, signature: valid.signature.subarray(1) },
    { about: 'nothing', key: hex(''), signature: hex('') },
  ])('is false for $about', ({ key, signature }) => {
    expect(platform.verifyEd25519(key, valid.message, signature)).toBe(false);
  });
});

describe('a key of Ed25519', () => {
  const field = 2n ** 255n - 19n;
  const point = (y: bigint, sign: 0 | 1): Uint8Array =>
    hex((y + BigInt(sign) * 2n ** 255n).toString(16).padStart(64, '0')).reverse();
  const mixed = cctvCases.find(
    ({ flags }) =>
      flags?.includes('low_order_component_A') === true && !flags.includes('low_order_A'),
  )!;
  test.each([
    {
      about: 'the base point',
      key: point(46316835694926478169428394003475163141307993866256225615783033603165251855960n, 0),
      want: true,
    },
    { about: 'an ordinary key', key: valid.key, want: true },
    { about: 'the identity', key: point(1n, 0), want: false },
    { about: 'the identity with a sign', key: point(1n, 1), want: false },
    { about: 'order 2', key: point(field - 1n, 0), want: false },
    { about: 'order 2 with a sign', key: point(field - 1n, 1), want: false },
    { about: 'order 4', key: point(0n, 0), want: false },
    { about: 'order 4, not canonical', key: point(field, 0), want: false },
    { about: 'the identity, not canonical', key: point(field + 1n, 0), want: false },
    { about: 'a torsion component', key: hex(mixed.key), want: false },
    { about: 'no point of the curve', key: point(2n, 0), want: false },
    { about: '31 bytes', key: valid.key.subarray(1), want: false },
  ])('certifies $about: $want', ({ key, want }) => {
    expect(isPrimeOrderEd25519(key)).toBe(want);
    expect(isPrimeOrderEd25519(key)).toBe(want);
  });
});

test('more keys of prime order than are kept change no verdict', () => {
  for (let i = 0; i < 260; i += 1) {
    const { publicKey } = generateKeyPairSync('ed25519');
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    expect(isPrimeOrderEd25519(new Uint8Array(spki.subarray(-32)))).toBe(true);
  }
  expect(isPrimeOrderEd25519(valid.key)).toBe(true);
  expect(isPrimeOrderEd25519(new Uint8Array(32))).toBe(false);
});

test('more Ed25519 keys than Node keeps change no verdict', () => {
  for (let i = 0; i < 300; i += 1) {
    const key = hex(i.toString(16).padStart(64, '0')).reverse();
    expect(node.verifyEd25519(key, valid.message, valid.signature)).toBe(false);
  }
  expect(node.verifyEd25519(valid.key, valid.message, valid.signature)).toBe(true);
});

describe.each(platforms)('P-256 in $name', ({ platform: { verifyP256 } }) => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-65));
  const message = ascii('message');
  const made = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [made.subarray(0, 32), BigInt(`0x${made.subarray(32).toString('hex')}`)];
  const withS = (value: bigint): Uint8Array =>
    new Uint8Array(Buffer.concat([r, hex(value.toString(16).padStart(64, '0'))]));
  const low = withS(s > order / 2n ? order - s : s);
  const high = withS(s > order / 2n ? s : order - s);
  const off = Uint8Array.from(key, (byte, i) => (i === 64 ? (byte + 1) % 256 : byte));
  const hybrid = Uint8Array.from(key, (byte, i) => (i === 0 ? 6 + (key[64]! % 2) : byte));

  test.each([
    { about: 'a low s', key, message, signature: low, want: true },
    { about: 'a high s', key, message, signature: high, want: false },
    { about: 'another message', key, message: ascii('massage'), signature: low, want: false },
    { about: 'an s of 0', key, message, signature: withS(0n), want: false },
    { about: 'an r of 0', key, message, signature: low.slice().fill(0, 0, 32), want: false },
    {
      about: 'an r of the order',
      key,
      message,
      signature: Uint8Array.from([...hex(order.toString(16)), ...low.subarray(32)]),
      want: false,
    },
    { about: '63 bytes', key, message, signature: low.subarray(1), want: false },
    { about: 'a point off the curve', key: off, message, signature: low, want: false },
    { about: 'a hybrid key', key: hybrid, message, signature: low, want: false },
    { about: 'a key of 64 bytes', key: key.subarray(1), message, signature: low, want: false },
  ])('is $want for $about', ({ want, ...given }) => {
    expect(verifyP256(given.key, given.message, given.signature)).toBe(want);
    expect(verifyP256(given.key, given.message, given.signature)).toBe(want);
  });
});

describe.each(platforms)('UTF-8 in $name', ({ platform }) => {
  test.each([
    { about: 'a lone surrogate', code: 'lone_surrogate', act: () => platform.utf8Bytes('x\ud83d') },
    { about: 'a cut sequence', code: 'invalid_utf8', act: () => platform.utf8Text(hex('e282')) },
    {
      about: 'an encoded surrogate',
      code: 'invalid_utf8',
      act: () => platform.utf8Text(hex('eda080')),
    },
    { about: 'an overlong form', code: 'invalid_utf8', act: () => platform.utf8Text(hex('c080')) },
  ])('refuses $about', ({ code, act }) => {
    expect(act).toThrow(expect.objectContaining({ name: 'MalformedError', code }));
  });

  test('keeps a byte order mark, so that text and bytes are one to one', () => {
    expect(platform.utf8Text(hex('efbbbf61'))).toBe('\ufeffa');
    expect(toHex(platform.utf8Bytes('\ufeffa'))).toBe('efbbbf61');
  });
});

describe.each(platforms)('the base64url of a text in $name', ({ platform }) => {
  test.each([
    { about: 'nothing', text: '' },
    { about: 'ASCII', text: '{"a":1}' },
    { about: 'all lengths of UTF-8', text: 'aé€😀' },
    { about: 'a million letters', text: 'x'.repeat(1_000_000) },
    { about: 'a million of three bytes', text: '€'.repeat(1_000_000) },
  ])('is that of its UTF-8, for $about', ({ text }) => {
    expect(platform.utf8Base64Url(text)).toBe(Buffer.from(text, 'utf8').toString('base64url'));
  });

  test.each(['\ud800', 'x'.repeat(1_000_000) + '\udc00'])(
    'has no form for a lone surrogate',
    (text) => {
      expect(() => platform.utf8Base64Url(text)).toThrow(
        expect.objectContaining({ code: 'lone_surrogate' }),
      );
    },
  );
});

describe('Node and a browser agree', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const encodings = ['hex', 'base64', 'base64url'] as const;

  test('on every hash', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.integer({ min: 1, max: 300 }), (a, b, length) => {
        expect(node.sha256(a)).toEqual(portable.sha256(a));
        expect(node.sha256Base64Url(a)).toBe(portable.sha256Base64Url(a));
        expect(node.shake256(a, length)).toEqual(portable.shake256(a, length));
        expect(node.hmacSha256(a, b)).toEqual(portable.hmacSha256(a, b));
      }),
    );
  });

  test('on every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = node.utf8Bytes(text);
        expect(encoded).toEqual(portable.utf8Bytes(text));
        expect(node.utf8Text(encoded)).toBe(text);
        expect(portable.utf8Text(encoded)).toBe(text);
        expect(node.sha256Base64Url(text)).toBe(portable.sha256Base64Url(text));
      }),
    );
  });

  test.each(encodings)('on the %s form of all bytes', (encoding) => {
    fc.assert(
      fc.property(bytes, (given) => {
        const text = node.encodeBytes(given, encoding);
        expect(portable.encodeBytes(given, encoding)).toBe(text);
        expect(node.decodeBytes(text, encoding)).toEqual(given);
        expect(portable.decodeBytes(text, encoding)).toEqual(given);
      }),
    );
  });

  const nearly = fc.string({
    unit: fc.constantFrom(...Array.from('AZaz09+/-_= \n.é')),
    maxLength: 12,
  });
  test.each(encodings)('on which texts are strict %s', (encoding) => {
    const isStrict = (platform: typeof node, text: string): boolean =>
      platform.encodeBytes(platform.decodeBytes(text, encoding), encoding) === text;
    fc.assert(
      fc.property(nearly, (text) => {
        expect(isStrict(portable, text)).toBe(isStrict(node, text));
      }),
      { numRuns: 2000 },
    );
  });
});
