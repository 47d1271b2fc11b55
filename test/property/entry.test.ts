/** Laws of the entry: its two ways of being made are one, its two descriptions are one, and it has one form. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { parseEntryPayload } from '../../src/core/entry/check.ts';
import { EntryPayloadSchema } from '../../src/core/entry/entry-schema.ts';
import {
  completePayload,
  ENTRY_KINDS,
  entryBytes,
  entryPrefix,
  parseEntry,
  sealJws,
  signingInput,
} from '../../src/core/entry/entry.ts';
import type { EntryPayload } from '../../src/core/entry/entry.ts';
import { MalformedError } from '../../src/core/errors.ts';
import { verifyJws } from '../../src/core/json/jws.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { makeUuid7 } from '../../src/core/entry/uuid7.ts';
import { issue, payloadOf, signerOf } from '../support/entries.ts';
import { jsonArbitrary, objectArbitrary, textArbitrary } from '../support/json-arbitraries.ts';

const signer = signerOf(1);
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytesOf(32).map((bytes) => Buffer.from(bytes).toString('base64url'));
const id = bytesOf(16).map((bytes) => Buffer.from(bytes).toString('base64url'));
const identity = hash.map((mac) => `s1.${mac}`);
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const code = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/);
const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,10}$/);

const outcome = fc.oneof(
  fc.record({ id: hash, entrypoint: code, allow: fc.boolean() }),
  fc.record({ id: fc.option(hash), entrypoint: code, allow: fc.constant(false), err: code }),
);
/** Members that stand together or not at all. */
const together = <T extends object>(members: fc.Arbitrary<T>): fc.Arbitrary<Partial<T>> =>
  fc.oneof(members, fc.constant({}));

/** Every payload that the schema describes. */
const payloadArbitrary: fc.Arbitrary<EntryPayload> = fc
  .tuple(
    fc.record({
      iss: fc.stringMatching(/^[!-*,-~]{1,20}$/),
      gen: hash,
      at: time,
      kind: fc.oneof(fc.constantFrom(...ENTRY_KINDS), code),
      wtr: fc.record({ id, boot: id, seq: fc.maxSafeNat(), prev: hash }),
      ret: fc.record({
        class: name,
        mode: fc.constantFrom('compliance' as const, 'governance' as const, 'none' as const),
        until: fc.option(time),
      }),
      sby: time,
    }),
    bytesOf(10),
    together(fc.record({ pol: outcome })),
    together(fc.record({ idk: identity, idb: identity })),
    together(fc.record({ lbl: fc.dictionary(code, textArbitrary, { maxKeys: 3 }) })),
    together(fc.record({ ctl: objectArbitrary })),
    together(fc.record({ was: hash })),
    together(
      fc.record({
        dsc: fc.stringMatching(/^1:[1-9]\.[1-9]\.[1-9]$/),
        _sd: fc.uniqueArray(hash, { minLength: 3, maxLength: 3 }).map((digests) => digests.sort()),
        _sd_alg: fc.constant('sha-256' as const),
      }),
    ),
  )
  .map(([fields, random, ...optional]) => ({
    v: 1,
    ...fields,
    jti: makeUuid7(fields.at, random),
    iat: Math.floor(fields.at / 1000),
    ...(Object.assign({}, ...optional) as Partial<EntryPayload>),
  }));

/** Whether a check throws its own error, and nothing else. */
function refuses(check: () => unknown): boolean {
  try {
    check();
    return false;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return true;
  }
}

describe('a payload', () => {
  test('put together from its prefix is the canonical form of the whole', () => {
    fc.assert(
      fc.property(payloadArbitrary, (payload) => {
        const { wtr, ...fields } = payload;
        const whole = canonicalJson(payload as unknown as JsonValue);
        expect(completePayload(entryPrefix(fields), wtr)).toBe(whole);
      }),
    );
  });

  test('is taken by the check and by the schema alike', () => {
    fc.assert(
      fc.property(payloadArbitrary, (payload) => {
        const value = payload as unknown as JsonValue;
        expect(parseEntryPayload(value)).toBe(value);
        expect(EntryPayloadSchema.parse(value)).toEqual(value);
      }),
    );
  });

  test('with members changed, added or missing is judged by the check and by the schema alike', () => {
    const names = Object.keys(EntryPayloadSchema.shape);
    const nested = [
      'id',
      'boot',
      'seq',
      'prev',
      'entrypoint',
      'allow',
      'err',
      'class',
      'mode',
      'until',
    ];
    const change = fc.record({
      member: fc.constantFrom(...names, 'extra', 'toString'),
      inner: fc.option(fc.constantFrom(...nested, 'extra')),
      value: fc.oneof(
        jsonArbitrary,
        hash,
        id,
        identity,
        time,
        fc.boolean(),
        fc.constant(undefined),
      ),
    });
    fc.assert(
      fc.property(
        payloadArbitrary,
        fc.array(change, { minLength: 1, maxLength: 2 }),
        (payload, changes) => {
          const altered = JSON.parse(JSON.stringify(payload)) as Record<string, JsonValue>;
          for (const { member, inner, value } of changes) {
            const target = (inner === null ? altered : altered[member]) as Record<
              string,
              JsonValue
            >;
            if (typeof target !== 'object' || (target as unknown) === null) continue;
            if (value === undefined) Reflect.deleteProperty(target, inner ?? member);
            else target[inner ?? member] = value;
          }
          const value = JSON.parse(JSON.stringify(altered)) as JsonObject;
          expect(refuses(() => parseEntryPayload(value))).toBe(
            !EntryPayloadSchema.safeParse(value).success,
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('an entry', () => {
  test('comes back from its bytes, whatever it says', () => {
    fc.assert(
      fc.property(payloadArbitrary, bytesOf(64), (payload, signature) => {
        const { wtr, ...fields } = payload;
        const input = signingInput(signer.kid, completePayload(entryPrefix(fields), wtr));
        const entry = parseEntry(entryBytes(sealJws(input, signature)));
        expect(entry.payload).toEqual(JSON.parse(JSON.stringify(payload)));
        expect(entry.signingInput).toBe(input);
        expect(entry.signature).toEqual(signature);
      }),
    );
  });

  test('with any bit flipped is refused, or its signature is', async () => {
    const bytes = entryBytes(await issue(signer));
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const altered = Uint8Array.from(bytes);
        altered[bit >> 3] = altered[bit >> 3]! ^ (1 << (bit & 7));
        let verified = false;
        const refused = refuses(() => {
          verified = verifyJws(parseEntry(altered), signer.jwk, 'Ed25519');
        });
        expect(refused || !verified).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('is not made of any other bytes, and no bytes do more harm than that', () => {
    const segment = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'AB_-=.~{} '.split('')) }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.array(segment, { maxLength: 4 }).map((parts) => Buffer.from(parts.join('.')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), text), (bytes) => {
        expect(refuses(() => parseEntry(bytes))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('of this fixture is one that the schema takes', () => {
    expect(EntryPayloadSchema.safeParse(payloadOf()).success).toBe(true);
  });
});
