/** What becomes of the alerts when a gateway is killed, starts again, stands alone, or has a policy that fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { controlFacts } from '../../src/core/ledger/ctl.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { entryBundlePath, tilePath } from '../../src/core/tree/tile.ts';
import { AlertBudget } from '../../src/gateway/alert/budget.ts';
import { AlertWalk } from '../../src/gateway/alert/walk.ts';
import type { AlertWalkParts } from '../../src/gateway/alert/walk.ts';
import { AlertsInLog } from '../../src/gateway/alert/alerts-in-log.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { RecentFacts } from '../../src/policy/alert/facts.ts';
import { AlertThread } from '../../src/policy/alert/thread.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { buildAlertPolicy } from '../support/alert-policy.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import { StoreDeniedError } from '../../src/storage/errors.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { keys, TestWorld } from '../support/test-ledger.ts';
import { DEFAULT_BUNDLE, policyOf } from '../unit/policy/support.ts';

/** Rules that do what an event asks of them. */
const OBEDIENT_RULES = `package stele

alert := [{"severity": input.event.severity, "title": input.event.title, "more": 1}] if input.event.say == "alert"

alert := "no list" if input.event.say == "text"

alert := [{"severity": "loud", "title": "x"}] if input.event.say == "loud"

alert := [{"severity": "low", "title": ""}] if input.event.say == "untitled"

alert := [1] if input.event.say == "number"

alert := [] if input.event.say in {"nothing", "nobody"}

alert := [
	{"severity": "low", "title": "twice"},
	{"severity": "high", "title": "twice"},
	{"severity": "info", "title": "twice"},
] if input.event.say == "twice"

alert := [{"severity": "low", "title": sprintf("seen %d", [count(input.recent)])}] if input.event.say == "recent"

alert := [{"severity": "low", "title": sprintf("kept %v", [input.recent])}] if input.event.say == "kept"

alert := [{"severity": "low", "title": "slow"}] if {
	input.event.say == "loop"
	all := numbers.range(1, 3000)
	some a in all
	some b in all
	some c in all
	a + b + c == 0
}

fact := {"actor": input.event.actor} if input.event.say in {"recent", "loop"}

fact := {"actor": "a", "large": input.event.large} if input.event.large

fact := {"actor": "b", "kind": "small", "large": input.event.padding} if input.event.padding

fact := {"actor": input.event.whose} if input.event.whose

fact := {"nobody": 1} if input.event.say == "nobody"

default fact := null
`;

let obedient: PreparedPolicy;
let archive: Uint8Array;
let silent: PreparedPolicy;
let world: TestWorld;
let ledger: Ledger;
beforeAll(async () => {
  ({ prepared: obedient, archive } = await buildAlertPolicy(OBEDIENT_RULES));
  silent = await policyOf(DEFAULT_BUNDLE);
  world = await TestWorld.create();
  ({ ledger } = await world.open());
}, 60_000);

const walks: AlertWalk[] = [];
afterEach(async () => {
  await Promise.all(walks.splice(0).map(async (walk) => walk.stop()));
});

function walkOver(over: Ledger, parts: Partial<AlertWalkParts> = {}): AlertWalk {
  const walk = new AlertWalk({
    ledger: over,
    policy: () => obedient,
    open: (compiled, recent) => new AlertThread({ compiled, recent, deadlineMs: 2000 }),
    ...{ clock: Date.now, chance: () => 0.5, log: { warn: () => undefined } },
    ...parts,
  });
  walks.push(walk);
  return walk;
}

let said = 0;
/** An event that makes the rules say this, once in all tests. */
const shout = (): { say: string; severity: string; title: string } => {
  said += 1;
  return { say: 'alert', severity: 'high', title: `alert ${said}` };
};

async function sealed(events: readonly object[], at = ledger): Promise<number[]> {
  const drafts = events.map((event) => {
    const now = world.clock();
    return world.draft({ at: now, input: { event: event as never, time: { ms: now } } });
  });
  const receipts = await at.append(drafts);
  return Promise.all(receipts.map(async (receipt) => (await receipt.sealed).index));
}

async function titles(from = 0): Promise<string[]> {
  await ledger.refresh();
  const entries = await ledger.stretch(from, 100_000, { isWanted: () => false });
  return entries.flatMap((entry) => {
    const { kind, ctl } = parseEntry(entryBytes(entry!.jws)).payload;
    if (kind !== 'alert') return [];
    const { source, severity, title } = controlFacts(kind, ctl);
    return [`${source} ${severity} ${title}`];
  });
}

async function until(isDone: () => boolean): Promise<void> {
  for (let tries = 0; !isDone(); tries += 1) {
    if (tries > 300) throw new Error('it does not come to that');
    await sleep(50);
  }
}

const done = (walk: AlertWalk) => async () => {
  await until(() => walk.status().lag === 0 && walk.status().asked > 0);
};

describe('a gateway that was killed between seal and alert', () => {
  test('says at its next start what it owed, once, and another start says nothing more', async () => {
    const [source] = await sealed([shout()]);
    const title = `alert ${said}`;
    const first = walkOver(ledger);
    first.start(() => undefined);
    await until(() => first.status().raised === 1);
    await first.stop();
    const second = walkOver(ledger);
    second.start(() => undefined);
    await done(second)();
    expect(second.status().raised).toBe(0);
    expect(await titles()).toEqual([`${source} high ${title}`]);
  }, 30_000);

  test('has its alert made by another one, once nobody did for a while', async () => {
    const gone = await world.open();
    const [source] = await sealed([shout()], gone.ledger);
    await gone.kill();
    let now = Date.now();
    await ledger.refresh();
    const walk = walkOver(ledger, { clock: () => now });
    walk.start(() => undefined);
    await done(walk)();
    await sleep(300);
    expect(walk.status().raised).toBe(0);
    now += 15_000;
    await until(() => walk.status().raised === 1);
    expect(await titles()).toContain(`${source} high alert ${said}`);
  }, 30_000);
});

describe('a policy that gives no usable answer', () => {
  test.each([
    ['no list', { say: 'text' }, 'policy_bad_output'],
    ['an unknown severity', { say: 'loud' }, 'policy_bad_output'],
    ['an empty title', { say: 'untitled' }, 'policy_bad_output'],
    ['numbers', { say: 'number' }, 'policy_bad_output'],
    ['a fact without actor', { say: 'nobody' }, 'policy_bad_output'],
    ['a fact that is too large', { say: 'nothing', large: 'x'.repeat(3000) }, 'policy_bad_output'],
    [
      'a fact of an endless actor',
      { say: 'nothing', whose: 'x'.repeat(3000) },
      'policy_bad_output',
    ],
    ['nothing', { say: 'unknown' }, 'policy_undefined'],
    ['an answer that needs too much', { say: 'loop', actor: 'a' }, 'policy_error'],
  ])(
    'but %s is counted, and the entries after it are asked about',
    async (_, event, code) => {
      const [first] = await sealed([event, shout()]);
      const failures: string[] = [];
      const open: AlertWalkParts['open'] = (compiled, recent) =>
        new AlertThread({ compiled, recent, deadlineMs: 2000 });
      const walk = walkOver(ledger, { open, lookBack: 2 });
      walk.start((failed, policy) => failures.push(`${failed} ${policy}`));
      await until(() => walk.status().raised === 1);
      expect(failures).toEqual([`${code} ${obedient.identity.id}`]);
      expect(walk.status()).toMatchObject({ failed: 1, asked: 2, fault: null });
      expect(await titles(first)).toEqual([`${first! + 1} high alert ${said}`]);
    },
    30_000,
  );

  test('of two alerts with one title the worse is made', async () => {
    const [source] = await sealed([{ say: 'twice' }]);
    const walk = walkOver(ledger, { lookBack: 1 });
    walk.start(() => undefined);
    await until(() => walk.status().raised === 1);
    expect(await titles(source)).toEqual([`${source} high twice`]);
  }, 30_000);
});

test('what is kept of an actor is known after a start, and asks for no alert of long ago', async () => {
  const events = Array.from({ length: 4 }, () => ({ say: 'recent', actor: `one ${said}` }));
  const sources = await sealed(events);
  const walk = walkOver(ledger, { lookBack: 2 });
  walk.start(() => undefined);
  await until(() => walk.status().raised === 2);
  expect(await titles(sources[0])).toEqual([
    `${sources[2]} low seen 2`,
    `${sources[3]} low seen 3`,
  ]);
}, 30_000);

test('a fact that is too long is kept without its longest members', async () => {
  const [source] = await sealed([
    { say: 'nothing', padding: 'x'.repeat(3000) },
    { say: 'kept', padding: 'y' },
  ]);
  const walk = walkOver(ledger, { lookBack: 2 });
  walk.start(() => undefined);
  await until(() => walk.status().raised === 1);
  expect(await titles(source)).toEqual([
    `${source! + 1} low kept [{"actor": "b", "kind": "small"}]`,
  ]);
}, 30_000);

test('of a flood the first alerts are made and the rest is counted, again after a start, and another title is heard', async () => {
  const flood = shout();
  const events = [...Array.from({ length: 14 }, () => flood), shout()];
  const sources = await sealed(events);
  const wanted = [...sources.slice(0, 10), sources[14]].map((source, nth) => {
    return `${source} high ${nth < 10 ? flood.title : `alert ${said}`}`;
  });
  for (const raised of [11, 0]) {
    const codes: string[] = [];
    const walk = walkOver(ledger, { lookBack: raised === 0 ? 26 : 15 });
    walk.start((code) => codes.push(code));
    await done(walk)();
    await until(() => walk.status().raised === raised);
    expect(codes).toEqual(Array<string>(4).fill('over_budget'));
    expect(walk.status()).toMatchObject({ raised, passed: 4, failed: 0 });
    expect(await titles(sources[0])).toEqual(wanted);
    await walk.stop();
  }
}, 30_000);

test.each([
  ['a minute is over', 'a', 60_000, true],
  ['the entry is of the minute before', 'a', -60_000, false],
  ['the clock was set back', 'a', -120_000, true],
  ['another gateway took the entry', 'b', 0, true],
])('the budget of a title, where %s', (_, writer, shift, ok) => {
  const budget = new AlertBudget();
  const at = Date.UTC(2026, 0, 1);
  const alert = { severity: 'high', title: 't' } as const;
  for (let nth = 1; nth <= 11; nth += 1) {
    expect(budget.take('a', at, alert)).toEqual({ count: nth, ok: nth <= 10 });
  }
  expect(budget.take(writer, at + shift, alert).ok).toBe(ok);
});

test('titles that are made up share one count for each severity, and gateways are remembered in bounds', () => {
  const budget = new AlertBudget();
  const taken = (severity: 'low' | 'critical', from: number, to: number): number => {
    const all = Array.from({ length: to - from }, (_, nth) => `t${from + nth}`);
    return all.filter((title) => budget.take('a', 0, { severity, title }).ok).length;
  };
  expect(taken('low', 0, 64)).toBe(64);
  expect(taken('low', 64, 1000)).toBe(10);
  expect(taken('critical', 0, 1000)).toBe(10);
  const one = { severity: 'low', title: 'x' } as const;
  for (let writer = 0; writer < 64; writer += 1) budget.take(`w${writer}`, 0, one);
  expect(budget.take('a', 0, { severity: 'low', title: 't999' })).toEqual({ count: 1, ok: true });
});

test('a policy without stele/alert is asked nothing, and what was sealed meanwhile is not asked about later', async () => {
  await sealed([shout()]);
  let policy = silent;
  const walk = walkOver(ledger, { policy: () => policy, lookBack: 1 });
  walk.start(() => undefined);
  await sleep(300);
  await until(() => walk.status().lag === 0);
  expect(walk.status()).toMatchObject({ asks: false, asked: 0, behind: false });
  policy = obedient;
  const [source] = await sealed([shout()]);
  await until(() => walk.status().raised === 1);
  expect(await titles(source)).toEqual([`${source} high alert ${said}`]);
}, 30_000);

test('a ledger that does not answer is tried again, and nothing is passed over', async () => {
  const [source] = await sealed([shout()]);
  let failures = 2;
  const broken = new Proxy(ledger, {
    get: (target, name) => {
      if (name === 'appendSystem' && failures > 0) {
        return async () => {
          failures -= 1;
          return Promise.reject(new Error('away'));
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const walk = walkOver(broken, { lookBack: 1 });
  walk.start(() => undefined);
  await until(() => walk.status().fault === 'internal_error');
  await until(() => walk.status().raised === 1);
  expect(walk.status().fault).toBeNull();
  expect(await titles(source)).toEqual([`${source} high alert ${said}`]);
}, 30_000);

test.each([
  ['silences no alert', false],
  ['and a lost batch leave leaves unread, and the alerts of all others are made', true],
])(
  'garbage over the static view %s',
  async (_name, isLost) => {
    const own = await TestWorld.create();
    const before = await own.open();
    await Promise.all((await before.append(3)).map(async ({ sealed: at }) => at));
    const say = async (at: Ledger): Promise<void> => {
      const draft = own.draft({ at: own.clock(), input: { event: shout(), time: {} } });
      await (
        await at.append([draft])
      )[0]!.sealed;
    };
    await say(before.ledger);
    await Promise.all((await before.append(300)).map(async ({ sealed: at }) => at));
    await before.ledger.close();
    const paths = [entryBundlePath(0, 256), tilePath({ level: 0, index: 0, width: 256 })];
    for (const path of paths) {
      own.store.overwrite(keys.tile(path), new Uint8Array(1000).fill(120));
    }
    const again = await own.open({ folder: before.folder });
    if (isLost) own.store.corrupt(keys.batch(1), (bytes) => bytes.fill(0));
    const walk = walkOver(again.ledger, { othersMs: 0 });
    walk.start(() => undefined);
    await say(again.ledger);
    await until(() => walk.status().raised === (isLost ? 1 : 2) && walk.status().lag === 0);
    expect(walk.status()).toMatchObject({ fault: null, unread: isLost ? 256 : 0 });
    await walk.stop();
    await again.ledger.close();
  },
  30_000,
);

test('records that the store denies make it wait, which is said once and where, until they are given again', async () => {
  const own = await TestWorld.create();
  let denied = 0;
  let isDenied = true;
  const store = new Proxy(own.store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'get') return value.bind(target) as unknown;
      return async (...asked: Parameters<ObjectStore['get']>) => {
        if (!isDenied || !asked[0].startsWith(keys.payloadPrefix)) return target.get(...asked);
        denied += 1;
        return Promise.reject(new StoreDeniedError(`read of ${asked[0]} refused: AccessDenied`));
      };
    },
  });
  const { ledger: served } = await own.open({ store });
  const draft = own.draft({ at: own.clock(), input: { event: shout(), time: {} } });
  const { index } = await (await served.append([draft]))[0]!.sealed;
  const lines: unknown[] = [];
  const warn = (event: string, fields?: object): void => {
    if (event === 'alerts_wait') lines.push(fields);
  };
  const walk = walkOver(served, { othersMs: 0, log: { warn } });
  walk.start(() => undefined);
  await until(() => denied > 2);
  const { fault, waitsAt, raised, raisedBy } = walk.status();
  expect({ fault, raised, raisedBy }).toMatchObject({
    ...{ fault: 'store_denied', raised: 0 },
    raisedBy: { info: 0, low: 0, medium: 0, high: 0, critical: 0 },
  });
  expect(waitsAt).toBeLessThanOrEqual(index);
  expect(lines).toMatchObject([{ code: 'store_denied', entry: waitsAt }]);
  isDenied = false;
  await until(() => walk.status().raised === 1);
  expect(walk.status()).toMatchObject({ fault: null, waitsAt: null, raisedBy: { high: 1 } });
  expect(lines).toHaveLength(1);
  await walk.stop();
  await served.close();
}, 30_000);

test('an engine that does not start is told, and the entries wait', async () => {
  await sealed([shout()]);
  const workerUrl = new URL('../../dist/policy/no-such-worker.js', import.meta.url);
  const open: AlertWalkParts['open'] = (compiled, recent) =>
    new AlertThread({ compiled, recent, deadlineMs: 100, workerUrl });
  const walk = walkOver(ledger, { open, lookBack: 1 });
  walk.start(() => undefined);
  await until(() => walk.status().fault === 'engine_unavailable');
  expect(walk.status().asked).toBe(0);
}, 30_000);

test('an entry at which the thread stays or ends is asked about once more and then given up; the rest is answered', async () => {
  const workerUrl = new URL('./fixtures/alert-worker.mjs', import.meta.url);
  const parts = { compiled: obedient.compiled, recent: new RecentFacts(), workerUrl };
  const thread = new AlertThread({ ...parts, deadlineMs: 300 });
  const entry = { kind: 'event', id: 'x', index: 0, allow: true };
  const task = (record: string) => ({ entry, at: 0, record, past: false });
  const answers = await thread.ask(['a', 'mute', 'b', 'end', 'c'].map(task));
  expect(answers.map(({ alerts, failed }) => failed ?? alerts[0]?.title)).toEqual([
    ...['a', 'policy_timeout', 'b', 'policy_error', 'c'],
  ]);
  const last = thread.ask([task('mute')]);
  void thread.close();
  await expect(last).rejects.toMatchObject({ code: 'engine_unavailable' });
  await expect(thread.ask([task('a')])).rejects.toMatchObject({ code: 'engine_unavailable' });
}, 30_000);

test('what is kept is bounded for each actor and for all, and the one heard of longest ago goes first', () => {
  const recent = new RecentFacts();
  const kept = (actor: string, ms: number) => {
    recent.keep({ actor, ms, fact: { actor, ms } });
  };
  for (let ms = 0; ms < 150; ms += 1) kept('busy', ms);
  expect(recent.of('busy', 150)).toHaveLength(100);
  expect(recent.of('busy', 300_100)).toHaveLength(49);
  for (let actor = 0; actor < 8150; actor += 1) kept(`${actor}`, 200);
  expect(recent.of('busy', 200)).toEqual([]);
  expect(recent.all()).toHaveLength(8150);
});

test('alerts of the log are remembered in bounds', () => {
  const known = new AlertsInLog();
  const note = (source: number) => {
    known.note({
      kind: 'alert',
      ctl: { source, policy: 'A'.repeat(43), severity: 'low', title: 't' },
    } as never);
  };
  known.forget(1);
  for (let source = 0; source <= 100_001; source += 1) note(source);
  expect([0, 1, 2, 100_001].map((source) => known.has(source, 't'))).toEqual([
    ...[false, false, true, true],
  ]);
});

test('a gateway tells how its alerts stand, counts a failure in the summary, and shows each alert', async () => {
  const served = await PolicyWorld.open({ 'policy.alerts': 'true' });
  try {
    const ready = async (): Promise<string> =>
      (await fetch(`${served.gateway.url}/readyz?verbose`)).text();
    expect(await ready()).toContain('[!]alerts/demo the policy has no stele/alert');
    const alerting = await unpackBundle(archive);
    const bundle = await served.bundle('alerting', (files) => {
      for (const [name, bytes] of alerting) files.set(name, bytes);
    });
    const people = await Promise.all(['ann', 'ben'].map(async (name) => served.person(name)));
    const { status } = await served.activate(await served.request(bundle, people));
    expect(status).toBe(201);
    await served.post('entries?ack=sealed', shout());
    await served.post('entries?ack=sealed', { say: 'text' });
    const metrics = async (): Promise<string> =>
      (await fetch(`${served.gateway.url}/metrics`)).text();
    const isDone = (shown: string): boolean =>
      shown.includes('alerts_failed{ledger="demo"} 1') &&
      shown.includes('alerts_raised{ledger="demo",severity="high"} 1') &&
      shown.includes('alerts_raised{ledger="demo",severity="critical"} 0') &&
      shown.includes('alerts_waiting{ledger="demo"} 0') &&
      shown.includes('alerts_lag_entries{ledger="demo"} 0');
    let text = '';
    for (let tries = 0; tries < 100 && !isDone(text); tries += 1) {
      await sleep(100);
      text = await metrics();
    }
    expect(isDone(text)).toBe(true);
    expect(text).toMatch(/stele_counted_requests\{.*entrypoint="stele\/alert".*\} 1/);
    expect(await ready()).toContain('[+]alerts/demo ok (0 entries behind, 1 failed)');
    const alerts = async (): Promise<string> => {
      const path = `${served.gateway.url}/v1/ledgers/demo/entries?kind=alert`;
      const headers = { authorization: `Bearer ${served.keys.auditor}` };
      return (await fetch(path, { headers })).text();
    };
    // It is durable when it is counted, and found when it is sealed.
    for (let tries = 0; tries < 50 && !(await alerts()).includes('"ctl"'); tries += 1)
      await sleep(50);
    expect(await alerts()).toContain(`alert ${said}`);
    expect((await served.check()).findings).toEqual([]);
  } finally {
    await served.close();
  }
}, 60_000);
