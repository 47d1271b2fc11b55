/** What the default policy hides from an auditor, over the real events: what is hidden stands nowhere in what is shown. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { parseDsc } from '../../src/core/record/disclosure.ts';
import { parseEntryPayload, completePayload } from '../../src/core/entry/entry.ts';
import { isJsonObject, valueAt } from '../../src/core/json/json-pointer.ts';
import { discloseStored, parseRecord } from '../../src/core/record/record.ts';
import { selectDisclosures } from '../../src/core/record/redact.ts';
import type { Select } from '../../src/core/record/redact.ts';
import { parseStrictJson } from '../../src/core/json/strict-json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { openInProcessPool } from '../../src/policy/pool/in-process.ts';
import type { DecidedAppend, DecidedRead } from '../../src/policy/decide/jobs.ts';
import type { PolicyPool } from '../../src/policy/pool/pool.ts';
import { appendJob, DEFAULT_BUNDLE, policyOf, readJob, settings } from '../unit/policy/support.ts';

/** Shorter texts, as `root` or a region, stand anywhere by chance. */
const LENGTH_MIN = 6;
const LIMITS = { bytes: 65_535, depth: 20, members: 1000, stringLength: 10_000 };
const wtr = { id: 'A'.repeat(22), boot: 'A'.repeat(22), seq: 0, prev: 'A'.repeat(43) };

let pool: PolicyPool;
let select: Select;
beforeAll(async () => {
  pool = openInProcessPool(await policyOf(DEFAULT_BUNDLE), settings);
  const [read] = (await pool.read([readJob('entry.read', ENTRY, ['auditor'])])) as [DecidedRead];
  expect(read).toMatchObject({ allow: true, select: { redact: expect.any(Array) } });
  select = read.select;
});

const ENTRY = { type: 'entry', id: 'e', properties: {} };

/** What an auditor is shown of an event, and every text that is hidden from him with its place. */
async function seen(
  event: string,
): Promise<{ shown: string; view: JsonObject; hidden: [string, string][] }> {
  const [outcome] = (await pool.append([appendJob(event, ['service'])])) as [DecidedAppend];
  expect(outcome).toMatchObject({ allow: true });
  const payload = parseEntryPayload(
    parseStrictJson(completePayload(outcome.prefix, wtr), LIMITS, 'signed'),
  );
  const record = parseRecord(outcome.record);
  const made = selectDisclosures(discloseStored(record, parseDsc(payload.dsc!)), select);
  const { input, result, source } = record;
  const hidden = made.hidden.flatMap((pointer) =>
    textsOf(valueAt({ input, result, source }, pointer.slice(1).split('/'))!, pointer),
  );
  return {
    view: made.view,
    shown: `${canonicalJson(made.view)}${outcome.prefix}${outcome.reasons.join()}`,
    hidden: hidden.filter(([, text]) => text.length >= LENGTH_MIN),
  };
}

function textsOf(value: JsonValue, place: string): [string, string][] {
  if (typeof value === 'string') return [[place, value]];
  if (Array.isArray(value)) return (value as JsonValue[]).flatMap((one) => textsOf(one, place));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, one]) => textsOf(one, `${place}/${name}`));
}

/**
 * Why a text may stand elsewhere although it is hidden. The name of a service, which called in place of a person, is no
 * personal data; the others no pointer names, and they are hidden only with the member around them: the account, which
 * is part of every name in it, when a session began, and what was done to which resource.
 */
function exceptionOf(place: string, text: string): string | undefined {
  if (/^[a-z0-9-]+\.amazonaws\.com$/.test(text)) return 'service';
  if (isNamed(place)) return undefined;
  if (/^[0-9]{12}$/.test(text)) return 'account';
  if (place.endsWith('/sessionContext/attributes/creationDate')) return 'session began';
  return /\/(?:requestParameters|responseElements)\//.test(place) ? 'resource' : undefined;
}

/** Whether the policy names the place, or one around it. */
function isNamed(place: string): boolean {
  const named = (select as { redact: readonly string[] }).redact;
  return named.some((pointer) => place === pointer || place.startsWith(`${pointer}/`));
}

const events = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz'))
  .toString()
  .trim()
  .split('\n');

describe.each<[string, number, object, (event: string, i: number) => string]>([
  [
    'all 2,000 real events',
    1,
    { account: 1942, resource: 20, service: 64, 'session began': 68 },
    (event) => event,
  ],
  [
    'every tenth of them as the payload of a CloudEvent',
    10,
    { account: 195, resource: 2, service: 6, 'session began': 5 },
    (event, i) => `{"specversion":"1.0","id":"${i}","source":"s","type":"t","data":${event}}`,
  ],
])('of %s', (_what, step, counted, wrap) => {
  test('nothing that is hidden from an auditor stands in what is shown, but for what is counted here', async () => {
    expect(events).toHaveLength(2000);
    const leaks: string[] = [];
    const exceptions: Record<string, number> = {};
    let hiddenTexts = 0;
    for (const [i, event] of events.entries()) {
      if (i % step !== 0) continue;
      const { shown, hidden } = await seen(wrap(event, i));
      hiddenTexts += hidden.length;
      const excepted = new Set<string>();
      for (const [place, text] of hidden) {
        if (!shown.includes(canonicalJson(text).slice(1, -1))) continue;
        const why = exceptionOf(place, text);
        if (why === undefined) leaks.push(`event ${i}: ${place}: ${text}`);
        else excepted.add(why);
      }
      for (const why of excepted) exceptions[why] = (exceptions[why] ?? 0) + 1;
    }
    expect(leaks).toEqual([]);
    expect(hiddenTexts).toBeGreaterThan(10_000 / step);
    expect(exceptions).toEqual(counted);
  });
});

describe('of a CloudEvent an auditor sees', () => {
  const envelope = { specversion: '1.0', id: 'ce-2', source: 's', type: 'login' };
  const personal = { email: 'jane@example.org', sourceIPAddress: '203.0.113.9' };
  const dataOf = async (data: object): Promise<JsonValue | undefined> => {
    const { view, shown } = await seen(JSON.stringify({ ...envelope, ...data }));
    for (const text of ['hunter2', ...Object.values(personal)]) expect(shown).not.toContain(text);
    return valueAt(view, ['input', 'event']);
  };

  test('the payload without what is personal', async () => {
    const data = { ...personal, amount: 12, order: { id: 7 } };
    expect(await dataOf({ data })).toEqual({ ...envelope, data: { amount: 12, order: { id: 7 } } });
  });

  test.each<[string, object]>([
    ['a list', { data: [personal] }],
    ['a text', { data: 'mail jane@example.org' }],
    ['bytes', { data_base64: Buffer.from('jane@example.org').toString('base64') }],
  ])('nothing of a payload that is %s', async (_what, data) => {
    expect(await dataOf(data)).toEqual(envelope);
  });

  test('and nobody sees its password, which is not stored', async () => {
    for (const data of [{ password: 'hunter2', n: 1 }, [{ password: 'hunter2' }]]) {
      const job = appendJob(JSON.stringify({ ...envelope, data }), ['service']);
      const [outcome] = (await pool.append([job])) as [DecidedAppend];
      expect(outcome.record).toContain('"specversion":"1.0"');
      expect(outcome.record).not.toContain('hunter2');
    }
  });
});
