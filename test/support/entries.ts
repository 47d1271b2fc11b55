/** Entries and records as a gateway would make them, from fixed keys and times. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { DEFAULT_DEPTHS, discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import type { DisclosedRecord, PartDepths, RecordParts } from '../../src/core/record/disclosure.ts';
import { completePayload, entryPrefix, sealJws, signingInput } from '../../src/core/entry/entry.ts';
import type { EntryPayload, WriterPosition } from '../../src/core/entry/entry.ts';
import { jwkThumbprint, parsePublicJwk } from '../../src/core/json/jws.ts';
import type { JwsSigner } from '../../src/core/json/jws.ts';
import type { StoredRecord } from '../../src/core/record/record.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';

/** Admission of everything in here, epoch ms. */
export const AT = 1_763_856_000_123;
export const JTI = makeUuid7(AT, new Uint8Array(10).fill(0xa5));
export const RECORD_KEY = new Uint8Array(32).map((_, i) => i);
/** Base64url of 32 equal bytes. */
export const hashOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64url');
/** Base64url of 16 equal bytes. */
export const idOf = (byte: number): string => Buffer.alloc(16, byte).toString('base64url');

export const WRITER: WriterPosition = { id: idOf(1), boot: idOf(2), seq: 7, prev: hashOf(3) };

/** An Ed25519 signer made from a repeated byte. RFC 8410 §7 frames the private key. */
export function signerOf(seed: number): JwsSigner {
  const der = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    Buffer.alloc(32, seed),
  ]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const jwk = parsePublicJwk(createPublicKey(key).export({ format: 'jwk' }) as JsonObject);
  return {
    alg: 'Ed25519',
    jwk,
    kid: jwkThumbprint(jwk),
    // eslint-disable-next-line @typescript-eslint/require-await
    sign: async (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

/** A record of an ordinary event. */
export const PARTS: RecordParts = {
  input: {
    action: { name: 'append' },
    context: { ip: '192.0.2.7', request: { id: 'r-1', headers: { host: 'a.example' } } },
    event: {
      actor: { id: 'alice', email: 'alice@a.example' },
      changes: [{ field: 'limit', to: 10 }, { field: 'note' }],
      details: { region: 'eu', nested: { deep: { deeper: 1 } } },
      empty: {},
      none: null,
      'odd/name~1': 'x',
      what: 'transfer',
    },
    time: { ms: AT, rfc3339: '2025-11-23T00:00:00.123Z' },
  },
  result: { allow: true, reasons: ['in office hours'], class: 'standard', labels: { team: 'a' } },
  source: { auth: { method: 'jwt', subject: 'alice' }, media_type: 'application/json' },
};

/** Discloses a record under the fixed key. */
export function disclose(
  parts: RecordParts = PARTS,
  depth: PartDepths = DEFAULT_DEPTHS,
): DisclosedRecord {
  return discloseRecord({ jti: JTI, key: RECORD_KEY, depth, parts });
}

/** The stored form of a record under the fixed key. */
export function storedOf(parts: RecordParts = PARTS): StoredRecord {
  const { input, result, source } = parts;
  const key = Buffer.from(RECORD_KEY).toString('base64url');
  return { v: 1, jti: JTI, key, input, result, source, sealed: [] };
}

/** A payload without `wtr`, for a record. */
export function fieldsOf(
  parts: RecordParts = PARTS,
  changes: Partial<EntryPayload> = {},
  depth: PartDepths = DEFAULT_DEPTHS,
): Omit<EntryPayload, 'wtr'> {
  return {
    v: 1,
    iss: 'stele.example/demo',
    gen: hashOf(9),
    jti: JTI,
    iat: Math.floor(AT / 1000),
    at: AT,
    kind: 'event',
    pol: { id: hashOf(8), entrypoint: 'stele/append', allow: true },
    ret: { class: 'standard', mode: 'compliance', until: AT + 86_400_000 },
    sby: AT + 5_000,
    idk: `s1.${hashOf(4)}`,
    idb: `s1.${hashOf(5)}`,
    lbl: { team: 'a' },
    dsc: formatDsc(depth),
    _sd: disclose(parts, depth).sd,
    _sd_alg: 'sha-256',
    ...changes,
  };
}

/** The whole payload. */
export function payloadOf(
  parts: RecordParts = PARTS,
  changes: Partial<EntryPayload> = {},
): EntryPayload {
  return { ...fieldsOf(parts, changes), wtr: WRITER };
}

/** An entry's JWS, signed. */
export async function issue(
  signer: JwsSigner,
  fields: Omit<EntryPayload, 'wtr'> = fieldsOf(),
  wtr: WriterPosition = WRITER,
): Promise<string> {
  const input = signingInput(signer.kid, completePayload(entryPrefix(fields), wtr), signer.alg);
  return sealJws(input, await signer.sign(Buffer.from(input)));
}
