import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, GenerateKeyPairResult } from 'jose';
import { startGateway } from '../../../src/gateway/server.ts';
import type { RunningGateway } from '../../../src/gateway/server.ts';
import { gatewayDefaults } from '../../../src/gateway/context/settings.ts';
import type { GatewaySettings } from '../../../src/gateway/context/settings.ts';
import type { GatewayLog } from '../../../src/gateway/context/components.ts';
import { ApiKeys, generateApiKey } from '../../../src/keys/api-keys.ts';
import { Callers, callersDefaults } from '../../../src/keys/callers.ts';
import { generateLedgerSecret } from '../../../src/keys/ledger-secret.ts';
import { localKeys } from '../../../src/keys/jwks.ts';
import { tokenDefaults, tokenVerifier } from '../../../src/keys/tokens.ts';
import type { ServedLedger } from '../../../src/gateway/context/components.ts';
import { readBundle } from '../../../src/policy/bundle/bundle.ts';
import type { DecideSettings } from '../../../src/policy/decide/decide.ts';
import { openInProcessPool } from '../../../src/policy/pool/in-process.ts';
import { DEFAULT_INPUT_LIMITS } from '../../../src/policy/decide/input.ts';
import type { PolicyPool } from '../../../src/policy/pool/pool.ts';
import { preparePolicy } from '../../../src/policy/bundle/prepare.ts';
import type { PreparedPolicy } from '../../../src/policy/bundle/prepare.ts';
import { openObserved } from './observed-ledger.ts';
import type { ObservedLedger } from './observed-ledger.ts';

/** The issuer and audience that the tests' gateway believes. */
export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'stele';

/** A running gateway with all that a test may want to look at. */
export interface World {
  readonly url: string;
  readonly running: RunningGateway;
  readonly ledger: ObservedLedger;
  readonly vkey: string;
  /** API keys by role. */
  readonly keys: Readonly<Record<'service' | 'auditor' | 'admin' | 'other', string>>;
  readonly issuerKey: CryptoKey;
  /** Public RSA key in PEM, of the same JWKS: what a confused verifier would take for an HMAC secret. */
  readonly rsaPem: string;
  readonly rsaKey: CryptoKey;
  readonly logged: Record<string, unknown>[];
  /** How many entries went into the ledger, sealed or not. */
  recorded(): number;
  close(): Promise<void>;
}

/** Signs a token of the tests' issuer; `claims` go over the good ones, and `undefined` takes one away. */
export async function signToken(
  key: CryptoKey,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'alice',
    exp: now + 600,
    roles: ['service'],
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid: 'ed', ...header }).sign(key);
}

/** What a test may choose. */
export interface WorldOptions {
  readonly anonymous?: boolean;
  /** Makes the pool that decides; default: the committed default policy, in process. */
  readonly pool?: (settings: DecideSettings) => PolicyPool | Promise<PolicyPool>;
  /** Where its next policies come from; default: nowhere. */
  readonly feed?: ServedLedger['feed'];
  /** How its policy can be tried and changed; default: it cannot. */
  readonly changes?: ServedLedger['changes'];
}

const DEFAULT_BUNDLE = 'bundles/default/bundle.tar.gz';

/** A policy of a committed bundle. */
export async function policyOf(path = DEFAULT_BUNDLE): Promise<PreparedPolicy> {
  return preparePolicy(await readBundle(readFileSync(path)));
}

async function defaultPool(settings: DecideSettings): Promise<PolicyPool> {
  return openInProcessPool(await policyOf(), settings);
}

/** Starts a gateway over a real ledger in a simulated bucket and, unless told otherwise, the default policy. */
export async function startWorld(
  settings: Partial<GatewaySettings> = {},
  options: WorldOptions = {},
): Promise<World> {
  const clock = (): number => Date.now();
  const { ledger, vkey } = await openObserved();
  const secret = generateLedgerSecret();
  const { ed, rsa } = await issuerKeys();
  const jwks = {
    keys: [
      { ...(await exportJWK(ed.publicKey)), kid: 'ed', alg: 'EdDSA' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
    ],
  };
  const roles = ['service', 'auditor', 'admin', 'other'] as const;
  const made = roles.map((role) => ({ role, ...generateApiKey() }));
  const callers = new Callers(
    {
      tokens: tokenVerifier(
        localKeys(JSON.stringify(jwks), 'test'),
        { ...tokenDefaults, issuer: ISSUER, audience: AUDIENCE },
        clock,
      ),
      apiKeys: new ApiKeys(
        made.map(({ role, sha256 }) => ({
          id: `key-${role}`,
          sha256,
          subject: { type: 'service', id: role },
          roles: [role],
        })),
      ),
      clock,
    },
    { ...callersDefaults, anonymous: options.anonymous ?? false },
  );
  const logged: Record<string, unknown>[] = [];
  const log = recordingLog(logged);
  const { origin, gen, maxSealMs, classes, fallbackClass, labels } = ledger.genesis;
  const pool = await (options.pool ?? defaultPool)({
    ...{ origin, gen, maxSealMs, classes, fallbackClass, labels },
    limits: DEFAULT_INPUT_LIMITS,
    secret,
  });
  const running = await startGateway(
    {
      ledgers: [
        {
          name: 'demo',
          ledger,
          policy: pool,
          feed: options.feed ?? null,
          secret,
          ...(options.changes === undefined ? {} : { changes: options.changes }),
        },
      ],
      callers,
      clock,
      random: (size) => randomBytes(size),
      log,
      version: '0.0.0',
    },
    { ...gatewayDefaults, ...settings },
    { host: '127.0.0.1', port: 0 },
  );
  return {
    url: `http://127.0.0.1:${running.port}`,
    running,
    ledger,
    vkey,
    keys: Object.fromEntries(made.map(({ role, key }) => [role, key])) as World['keys'],
    issuerKey: ed.privateKey,
    rsaKey: rsa.privateKey,
    rsaPem: await exportSPKI(rsa.publicKey),
    logged,
    recorded: () => ledger.entries.length,
    close: async () => {
      await running.close();
      await ledger.close();
      await pool.close();
    },
  };
}

let madeKeys: ReturnType<typeof makeIssuerKeys> | null = null;

/** One issuer for all worlds of a file: an RSA key takes most of a second. */
async function issuerKeys(): ReturnType<typeof makeIssuerKeys> {
  return (madeKeys ??= makeIssuerKeys());
}

async function makeIssuerKeys(): Promise<Record<'ed' | 'rsa', GenerateKeyPairResult>> {
  const [ed, rsa] = await Promise.all(
    ['EdDSA', 'RS256'].map(async (alg) => generateKeyPair(alg, { extractable: true })),
  );
  return { ed: ed!, rsa: rsa! };
}

function recordingLog(logged: Record<string, unknown>[]): GatewayLog {
  const note =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      logged.push({ level, event, ...fields });
    };
  return { info: note('info'), warn: note('warn'), error: note('error') };
}
