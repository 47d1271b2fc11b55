/** What becomes of the thread that asks `stele/alert`, and of what it keeps, when it ends at a bad moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { AlertWalk } from '../../src/gateway/alert/walk.ts';
import { RecentFacts } from '../../src/policy/alert/facts.ts';
import { AlertThread } from '../../src/policy/alert/thread.ts';
import { TestWorld } from '../support/test-ledger.ts';

const workerUrl = new URL('./fixtures/kept-worker.mjs', import.meta.url);
const opened: AlertThread[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (thread) => thread.close()));
});

function open(recent = new RecentFacts()) {
  const shared = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));
  const compiled = { beats: shared(), starts: shared() };
  const settings = { compiled: compiled as never, recent, workerUrl, deadlineMs: 5000 };
  const thread = new AlertThread(settings);
  opened.push(thread);
  return { ...compiled, recent, thread };
}

const entry = { kind: 'event', id: 'x', index: 0, allow: true };
const task = (record: string) => ({ entry, at: 1, record, past: false });
const recordsOf = (recent: RecentFacts) => recent.all().map(({ fact }) => fact['record']);

test('what was answered before a thread that cannot be started again is told, and is kept once', async () => {
  const { thread, recent } = open();
  const records = ['a', 'b', 'end', 'c'];
  const first = await thread.ask(records.map(task));
  expect(first.map(({ alerts }) => alerts[0]?.title)).toEqual(['a', 'b']);
  const rest = await thread.ask(records.slice(first.length).map(task));
  expect(rest.map(({ alerts }) => alerts[0]?.title)).toEqual(['end', 'c']);
  expect(recordsOf(recent)).toEqual(records);
}, 30_000);

test('a thread that cannot be started says so where nothing was answered', async () => {
  const { thread, starts } = open();
  Atomics.store(starts, 0, 1);
  await expect(thread.ask([task('a')])).rejects.toMatchObject({
    ...{ code: 'engine_unavailable', message: expect.stringContaining('does not start') },
  });
}, 30_000);

test('a thread that is closed while it starts answers nothing and is gone', async () => {
  const { thread, starts, beats } = open();
  const asked = thread.ask([task('a')]).catch((error: unknown) => error);
  for (let tries = 0; Atomics.load(starts, 0) === 0 && tries < 1000; tries += 1) await sleep(5);
  await thread.close();
  expect(await asked).toMatchObject({ code: 'engine_unavailable' });
  const alive = Atomics.load(beats, 0);
  await sleep(60);
  expect(Atomics.load(beats, 0)).toBe(alive);
}, 30_000);

test('a walk goes on behind the last answer, and each entry is asked about and kept once', async () => {
  const world = await TestWorld.create();
  const { ledger } = await world.open();
  const drafts = ['a', 'b', 'c', 'd'].map((say) => world.draft({ input: { event: { say } } }));
  const ids = drafts.map(({ jti }) => jti);
  await Promise.all((await ledger.append(drafts)).map(async ({ sealed }) => sealed));
  const asked: string[][] = [];
  const policy = { identity: { id: 'A'.repeat(43), entrypoints: ['stele/alert'] } } as never;
  const walk = new AlertWalk({
    ...{ ledger, policy: () => policy, clock: Date.now, chance: () => 0.5 },
    log: { warn: () => undefined },
    open: () => ({
      ask: async (tasks) => {
        asked.push(tasks.map((one) => one.entry.id));
        const answers = tasks.map(() => ({ alerts: [], kept: null, failed: null }));
        return Promise.resolve(answers.slice(0, 3));
      },
      close: async () => Promise.resolve(),
    }),
  });
  walk.start(() => undefined);
  try {
    for (let tries = 0; walk.status().asked < 4 && tries < 300; tries += 1) await sleep(20);
    const events = asked.map((some) => some.filter((id) => ids.includes(id)));
    expect(events.map((some) => some.map((id) => ids.indexOf(id)))).toEqual([[0, 1, 2, 3], [3]]);
    expect(walk.status()).toMatchObject({ lag: 0, asked: 4, fault: null });
  } finally {
    await walk.stop();
    await ledger.close();
  }
}, 30_000);
