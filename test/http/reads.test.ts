/** What a policy can ask of a read, alone and in a page: obligations, what is left out of the log, and bounds of a page. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { isJsonObject } from '../../src/core/json/json-pointer.ts';
import { parseRecord } from '../../src/core/record/record.ts';
import { openEntry } from '../../src/gateway/entry/view.ts';
import {
  PAGE_BYTES_MAX,
  PAGE_HOP_ENTRIES,
  PAGE_MS,
  PAGE_SCANNED_MAX,
} from '../../src/gateway/context/limits.ts';
import { makePage } from '../../src/gateway/entry/page.ts';
import type { PageSource } from '../../src/gateway/entry/page.ts';
import { searchQuerySchema } from '../../src/gateway/schema/requests.ts';
import { searchOf } from '../../src/gateway/entry/search.ts';
import { Decider } from '../../src/policy/decide/decide.ts';
import type { DecideSettings } from '../../src/policy/decide/decide.ts';
import type { ReadResult } from '../../src/policy/contract/decision.ts';
import type { DecidedRead, ReadOutcome } from '../../src/policy/decide/jobs.ts';
import { Lane } from '../../src/policy/pool/lane.ts';
import { appendWork, readWork } from '../../src/policy/pool/pool.ts';
import type { PolicyPool } from '../../src/policy/pool/pool.ts';
import { PolicyError } from '../../src/policy/contract/policy-error.ts';
import { openWorkerPool } from '../../src/policy/pool/worker-pool.ts';
import { policyOf, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const ENTRIES = '/v1/ledgers/demo/entries';
const COUNT = 12;
/** 0 is the boot entry. */
const FIRST = 1;

type Answer = (input: JsonObject) => Partial<ReadResult> & Record<string, unknown>;

let world: World;
const all: Answer = () => ({ redact: [] });
const answers = { search: all, entry: all };
/** What the pool does to outcomes before the gateway sees them. */
let tamper: (outcomes: ReadOutcome[]) => ReadOutcome[] = (outcomes) => outcomes;

/** A policy written in this file: what a Rego policy would say. */
function scripted(settings: DecideSettings): PolicyPool {
  const evaluate = (entrypoint: string, text: string) => {
    const input = JSON.parse(text) as JsonObject;
    if (entrypoint === 'stele/append') return { allow: true, reasons: [], class: 'standard' };
    const { name } = input['action'] as { name: string };
    const answer = name === 'entry.search' ? answers.search : answers.entry;
    return { allow: true, reasons: [`about ${name}`], ...answer(input) };
  };
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const decider = new Decider(
    { evaluator: { evaluate }, policy: 'A'.repeat(43), random },
    settings,
  );
  const texts = new WeakMap<object, string>();
  return {
    policy: null,
    append: async (jobs) =>
      Promise.resolve(jobs.map((job) => decider.append(appendWork(job, texts)))),
    read: async (jobs) =>
      Promise.resolve(tamper(jobs.map((job) => decider.read(readWork(job, texts))))),
    close: async () => Promise.resolve(),
  };
}

async function append(target: World, events: readonly object[]): Promise<void> {
  const response = await fetch(`${target.url}${ENTRIES}?ack=sealed`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${target.keys.service}`,
      'content-type': 'application/x-ndjson',
    },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
  expect(response.status).toBe(200);
  await response.text();
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${world.keys.auditor}`;
  return fetch(`${world.url}${ENTRIES}${path}`, { headers: { authorization, ...headers } });
}

async function bodyOf(path: string, headers = {}): Promise<Record<string, never>> {
  return (await (await get(path, headers)).json()) as Record<string, never>;
}

const indexOf = (input: JsonObject): number => {
  const resource = input['resource'];
  const properties = isJsonObject(resource) ? resource['properties'] : undefined;
  return isJsonObject(properties) ? Number(properties['index']) : -1;
};

async function counted(line: string): Promise<number> {
  const text = await (await fetch(`${world.url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`stele_counted_requests{${line}}`));
  return Number(found?.split(' ').at(-1) ?? 0);
}
const labels = (action: string, outcome: string): string =>
  `ledger="demo",entrypoint="stele/read",action="${action}",outcome="${outcome}"`;

beforeAll(async () => {
  world = await startWorld({ sealWaitMs: 400 }, { pool: scripted });
  const events = Array.from({ length: COUNT }, (_, n) => ({ n, secret: `s${n}` }));
  await append(world, events);
});
afterAll(async () => world.close());
afterEach(() => {
  Object.assign(answers, { search: all, entry: all });
  tamper = (outcomes) => outcomes;
  world.ledger.faults.holdSeals = false;
});

describe('an entry that is read alone', () => {
  test('says why, and what was owed', async () => {
    answers.entry = () => ({ redact: [], obligations: [{ id: 'purpose', of: ['audit'] }] });
    const missing = await get(`/${FIRST}`);
    expect(missing.status).toBe(403);
    expect(await missing.json()).toMatchObject({
      code: 'purpose_missing',
      reasons: ['about entry.read'],
      decision: expect.any(String) as unknown,
    });
    const stated = await get(`/${FIRST}`, { 'stele-purpose': 'audit' });
    expect(await stated.json()).toMatchObject({
      reasons: ['about entry.read'],
      obligations: ['purpose'],
    });
    const { input } = parseRecord(world.ledger.entries.at(-1)!.record!);
    expect(input).toMatchObject({ context: { purpose: 'audit' } });
  });

  test.each(['', 'ä', 'a'.repeat(201)])(
    'for a purpose that is malformed is not: %p',
    async (said) => {
      const response = await get(`/${FIRST}`, { 'stele-purpose': said });
      expect([response.status, (await response.json()) as object]).toMatchObject([
        400,
        { code: 'purpose_malformed' },
      ]);
    },
  );

  test('to be seen only comes without what would prove it', async () => {
    answers.entry = () => ({ redact: ['/input/event/secret'], obligations: [{ id: 'view_only' }] });
    const view = await bodyOf(`/${FIRST}`);
    expect(view).toMatchObject({
      record: { input: { event: { n: 0 } } },
      obligations: ['view_only'],
      disclosures: [],
    });
    const token = await (await get(`/${FIRST}`, { accept: 'application/sd-jwt' })).text();
    expect(token.split('~')).toHaveLength(2);
  });

  test('whose access is to be sealed first waits for that, and is refused when it does not come', async () => {
    answers.entry = () => ({ redact: [], obligations: [{ id: 'sealed' }] });
    const sealed = await get(`/${FIRST}`);
    expect(sealed.status).toBe(200);
    await sealed.text();
    const id = sealed.headers.get('stele-access-id')!;
    expect(await world.ledger.entry(id)).toMatchObject({ state: 'sealed' });
    world.ledger.faults.holdSeals = true;
    const refused = await get(`/${FIRST}`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'access_not_sealed' });
  });

  test.each<[string, object]>([
    ['nobody here can give', { obligations: [{ id: 'watermark' }] }],
    ['contradicts itself', { obligations: [{ id: 'sealed' }], record: false }],
  ])('with an obligation that %s is denied', async (_name, result) => {
    answers.entry = () => ({ redact: [], ...result });
    const response = await get(`/${FIRST}`);
    expect([response.status, (await response.json()) as object]).toMatchObject([
      403,
      { code: 'policy_bad_output' },
    ]);
  });

  test('and left out of the log is counted by action, in metrics and for the summary', async () => {
    answers.entry = () => ({ redact: [], record: false });
    const before = await counted(labels('entry.read', 'allow'));
    const response = await get(`/${FIRST}`);
    expect([response.status, response.headers.get('stele-access-id')]).toEqual([200, null]);
    await response.text();
    expect(await counted(labels('entry.read', 'allow'))).toBe(before + 1);
  });
});

describe('a page', () => {
  const QUERY = '?kind=event&limit=5';

  test('passes over what its reader did not bring what is owed for, and counts it as denied', async () => {
    answers.entry = (input) =>
      indexOf(input) % 2 === 0 ? { redact: [] } : { redact: [], obligations: [{ id: 'purpose' }] };
    const before = await counted(labels('entry.read', 'deny'));
    const { items, count } = await bodyOf('?kind=event');
    expect(count).toBe(COUNT / 2);
    expect((items as unknown as { index: number }[]).every(({ index }) => index % 2 === 0)).toBe(
      true,
    );
    expect(await counted(labels('entry.read', 'deny'))).toBe(before + COUNT / 2);
    expect(await bodyOf('?kind=event', { 'stele-purpose': 'why not' })).toMatchObject({
      count: COUNT,
    });
  });

  test('shows each entry as the policy decided of it', async () => {
    answers.entry = (input) =>
      [
        { redact: ['/input/event/secret'] },
        { disclose: ['/input/event/n'], obligations: [{ id: 'view_only' as const }] },
        {},
      ][indexOf(input) % 3]!;
    const items = (await bodyOf(QUERY))['items'] as unknown as Record<string, unknown>[];
    const [whole, some, leaf] = [3, 4, 5].map((at) => items.find(({ index }) => index === at)!);
    expect(whole).toMatchObject({ record: { input: { event: { n: 2 } } }, hidden: 1 });
    expect(whole!['disclosures']).not.toHaveLength(0);
    expect(some).toMatchObject({ record: { input: { event: { n: 3 } } }, disclosures: [] });
    expect(leaf).toMatchObject({ record: {}, disclosures: [] });
    const { input } = parseRecord(world.ledger.entries.at(-1)!.record!);
    expect(input).toMatchObject({
      resource: {
        properties: {
          disclosed: [
            { seen: { disclose: ['/input/event/n'] }, entries: [1, 4] },
            { seen: 'leaf', entries: [2, 5] },
            { seen: { redact: ['/input/event/secret'] }, entries: [3] },
          ],
        },
      },
    });
  });

  test.each([
    ['page and entries', () => false, false],
    ['page, but one of its entries is not', (index: number) => index === FIRST + 2, true],
  ])('is left out of the log with %s', async (_name, isRecorded, made) => {
    answers.search = () => ({ record: false });
    answers.entry = (input) => ({ redact: [], record: isRecorded(indexOf(input)) });
    const [entries, reads] = [world.recorded(), await counted(labels('entry.read', 'allow'))];
    const response = await get(QUERY);
    await response.text();
    expect(response.headers.has('stele-access-id')).toBe(made);
    expect(world.recorded() - entries).toBe(Number(made));
    const left = made ? 4 : 5;
    expect(await counted(labels('entry.read', 'allow'))).toBe(reads + left);
  });

  test('waits for the seal of its access where one of its entries is to', async () => {
    answers.entry = (input) =>
      indexOf(input) === FIRST + 1
        ? { redact: [], obligations: [{ id: 'sealed' }] }
        : { redact: [] };
    world.ledger.faults.holdSeals = true;
    expect(await bodyOf(QUERY)).toMatchObject({ code: 'access_not_sealed' });
    world.ledger.faults.holdSeals = false;
    expect(await bodyOf(QUERY)).toMatchObject({ count: 5 });
  });

  test('is refused by a policy to which it is too much at once, and shows nothing', async () => {
    answers.search = (input) => {
      const { properties } = input['resource'] as { properties: { disclosed: JsonObject[] } };
      const many = properties.disclosed.flatMap(({ entries }) => entries as unknown as number[]);
      return many.length > 4 ? { allow: false, reasons: ['too many at once'] } : {};
    };
    const refused = await bodyOf(QUERY);
    expect(refused).toMatchObject({ code: 'denied', reasons: ['too many at once'] });
    expect(refused).not.toHaveProperty('items');
    expect(await bodyOf('?kind=event&limit=4')).toMatchObject({ count: 4 });
  });

  test('with an entry that could not be decided for now is refused as a whole', async () => {
    tamper = (outcomes) =>
      outcomes.map((outcome, i) => {
        if (outcomes.length === 1 || i !== 2) return outcome;
        return { ...(outcome as DecidedRead), allow: false, err: 'engine_overloaded' };
      });
    const response = await get(QUERY);
    expect([response.status, (await response.json()) as object]).toMatchObject([
      503,
      { code: 'engine_overloaded' },
    ]);
  });

  test('of which nobody can say whether it may begin is denied, and that is an entry', async () => {
    answers.search = () => {
      throw new PolicyError('engine_unavailable', 'there is none');
    };
    const before = world.recorded();
    const response = await get(QUERY);
    expect([response.status, (await response.json()) as object]).toMatchObject([
      503,
      { code: 'engine_unavailable', decision: expect.any(String) as unknown },
    ]);
    expect(world.recorded()).toBe(before + 1);
  });

  test('in which the policy changes is made again by one policy', async () => {
    let calls = 0;
    // Calls of a page: may it begin, its entries, itself. The first page is decided by two policies.
    tamper = (outcomes) => {
      calls += 1;
      const policy = (calls < 3 ? 'B' : 'C').repeat(43);
      return outcomes.map((outcome) => ({ ...outcome, policy }) as ReadOutcome);
    };
    expect(await bodyOf('?kind=event&limit=2')).toMatchObject({ count: 2 });
    expect(calls).toBe(6);
  });

  test('names leaves that the store has lost instead of leaving them out', async () => {
    const stretch = world.ledger.stretch.bind(world.ledger);
    world.ledger.stretch = async (first, count) =>
      (await stretch(first, count)).map((entry) => (entry?.index === FIRST + 3 ? null : entry));
    const { unreadable, count } = await bodyOf('?kind=event');
    world.ledger.stretch = stretch;
    expect([unreadable, count]).toEqual([[FIRST + 3], COUNT - 1]);
  });
});

describe('a cursor', () => {
  test('of another ledger is refused', async () => {
    const other = await startWorld({}, { pool: scripted });
    await append(other, [{ n: 1 }]);
    const authorization = `Bearer ${other.keys.auditor}`;
    const page = await fetch(`${other.url}${ENTRIES}?limit=1`, { headers: { authorization } });
    const { next } = (await page.json()) as { next: string };
    expect(await bodyOf(`?limit=1&after=${next}`)).toMatchObject({ code: 'cursor_invalid' });
    await other.close();
  });

  test('of a gateway that knows more of the log waits until this one has learnt it', async () => {
    const { next } = await bodyOf('?limit=1');
    const status = world.ledger.status.bind(world.ledger);
    const refresh = world.ledger.refresh.bind(world.ledger);
    let known = 1;
    world.ledger.status = () => ({ ...status(), treeSize: known });
    world.ledger.refresh = jest.fn(async () => Promise.resolve());
    expect(await bodyOf(`?limit=1&after=${next}`)).toMatchObject({ code: 'tree_unknown' });
    world.ledger.refresh = async () => {
      known = status().treeSize;
      return Promise.resolve();
    };
    expect(await bodyOf(`?limit=1&after=${next}`)).toMatchObject({ count: 1 });
    Object.assign(world.ledger, { status, refresh });
  });
});

describe('how much one page takes', () => {
  const search = (query: object): ReturnType<typeof searchOf> =>
    searchOf(searchQuerySchema.parse(query));
  const seen = (select: DecidedRead['select']): DecidedRead =>
    ({ allow: true, select, record: true, obligations: [] }) as unknown as DecidedRead;
  /** A ledger without an end, whose leaves are all the same entry. */
  async function endless(select: DecidedRead['select'] = { redact: [] }): Promise<PageSource> {
    const one = (await world.ledger.entry(FIRST))!;
    const stretch = async (first: number, count: number) =>
      Promise.resolve(Array.from({ length: count }, (_, i) => ({ ...one, index: first + i })));
    return {
      ledger: { stretch, admitted: async (from, to) => world.ledger.admitted(from, to) },
      judge: async (entries) => Promise.resolve(entries.map(() => seen(select))),
      turn: async () => Promise.resolve(),
      clock: () => 0,
    };
  }
  const place = { size: 1e9, position: 0 };
  const nothing = { where: ['/input/event/n:eq:-1'] };

  test('is a bounded number of leaves, whatever they hold', async () => {
    const page = await makePage(await endless(), search(nothing), place, 10);
    expect(page).toMatchObject({ scanned: PAGE_SCANNED_MAX, count: 0 });
    expect(page.next).toEqual({ size: 1e9, position: PAGE_SCANNED_MAX });
    const count = search({ ...nothing, only: 'count', where: ['/input/event/n:exists'] });
    expect(await makePage(await endless(), count, place, 10)).toMatchObject({
      count: PAGE_SCANNED_MAX,
      items: [],
    });
  });

  test('of large entries reads few at a time, and not many more than it shows', async () => {
    const one = (await world.ledger.entry(FIRST))!;
    const stored = JSON.parse(one.record!) as { input: { event: JsonObject } };
    stored.input.event = { pad: 'x'.repeat(200_000) };
    const record = canonicalJson(stored);
    const rows: number[] = [];
    const stretch = async (first: number, count: number) => {
      rows.push(count);
      const row = Array.from({ length: count }, (_, i) => ({ ...one, record, index: first + i }));
      return Promise.resolve(row);
    };
    const source = await endless();
    const { admitted } = source.ledger;
    let now = 0;
    const clock = (): number => (now += PAGE_MS / 8);
    const large = { ...source, clock, ledger: { stretch, admitted } };
    const page = await makePage(large, search({}), place, 250);
    expect(rows).toEqual([16]);
    expect(page.count).toBeGreaterThanOrEqual(8);
    rows.length = 0;
    await makePage(large, search(nothing), place, 250);
    expect(rows[0]).toBe(16);
    expect(rows.length).toBeGreaterThan(3);
    expect(new Set(rows.slice(1))).toEqual(new Set([5]));
  });

  test('takes a turn for each entry that it opens, and for each that it discloses', async () => {
    const one = (await world.ledger.entry(FIRST))!;
    const weights: number[] = [];
    const turn = async (weight: number): Promise<void> => {
      weights.push(weight);
      return Promise.resolve();
    };
    const source = { ...(await endless()), turn };
    await makePage(source, search({}), { size: 3, position: 0 }, 10);
    const weight = one.jws.length + (one.record?.length ?? 0);
    expect(weights).toEqual(Array.from({ length: 6 }, () => weight));
  });

  test('is a bounded time, after which it goes on from where it is', async () => {
    let now = 0;
    const source = { ...(await endless()), clock: () => (now += PAGE_MS / 4) };
    const page = await makePage(
      source,
      search({ ...nothing, order: 'newest' }),
      {
        size: 1e9,
        position: 1e9,
      },
      10,
    );
    expect(page.scanned).toBeLessThan(PAGE_SCANNED_MAX);
    expect(page.next).toEqual({ size: 1e9, position: 1e9 - page.scanned });
  });

  test('is a bounded number of bytes, and one entry at least', async () => {
    const source = await endless();
    const one = (await world.ledger.entry(FIRST))!;
    const jws = one.jws;
    const large = {
      ...source,
      judge: async (entries: readonly ReturnType<typeof openEntry>[]) =>
        Promise.resolve(
          entries.map((entry) => {
            Object.assign(entry, { jws: jws.padEnd(PAGE_BYTES_MAX / 4, 'x') });
            return seen({ redact: [] });
          }),
        ),
    };
    const page = await makePage(large, search({}), place, 100);
    expect(page.count).toBe(2);
    expect(page.next).toEqual({ size: 1e9, position: 2 });
  });

  test('is as much as can be listed in its entry; a long list of pointers stands there as a digest', async () => {
    let n = 0;
    const source = await endless();
    const varied = {
      ...source,
      judge: async (entries: readonly unknown[]) =>
        Promise.resolve(
          entries.map(() => seen({ redact: [`/input/event/${'x'.repeat(1000)}${(n += 1)}`] })),
        ),
    };
    const page = await makePage(varied, search({}), place, 100);
    expect(page.count).toBeGreaterThan(20);
    expect(page.count).toBeLessThan(40);
    expect(page.next).toEqual({ size: 1e9, position: page.count });
    expect(JSON.stringify(page.disclosed).length).toBeLessThan(40_000);
    const long = {
      redact: Array.from({ length: 256 }, (_, i) => `/input/event/${i}${'y'.repeat(90)}`),
    };
    const digested = await makePage(await endless(long), search({}), place, 3);
    expect(digested.disclosed).toEqual([
      { seen_sha256: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as unknown, entries: [0, 1, 2] },
    ]);
  });
});

test('a ledger of 1,000 entries is paged to its end as it is read entry by entry, one message to a worker for 64', async () => {
  const policy = await policyOf();
  const large = await startWorld(
    {},
    // On a busy machine a worker that is slow has its jobs taken back, which would be messages more.
    {
      pool: async (settings) =>
        openWorkerPool(policy, settings, { deadlineMs: 1000, stallMs: 1000 }),
    },
  );
  await append(
    large,
    Array.from({ length: 1000 }, (_, n) => ({ n, eventName: `E${n % 9}` })),
  );
  const send = jest.spyOn(Lane.prototype, 'send');
  const authorization = `Bearer ${large.keys.admin}`;
  const paged: { id: string; index: number; entry: string; record: unknown }[] = [];
  let hops = 0;
  for (let after = ''; ;) {
    send.mockClear();
    const query = `limit=${PAGE_HOP_ENTRIES}${after}`;
    const response = await fetch(`${large.url}${ENTRIES}?${query}`, { headers: { authorization } });
    const page = (await response.json()) as { items: typeof paged; next: string | null };
    paged.push(...page.items);
    hops = Math.max(hops, send.mock.calls.length);
    if (page.next === null) break;
    after = `&after=${page.next}`;
  }
  // May it begin, a few entries, the rest of 64, the page.
  expect(hops).toBe(4);
  expect(paged.length).toBeGreaterThan(1000);
  for (const [index, item] of paged.entries()) {
    const alone = openEntry((await large.ledger.entry(index))!);
    const { input } = alone.opened ?? {};
    expect([item.index, item.id, item.entry]).toEqual([index, alone.jti, alone.jws]);
    expect((item.record as { input?: unknown } | null)?.input).toEqual(input);
  }
  send.mockRestore();
  await large.close();
}, 60_000);
