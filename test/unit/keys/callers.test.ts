import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { ApiKeys, apiKeyFile, generateApiKey, parseApiKeys } from '../../../src/keys/api-keys.ts';
import { ANONYMOUS } from '../../../src/keys/caller.ts';
import { Callers, callersDefaults } from '../../../src/keys/callers.ts';
import { loadJwks, localKeys } from '../../../src/keys/jwks.ts';
import { tokenDefaults, tokenVerifier } from '../../../src/keys/tokens.ts';
import type { TokenVerifier } from '../../../src/keys/tokens.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const ISSUER = 'https://issuer.example';
const NOW = 1_800_000_000_000;
const settings = { ...tokenDefaults, issuer: ISSUER, audience: 'stele' };

let one: { key: CryptoKey; jwk: JWK };
let two: { key: CryptoKey; jwk: JWK };
let now = NOW;
const clock = (): number => now;

async function makeKey(kid: string): Promise<{ key: CryptoKey; jwk: JWK }> {
  const pair = await generateKeyPair('EdDSA', { extractable: true });
  return { key: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid } };
}

async function token(key: CryptoKey, kid: string, claims: object = {}): Promise<string> {
  return new SignJWT({
    iss: ISSUER,
    aud: 'stele',
    sub: 'alice',
    exp: NOW / 1000 + 3600,
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(key);
}

function verifierOver(jwks: { keys: JWK[] }): TokenVerifier {
  return tokenVerifier(localKeys(JSON.stringify(jwks), 'test'), settings, clock);
}

function callersOver(
  tokens: TokenVerifier | null,
  options: Partial<ConstructorParameters<typeof Callers>[1]> = {},
  apiKeys: ApiKeys | null = null,
): Callers {
  return new Callers(
    { tokens, apiKeys, clock },
    { ...callersDefaults, anonymous: false, ...options },
  );
}

let servers: Server[] = [];
beforeAll(async () => {
  one = await makeKey('one');
  two = await makeKey('two');
});
afterEach(() => {
  now = NOW;
  for (const server of servers) server.close();
  servers = [];
});

/** A JWKS server whose answer a test exchanges. */
async function serve(answer: () => { status: number; body: string }): Promise<string> {
  const server = createServer((_request, response) => {
    const { status, body } = answer();
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
}

describe('a token', () => {
  test('names a subject of its issuer, with the claims that are asked for and no other', async () => {
    const callers = callersOver(verifierOver({ keys: [one.jwk] }));
    const text = await token(one.key, 'one', { roles: ['auditor'], email: 'a@example' });
    const caller = await callers.identify(`Bearer ${text}`);
    expect(caller.subject).toEqual({
      type: 'user',
      id: 'alice',
      properties: { issuer: ISSUER, roles: ['auditor'] },
    });
    expect(caller.auth).toMatchObject({ method: 'jwt', issuer: ISSUER, key_id: 'one' });
    expect(caller.auth.token_sha256).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(JSON.stringify(caller)).not.toContain(text);
  });

  test.each([
    ['a number too large', { roles: [1e300] }],
    ['half of a surrogate pair', { roles: ['\ud800'] }],
    ['twenty levels', { roles: JSON.parse(`${'['.repeat(20)}1${']'.repeat(20)}`) as unknown }],
    ['a reserved name', { roles: JSON.parse('{"__proto__":1}') as unknown }],
    ['half of a surrogate pair as its subject', { sub: '\udc00' }],
  ])('with %s cannot be recorded, so it is not valid here', async (_about, claims) => {
    const callers = callersOver(verifierOver({ keys: [one.jwk] }));
    const text = await token(one.key, 'one', claims);
    await expect(callers.identify(`Bearer ${text}`)).rejects.toMatchObject({
      code: 'token_invalid',
    });
  });

  test('that was verified is not verified again until it expires', async () => {
    let checks = 0;
    const inner = verifierOver({ keys: [one.jwk] });
    const verify: TokenVerifier['verify'] = async (...parts) => {
      checks += 1;
      return inner.verify(...parts);
    };
    const callers = callersOver({ verify }, { tokenCacheMs: 3_600_000 });
    const header = `Bearer ${await token(one.key, 'one', { exp: NOW / 1000 + 60 })}`;
    await callers.identify(header);
    // At once, not as a promise: the hot path waits for nothing.
    expect(callers.identify(header)).not.toBeInstanceOf(Promise);
    expect(checks).toBe(1);
    now = NOW + (60 + settings.clockToleranceSeconds) * 1000;
    await expect(callers.identify(header)).rejects.toMatchObject({ code: 'token_expired' });
    expect(checks).toBe(2);
  });

  test('is looked at again after tokenCacheMs, so that a withdrawn key stops counting', async () => {
    const jwks = { keys: [one.jwk] };
    let verifier = verifierOver(jwks);
    const callers = callersOver(
      { verify: async (...parts) => verifier.verify(...parts) },
      { tokenCacheMs: 1000 },
    );
    const header = `Bearer ${await token(one.key, 'one')}`;
    await callers.identify(header);
    verifier = verifierOver({ keys: [two.jwk] });
    expect(callers.identify(header)).not.toBeInstanceOf(Promise);
    now = NOW + 1000;
    await expect(callers.identify(header)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  test('is verified each time where nothing is remembered', async () => {
    const callers = callersOver(verifierOver({ keys: [one.jwk] }), { tokenCacheEntries: 0 });
    const header = `Bearer ${await token(one.key, 'one')}`;
    await callers.identify(header);
    expect(callers.identify(header)).toBeInstanceOf(Promise);
    await callers.identify(header);
  });

  test('is not taken where no issuer is configured', async () => {
    await expect(callersOver(null).identify('Bearer a.b.c')).rejects.toMatchObject({
      code: 'token_invalid',
    });
  });

  test('may be early or late by the tolerance', async () => {
    const callers = callersOver(verifierOver({ keys: [one.jwk] }));
    const late = await token(one.key, 'one', {
      exp: NOW / 1000 - settings.clockToleranceSeconds + 1,
    });
    const early = await token(one.key, 'one', { nbf: NOW / 1000 + settings.clockToleranceSeconds });
    for (const text of [late, early]) await callers.identify(`Bearer ${text}`);
  });
});

describe('a JWKS', () => {
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    ['no JSON', 'keys', undefined],
    ['null', 'null', undefined],
    ['without keys', '{}', undefined],
    ['with keys that are no list', '{"keys":{}}', undefined],
    ['with a shared secret', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', '/keys/0'],
    ['with a private key', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}', '/keys/0'],
    ['with null for a key', '{"keys":[null]}', '/keys/0'],
    ['of brackets a hundred deep', `{"keys":${'['.repeat(100)}${']'.repeat(100)}}`, undefined],
  ];
  test.each(rows)('%s is malformed', (_about, text, pointer) => {
    expect(() => localKeys(text, 'test')).toThrow(
      expect.objectContaining({ code: 'jwks_malformed', pointer }),
    );
  });

  test('is read from a file', async () => {
    const path = join(await tempFolder(), 'jwks.json');
    await writeFile(path, JSON.stringify({ keys: [one.jwk] }));
    const callers = callersOver(tokenVerifier((await loadJwks(path, clock)).keys, settings, clock));
    expect(await callers.identify(`Bearer ${await token(one.key, 'one')}`)).toMatchObject({
      subject: { id: 'alice' },
    });
  });

  test('is fetched from a URL', async () => {
    const url = await serve(() => ({ status: 200, body: JSON.stringify({ keys: [two.jwk] }) }));
    const callers = callersOver(tokenVerifier((await loadJwks(url, clock)).keys, settings, clock));
    await callers.identify(`Bearer ${await token(two.key, 'two')}`);
    await expect(callers.identify(`Bearer ${await token(one.key, 'one')}`)).rejects.toMatchObject({
      code: 'token_invalid',
    });
  });

  test.each([
    ['answers 500', 500, '{}'],
    ['answers no JSON', 200, 'keys'],
    ['answers another JSON', 200, '{"a":1}'],
  ])('whose URL %s is no fault of the caller', async (_about, status, body) => {
    const url = await serve(() => ({ status, body }));
    const callers = callersOver(tokenVerifier((await loadJwks(url, clock)).keys, settings, clock));
    await expect(callers.identify(`Bearer ${await token(one.key, 'one')}`)).rejects.toMatchObject({
      code: 'caller_keys_unavailable',
      disposition: 'retry',
    });
  });

  test('whose URL is gone is no fault of the caller', async () => {
    const callers = callersOver(
      tokenVerifier((await loadJwks('http://127.0.0.1:1/jwks', clock)).keys, settings, clock),
    );
    await expect(callers.identify(`Bearer ${await token(one.key, 'one')}`)).rejects.toMatchObject({
      code: 'caller_keys_unavailable',
    });
  });

  test('file that is not there is said before anything is served', async () => {
    await expect(loadJwks('/nowhere/jwks.json', clock)).rejects.toMatchObject({
      code: 'jwks_missing',
    });
  });

  test('file that changes holds at once, for tokens that were verified before too', async () => {
    const path = join(await tempFolder(), 'jwks.json');
    await writeFile(path, JSON.stringify({ keys: [one.jwk] }));
    const { keys, file } = await loadJwks(path, clock);
    const callers = callersOver(tokenVerifier(keys, settings, clock));
    const old = `Bearer ${await token(one.key, 'one')}`;
    await callers.identify(old);
    await writeFile(path, JSON.stringify({ keys: [two.jwk], more: 'than before' }));
    expect(await file?.look()).toBe(true);
    callers.forget();
    await expect(callers.identify(old)).rejects.toMatchObject({ code: 'token_invalid' });
    await callers.identify(`Bearer ${await token(two.key, 'two')}`);
  });

  test('is not fetched in clear from elsewhere', async () => {
    await expect(loadJwks('http://issuer.example/jwks', clock)).rejects.toMatchObject({
      code: 'jwks_malformed',
    });
  });
});

describe('an API key', () => {
  const made = generateApiKey();
  const spec = {
    id: 'k1',
    sha256: made.sha256,
    subject: { type: 'service', id: 'billing', properties: { team: 'blue' } },
    roles: ['service'],
  };

  test('names the subject of its line', () => {
    const callers = callersOver(null, {}, new ApiKeys([spec]));
    expect(callers.identify(`Bearer ${made.key}`)).toEqual({
      subject: {
        type: 'service',
        id: 'billing',
        properties: { team: 'blue', issuer: null, roles: ['service'] },
      },
      auth: {
        method: 'api_key',
        issuer: null,
        subject: 'billing',
        key_id: 'k1',
        token_sha256: made.sha256,
      },
    });
  });

  test('ends with its expiry', () => {
    const expires = new Date(NOW + 1000).toISOString();
    const callers = callersOver(null, {}, new ApiKeys([{ ...spec, expires }]));
    expect(callers.identify(`Bearer ${made.key}`)).toMatchObject({ auth: { key_id: 'k1' } });
    now = NOW + 1000;
    expect(() => {
      void callers.identify(`Bearer ${made.key}`);
    }).toThrow(expect.objectContaining({ code: 'api_key_unknown' }));
  });

  test('is told from others whose hash begins alike', () => {
    const twin = { ...spec, id: 'k2', sha256: `${made.sha256.slice(0, 4)}${'A'.repeat(39)}` };
    const callers = callersOver(null, {}, new ApiKeys([twin, spec]));
    expect(callers.identify(`Bearer ${made.key}`)).toMatchObject({ auth: { key_id: 'k1' } });
  });

  test('is unknown where there is no file', () => {
    expect(() => {
      void callersOver(null).identify(`Bearer ${made.key}`);
    }).toThrow(expect.objectContaining({ code: 'api_key_unknown' }));
  });

  const hash = 'A'.repeat(43);
  const line = `{id: a, sha256: ${hash}, subject: {type: t, id: s}}`;
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    ['no YAML', 'keys: [', undefined],
    ['a name twice', 'keys: []\nkeys: []', undefined],
    ['something else', '- a', ''],
    ['an unknown member', 'keys: []\nextra: 1', ''],
    ['a key without a subject', `keys: [{id: a, sha256: ${hash}}]`, '/keys/0/subject'],
    [
      'the key itself instead of its hash',
      `keys: [{id: a, sha256: stele_x, subject: {type: t, id: s}}]`,
      '/keys/0/sha256',
    ],
    [
      'a bad expiry',
      `keys: [{id: a, sha256: ${hash}, subject: {type: t, id: s}, expires: soon}]`,
      '/keys/0/expires',
    ],
    ['an id twice', `keys: [${line}, ${line.replace(hash, 'B'.repeat(43))}]`, '/keys/1/id'],
    [
      'one id under two types',
      `keys: [${line}, ${line.replace('id: a,', 'id: b,').replace(hash, 'B'.repeat(43)).replace('type: ', 'type: other-')}]`,
      '/keys/1/subject',
    ],
    ['a hash twice', `keys: [${line}, ${line.replace('id: a,', 'id: b,')}]`, '/keys/1/sha256'],
  ];
  test.each(rows)('file with %s is malformed', (_about, text, pointer) => {
    expect(() => parseApiKeys(text, 'file')).toThrow(
      expect.objectContaining({ code: 'api_key_file_malformed', pointer }),
    );
  });

  test('file is YAML, or JSON', async () => {
    const path = join(await tempFolder(), 'keys.yaml');
    await writeFile(path, `# who may\nkeys:\n  - ${line.replace(hash, made.sha256)}\n`);
    const file = apiKeyFile(path);
    await file.open();
    const callers = callersOver(null, {}, file.value);
    expect(callers.identify(`Bearer ${made.key}`)).toMatchObject({
      subject: { properties: { roles: [] } },
    });
    const json = JSON.stringify({ keys: [spec] });
    expect(parseApiKeys(json, 'file')).toHaveLength(1);
  });
});

describe('nobody', () => {
  test('is anonymous where that was said, and refused where not', () => {
    expect(callersOver(null, { anonymous: true }).identify(undefined)).toBe(ANONYMOUS);
    expect(() => {
      void callersOver(null).identify(undefined);
    }).toThrow(expect.objectContaining({ code: 'credentials_missing' }));
  });

  test('is not who brings something bad, also where anonymous callers are let in', () => {
    expect(() => {
      void callersOver(null, { anonymous: true }).identify('Basic YTpi');
    }).toThrow(expect.objectContaining({ code: 'credentials_malformed' }));
  });
});
