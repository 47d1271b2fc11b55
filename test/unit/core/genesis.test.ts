import { describe, expect, test } from '@jest/globals';
import { utf8Bytes, utf8Text } from '../../../src/core/platform/bytes.ts';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import {
  GENESIS_BYTES_MAX,
  GENESIS_TYP,
  makeGenesis,
  parseGenesis,
} from '../../../src/core/ledger/genesis.ts';
import type { GenesisDraft } from '../../../src/core/ledger/genesis.ts';
import { makeStatement } from '../../../src/core/ledger/statement.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import { bootFacts, checkpointKey, genesisDraft, MiniLog, signerOf } from '../../golden/support.ts';

const [a, b, c] = ['root a', 'root b', 'root c'].map(signerOf) as [
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
];

/** A genesis object of any payload, whatever it says. */
async function forge(payload: JsonValue, signers = [a]): Promise<Uint8Array> {
  const statement = await makeStatement(GENESIS_TYP, payload, signers);
  return utf8Bytes(
    canonicalJson({
      payload: statement[0]!.split('.')[1]!,
      signatures: statement.map((jws) => ({
        protected: jws.split('.')[0]!,
        signature: jws.split('.')[2]!,
      })),
    }),
  );
}

function payloadOf(changes: Record<string, unknown> = {}): JsonObject {
  const base = { v: 1, crit: [], hash: 'sha-256', algs: ['Ed25519', 'ES256'], ...genesisDraft() };
  return JSON.parse(JSON.stringify({ ...base, ...changes })) as JsonObject;
}

describe('parseGenesis', () => {
  test('gives back what was made, with the hash of its bytes', async () => {
    const bytes = await makeGenesis(genesisDraft(), [a, b]);
    const genesis = parseGenesis(bytes);
    expect(genesis).toMatchObject({ ...genesisDraft(), bytes });
    expect(genesis.gen).toHaveLength(43);
    expect(await makeGenesis(genesisDraft(), [b, a])).toEqual(bytes);
  });

  test('takes as many root keys as the threshold asks, and any of them', async () => {
    const roots = { threshold: 2, keys: [a.jwk, b.jwk, c.jwk], next: [] };
    for (const signers of [
      [a, b],
      [a, c],
      [b, c],
      [a, b, c],
    ]) {
      expect(parseGenesis(await makeGenesis(genesisDraft({ roots }), signers)).roots).toEqual(
        roots,
      );
    }
    await expect(makeGenesis(genesisDraft({ roots }), [c])).rejects.toThrow('1 root keys signed');
  });

  const refused: readonly [string, Partial<GenesisDraft>, string][] = [
    ['a fallback class that it lacks', { fallbackClass: 'none' }, 'bad_genesis'],
    [
      'a threshold above the number of keys',
      { roots: { threshold: 2, keys: [a.jwk], next: [] } },
      'bad_genesis',
    ],
    [
      'a root key twice',
      { roots: { threshold: 1, keys: [a.jwk, a.jwk], next: [] } },
      'bad_genesis',
    ],
    [
      'a root key of small order',
      {
        roots: {
          threshold: 1,
          keys: [a.jwk, { crv: 'Ed25519', kty: 'OKP', x: 'A'.repeat(43) }],
          next: [],
        },
      },
      'bad_jwk',
    ],
    ['an origin with a plus', { origin: 'stele.example/a+b' }, 'bad_genesis'],
    [
      'a class name in upper case',
      { classes: { Short: genesisDraft().classes['short']! } },
      'bad_genesis',
    ],
    [
      'entries that no leaf can hold',
      { limits: { ...genesisDraft().limits, entryBytes: 65536 } },
      'bad_genesis',
    ],
    [
      'headers that do not hold their certificates',
      { limits: { ...genesisDraft().limits, headerBytes: 65_535 } },
      'bad_genesis',
    ],
    [
      'batches that are too short',
      { limits: { ...genesisDraft().limits, batchBytes: 262_143, headerBytes: 65_536 } },
      'bad_genesis',
    ],
    [
      'batches that do not hold a header and a leaf',
      {
        limits: {
          ...genesisDraft().limits,
          batchBytes: 1_000_000 + 65_537,
          headerBytes: 1_000_000,
        },
      },
      'bad_genesis',
    ],
    ['a time before the epoch', { time: -1 }, 'bad_genesis'],
  ];
  test.each(refused)('refuses %s', async (_name, changes, code) => {
    await expect(makeGenesis(genesisDraft(changes), [a])).rejects.toMatchObject({ code });
  });

  const forged: readonly [string, JsonValue, string][] = [
    ['a newer version', payloadOf({ v: 2, surprise: true }), 'unsupported_version'],
    ['a critical member', payloadOf({ crit: ['x'] }), 'unsupported_critical'],
    ['an unknown member', payloadOf({ extra: 1 }), 'bad_genesis'],
    ['another hash', payloadOf({ hash: 'sha-512' }), 'bad_genesis'],
    ['no object', 'genesis', 'bad_genesis'],
  ];
  test.each(forged)('refuses %s', async (_name, payload, code) => {
    expect(await attempt(forge(payload))).toBe(code);
  });

  test('refuses what its own keys did not sign', async () => {
    expect(await attempt(forge(payloadOf(), [c]))).toBe('bad_statement');
    const bytes = await makeGenesis(genesisDraft(), [a]);
    const text = utf8Text(bytes);
    const other = utf8Text(await makeGenesis(genesisDraft({ time: 1 }), [a]));
    const payload = (object: string): string => (JSON.parse(object) as { payload: string }).payload;
    const swapped = text.replace(payload(text), payload(other));
    expect(codeOf(utf8Bytes(swapped))).toBe('bad_statement');
  });

  test('refuses bytes that are not their own canonical form, not an object, or far too many', async () => {
    const text = utf8Text(await makeGenesis(genesisDraft(), [a]));
    expect(codeOf(utf8Bytes(`${text}\n`))).toBe('not_canonical');
    expect(codeOf(utf8Bytes('[]'))).toBe('bad_genesis');
    expect(codeOf(utf8Bytes('{}'))).toBe('bad_genesis');
    expect(codeOf(new Uint8Array(GENESIS_BYTES_MAX + 1))).toBe('bad_genesis');
  });

  test('names the place of a fault', async () => {
    const classes = { ...genesisDraft().classes, 'a-b': { mode: 'soft' } };
    const bytes = await forge(payloadOf({ classes }));
    expect(() => parseGenesis(bytes)).toThrow(
      expect.objectContaining({ pointer: '/classes/a-b/mode' }),
    );
  });
});

function codeOf(bytes: Uint8Array): string {
  try {
    parseGenesis(bytes);
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function attempt(bytes: Promise<Uint8Array>): Promise<string> {
  return codeOf(await bytes);
}

test('the least limits hold three certificates of 16 signatures and a full leaf', async () => {
  const roots = Array.from({ length: 16 }, (_, i) => signerOf(`root ${i}`));
  const limits = { batchEntries: 1, batchBytes: 262_144, headerBytes: 65_536, entryBytes: 65_535 };
  const keys = roots.map(({ jwk }) => jwk);
  const origin = 'o'.repeat(100);
  const log = await MiniLog.create(
    { origin, limits, roots: { threshold: 16, keys, next: [] } },
    roots,
  );
  const [w, two] = [await log.writer('one'), await log.writer('two')];
  const key = await checkpointKey(log);
  const leaf = await log.entry(w, 'boot', bootFacts(log));
  await log.seal(w, [leaf], { certs: [w.cert, two.cert, key.cert] });
  expect(log.state.size).toBe(1);
});
