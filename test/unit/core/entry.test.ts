import { describe, expect, test } from '@jest/globals';
import { parseEntryPayload } from '../../../src/core/entry/check.ts';
import { EntryPayloadSchema } from '../../../src/core/entry/entry-schema.ts';
import {
  completePayload,
  ENTRY_BYTES_MAX,
  ENTRY_KINDS,
  ENTRY_TYP,
  entryBytes,
  entryPrefix,
  isKnownKind,
  parseEntry,
} from '../../../src/core/entry/entry.ts';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import { MalformedError } from '../../../src/core/errors.ts';
import { signJws, verifyJws } from '../../../src/core/json/jws.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import {
  AT,
  fieldsOf,
  hashOf,
  idOf,
  issue,
  JTI,
  payloadOf,
  signerOf,
  WRITER,
} from '../../support/entries.ts';

const signer = signerOf(1);
const payload = payloadOf() as unknown as JsonObject;
/** The payload with members changed, or left out where the change is undefined. */
const changed = (changes: Record<string, JsonValue | undefined>): JsonObject =>
  JSON.parse(JSON.stringify({ ...payload, ...changes })) as JsonObject;
const [low, mid, high] = [hashOf(1), hashOf(2), hashOf(3)];

describe('an entry', () => {
  test('comes back from its bytes', async () => {
    const bytes = entryBytes(await issue(signer));
    const entry = parseEntry(bytes);
    expect(entry.bytes).toBe(bytes);
    expect(entry.header).toEqual({ alg: 'Ed25519', kid: signer.kid, typ: ENTRY_TYP });
    expect(entry.payload).toEqual(payload);
    expect(entry.known).toBe(true);
    expect(verifyJws(entry, signer.jwk, 'Ed25519')).toBe(true);
    expect(`${entry.signingInput}.${Buffer.from(entry.signature).toString('base64url')}`).toBe(
      Buffer.from(bytes).toString('latin1'),
    );
  });

  test('is put together from a prefix and the position of its writer', () => {
    expect(completePayload(entryPrefix(fieldsOf()), WRITER)).toBe(canonicalJson(payload));
  });

  test('of an unknown kind is let through and flagged', async () => {
    const entry = parseEntry(
      entryBytes(await issue(signer, fieldsOf(undefined, { kind: 'omen' }))),
    );
    expect([entry.payload.kind, entry.known]).toEqual(['omen', false]);
  });

  test.each(ENTRY_KINDS)('of kind %s is known', (kind) => {
    expect(isKnownKind(kind)).toBe(true);
  });

  test('has its control facts judged by whoever knows them', async () => {
    const bytes = entryBytes(
      await issue(signer, fieldsOf(undefined, { kind: 'close', ctl: { reason: 'x' } })),
    );
    const seen: unknown[] = [];
    parseEntry(bytes, (kind, ctl) => seen.push([kind, ctl]));
    parseEntry(entryBytes(await issue(signer)), (kind, ctl) => seen.push([kind, ctl]));
    expect(seen).toEqual([
      ['close', { reason: 'x' }],
      ['event', undefined],
    ]);
    const refuse = (): never => {
      throw new MalformedError('facts are wrong', 'bad_control');
    };
    expect(() => parseEntry(bytes, refuse)).toThrow(
      expect.objectContaining({ code: 'bad_control' }),
    );
  });

  test('larger than its frame is refused before it is looked at', () => {
    expect(() => parseEntry(new Uint8Array(ENTRY_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });

  test('that is no text, or a JWS of another type, is refused', async () => {
    expect(() => parseEntry(Uint8Array.of(0xff))).toThrow(
      expect.objectContaining({ code: 'invalid_utf8' }),
    );
    const other = await signJws('stele-batch+jwt', payload, signer);
    expect(() => parseEntry(entryBytes(other))).toThrow(
      expect.objectContaining({ code: 'bad_jws_header' }),
    );
  });

  test('with any one character of its JWS changed is refused, or its signature is', async () => {
    const jws = await issue(signer);
    for (let i = 0; i < jws.length; i++) {
      const letter = jws[i] === 'A' ? 'B' : 'A';
      const bytes = entryBytes(jws.slice(0, i) + letter + jws.slice(i + 1));
      let verified: boolean;
      try {
        verified = verifyJws(parseEntry(bytes), signer.jwk, 'Ed25519');
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        verified = false;
      }
      expect(verified).toBe(false);
    }
  });
});

/** Rows that both the check of the hot path and the schema have to judge alike. */
// prettier-ignore
const taken: [string, JsonValue][] = [
  ['as made',                       payload],
  ['without identity',              changed({ idk: undefined, idb: undefined })],
  ['without labels',                changed({ lbl: undefined })],
  ['with empty labels',             changed({ lbl: {} })],
  ['with labels of 512 bytes',      changed({ lbl: { a: 'é'.repeat(252) } })],
  ['of the system',                 changed({ pol: undefined, dsc: undefined, _sd: undefined, _sd_alg: undefined, ctl: {} })],
  ['reissued',                      changed({ was: hashOf(7) })],
  ['undecided',                     changed({ pol: { id: null, entrypoint: 'stele/append', allow: false, err: 'policy_timeout' } })],
  ['decided badly',                 changed({ pol: { id: low, entrypoint: 'a/b/c', allow: false, err: 'policy_bad_output' } })],
  ['denied',                        changed({ pol: { id: low, entrypoint: 'stele', allow: false } })],
  ['without a date',                changed({ ret: { class: 'a', mode: 'none', until: null } })],
  ['under governance',              changed({ ret: { class: '7-years_x', mode: 'governance', until: 0 } })],
  ['with any control facts',        changed({ ctl: { a: [1, { b: null }] } })],
  ['of other depths',               changed({ dsc: '1:9.1.5' })],
  ['at the start of a boot',        changed({ wtr: { ...WRITER, seq: 0 } })],
  ['of an unknown kind',            changed({ kind: 'omen_2' })],
];
// prettier-ignore
const refused: [string, JsonValue, string][] = [
  ['no object',                     [payload],                                            ''],
  ['null',                          null,                                                 ''],
  ['an unknown member',             changed({ extra: 1 }),                                '/extra'],
  ['a member of a prototype',       changed({ toString: 'x' }),                           '/toString'],
  ['no version',                    changed({ v: undefined }),                            ''],
  ['a version no number',           changed({ v: '1' }),                                  '/v'],
  ...['iss', 'gen', 'jti', 'iat', 'at', 'kind', 'wtr', 'ret', 'sby'].map(
    (name): [string, JsonValue, string] => [`no ${name}`, changed({ [name]: undefined }), ''],
  ),
  ...Object.keys(payload).map(
    (name): [string, JsonValue, string] => [`${name} null`, changed({ [name]: null }), `/${name}`],
  ),
  ['an empty origin',               changed({ iss: '' }),                                 '/iss'],
  ['an origin with a space',        changed({ iss: 'a b' }),                              '/iss'],
  ['an origin with a plus',         changed({ iss: 'a+b' }),                              '/iss'],
  ['an origin with a line feed',    changed({ iss: 'a\n' }),                              '/iss'],
  ['an origin too long',            changed({ iss: 'a'.repeat(256) }),                    '/iss'],
  ['a hash with stray bits',        changed({ gen: `${'A'.repeat(42)}B` }),               '/gen'],
  ['a hash too short',              changed({ gen: 'A'.repeat(42) }),                     '/gen'],
  ['an identifier in capitals',     changed({ jti: JTI.toUpperCase() }),                  '/jti'],
  ['an identifier of another time', changed({ at: AT + 1 }),                              '/jti'],
  ['seconds rounded up',            changed({ iat: Math.ceil(AT / 1000) }),               '/iat'],
  ['a time with a fraction',        changed({ at: AT + 0.5 }),                            '/at'],
  ['a negative time',               changed({ sby: -1 }),                                 '/sby'],
  ['an unsafe time',                changed({ sby: 2 ** 53 }),                            '/sby'],
  ['a kind in capitals',            changed({ kind: 'Event' }),                           '/kind'],
  ['a kind of a prototype',         changed({ kind: '__proto__' }),                       '/kind'],
  ['a writer with one member more', changed({ wtr: { ...WRITER, x: 1 } }),                '/wtr'],
  ['a writer without seq',          changed({ wtr: { id: idOf(1), boot: idOf(2), prev: low } }), '/wtr'],
  ['a writer of another length',    changed({ wtr: { ...WRITER, id: low } }),             '/wtr'],
  ['a negative seq',                changed({ wtr: { ...WRITER, seq: -1 } }),             '/wtr'],
  ['a prev no hash',                changed({ wtr: { ...WRITER, prev: '' } }),            '/wtr'],
  ['a writer no object',            changed({ wtr: [WRITER] as unknown as JsonValue }),   '/wtr'],
  ['a policy without outcome',      changed({ pol: { id: low, entrypoint: 'a' } }),       '/pol'],
  ['no policy and no reason',       changed({ pol: { id: null, entrypoint: 'a', allow: false } }), '/pol'],
  ['allowed after a failure',       changed({ pol: { id: low, entrypoint: 'a', allow: true, err: 'x' } }), '/pol'],
  ['a policy with one member more', changed({ pol: { id: low, entrypoint: 'a', allow: true, x: 1 } }), '/pol'],
  ['an entrypoint with a slash',    changed({ pol: { id: low, entrypoint: '/a', allow: true } }), '/pol'],
  ['an outcome no boolean',         changed({ pol: { id: low, entrypoint: 'a', allow: 'true' } }), '/pol'],
  ['a reason no code',              changed({ pol: { id: low, entrypoint: 'a', allow: false, err: 'Too late' } }), '/pol'],
  ['an unknown lock',               changed({ ret: { class: 'a', mode: 'forever', until: 1 } }), '/ret'],
  ['a class with a slash',          changed({ ret: { class: '../a', mode: 'none', until: 1 } }), '/ret'],
  ['a date no number',              changed({ ret: { class: 'a', mode: 'none', until: '1' } }), '/ret'],
  ['half an identity',              changed({ idb: undefined }),                          '/idb'],
  ['the other half',                changed({ idk: undefined }),                          '/idb'],
  ['an identity without secret id', changed({ idk: low }),                                '/idk'],
  ['labels no texts',               changed({ lbl: { a: 1 } }),                           '/lbl'],
  ['labels in an array',            changed({ lbl: ['a'] }),                              '/lbl'],
  ['labels of 513 bytes',           changed({ lbl: { a: `${'é'.repeat(252)}x` } }),       '/lbl'],
  ['control facts in an array',     changed({ ctl: [] }),                                 '/ctl'],
  ['an unknown scheme',             changed({ dsc: '2:3.3.3' }),                          '/dsc'],
  ['no depth',                      changed({ dsc: '1:0.3.3' }),                          '/dsc'],
  ['depths missing',                changed({ dsc: '1:3.3' }),                            '/dsc'],
  ['no depths at all',              changed({ dsc: undefined }),                          '/dsc'],
  ['no digest algorithm',           changed({ _sd_alg: undefined }),                      '/_sd_alg'],
  ['another digest algorithm',      changed({ _sd_alg: 'sha-512' }),                      '/_sd_alg'],
  ['depths of no digests',          changed({ _sd: undefined, _sd_alg: undefined }),      '/dsc'],
  ['no digests',                    changed({ _sd: undefined }),                          '/_sd_alg'],
  ['two digests',                   changed({ _sd: [low, mid] }),                         '/_sd'],
  ['four digests',                  changed({ _sd: [low, mid, high, hashOf(4)] }),        '/_sd'],
  ['digests out of order',          changed({ _sd: [mid, low, high] }),                   '/_sd'],
  ['a digest twice',                changed({ _sd: [low, low, high] }),                   '/_sd'],
  ['a digest no hash',              changed({ _sd: ['A', 'B', 'C'] }),                    '/_sd'],
  ['a digest no text',              changed({ _sd: [low, mid, 1] }),                      '/_sd'],
];

describe('a payload', () => {
  test.each(taken)('is taken %s', (_name, value) => {
    expect(parseEntryPayload(value)).toBe(value);
    expect(EntryPayloadSchema.safeParse(value).success).toBe(true);
  });

  test.each(refused)('is refused with %s', (_name, value, pointer) => {
    expect(() => parseEntryPayload(value)).toThrow(
      expect.objectContaining({ code: 'bad_entry', pointer }),
    );
    expect(EntryPayloadSchema.safeParse(value).success).toBe(false);
  });

  test('of a later version is named as such, whatever else it holds', () => {
    const later = { v: 2, all: 'new' };
    expect(() => parseEntryPayload(later)).toThrow(
      expect.objectContaining({ code: 'unsupported_version', pointer: '/v' }),
    );
    expect(EntryPayloadSchema.safeParse(later).success).toBe(false);
  });

  test('is of a later version by a whole number above 1, or by what is critical to it, and by nothing else', () => {
    for (const v of [0, -1, 1.5, true]) {
      expect(() => parseEntryPayload(changed({ v }))).toThrow(
        expect.objectContaining({ code: 'bad_entry', pointer: '/v' }),
      );
    }
    expect(() => parseEntryPayload(changed({ crit: ['more'] }))).toThrow(
      expect.objectContaining({ code: 'unsupported_critical', pointer: '/crit' }),
    );
    expect(() => parseEntryPayload(changed({ crit: [] }))).toThrow(
      expect.objectContaining({ code: 'bad_entry', pointer: '/crit' }),
    );
  });

  test('has wtr as its last name, so that a prefix can be finished', () => {
    const names = Object.keys(EntryPayloadSchema.shape);
    expect(names.sort().at(-1)).toBe('wtr');
  });
});
