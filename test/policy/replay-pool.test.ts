/** Several readers that feed one pool of replaying threads, each slower than the reading. */
import { afterEach, expect, test } from '@jest/globals';
import { ReplayPool } from '../../src/policy/replay/pool.ts';
import type { ReplayTask } from '../../src/policy/replay/pool.ts';
import { settings } from '../unit/policy/support.ts';

const READERS = 4;
const TASKS = 5;
const { classes, fallbackClass, labels } = settings;
const table = { classes, fallbackClass, labels };
const open: ReplayPool[] = [];
const task: ReplayTask = { members: new Uint8Array(1), count: 1, leaves: [], table };

/** A thread that does this with each message `m`. */
function program(body: string): URL {
  const lines = [
    `import { parentPort } from 'node:worker_threads';`,
    `const rest = { identical: 0, skipped: 0, masked: 0, outcomes: [], times: new Float32Array() };`,
    `parentPort.on('message', (m) => { ${body} });`,
  ];
  return new URL(`data:text/javascript,${encodeURIComponent(lines.join('\n'))}`);
}

function poolOf(body: string, onAnswer: () => void): ReplayPool {
  const workerUrl = program(body);
  const shared = { where: [], threads: 2, deadlineMs: 2000, candidate: null };
  const pool = new ReplayPool({ mode: 'replay', ...shared, onAnswer, workerUrl });
  open.push(pool);
  return pool;
}

afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

test('all readers that wait for a slow candidate go on', async () => {
  let answered = 0;
  const slow = 'setTimeout(() => parentPort.postMessage({ number: m.number, ...rest }), 20);';
  const pool = poolOf(slow, () => (answered += 1));
  const reader = async (): Promise<void> => {
    for (let sent = 0; sent < TASKS; sent += 1) await pool.send(task);
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  await pool.drain();
  expect(answered).toBe(READERS * TASKS);
});

test('all readers are told of a thread that failed', async () => {
  const pool = poolOf('setTimeout(() => { throw new Error("no memory"); }, 50);', () => undefined);
  const reader = async (): Promise<void> => {
    for (;;) await pool.send(task);
  };
  const ends = await Promise.allSettled(Array.from({ length: READERS }, reader));
  for (const end of ends) expect(end).toMatchObject({ reason: { message: 'no memory' } });
});
