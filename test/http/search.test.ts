/** Pages of entries: each decided by itself, searched in what its reader may see, and one entry in the log for a page. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { parseDsc } from '../../src/core/record/disclosure.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { openDisclosures } from '../../src/core/record/open-disclosures.ts';
import type { StoredRecord } from '../../src/core/record/record.ts';
import { parseRecord } from '../../src/core/record/record.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { pageSchema } from '../../src/gateway/schema/answers.ts';
import {
  PAGE_ENTRIES_MAX,
  PAGE_HOP_ENTRIES,
  PAGE_HOP_ENTRIES_MIN,
} from '../../src/gateway/context/limits.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import { openInProcessPool } from '../../src/policy/pool/in-process.ts';
import type { ReadJob } from '../../src/policy/decide/jobs.ts';
import { reexecute } from '../../src/policy/decide/reexecute.ts';
import { policyOf, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

type Who = keyof World['keys'];
interface Item {
  readonly id: string;
  readonly index: number;
  readonly kind: string;
  readonly record: { readonly input?: { readonly event?: Record<string, unknown> } } | null;
  readonly entry: string;
  readonly disclosures: readonly string[];
}
interface Page {
  readonly size: number;
  readonly items: readonly Item[];
  readonly count: number;
  readonly scanned: number;
  readonly complete: boolean;
  readonly next: string | null;
}

const ENTRIES = '/v1/ledgers/demo/entries';
/** Events of the ledger; each has what an auditor may not see: a name, and an address. */
const EVENTS = 90;
const NAMES = ['alice', 'bob', 'carol'] as const;

let world: World;
/** Every call of the pool's `read`: how many jobs it had. */
const hops: number[] = [];

async function search(query: string, who: Who = 'admin', headers = {}): Promise<Response> {
  const authorization = `Bearer ${world.keys[who]}`;
  return fetch(`${world.url}${ENTRIES}?${query}`, { headers: { authorization, ...headers } });
}

async function page(query: string, who: Who = 'admin'): Promise<Page> {
  const response = await search(query, who);
  const body: unknown = await response.json();
  expect({ status: response.status, body: response.ok ? null : body }).toMatchObject({
    status: 200,
  });
  return pageSchema.parse(body) as unknown as Page;
}

/** All pages of a search to its end: on a busy machine a page may end before, for want of time. */
async function pages(query: string, who: Who = 'admin', from = ''): Promise<Page[]> {
  const all: Page[] = [];
  for (let after = from; ;) {
    const one = await page(`${query}${after}`, who);
    all.push(one);
    expect(one.next === null).toBe(one.complete);
    if (one.next === null) return all;
    after = `&after=${one.next}`;
  }
}

async function problemOf(query: string, who: Who = 'admin'): Promise<[number, string]> {
  const response = await search(query, who);
  const { code } = (await response.json()) as { code: string };
  return [response.status, code];
}

/** The record of the newest entry of a kind. */
function lastRecord(kind: string): StoredRecord {
  const held = world.ledger.entries.findLast(
    ({ jws }) => parseEntry(entryBytes(jws)).payload.kind === kind,
  );
  return parseRecord(held!.record!);
}

async function append(events: readonly object[], key: string): Promise<void> {
  const response = await fetch(`${world.url}${ENTRIES}?ack=sealed`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
  expect(response.status).toBe(200);
  await response.text();
}

beforeAll(async () => {
  world = await startWorld(
    {},
    {
      pool: async (settings) => {
        const pool = openInProcessPool(await policyOf(), settings);
        const read = async (jobs: readonly ReadJob[]): ReturnType<typeof pool.read> => {
          hops.push(jobs.length);
          return pool.read(jobs);
        };
        return { ...pool, read };
      },
    },
  );
  const events = Array.from({ length: EVENTS }, (_, n) => ({
    eventName: n % 10 === 0 ? 'ConsoleLogin' : 'GetObject',
    sourceIPAddress: `10.0.0.${n % 7}`,
    userIdentity: { userName: NAMES[n % 3], arn: `arn:aws:iam::1:user/${NAMES[n % 3]}` },
    errorMessage: `no access for ${NAMES[n % 3]}`,
    n,
    tags: [`t${n % 4}`, `u${n % 5}`],
  }));
  await append(events, world.keys.service);
  await append([{ eventName: 'ConsoleLogin', byAdmin: true }], world.keys.admin);
});
afterAll(async () => world.close());

describe('pages', () => {
  test('to the end of the tree hold what reading entry by entry gives, once each and in order', async () => {
    for (const who of ['admin', 'auditor'] as const) {
      const all = await pages('limit=40', who);
      const { size } = all[0]!;
      const items = all.flatMap(({ items: some }) => some);
      expect(items.map(({ index }) => index)).toEqual(Array.from({ length: size }, (_, i) => i));
      expect(all.every((one) => one.size === size)).toBe(true);
      for (const item of items.filter((_, i) => i % 13 === 0)) {
        const authorization = `Bearer ${world.keys[who]}`;
        const alone = await fetch(`${world.url}${ENTRIES}/${item.index}`, {
          headers: { authorization },
        });
        const { ledger, reasons, ...view } = (await alone.json()) as Record<string, unknown>;
        expect([ledger, reasons]).toEqual(['demo', expect.any(Array)]);
        expect(item).toEqual(view);
      }
    }
  });

  test('from the newest are the same backwards', async () => {
    const forward = (await pages('kind=event')).flatMap(({ items }) => items);
    const { size } = await page('limit=1');
    const backward = await pages('kind=event&order=newest&limit=17');
    const ids = backward.flatMap(({ items }) => items).map(({ id }) => id);
    expect(ids).toEqual(forward.map(({ id }) => id).reverse());
    expect(backward.reduce((sum, { scanned }) => sum + scanned, 0)).toBeGreaterThanOrEqual(size);
  });

  test('stay in the tree in which the first one looked, whatever is sealed meanwhile', async () => {
    const first = await page('limit=50');
    await append([{ late: true }], world.keys.service);
    const rest = await pages('limit=250', 'admin', `&after=${first.next!}`);
    expect(new Set(rest.map(({ size }) => size))).toEqual(new Set([first.size]));
    const indices = rest.flatMap(({ items }) => items).map(({ index }) => index);
    expect(Math.max(...indices)).toBe(first.size - 1);
  });

  test('hold items that verify like an entry that is read alone', async () => {
    const { items } = await page('where=/input/event/n:eq:5', 'auditor');
    expect(items).toHaveLength(1);
    const { payload } = parseEntry(entryBytes(items[0]!.entry));
    const opened = openDisclosures(payload, items[0]!.disclosures);
    expect(opened.parts.input).toEqual(items[0]!.record!.input);
    expect(opened.hidden.get('/input/event')).toBeGreaterThan(0);
  });

  test('take a short hop to the policy and then one for each 64 leaves, beside the two for the page itself', async () => {
    hops.length = 0;
    const one = await page(`limit=${PAGE_HOP_ENTRIES}`);
    expect(one.items).toHaveLength(PAGE_HOP_ENTRIES);
    expect(hops).toEqual([1, PAGE_HOP_ENTRIES_MIN, PAGE_HOP_ENTRIES - PAGE_HOP_ENTRIES_MIN, 1]);
    hops.length = 0;
    const filtered = await pages('where=/input/event/n:eq:89');
    const rows = 1 + Math.ceil((filtered[0]!.size - PAGE_HOP_ENTRIES_MIN) / PAGE_HOP_ENTRIES);
    expect(hops).toHaveLength(rows + 2 * filtered.length);
  });

  test('of one who may not search are a denial, and nothing is read for them', async () => {
    const before = world.recorded();
    hops.length = 0;
    expect(await problemOf('', 'other')).toEqual([403, 'denied']);
    expect(hops).toEqual([1, 1]);
    expect(world.recorded()).toBe(before + 1);
    expect(lastRecord('denial').input).toMatchObject({ action: { name: 'entry.search' } });
  });
});

describe('what a reader may not see', () => {
  test('does not keep its own entries from a service, and it gets no others', async () => {
    const own = await pages('limit=250', 'service');
    const items = own.flatMap(({ items: some }) => some);
    expect(items.filter(({ kind }) => kind === 'event').length).toBeGreaterThanOrEqual(EVENTS);
    const authors = items.map(({ record }) => record?.input as { subject?: { id: string } });
    expect(new Set(authors.map((input) => input.subject?.id))).toEqual(new Set(['service']));
    const others = await pages('where=/input/event/byAdmin:eq:true&limit=250', 'service');
    expect(others.map(({ count }) => count)).toEqual(others.map(() => 0));
  });

  test.each([
    ['by its value', '/input/event/userIdentity/userName:eq:alice'],
    ['by another value', '/input/event/userIdentity/userName:ne:alice'],
    ['by what it begins with', '/input/event/userIdentity/arn:prefix:arn'],
    ['by a part of it', '/input/event/errorMessage:contains:alice'],
    ['by its order', '/input/event/sourceIPAddress:gt:10.0.0.3'],
    ['by being there', '/input/event/sourceIPAddress:exists'],
    ['by a name like any other', '/input/event/*:eq:10.0.0.3'],
    ['by a name of any depth', '/input/*/*/*:eq:alice'],
    ['as a whole with what is in it', '/input/event/userIdentity/userName:exists'],
  ])('is not found %s, nor counted', async (_name, where) => {
    const asked = `where=${encodeURIComponent(where)}&kind=event`;
    const admin = await page(`${asked}&only=count`);
    expect(admin.count).toBeGreaterThan(0);
    for (const only of ['', '&only=count']) {
      const auditor = await pages(`${asked}${only}`, 'auditor');
      expect(auditor.map(({ count }) => count)).toEqual(auditor.map(() => 0));
      const disclosed = (lastRecord('access').input as Record<string, unknown>)['resource'];
      expect(disclosed).toMatchObject({ properties: { disclosed: [] } });
    }
  });

  test('does not move the end of a page: it lies where it would with nothing hidden in between', async () => {
    const where = 'where=/input/event/eventName:eq:ConsoleLogin&limit=4';
    const [admin, auditor] = [await page(where), await page(where, 'auditor')];
    expect(auditor.items.map(({ index }) => index)).toEqual(admin.items.map(({ index }) => index));
    expect(auditor.scanned).toBe(admin.scanned);
    const hidden = 'where=/input/event/userIdentity/userName:eq:alice';
    const none = 'where=/input/event/userIdentity/userName:eq:nobody';
    for (const query of [hidden, none]) {
      const all = await pages(query, 'auditor');
      const scanned = all.reduce((sum, one) => sum + one.scanned, 0);
      expect([scanned, all.every(({ count }) => count === 0)]).toEqual([all[0]!.size, true]);
    }
  });

  test('of a search itself is what was asked for, to an auditor of it', async () => {
    const response = await search('where=/input/event/userIdentity/userName:eq:carol&limit=1');
    const id = response.headers.get('stele-access-id')!;
    await response.text();
    const authorization = `Bearer ${world.keys.auditor}`;
    const alone = await fetch(`${world.url}${ENTRIES}/${id}`, { headers: { authorization } });
    const text = await alone.text();
    expect(text).not.toContain('carol');
    expect(JSON.parse(text)).toMatchObject({
      record: { input: { resource: { properties: { disclosed: expect.any(Array) } } } },
    });
  });
});

describe('conditions', () => {
  const count = async (query: string): Promise<number> => {
    // Other kinds are passed over by their leaf: that spares the test their records.
    const all = await pages(`${query}${query.includes('kind=') ? '' : '&kind=event'}&only=count`);
    return all.reduce((sum, one) => sum + one.count, 0);
  };
  const events = (test: (n: number) => boolean): number =>
    Array.from({ length: EVENTS }, (_, n) => n).filter(test).length;

  test.each<[string, (n: number) => boolean]>([
    ['where=/input/event/n:eq:7', (n) => n === 7],
    ['where=/input/event/n:eq:7.0', (n) => n === 7],
    ['where=/input/event/n:eq:seven', () => false],
    ['where=/input/event/n:lt:7', (n) => n < 7],
    ['where=/input/event/n:le:7', (n) => n <= 7],
    ['where=/input/event/n:gt:80', (n) => n > 80],
    ['where=/input/event/n:ge:80&where=/input/event/n:ne:85', (n) => n >= 80 && n !== 85],
    ['where=/input/event/tags/*:eq:t3', (n) => n % 4 === 3],
    ['where=/input/event/tags/0:eq:t3', (n) => n % 4 === 3],
    ['where=/input/event/tags/2:exists', () => false],
    ['where=/input/event/tags:eq:t3', () => false],
    ['where=/input/event/userIdentity/userName:prefix:c', (n) => n % 3 === 2],
    ['where=/input/event/userIdentity/*:contains:user/bob', (n) => n % 3 === 1],
    ['where=/input/event/toString:exists', () => false],
    ['where=/result/allow:eq:true&where=/input/event/n:exists', () => true],
    ['where=/input/event/n:exists&label=operation:ConsoleLogin', (n) => n % 10 === 0],
    ['where=/input/event/n:exists&class=standard&class=other', () => true],
    ['where=/input/event/n:exists&class=other', () => false],
    ['where=/input/event/n:exists&kind=denial', () => false],
    ['where=/input/event/n:exists&kind=denial&kind=event', () => true],
    ['where=/input/event/n:exists&from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', () => false],
    ['where=/input/event/n:exists&from=2020-01-01T00:00:00%2B02:00', () => true],
  ])('%s', async (query, holds) => {
    expect(await count(query)).toBe(events(holds));
  });

  test.each([
    'where=/event/n:eq:1',
    'where=/input/event/n:is:1',
    'where=/input/event/n',
    'where=/input/event/~2:exists',
    `where=/input/${'a'.repeat(600)}:exists`,
    `where=${Array.from({ length: 9 }, () => '/input:exists').join('&where=')}`,
    'label=operation',
    'kind=',
    'limit=0',
    `limit=${PAGE_ENTRIES_MAX + 1}`,
    'limit=1e2',
    'order=random',
    'only=items',
    'from=yesterday',
    'from=5&to=5',
    'order=oldest&order=newest',
    'kinds=event',
  ])('that are wrong are refused: %s', async (query) => {
    expect(await problemOf(query)).toEqual([400, 'bad_parameter']);
  });
});

describe('a cursor', () => {
  test.each<[string, (cursor: string) => string]>([
    ['with another position', (cursor) => forged(cursor, (parts) => (parts[2] = 0))],
    ['with a larger tree', (cursor) => forged(cursor, (parts) => (parts[1] = 1_000_000))],
    ['with another code', (cursor) => `${cursor.split('.')[0]!}.${'A'.repeat(43)}`],
    ['without its code', (cursor) => cursor.split('.')[0]!],
    ['with something behind it', (cursor) => `${cursor}.AA`],
    ['that is none', () => 'next'],
    ['that is empty', () => ''],
  ])('%s is refused', async (_name, spoil) => {
    const { next } = await page('limit=3');
    expect(await problemOf(`limit=3&after=${spoil(next!)}`)).toEqual([400, 'cursor_invalid']);
  });

  test('of another query is refused, with another limit it is not', async () => {
    const { next } = await page('limit=3&kind=event');
    expect(await problemOf(`limit=3&kind=denial&after=${next!}`)).toEqual([400, 'cursor_invalid']);
    expect(await problemOf(`limit=3&after=${next!}`)).toEqual([400, 'cursor_invalid']);
    expect((await page(`limit=5&kind=event&after=${next!}`)).items).toHaveLength(5);
  });

  test('of somebody else gives what its holder may see, decided anew', async () => {
    const { next } = await page('limit=3');
    const mine = await page(`limit=3&after=${next!}`, 'auditor');
    expect(mine.items.map(({ index }) => index)).toEqual([3, 4, 5]);
    expect(JSON.stringify(mine)).not.toContain('alice');
    expect(await problemOf(`limit=3&after=${next!}`, 'other')).toEqual([403, 'denied']);
  });

  function forged(cursor: string, change: (parts: unknown[]) => void): string {
    const [text = '', mac = ''] = cursor.split('.');
    const parts = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    change(parts);
    return `${Buffer.from(JSON.stringify(parts)).toString('base64url')}.${mac}`;
  }
});

describe('the entry of a page', () => {
  test('is one, names what was asked for and what was disclosed of which entries, and can be decided again', async () => {
    const before = world.recorded();
    const response = await search('where=/input/event/eventName:eq:ConsoleLogin', 'auditor');
    const { items } = (await response.json()) as Page;
    expect(items.length).toBeGreaterThan(5);
    expect(world.recorded()).toBe(before + 1);
    const { jti, input, result } = lastRecord('access');
    expect(response.headers.get('stele-access-id')).toBe(jti);
    const { resource } = input as { resource: { properties: Record<string, unknown> } };
    expect(resource).toMatchObject({ type: 'ledger', id: 'demo' });
    expect(resource.properties['query']).toEqual({
      order: 'oldest',
      where: ['/input/event/eventName:eq:ConsoleLogin'],
    });
    const disclosed = resource.properties['disclosed'] as { seen: unknown; entries: number[] }[];
    expect(disclosed).toHaveLength(1);
    expect(disclosed[0]!.entries).toEqual(items.map(({ index }) => index));
    const evaluator = new PolicyEngine((await policyOf()).compiled);
    const decision = { entrypoint: 'stele/read', input: input as JsonObject, result };
    expect(reexecute(evaluator, decision).verdict).toBe('identical');
    // And so can what was decided of each entry: all that went into it stands in its leaf and in this record.
    for (const { index, entry, id } of items) {
      const { kind, ret, lbl, at } = parseEntry(entryBytes(entry)).payload;
      const properties = { kind, class: ret.class, labels: lbl ?? {}, at, index, owned: false };
      const again = evaluator.evaluate(
        'stele/read',
        canonicalJson({
          ...(input as JsonObject),
          action: { name: 'entry.read' },
          resource: { type: 'entry', id, properties },
        }),
      );
      expect(again).toMatchObject({ allow: true, ...(disclosed[0]!.seen as object) });
    }
  });

  test('is made for a page with nothing in it, too: that there is nothing was disclosed', async () => {
    const before = world.recorded();
    await page('where=/input/event/n:eq:-1', 'auditor');
    expect(world.recorded()).toBe(before + 1);
    const { payload } = parseEntry(entryBytes(world.ledger.entries.at(-1)!.jws));
    expect(parseDsc(payload.dsc!)).toMatchObject({ input: 4 });
  });
});
