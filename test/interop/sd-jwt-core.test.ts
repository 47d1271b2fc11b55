/**
 * A second implementation of SD-JWT, `@sd-jwt/core`, reads what we issue, and we open what it issues: whole, redacted
 * and tampered with.
 */
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { SDJwtInstance } from '@sd-jwt/core';
import { digest } from '@sd-jwt/crypto-nodejs';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { RecordParts } from '../../src/core/record/disclosure.ts';
import { ENTRY_TYP } from '../../src/core/entry/entry.ts';
import {
  formatSdJwt,
  openDisclosures,
  parseSdJwt,
} from '../../src/core/record/open-disclosures.ts';
import { selectDisclosures } from '../../src/core/record/redact.ts';
import type { Select } from '../../src/core/record/redact.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { AT, disclose, fieldsOf, issue, PARTS, payloadOf, signerOf } from '../support/entries.ts';

const signer = signerOf(1);
const key = createPublicKey({ key: { ...signer.jwk }, format: 'jwk' });
const library = new SDJwtInstance({
  hasher: digest,
  hashAlg: 'sha-256',
  verifier: (data: string, signature: string) =>
    verify(null, Buffer.from(data), key, Buffer.from(signature, 'base64url')),
  signer: async (data: string) =>
    Buffer.from(await signer.sign(Buffer.from(data))).toString('base64url'),
  signAlg: 'Ed25519',
  saltGenerator: () => randomBytes(16).toString('base64url'),
});

/** A presentation of an entry's record. */
async function present(select: Select, parts: RecordParts = PARTS): Promise<string> {
  const { disclosures } = selectDisclosures(disclose(parts), select);
  return formatSdJwt(await issue(signer, fieldsOf(parts)), disclosures);
}
/** What the library reads, without what it takes away of the payload's own. */
async function read(presentation: string): Promise<JsonObject> {
  const { payload, header } = await library.verify(presentation, { currentDate: AT / 1000 });
  expect(header).toEqual({ alg: 'Ed25519', kid: signer.kid, typ: ENTRY_TYP });
  return payload as JsonObject;
}
/** The members of a payload that are always in clear. */
function clear(parts: RecordParts = PARTS): object {
  const { _sd, _sd_alg, ...rest } = payloadOf(parts);
  expect([_sd?.length, _sd_alg]).toEqual([3, 'sha-256']);
  return rest;
}

const selections: [string, Select][] = [
  ['everything', 'all'],
  ['the leaf alone', 'leaf'],
  ['all but a member', { redact: ['/input/event/what'] }],
  ['all but a nested object', { redact: ['/input/event/actor', '/input/context/request'] }],
  ['all but a part', { redact: ['/source'] }],
  ['one member', { disclose: ['/input/event/odd~1name~01'] }],
  ['members of two parts', { disclose: ['/input/time/ms', '/result'] }],
];

describe('what we issue', () => {
  test.each(selections)('is read with %s disclosed', async (_name, select) => {
    const { view } = selectDisclosures(disclose(), select);
    expect(await read(await present(select))).toEqual({ ...clear(), ...view });
  });

  test('of real events is read whole and redacted', async () => {
    const lines = gunzipSync(
      readFileSync(new URL('../data/cloudtrail/events.ndjson.gz', import.meta.url)),
    );
    for (const line of lines.toString().trim().split('\n').slice(0, 25)) {
      const event = JSON.parse(line) as JsonObject;
      const parts = { ...PARTS, input: { event, time: { ms: AT } } };
      for (const select of ['all', { redact: ['/input/event/userIdentity'] }] as const) {
        const { view } = selectDisclosures(disclose(parts), select);
        expect(await read(await present(select, parts))).toEqual({ ...clear(parts), ...view });
      }
    }
  });

  test('is refused with a disclosure that we did not make', async () => {
    const { jws, disclosures } = parseSdJwt(await present('all'));
    const forged = disclosures.map((text) =>
      Buffer.from(
        Buffer.from(text, 'base64url').toString().replace('"transfer"', '"gift"'),
      ).toString('base64url'),
    );
    expect(forged).not.toEqual(disclosures);
    const presentation = formatSdJwt(jws, forged);
    const outcome = await read(presentation).catch(() => 'refused');
    // Where a library lets a disclosure without a digest pass, the value must not.
    expect(JSON.stringify(outcome)).not.toContain('gift');
    expect(() => openDisclosures(payloadOf(), forged)).toThrow(
      expect.objectContaining({ code: 'unused_disclosure' }),
    );
  });

  test('is refused with another payload or signature', async () => {
    const presentation = await present('all');
    const [header, payload, signature, ...rest] = presentation.split(/[.~]/);
    const altered = Buffer.from(payload!, 'base64url')
      .toString()
      .replace('"allow":true', '"allow":false');
    const other = Buffer.from(altered).toString('base64url');
    const flipped = `${signature!.startsWith('A') ? 'B' : 'A'}${signature!.slice(1)}`;
    for (const jws of [`${header}.${other}.${signature}`, `${header}.${payload}.${flipped}`]) {
      await expect(read([jws, ...rest].join('~'))).rejects.toThrow();
    }
  });
});

describe('what the library issues', () => {
  // It writes members as it finds them, and we take canonical texts only.
  const claims = JSON.parse(canonicalJson({ ...PARTS })) as Record<string, Record<string, object>>;
  /** Discloses members to the depth of three, as our entries do; empty objects whole. */
  const frame = Object.fromEntries(
    Object.entries(claims).map(([part, members]) => [
      part,
      {
        _sd: Object.keys(members),
        ...Object.fromEntries(
          Object.entries(members)
            .filter(([, value]) => typeof value === 'object' && !Array.isArray(value))
            .map(([name, value]) => [name, { _sd: Object.keys(value) }]),
        ),
      },
    ]),
  );

  test('is opened whole and in part', async () => {
    const issued = await library.issue(claims, { _sd: Object.keys(claims), ...frame } as never);
    const { jws, disclosures } = parseSdJwt(issued);
    const payload = JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as {
      _sd: string[];
    };
    const committed = { _sd: payload._sd, dsc: '1:3.3.3' };
    expect(openDisclosures(committed, disclosures)).toEqual({ parts: PARTS, hidden: new Map() });

    const fewer = await library.present(issued, { input: { event: { what: true } } });
    const opened = openDisclosures(committed, parseSdJwt(fewer).disclosures);
    expect(opened.parts).toEqual({ input: { event: { what: 'transfer' } } });
    expect(opened.hidden).toEqual(
      new Map([
        ['/input/event', 6],
        ['/input', 3],
        ['', 2],
      ]),
    );
  });
});
