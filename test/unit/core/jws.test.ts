import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  algorithmOf,
  jwkThumbprint,
  jwsSigningInput,
  parseJws,
  parsePublicJwk,
  sealJws,
  signJws,
  verifyJws,
} from '../../../src/core/json/jws.ts';
import type { JwsSigner, P256Jwk } from '../../../src/core/json/jws.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import { hashOf, signerOf } from '../../support/entries.ts';

const TYP = 'stele-test+jwt';
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const signer = signerOf(1);
const base64url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** The key of RFC 8037, Appendix A. */
const RFC8037: JsonObject = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
/** The key of RFC 7515, Appendix A.3. */
const RFC7515: JsonObject = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};

/** An ES256 signer whose s is low (or, when asked, high). */
function es256(high = false): JwsSigner {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = parsePublicJwk(pair.publicKey.export({ format: 'jwk' }) as JsonObject);
  return {
    alg: 'ES256',
    jwk,
    kid: jwkThumbprint(jwk),
    // eslint-disable-next-line @typescript-eslint/require-await
    sign: async (bytes) => {
      const signature = sign('sha256', bytes, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
      const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
      const isHigh = s > P256_ORDER / 2n;
      const chosen = isHigh === high ? s : P256_ORDER - s;
      const half = Buffer.from(chosen.toString(16).padStart(64, '0'), 'hex');
      return Buffer.concat([signature.subarray(0, 32), half]);
    },
  };
}

/** A JWS of given segments, so that each can be wrong. */
function jwsOf(header: string, payload = '{"a":1}', signature = new Uint8Array(64)): string {
  return `${base64url(header)}.${base64url(payload)}.${base64url(signature)}`;
}
const header = (changes: JsonObject = {}, kid = signer.kid): string =>
  JSON.stringify({ alg: 'Ed25519', kid, typ: TYP, ...changes });

describe('a signed value', () => {
  test.each([
    ['Ed25519', signer],
    ['ES256', es256()],
  ])('comes back under %s', async (alg, by) => {
    const payload = { b: [1, 'é'], a: { _sd: [] } };
    const text = await signJws(TYP, payload, by);
    const jws = parseJws(text, TYP);
    expect(jws.payload).toEqual(payload);
    expect(jws.header).toEqual({ alg, kid: by.kid, typ: TYP });
    expect(sealJws(jws.signingInput, jws.signature)).toBe(text);
    expect(verifyJws(jws, by.jwk, algorithmOf(by.jwk))).toBe(true);
  });

  test('is the same bytes as RFC 7515 makes of its canonical forms', () => {
    const input = jwsSigningInput({ alg: 'Ed25519', kid: signer.kid, typ: TYP }, '{"é":1}');
    expect(input).toBe(`${base64url(header())}.${base64url('{"é":1}')}`);
  });

  test('is refused under another key, algorithm, payload or signature', async () => {
    const jws = parseJws(await signJws(TYP, { a: 1 }, signer), TYP);
    const other = signerOf(2);
    expect(verifyJws(jws, other.jwk, 'Ed25519')).toBe(false);
    expect(
      verifyJws({ ...jws, header: { ...jws.header, kid: other.kid } }, other.jwk, 'Ed25519'),
    ).toBe(false);
    expect(verifyJws(jws, signer.jwk, 'ES256')).toBe(false);
    expect(
      verifyJws({ ...jws, header: { ...jws.header, alg: 'ES256' } }, signer.jwk, 'ES256'),
    ).toBe(false);
    expect(verifyJws({ ...jws, signingInput: `${jws.signingInput}A` }, signer.jwk, 'Ed25519')).toBe(
      false,
    );
    for (let bit = 0; bit < 512; bit++) {
      const signature = Uint8Array.from(jws.signature);
      signature[bit >> 3] = signature[bit >> 3]! ^ (1 << (bit & 7));
      expect(verifyJws({ ...jws, signature }, signer.jwk, 'Ed25519')).toBe(false);
    }
  });

  test('is refused under ES256 with a high s, which would be a second signature of one text', async () => {
    const by = es256(true);
    const jws = parseJws(await signJws(TYP, { a: 1 }, by), TYP);
    expect(verifyJws(jws, by.jwk, 'ES256')).toBe(false);
  });

  test('an EC key named as Ed25519 by its header verifies nothing', async () => {
    const by = es256();
    const jws = parseJws(await signJws(TYP, { a: 1 }, { ...by, alg: 'Ed25519' }), TYP);
    expect(verifyJws(jws, by.jwk, 'Ed25519')).toBe(false);
  });
});

describe('a compact JWS is refused', () => {
  // prettier-ignore
  test.each([
    ['with no segment',               'abc',                                       'bad_jws'],
    ['with two segments',             'a.b',                                       'bad_jws'],
    ['with four segments',            `${jwsOf(header())}.x`,                      'bad_jws'],
    ['with a short signature',        jwsOf(header(), '1', new Uint8Array(63)),    'bad_jws'],
    ['with a long signature',         jwsOf(header(), '1', new Uint8Array(65)),    'bad_jws'],
    ['with no signature',             jwsOf(header(), '1', new Uint8Array(0)),     'bad_jws'],
    ['with stray bits at its end',    `${jwsOf(header()).slice(0, -1)}B`,          'malformed_base64url'],
    ['with padding',                  jwsOf(header()).replace('.', '=.'),          'malformed_base64url'],
    ['with the other alphabet',       jwsOf(header(), '"ÿÿÿ"').replaceAll('_', '/'), 'malformed_base64url'],
    ['with a line feed after it',     `${jwsOf(header())}\n`,                      'bad_jws'],
    ['with payload no UTF-8',         jwsOf(header()).replace(/\..*\./, '._w.'),   'invalid_utf8'],
    ['with payload not canonical',    jwsOf(header(), '{"b":1,"a":1}'),            'not_canonical'],
    ['with payload no JSON',          jwsOf(header(), 'x'),                        'not_json'],
    ['with another typ',              jwsOf(header({ typ: 'jwt' })),               'bad_jws_header'],
    ['with alg none',                 jwsOf(header({ alg: 'none' })),              'bad_jws_header'],
    ['with alg EdDSA',                jwsOf(header({ alg: 'EdDSA' })),             'bad_jws_header'],
    ['with alg HS256',                jwsOf(header({ alg: 'HS256' })),             'bad_jws_header'],
    ['with one header more',          jwsOf(header({ x: 1 })),                     'bad_jws_header'],
    ['with crit',                     jwsOf(header({ crit: ['b64'], b64: false })), 'bad_jws_header'],
    ['with a key in its header',      jwsOf(header({ jwk: signer.jwk as unknown as JsonObject })), 'bad_jws_header'],
    ['with headers out of order',     jwsOf(`{"kid":"${signer.kid}","alg":"Ed25519","typ":"${TYP}"}`), 'bad_jws_header'],
    ['with white space in it',        jwsOf(header().replace(':', ': ')),          'bad_jws_header'],
    ['with a kid no thumbprint',      jwsOf(header({}, 'key-1')),                  'bad_jws_header'],
    ['with a kid of stray bits',      jwsOf(header({}, `${'A'.repeat(42)}B`)),     'bad_jws_header'],
    ['with an empty header',          jwsOf('{}'),                                 'bad_jws_header'],
  ])('%s', (_name, text, code) => {
    expect(() => parseJws(text, TYP)).toThrow(expect.objectContaining({ code }));
  });

  test('that has no signature of 64 bytes is not made', () => {
    expect(() => sealJws('a.b', new Uint8Array(63))).toThrow(
      expect.objectContaining({ code: 'bad_jws' }),
    );
  });
});

describe('a key', () => {
  test('is named as RFC 8037, Appendix A.3 names it', () => {
    expect(jwkThumbprint(parsePublicJwk(RFC8037))).toBe(
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    );
  });

  test('on P-256 is named as SHA-256 over its required members has it', () => {
    const jwk = parsePublicJwk(RFC7515) as P256Jwk;
    expect(jwkThumbprint(jwk)).toBe('oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U');
    expect(algorithmOf(jwk)).toBe('ES256');
  });

  // prettier-ignore
  test.each<[string, JsonValue]>([
    ['no object',                   'key'],
    ['an array',                    []],
    ['null',                        null],
    ['an empty object',             {}],
    ['a private key',               { ...RFC8037, d: hashOf(1) }],
    ['a key with an id',            { ...RFC8037, kid: 'a' }],
    ['another curve',               { ...RFC8037, crv: 'Ed448' }],
    ['a key for agreement',         { ...RFC8037, crv: 'X25519' }],
    ['another type',                { ...RFC8037, kty: 'EC' }],
    ['x of 31 bytes',               { ...RFC8037, x: base64url(new Uint8Array(31)) }],
    ['x with padding',              { ...RFC8037, x: `${RFC8037['x'] as string}=` }],
    ['x with stray bits',           { ...RFC8037, x: `${(RFC8037['x'] as string).slice(0, -1)}p` }],
    ['x no text',                   { ...RFC8037, x: 1 }],
    ['the neutral point',           { ...RFC8037, x: base64url(Uint8Array.of(1, ...new Uint8Array(31))) }],
    ['a point of order 4',          { ...RFC8037, x: hashOf(0) }],
    ['a point of order 8',          { ...RFC8037, x: base64url(Buffer.from(
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')) }],
    ['a point not canonical',       { ...RFC8037, x: base64url(Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex')) }],
    ['P-256 without y',             { kty: 'EC', crv: 'P-256', x: RFC7515['x'] as string }],
    ['P-256 with one member more',  { ...RFC7515, use: 'sig' }],
    ['P-256 named OKP',             { ...RFC7515, kty: 'OKP' }],
    ['P-256 off its curve',         { ...RFC7515, y: hashOf(1) }],
    ['P-256 with y no text',        { ...RFC7515, y: null }],
    ['P-256 with x above the prime', { ...RFC7515, x: hashOf(0xff) }],
    ['P-256 with y above the prime', { ...RFC7515, y: hashOf(0xff) }],
  ])('is refused: %s', (_name, value) => {
    expect(() => parsePublicJwk(value)).toThrow(expect.objectContaining({ code: 'bad_jwk' }));
  });

  test('that Node makes is taken', () => {
    for (const pair of [
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ]) {
      const jwk = pair.publicKey.export({ format: 'jwk' });
      expect(parsePublicJwk(jwk as JsonObject)).toEqual(jwk);
    }
  });
});

test('the signature of RFC 8037, Appendix A.4 is that of its key, under a header of ours', async () => {
  const key = createPrivateKey({
    key: { ...RFC8037, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' },
    format: 'jwk',
  });
  const jwk = parsePublicJwk(createPublicKey(key).export({ format: 'jwk' }) as JsonObject);
  const by: JwsSigner = {
    alg: 'Ed25519',
    jwk,
    kid: jwkThumbprint(jwk),
    // eslint-disable-next-line @typescript-eslint/require-await
    sign: async (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
  const text = await signJws(TYP, 'Example of Ed25519 signing', by);
  expect(verifyJws(parseJws(text, TYP), parsePublicJwk(RFC8037), 'Ed25519')).toBe(true);
});
