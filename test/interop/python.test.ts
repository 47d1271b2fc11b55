import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_DEPTHS, discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import { completePayload, entryPrefix, sealJws, signingInput } from '../../src/core/entry/entry.ts';
import type { EntryPayload } from '../../src/core/entry/entry.ts';
import { jwkThumbprint, parsePublicJwk } from '../../src/core/json/jws.ts';
import type { PublicJwk } from '../../src/core/json/jws.ts';
import { disclosuresFor } from '../../src/core/record/redact.ts';
import type { Select } from '../../src/core/record/redact.ts';
import { toBase64Url } from '../../src/core/platform/bytes.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { askSdJwt } from '../support/judges.ts';
import type { SdJwtReport } from '../support/judges.ts';
import { needs, projectRoot } from '../support/tools.ts';

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const AT = 1_763_856_000_123;

interface Key {
  readonly jwk: PublicJwk;
  readonly sign: (input: string) => Uint8Array;
}

function keyOf(seed: number): Key {
  const der = Buffer.concat([PKCS8_ED25519, Buffer.alloc(32, seed)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const jwk = parsePublicJwk(createPublicKey(key).export({ format: 'jwk' }) as JsonObject);
  return { jwk, sign: (input) => new Uint8Array(sign(null, Buffer.from(input), key)) };
}

const gatewayKey = keyOf(3);
const events = gunzipSync(readFileSync(join(projectRoot, 'test/data/cloudtrail/events.ndjson.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as JsonObject);

/** An entry as the gateway issues it, and its record. */
function issue(
  event: JsonObject,
  number = 0,
): { jws: string; parts: Parts; show: (select: Select) => string } {
  const time = AT.toString(16).padStart(12, '0');
  const jti = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(number).padStart(12, '0')}`;
  const parts: Parts = {
    input: { event, subject: { type: 'service', id: 'billing' }, time: { ms: AT } },
    result: { allow: true, reasons: ['the caller’s own events'], class: 'standard' },
    source: { media_type: 'application/json', raw_hmac: null, producer: null },
  };
  const key = new Uint8Array(32).fill(number + 1);
  const record = discloseRecord({ jti, key, depth: DEFAULT_DEPTHS, parts });
  const hash = toBase64Url(new Uint8Array(32));
  const fields: Omit<EntryPayload, 'wtr'> = {
    v: 1,
    iss: 'judged.example/log',
    gen: hash,
    jti,
    iat: Math.floor(AT / 1000),
    at: AT,
    kind: 'event',
    pol: { id: hash, entrypoint: 'stele/append', allow: true },
    ret: { class: 'standard', mode: 'compliance', until: AT },
    sby: AT + 60_000,
    dsc: formatDsc(DEFAULT_DEPTHS),
    _sd: record.sd,
    _sd_alg: 'sha-256',
  };
  const id = toBase64Url(new Uint8Array(16));
  const payload = completePayload(entryPrefix(fields), { id, boot: id, seq: number, prev: hash });
  const input = signingInput(jwkThumbprint(gatewayKey.jwk), payload);
  const jws = sealJws(input, gatewayKey.sign(input));
  const show = (select: Select): string => `${[jws, ...disclosuresFor(record, select)].join('~')}~`;
  return { jws, parts, show };
}

interface Parts {
  readonly input: JsonObject;
  readonly result: JsonObject;
  readonly source: JsonObject;
}

/** Changes the value in a disclosure and leaves its salt and name as they are. */
function rewritten(presentation: string, name: string, value: unknown): string {
  return presentation
    .split('~')
    .map((segment) => {
      if (segment === '' || segment.includes('.')) return segment;
      const [salt, own] = JSON.parse(Buffer.from(segment, 'base64url').toString()) as unknown[];
      if (own !== name) return segment;
      return Buffer.from(JSON.stringify([salt, own, value])).toString('base64url');
    })
    .join('~');
}

needs('python', 'what Python’s sd-jwt says of an entry', (python) => {
  const ask = async (presentation: string, keys: unknown = gatewayKey.jwk): Promise<SdJwtReport> =>
    askSdJwt(python, presentation, keys);

  test.each([0, 500, 1000, 1999])('it discloses all of real event %d', async (number) => {
    const { parts, show } = issue(events[number]!, number);
    const report = await ask(show('all'));
    expect(report).toMatchObject({
      ok: true,
      header: { alg: 'Ed25519', typ: 'stele-entry+sd-jwt' },
    });
    expect(report.payload).toMatchObject({ iss: 'judged.example/log', kind: 'event', ...parts });
  });

  test('it finds the key in a set by its thumbprint', async () => {
    const keys = [keyOf(9).jwk, gatewayKey.jwk];
    expect(await ask(issue(events[0]!).show('all'), { keys })).toMatchObject({ ok: true });
  });

  test('a redacted field is absent and all else is there', async () => {
    const { parts, show } = issue(events[0]!);
    const [[hidden], ...rest] = Object.entries(parts.input['event'] as JsonObject) as [
      [string, JsonValue],
      ...[string, JsonValue][],
    ];
    const event = Object.fromEntries(rest);
    const report = await ask(show({ redact: [`/input/event/${hidden}`] }));
    expect(report.ok).toBe(true);
    expect(report.payload?.['input']).toEqual({ ...parts.input, event });
    expect(report.payload?.['result']).toEqual(parts.result);
  });

  test('only what is disclosed is there', async () => {
    const report = await ask(issue(events[0]!).show({ disclose: ['/input/subject/id'] }));
    expect(report.payload?.['input']).toEqual({ subject: { id: 'billing' } });
    expect(report.payload).not.toHaveProperty('result');
  });

  test('the leaf alone verifies, and names nothing of the record', async () => {
    const report = await ask(issue(events[0]!).show('leaf'));
    expect(report).toMatchObject({ ok: true, disclosures: 0 });
    expect(report.payload).not.toHaveProperty('input');
    expect(report.payload).not.toHaveProperty('source');
  });

  describe('it refuses', () => {
    const { jws, show } = issue(events[0]!);
    const all = show('all');
    const other = issue(events[1]!, 1);
    const signature = jws.slice(jws.lastIndexOf('.') + 1);
    const forged = JSON.stringify({
      ...(JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as object),
      kind: 'denial',
    });
    const payloadSwapped = all.replace(
      jws.split('.')[1]!,
      Buffer.from(forged).toString('base64url'),
    );
    test.each([
      ['a disclosed value that was changed', rewritten(all, 'id', 'payroll')],
      ['a disclosed decision that was changed', rewritten(all, 'allow', false)],
      ['a disclosure of another entry', `${all}${other.show('all').split('~')[1]!}~`],
      ['a disclosure without the one that it is in', drop(all, 'event')],
      ['a disclosure twice', `${all}${all.split('~')[1]!}~`],
      ['the disclosures of another entry', all.replace(jws, other.jws)],
      ['a payload that was changed', payloadSwapped],
      ['a signature of another entry', all.replace(signature, other.jws.split('.')[2]!)],
    ])('%s', async (_name, presentation) => {
      expect(presentation).not.toBe(all);
      expect(await ask(presentation)).toMatchObject({ ok: false });
    });

    test('a key that did not sign, though it carries the id of the one that did', async () => {
      const impostor = { ...keyOf(9).jwk, kid: jwkThumbprint(gatewayKey.jwk) };
      expect(await ask(all, impostor)).toMatchObject({ ok: false });
      expect(await ask(all, keyOf(9).jwk)).toMatchObject({ ok: false });
    });
  });
});

/** Takes one disclosure away by its name. */
function drop(presentation: string, name: string): string {
  return presentation
    .split('~')
    .filter((segment) => {
      if (segment === '' || segment.includes('.')) return true;
      const [, own] = JSON.parse(Buffer.from(segment, 'base64url').toString()) as unknown[];
      return own !== name;
    })
    .join('~');
}
