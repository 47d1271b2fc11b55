import { describe, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { parsePublicJwk, signJws } from '../../../src/core/json/jws.ts';
import { formatVkey } from '../../../src/core/tree/signed-note.ts';
import {
  makeCertificate,
  makeGapStatement,
  makeKeyStatement,
  makeStatement,
  openStatement,
  parseCertificate,
  parseGapStatement,
  parseKeyStatement,
  statementTypes,
  vkeyOf,
} from '../../../src/core/ledger/statement.ts';
import type { Authority, KeyStatement, Statement } from '../../../src/core/ledger/statement.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { idOf, signerOf } from '../../golden/support.ts';

const a = signerOf('root a');
const b = signerOf('root b');
const c = signerOf('root c');
const w = signerOf('writer one');
const gen = idOf('genesis', 32);
const authority: Authority = {
  origin: 'stele.example/golden',
  gen,
  roots: { threshold: 2, keys: [a.jwk, b.jwk, c.jwk], next: [] },
};
const one: Authority = { ...authority, roots: { threshold: 1, keys: [a.jwk], next: [] } };
const writer = idOf('writer one');
const fields = { gen, use: 'writer' as const, jwk: w.jwk, writer };

describe('openStatement', () => {
  const open = (statement: Statement): JsonValue =>
    openStatement(statement, 'stele-x+jwt', authority.roots);

  test('takes any threshold of distinct root keys', async () => {
    for (const signers of [
      [a, b],
      [c, a],
      [b, c],
      [a, b, c],
    ]) {
      expect(open(await makeStatement('stele-x+jwt', { n: 1 }, signers))).toEqual({ n: 1 });
    }
  });

  const refused: readonly [string, () => Promise<Statement>, string][] = [
    ['no signature', async () => Promise.resolve([]), 'bad_statement'],
    [
      'fewer than the threshold',
      async () => makeStatement('stele-x+jwt', {}, [a]),
      'bad_statement',
    ],
    ['one key twice', async () => makeStatement('stele-x+jwt', {}, [a, a]), 'bad_statement'],
    [
      'a key that is no root',
      async () => makeStatement('stele-x+jwt', {}, [a, b, w]),
      'bad_statement',
    ],
    ['another type', async () => makeStatement('stele-y+jwt', {}, [a, b]), 'bad_jws_header'],
    [
      'different payloads',
      async () =>
        [await signJws('stele-x+jwt', { n: 1 }, a), await signJws('stele-x+jwt', { n: 2 }, b)].sort(
          byKid,
        ),
      'bad_statement',
    ],
    [
      'kids that descend',
      async () => [...(await makeStatement('stele-x+jwt', {}, [a, b]))].reverse(),
      'bad_statement',
    ],
    [
      'a third signature that is not good',
      async () => {
        const good = await makeStatement('stele-x+jwt', {}, [a, b, c]);
        return good.map((jws, i) => (i === 1 ? `${jws.slice(0, -86)}${'A'.repeat(86)}` : jws));
      },
      'bad_statement',
    ],
  ];
  test.each(refused)('refuses %s', async (_name, make, code) => {
    const statement = await make();
    expect(codeOf(() => open(statement))).toBe(code);
  });
});

describe('certificates', () => {
  test('of a writer give back what was certified', async () => {
    const statement = await makeCertificate(fields, [a, b]);
    expect(parseCertificate(statement, authority)).toEqual({
      v: 1,
      gen,
      use: 'writer',
      alg: 'Ed25519',
      kid: w.kid,
      jwk: w.jwk,
      writer,
      statement,
    });
  });

  test('of a P-256 writer say ES256', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = parsePublicJwk(publicKey.export({ format: 'jwk' }) as unknown as JsonValue);
    const certificate = parseCertificate(await makeCertificate({ ...fields, jwk }, [a]), one);
    expect(certificate.alg).toBe('ES256');
    expect(vkeyOf(one.origin, jwk)).toBeNull();
  });

  test('of a checkpoint key name it as its notes do', async () => {
    const vkey = vkeyOf(one.origin, w.jwk)!;
    const statement = await makeCertificate({ gen, use: 'checkpoint', jwk: w.jwk, vkey }, [a]);
    expect(parseCertificate(statement, one)).toMatchObject({ use: 'checkpoint', vkey });
  });

  const forged: readonly [string, Record<string, unknown>, string][] = [
    ['another ledger', { gen: idOf('other', 32) }, 'bad_certificate'],
    ['a kid of another key', { kid: a.kid }, 'bad_certificate'],
    ['another algorithm', { alg: 'ES256' }, 'bad_certificate'],
    ['a root key', { jwk: a.jwk, kid: a.kid }, 'bad_certificate'],
    ['a key of small order', { jwk: { crv: 'Ed25519', kty: 'OKP', x: 'A'.repeat(43) } }, 'bad_jwk'],
    ['a newer version', { v: 2 }, 'unsupported_version'],
    ['an unknown member', { admin: true }, 'bad_certificate'],
    ['both uses', { vkey: 'x' }, 'bad_certificate'],
    [
      'a vkey under another name',
      checkpoint(formatVkey('other.example', 1, new Uint8Array(32).fill(9))),
      'bad_certificate',
    ],
  ];
  test.each(forged)('for %s are refused', async (_name, changes, code) => {
    const base: Record<string, unknown> = { v: 1, ...fields, kid: w.kid, alg: 'Ed25519' };
    const payload = Object.fromEntries(
      Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined),
    );
    const statement = await makeStatement(statementTypes.certificate, payload as JsonValue, [a]);
    expect(codeOf(() => parseCertificate(statement, one))).toBe(code);
  });

  test('for a P-256 checkpoint key are refused: no note could carry its signature', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = parsePublicJwk(publicKey.export({ format: 'jwk' }) as unknown as JsonValue);
    const statement = await makeCertificate({ gen, use: 'checkpoint', jwk, vkey: 'x' }, [a]);
    expect(codeOf(() => parseCertificate(statement, one))).toBe('bad_certificate');
  });

  function checkpoint(vkey: string): Record<string, unknown> {
    return { use: 'checkpoint', vkey, writer: undefined };
  }
});

describe('statements of the root in the log', () => {
  const revoke: KeyStatement = {
    v: 1,
    gen,
    kid: w.kid,
    use: 'writer',
    act: 'revoke',
    reason: 'stolen',
  };

  test('about a key: certify, retire, revoke', async () => {
    const certificate = [...(await makeCertificate(fields, [a]))];
    const says: KeyStatement[] = [
      revoke,
      { v: 1, gen, kid: w.kid, use: 'writer', act: 'retire', final: { boot: writer, seq: 9 } },
      { v: 1, gen, kid: w.kid, use: 'writer', act: 'certify', certificate },
    ];
    for (const one_ of says) {
      expect(parseKeyStatement(await makeKeyStatement(one_, [a]), one)).toEqual(one_);
    }
  });

  test('about a key are refused for another ledger, or a certificate of another key', async () => {
    const certificate = [...(await makeCertificate(fields, [a]))];
    const bad: KeyStatement[] = [
      { ...revoke, gen: idOf('other', 32) },
      { v: 1, gen, kid: b.kid, use: 'writer', act: 'certify', certificate },
      { v: 1, gen, kid: w.kid, use: 'checkpoint', act: 'certify', certificate },
    ];
    for (const one_ of bad) {
      const statement = await makeKeyStatement(one_, [a]);
      expect(codeOf(() => parseKeyStatement(statement, one))).toBe('bad_statement');
    }
  });

  test('about a lost journal', async () => {
    const gap = {
      v: 1 as const,
      gen,
      writer,
      boot: writer,
      first: 3,
      last: null,
      reason: 'disk_lost',
    };
    expect(parseGapStatement(await makeGapStatement(gap, [a]), one)).toEqual(gap);
    const other = await makeGapStatement({ ...gap, gen: idOf('other', 32) }, [a]);
    expect(codeOf(() => parseGapStatement(other, one))).toBe('bad_statement');
  });

  test('cannot stand for one another', async () => {
    const statement = await makeKeyStatement(revoke, [a]);
    expect(codeOf(() => parseGapStatement(statement, one))).toBe('bad_jws_header');
  });
});

function byKid(x: string, y: string): number {
  const kid = (jws: string): string =>
    (JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid;
  return kid(x) < kid(y) ? -1 : 1;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
