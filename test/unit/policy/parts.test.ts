/** The small parts: masks, the backlog, messages between threads, progress. */
import { describe, expect, test } from '@jest/globals';
import { fc, test as property } from '@fast-check/jest';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import { Backlog } from '../../../src/policy/pool/backlog.ts';
import { parsePointer } from '../../../src/core/json/json-pointer.ts';
import { applyMask } from '../../../src/policy/decide/mask.ts';
import {
  packOutcomes,
  packWork,
  unpackOutcomes,
  unpackWork,
} from '../../../src/policy/pool/message.ts';
import type { Outcome, Work } from '../../../src/policy/pool/message.ts';
import { Progress } from '../../../src/policy/pool/progress.ts';
import { pagedRandom } from '../../../src/policy/pool/random.ts';
import { bodyDigest, identityDigest } from '../../../src/policy/decide/write-identity.ts';

describe('a mask', () => {
  test.each<[string, JsonValue, string[], JsonValue]>([
    ['takes a member away', { a: 1, b: 2 }, ['/a'], { b: 2 }],
    ['takes a nested member away', { a: { b: 1, c: 2 } }, ['/a/b'], { a: { c: 2 } }],
    ['leaves an emptied object', { a: { b: 1 } }, ['/a/b'], { a: {} }],
    [
      'takes the same member of every object',
      { a: { x: { s: 1 }, y: { s: 2, t: 3 } } },
      ['/a/*/s'],
      { a: { x: {}, y: { t: 3 } } },
    ],
    ['takes every member', { a: { x: 1, y: 2 } }, ['/a/*'], { a: {} }],
    ['leaves null for an element', { a: [1, 2, 3] }, ['/a/1'], { a: [1, null, 3] }],
    ['leaves null for every element', { a: [1, 2] }, ['/a/*'], { a: [null, null] }],
    ['reaches into elements', { a: [{ s: 1, t: 2 }, 3] }, ['/a/*/s'], { a: [{ t: 2 }, 3] }],
    ['reaches into one element', { a: [{ s: 1 }, { s: 2 }] }, ['/a/0/s'], { a: [{}, { s: 2 }] }],
    ['knows escapes', { 'a/b': 1, '~': 2, c: 3 }, ['/a~1b', '/~0'], { c: 3 }],
    ['takes a member named by a star', { '*': 1, b: 2 }, ['/*'], {}],
    ['takes several', { a: 1, b: { c: 2 }, d: 3 }, ['/a', '/b/c', '/a'], { b: {}, d: 3 }],
  ])('%s', (_, value, pointers, want) => {
    expect(applyMask(value as JsonObject, pointers.map(parsePointer))).toEqual(want);
  });

  test.each<[string, JsonValue, string]>([
    ['a member that is not there', { a: 1 }, '/b'],
    ['a place inside a scalar', { a: 1 }, '/a/b'],
    ['a member of the prototype', { a: 1 }, '/toString'],
    ['an index as a name', { a: [1] }, '/a/01'],
    ['an index past the end', { a: [1] }, '/a/1'],
    ['an element that is null already', { a: [null] }, '/a/0'],
    ['every member of nothing', { a: {} }, '/a/*/b'],
  ])('of %s leaves the very same value', (_, value, pointer) => {
    expect(applyMask(value as JsonObject, [parsePointer(pointer)])).toBe(value);
  });

  property.prop([
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 3 })),
    fc.array(fc.constantFrom('/a', '/b/*', '/*/a', '/a/0', '/a/b/*', '/*/*'), { maxLength: 3 }),
  ])('applied again changes nothing, and the value given is untouched', (value, pointers) => {
    const before = canonicalJson(value as JsonObject);
    const once = applyMask(value as JsonObject, pointers.map(parsePointer));
    expect(applyMask(once, pointers.map(parsePointer))).toBe(once);
    expect(canonicalJson(value as JsonObject)).toBe(before);
  });
});

describe('the backlog', () => {
  const always = () => true;

  const ownerOf = (task: string): string => task[0] ?? '';

  function backlogOf(tasks: number, bytes: number, weigh: (task: string) => number = () => 1) {
    return new Backlog<string>({ tasks, bytes }, weigh, ownerOf);
  }

  test('takes in turn, so that a caller with few does not wait for one with many', () => {
    const backlog = backlogOf(1000, 1e6);
    // However they come: many together, or one after the other.
    backlog.add(Array.from({ length: 20 }, (_, i) => `a${i}`));
    for (let i = 20; i < 40; i += 1) backlog.add([`a${i}`]);
    backlog.add(['b0']);
    const first = backlog.take((_, taken) => taken < 20);
    expect(first.slice(0, 16)).toEqual(Array.from({ length: 16 }, (_, i) => `a${i}`));
    expect(first[16]).toBe('b0');
    expect(first.slice(17)).toEqual(['a16', 'a17', 'a18']);
    expect(backlog.size).toBe(21);
    expect(backlog.take(always)).toEqual(Array.from({ length: 21 }, (_, i) => `a${i + 19}`));
    expect(backlog.size).toBe(0);
    expect(backlog.take(always)).toEqual([]);
  });

  test('ends the turn of a caller after one large event', () => {
    const backlog = backlogOf(1000, 1e9, (task) => (task.startsWith('a') ? 200_000 : 10));
    backlog.add(['a0', 'a1', 'a2', 'b0', 'b1']);
    expect(backlog.take(always)).toEqual(['a0', 'b0', 'b1', 'a1', 'a2']);
  });

  test('has room for so many, and what was taken before always fits', () => {
    const backlog = backlogOf(3, 100);
    expect(backlog.add(['a1', 'b2'])).toEqual([]);
    expect(backlog.add(['a3', 'b4', 'c5'])).toEqual(['b4', 'c5']);
    expect(backlog.take(always)).toEqual(['a1', 'a3', 'b2']);
    backlog.add(['a6', 'b7', 'b8']);
    backlog.putBack(['a1', 'b2']);
    expect(backlog.add(['c9'])).toEqual(['c9']);
    expect(backlog.take(always)).toEqual(['a1', 'b2', 'a6', 'b7', 'b8']);
  });

  test('has room for so many bytes', () => {
    const backlog = backlogOf(100, 10, (task) => task.length);
    expect(backlog.add(['aaaa', 'bbbb', 'cccc', 'd'])).toEqual(['cccc']);
    expect(backlog.add(['f'])).toEqual([]);
    expect(backlog.add(['g'])).toEqual(['g']);
    expect(backlog.take((_, taken) => taken < 1)).toEqual(['aaaa']);
    expect(backlog.add(['hhhh', 'i'])).toEqual(['i']);
    expect(backlog.take(always)).toEqual(['bbbb', 'd', 'f', 'hhhh']);
    // One that fits at all is not kept out by its caller's part.
    expect(backlog.add(['a'.repeat(10)])).toEqual([]);
  });

  test('of one caller leaves a quarter, of tasks and of bytes', () => {
    const few = backlogOf(8, 1e6);
    expect(few.add(Array.from({ length: 8 }, (_, i) => `a${i}`))).toEqual(['a6', 'a7']);
    expect(few.add(['b0', 'b1', 'b2'])).toEqual(['b2']);
    const small = backlogOf(100, 80, () => 10);
    expect(small.add(Array.from({ length: 8 }, (_, i) => `a${i}`))).toEqual(['a6', 'a7']);
    expect(small.add(['b0', 'b1', 'b2'])).toEqual(['b2']);
  });

  property.prop([
    fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 3 })), { maxLength: 8 }),
    fc.integer({ min: 1, max: 20 }),
  ])('gives back every task once, those of one caller in order', (lots, many) => {
    const backlog = backlogOf(1000, 1e6);
    const taken: string[] = [];
    const all = lots.flatMap(([size, owner], lot) => {
      const tasks = Array.from({ length: size }, (_, i) => `${owner}.${lot}.${i}`);
      backlog.add(tasks);
      taken.push(...backlog.take((_, count) => count < many / 2));
      return tasks;
    });
    while (backlog.size > 0) taken.push(...backlog.take((_, count) => count < many));
    for (const owner of ['0', '1', '2', '3']) {
      const own = (task: string): boolean => task.startsWith(owner);
      expect(taken.filter(own)).toEqual(all.filter(own));
    }
    expect(taken).toHaveLength(all.length);
  });
});

const texts = fc.string({ unit: 'grapheme', maxLength: 20 });
const facts = {
  at: fc.nat(),
  jti: texts,
  known: fc.record({
    action: texts,
    context: texts,
    ledger: texts,
    resource: texts,
    subject: texts,
  }),
  source: texts,
};
const identity = fc.option(
  fc.record({ issuer: texts, subject: texts, scheme: texts, key: texts }),
  { nil: null },
);
const works: fc.Arbitrary<Work> = fc.oneof(
  fc.record({
    ask: fc.constant('read' as const),
    work: fc.record({
      ...facts,
      entry: fc.constantFrom('as_decided' as const, 'always' as const, 'never' as const),
    }),
  }),
  fc.record({
    ask: fc.constant('append' as const),
    work: fc.record({
      ...facts,
      identity,
      event: fc.oneof(texts, fc.uint8Array({ maxLength: 30 })),
    }),
  }),
);
const bytesOf = ({ ask, work }: Work) =>
  ask === 'append' ? { ask, work: { ...work, event: Buffer.from(work.event) } } : { ask, work };

property.prop([fc.array(works, { maxLength: 12 })])('jobs cross as they are', (batch) => {
  const crossed = unpackWork(structuredClone(packWork(batch, 1)));
  expect(crossed.map(bytesOf)).toEqual(batch.map(bytesOf));
});

test('outcomes cross as they are', () => {
  const facts = {
    jti: 'j',
    at: 1,
    sby: 2,
    class: 'c',
    ret: { class: 'c', mode: 'none', until: null },
  };
  const outcomes = [
    { outcome: 'refused', code: 'not_json', message: 'm', pointer: '/a' },
    {
      outcome: 'decided',
      kind: 'event',
      allow: true,
      reasons: ['ä'],
      prefix: '{"a"',
      record: 'line\n',
      ...facts,
    },
    { outcome: 'failed', message: 'bug' },
    {
      outcome: 'decided',
      kind: 'access',
      allow: true,
      reasons: [],
      select: 'leaf',
      record: false,
      prefix: null,
      recordLine: null,
      ...facts,
    },
    {
      outcome: 'decided',
      kind: 'access',
      allow: true,
      reasons: [],
      select: { redact: ['/a'] },
      record: true,
      prefix: 'p',
      recordLine: 'r',
      ...facts,
    },
  ] as unknown as Outcome[];
  expect(unpackOutcomes(structuredClone(packOutcomes(outcomes)))).toEqual(outcomes);
});

describe('progress', () => {
  test('gives each job once, and what is taken back to nobody', () => {
    const pool = new Progress();
    const worker = new Progress(pool.shared);
    pool.reset();
    expect(pool.elapsedMs(5)).toBe(0);
    expect([worker.claim(), worker.claim()]).toEqual([0, 1]);
    expect(pool.claimed(5)).toBe(2);
    expect(pool.takeBack(5)).toBe(2);
    expect(pool.takeBack(2)).toBe(2);
    expect(pool.elapsedMs(2)).toBeGreaterThan(0);
    expect(worker.claim()).toBeGreaterThanOrEqual(5);
    expect(pool.elapsedMs(2)).toBe(0);
    pool.reset();
    expect(worker.claim()).toBe(0);
  });

  test('does not count the time after the last job', () => {
    const progress = new Progress();
    progress.reset();
    expect([progress.claim(), progress.claim()]).toEqual([0, 1]);
    expect(progress.elapsedMs(1)).toBe(0);
    expect(progress.claimed(1)).toBe(1);
  });
});

test('random bytes come once', () => {
  const random = pagedRandom();
  const seen = new Set(Array.from({ length: 500 }, () => Buffer.from(random(32)).toString('hex')));
  expect(seen.size).toBe(500);
  expect(random(5000)).toHaveLength(5000);
});

describe('a write identity', () => {
  const secret = { id: 's1', key: new Uint8Array(32).fill(7) };
  const name = { issuer: 'i', subject: 's', scheme: 'k', key: 'x' };

  test('is a keyed digest that names its secret', () => {
    expect(identityDigest(secret, name)).toBe('s1.91AqPUIucv3krLStmEnzWjO6eTPiDXtLnCK7J2FYaLs');
    expect(bodyDigest(secret, '{"a":1}')).toBe('s1.0CAVsUhrm0xr3ZJQRxoi8tqWM_LR_CJWzXMNTELEMdY');
  });

  test('does not run its parts together', () => {
    const digests = [
      name,
      { ...name, issuer: 'is', subject: '' },
      { ...name, scheme: 'kx', key: '' },
      { ...name, key: 'x","y' },
    ].map((one) => identityDigest(secret, one));
    expect(new Set(digests).size).toBe(4);
  });
});
