import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { loadJwks } from '../../../src/keys/jwks.ts';
import { tokenDefaults, tokenVerifier } from '../../../src/keys/tokens.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const settings = { ...tokenDefaults, issuer: 'https://issuer.example', audience: 'stele' };
const KEY = 'eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ';

let now = NOW;
let server: Server;
let url: string;
let signing: CryptoKey;
let jwk: JWK;
let requests = 0;
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  const pair = await generateKeyPair('EdDSA', { extractable: true });
  signing = pair.privateKey;
  jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one' };
  server = createServer((_request, response) => {
    requests += 1;
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  now = NOW;
  requests = 0;
  answer = good;
});

function good(response: ServerResponse): void {
  response.end(JSON.stringify({ keys: [jwk] }));
}
const says = (status: number, body: string) => (response: ServerResponse) => {
  response.writeHead(status, { location: url }).end(body);
};
function failing(response: ServerResponse): void {
  good(response.writeHead(500));
}
/** Sends for as long as somebody listens. */
function endless(response: ServerResponse): void {
  const part = Buffer.alloc(65_536, '1');
  const go = (): void => {
    while (!response.destroyed && response.write(part));
  };
  response.on('drain', go);
  go();
}

/** Tells what becomes of a token: its subject, or the code of the refusal. */
async function caller(): Promise<(token: string) => Promise<string>> {
  const clock = (): number => now;
  const verifier = tokenVerifier((await loadJwks(url, clock)).keys, settings, clock);
  return async (token) => {
    try {
      return (await verifier.verify(token, 'digest')).caller.subject.id;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
}
const garbage = (n: number): string => `${KEY}.e30.${'A'.repeat(4 + n * 4)}`;
async function token(): Promise<string> {
  const claims = { iss: settings.issuer, aud: 'stele', sub: 'alice', exp: NOW / 1000 + 86_400 };
  return new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'one' }).sign(signing);
}

describe('a JWKS URL', () => {
  const deep = `{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  test.each<[string, (response: ServerResponse) => void]>([
    ['answers 500', says(500, 'x')],
    ['answers 500 with keys', failing],
    ['leads elsewhere', says(302, '')],
    ['answers nothing', says(200, '')],
    ['answers no JSON', says(200, 'keys')],
    ['answers what is no text', (response) => response.end(Buffer.of(0xff))],
    ['gives null for a key', says(200, '{"keys":[null]}')],
    ['gives a shared secret', says(200, '{"keys":[{"kty":"oct","k":"AA","kid":"one"}]}')],
    ['gives a private key', says(200, '{"keys":[{"kty":"OKP","crv":"Ed25519","d":"AA"}]}')],
    ['is brackets a hundred thousand deep', says(200, deep)],
    ['sends more than a JWKS has', says(200, `{"keys":[],"x":"${' '.repeat(300_000)}"}`)],
    ['never ends', endless],
    ['hangs up', (response) => response.destroy()],
  ])('that %s is asked once for all the tokens of strangers', async (_about, bad) => {
    answer = bad;
    const ask = await caller();
    for (let n = 0; n < 20; n += 1) expect(await ask(garbage(n))).toBe('caller_keys_unavailable');
    expect(requests).toBe(1);
    now += 10_000;
    answer = good;
    expect(await ask(await token())).toBe('alice');
    expect(requests).toBe(2);
  });

  test('that is asked by many at a time is asked once', async () => {
    const ask = await caller();
    const good = await token();
    expect(new Set(await Promise.all([good, good, good].map(ask)))).toEqual(new Set(['alice']));
    expect(requests).toBe(1);
  });

  test('that is well is asked for an unknown key every half minute, however many tokens name one', async () => {
    const ask = await caller();
    for (const [after, asked] of [
      [0, 1],
      [29_000, 1],
      [1_000, 2],
    ] as const) {
      now += after;
      for (let n = 0; n < 5; n += 1) expect(await ask(garbage(n))).toBe('token_invalid');
      expect(requests).toBe(asked);
    }
  });

  test('in an outage leaves good tokens to the last good keys, for an hour and no longer', async () => {
    const ask = await caller();
    expect(await ask(await token())).toBe('alice');
    answer = says(503, '');
    for (const minutes of [1, 9, 10, 59]) {
      now = NOW + minutes * MINUTE;
      expect(await ask(garbage(minutes))).toBe('caller_keys_unavailable');
      expect(await ask(await token())).toBe('alice');
    }
    now = NOW + 60 * MINUTE;
    expect(await ask(await token())).toBe('caller_keys_unavailable');
  });

  test('that withdraws a key is believed after ten minutes', async () => {
    const ask = await caller();
    const old = await token();
    expect(await ask(old)).toBe('alice');
    answer = says(200, '{"keys":[]}');
    now += 10 * MINUTE;
    expect(await ask(old)).toBe('token_invalid');
  });

  test('that failed before the clock was put back is asked again', async () => {
    const ask = await caller();
    answer = says(500, '');
    await ask(garbage(0));
    now -= 60 * MINUTE;
    await ask(garbage(1));
    expect(requests).toBe(2);
  });
});
