import { describe, expect, test as plainTest } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { SteleError } from '../../../src/core/errors.ts';
import { parseStrictJson } from '../../../src/core/json/strict-json.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { DEFAULT_INPUT_LIMITS } from '../../../src/policy/decide/input.ts';
import type { DenialCode } from '../../../src/policy/contract/decision.ts';
import { collector } from '../../../src/gateway/entry/collect.ts';
import { cloudEventSchema, parseBatch } from '../../../src/gateway/schema/cloudevents.ts';
import { codes, isProblemCode } from '../../../src/gateway/context/codes.ts';
import { CallerBudget } from '../../../src/gateway/quota/caller-budget.ts';
import { EntryIds } from '../../../src/gateway/entry/ids.ts';
import { mediaTypeOf } from '../../../src/gateway/request/media-type.ts';
import { problemOf, ProblemError } from '../../../src/gateway/context/problem.ts';
import { gatewayDefaults, gatewayRanges } from '../../../src/gateway/context/settings.ts';
import { Summary } from '../../../src/gateway/context/summary.ts';
import { isOwner } from '../../../src/gateway/entry/ownership.ts';
import { ANONYMOUS } from '../../../src/keys/caller.ts';
import type { Caller } from '../../../src/keys/caller.ts';
import { uuid7Time } from '../../../src/core/entry/uuid7.ts';
import type { Receipt } from '../../../src/ledger/context/receipt.ts';

const LIMITS = DEFAULT_INPUT_LIMITS.event;

describe('mediaTypeOf', () => {
  plainTest.each([
    ['application/json', 'application/json'],
    ['Application/JSON', 'application/json'],
    ['application/json;charset=utf-8', 'application/json'],
    ['application/json ; charset="UTF-8"', 'application/json'],
    ['application/json; profile="a;b\\"c"; charset=utf-8', 'application/json'],
    ['application/json;', 'application/json'],
    ['application/cloudevents+json; charset=Utf-8', 'application/cloudevents+json'],
  ])('%s is %s, also the second time', (header, type) => {
    expect(mediaTypeOf(header)).toBe(type);
    expect(mediaTypeOf(header)).toBe(type);
  });

  plainTest.each([
    [undefined, 'media_type_unsupported'],
    ['', 'media_type_unsupported'],
    ['application', 'media_type_unsupported'],
    ['application/json charset=utf-8', 'media_type_unsupported'],
    ['application/json; charset', 'media_type_unsupported'],
    ['application/json; charset="utf-8', 'media_type_unsupported'],
    ['application/json; charset=utf-16', 'charset_unsupported'],
    ['application/json; charset=utf-8; charset=latin1', 'charset_unsupported'],
  ])('%s is %s', (header, code) => {
    expect(() => mediaTypeOf(header)).toThrow(expect.objectContaining({ code }));
  });

  plainTest('does not remember without end', () => {
    for (let n = 0; n < 1000; n += 1) mediaTypeOf(`application/x-${n}`);
    expect(mediaTypeOf('application/x-0')).toBe('application/x-0');
  });
});

describe('collector', () => {
  plainTest('asks once for all jobs of a turn, and gives each its own result', async () => {
    const groups: number[][] = [];
    const ask = collector<number, number>(async (jobs) => {
      groups.push(jobs);
      return Promise.resolve(jobs.map((job) => job * 2));
    }, setImmediate);
    expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([2, 4, 6]);
    expect(await ask(4)).toBe(8);
    expect(groups).toEqual([[1, 2, 3], [4]]);
  });

  plainTest('a failure is everybody’s, and the next group has none of it', async () => {
    let fail = true;
    const ask = collector<number, number>(async (jobs) => {
      if (fail) throw new Error('once');
      return Promise.resolve(jobs);
    }, setImmediate);
    const both = [ask(1), ask(2)];
    for (const one of both) await expect(one).rejects.toThrow('once');
    fail = false;
    expect(await ask(3)).toBe(3);
  });

  plainTest('too few results are a bug, not a wait for ever', async () => {
    const ask = collector<number, number>(async () => Promise.resolve([]), setImmediate);
    await expect(ask(1)).rejects.toThrow('invariant broken');
  });
});

describe('Summary', () => {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const row = { entrypoint: 'stele/read', action: 'log.read', allow: true };

  function ledgerThat(fails: () => boolean): {
    sealed: Record<string, unknown>[];
    appendSystem: (kind: string, ctl: Readonly<Record<string, unknown>>) => Promise<Receipt>;
  } {
    const sealed: Record<string, unknown>[] = [];
    return {
      sealed,
      appendSystem: async (_kind, ctl) => {
        if (fails()) throw new Error('store is away');
        sealed.push(ctl);
        return Promise.resolve({} as Receipt);
      },
    };
  }

  plainTest('counts by row, seals once, and starts afresh', async () => {
    let now = 1000;
    const ledger = ledgerThat(() => false);
    const summary = new Summary(ledger, () => now, log);
    await summary.flush();
    summary.count(row);
    summary.count(row);
    summary.count({ ...row, allow: false, code: 'x' });
    expect(summary.pending).toBe(3);
    now = 2000;
    await summary.flush();
    await summary.flush();
    expect(ledger.sealed).toEqual([
      {
        from: 1000,
        to: 2000,
        counts: [
          { ...row, count: 2 },
          { ...row, allow: false, code: 'x', count: 1 },
        ],
      },
    ]);
    expect(summary.pending).toBe(0);
  });

  plainTest('what could not be sealed is in the next one, with what came since', async () => {
    let now = 1000;
    let away = true;
    const ledger = ledgerThat(() => away);
    const summary = new Summary(ledger, () => now, log);
    summary.count(row);
    const failing = summary.flush();
    summary.count(row);
    summary.count({ ...row, action: 'ledger.read' });
    await failing;
    away = false;
    now = 500;
    await summary.flush();
    expect(ledger.sealed).toEqual([
      {
        from: 1000,
        to: 1000,
        counts: [
          { ...row, count: 2 },
          { ...row, action: 'ledger.read', count: 1 },
        ],
      },
    ]);
  });

  plainTest('kinds of requests that somebody makes up share a row', async () => {
    const ledger = ledgerThat(() => false);
    const summary = new Summary(ledger, () => 1, log);
    for (let n = 0; n < 200; n += 1) summary.count({ ...row, action: `a${n}`, allow: n % 2 === 0 });
    await summary.flush();
    const { counts } = ledger.sealed[0] as { counts: { action: string; count: number }[] };
    expect(counts).toHaveLength(102);
    expect(counts.slice(100)).toMatchObject([
      { action: 'other', count: 50 },
      { action: 'other', count: 50 },
    ]);
  });
});

describe('CallerBudget', () => {
  plainTest('is a minute long, and starts again when the clock goes back', () => {
    const budget = new CallerBudget({ entries: 2, bytes: 1000 });
    const take = (now: number): boolean => budget.take(ANONYMOUS, now, 1);
    expect([take(0), take(1), take(59_999)]).toEqual([true, true, false]);
    expect([take(60_000), take(60_001), take(60_002)]).toEqual([true, true, false]);
    expect(take(10)).toBe(true);
  });

  plainTest('says how long it takes until there is more, and is smaller for strangers', () => {
    const budget = new CallerBudget({ entries: 8, bytes: 800, strangers: 0.25 });
    expect(budget.secondsLeft(ANONYMOUS, 0)).toBe(1);
    expect([0, 0, 0].map((now) => budget.take(ANONYMOUS, now, 1))).toEqual([true, true, false]);
    expect(budget.isSpent(ANONYMOUS, 500, 1)).toBe(true);
    expect(budget.secondsLeft(ANONYMOUS, 500)).toBe(60);
    expect(budget.secondsLeft(ANONYMOUS, 59_999)).toBe(1);
    expect(budget.isSpent(ANONYMOUS, 60_000, 1)).toBe(false);
    const known: Caller = { ...ANONYMOUS, auth: { ...ANONYMOUS.auth, subject: 'ada' } };
    expect(Array.from({ length: 9 }, () => budget.take(known, 0, 1)).filter(Boolean).length).toBe(
      8,
    );
  });
});

describe('CallerBudget of bytes', () => {
  plainTest(
    'is spent by what is kept, and what does not fit leaves the rest to smaller ones',
    () => {
      const budget = new CallerBudget({ entries: 100, bytes: 1000 });
      const take = (bytes: number): boolean => budget.take(ANONYMOUS, 0, bytes);
      expect([600, 600, 300, 200, 100, 1].map(take)).toEqual([
        true,
        false,
        true,
        false,
        true,
        false,
      ]);
      // The first of a minute is always kept: at least one denial shows as it was.
      expect(budget.take(ANONYMOUS, 60_000, 5000)).toBe(true);
    },
  );
});

describe('isOwner', () => {
  const ada: Caller = {
    subject: { type: 'user', id: 'ada', properties: { issuer: null, roles: [] } },
    auth: { method: 'api_key', issuer: null, subject: 'ada', key_id: 'k', token_sha256: null },
  };
  const author = { type: 'user', id: 'ada', properties: { issuer: null } };

  plainTest.each<[string, Caller, JsonValue | undefined, boolean]>([
    ['who wrote it', ada, { subject: author }, true],
    [
      'the same name of another issuer',
      ada,
      { subject: { ...author, properties: { issuer: 'https://other.example' } } },
      false,
    ],
    ['a service with the name of a user', ada, { subject: { ...author, type: 'service' } }, false],
    ['somebody else', ada, { subject: { ...author, id: 'bob' } }, false],
    [
      'an author of whom no issuer is known',
      ada,
      { subject: { ...author, properties: {} } },
      false,
    ],
    ['an entry without a record', ada, undefined, false],
    ['an entry without an author', ada, {}, false],
    ['an author that is no object', ada, { subject: 'ada' }, false],
    ['a stranger', ANONYMOUS, { subject: ANONYMOUS.subject as unknown as JsonValue }, false],
  ])('%s: %#', (_about, caller, input, want) => {
    expect(isOwner(caller, input)).toBe(want);
  });
});

describe('EntryIds', () => {
  plainTest('are of the clock’s time, and never the same', () => {
    const ids = new EntryIds(
      () => 1234,
      (size) => crypto.getRandomValues(new Uint8Array(size)),
    );
    const made = Array.from({ length: 1000 }, () => ids.next());
    expect(new Set(made.map(({ jti }) => jti)).size).toBe(1000);
    expect(made.every(({ jti, at }) => at === 1234 && uuid7Time(jti) === 1234)).toBe(true);
  });
});

describe('a batch of CloudEvents', () => {
  plainTest('is looked at member by member once, by the strict parser', () => {
    expect(cloudEventSchema.shape.data.unwrap().def.type).toBe('unknown');
  });

  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  const event = fc
    .record({ id: fc.string({ minLength: 1 }), source: name, type: name, data: fc.json() })
    .map(({ data, ...rest }) => JSON.stringify({ specversion: '1.0', ...rest, data }));
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

  test.prop([fc.array(fc.tuple(space, event, space), { maxLength: 6 })])(
    'is taken apart into the very texts that were sent',
    (elements) => {
      const text = `[${elements.map((parts) => parts.join('')).join(',')}]`;
      const parsed = parseBatch(text, { ...LIMITS, bytes: 1_000_000 }, 10);
      expect(parsed.map((one) => one.text)).toEqual(elements.map(([, element]) => element));
      for (const one of parsed) parseStrictJson(one.text, LIMITS);
    },
  );
});

describe('problemOf', () => {
  plainTest('gives its durability to writes only', () => {
    const error = new ProblemError('not_json');
    expect(problemOf(error, 'r', true).problem.durability).toBe('not-durable');
    expect(problemOf(error, 'r', false).problem).not.toHaveProperty('durability');
  });

  plainTest.each([
    ['a plain error', new Error('inner'), 'internal'],
    ['a text', 'inner', 'internal'],
    ['null', null, 'internal'],
    [
      'an unlisted fault of the input',
      new SteleError('x', 'inner', { disposition: 'fix-input' }),
      'malformed_input',
    ],
    [
      'an unlisted fault that passes',
      new SteleError('x', 'inner', { disposition: 'retry' }),
      'store_unavailable',
    ],
    [
      'an unlisted fault of the configuration',
      new SteleError('x', 'inner', { disposition: 'fix-configuration' }),
      'internal',
    ],
    ['a path that does not decode', new URIError('inner'), 'bad_path'],
  ])('%s says nothing of its inside', (_about, error, code) => {
    const { problem } = problemOf(error, 'r', true);
    expect(problem.code).toBe(code);
    expect(JSON.stringify(problem)).not.toContain('inner');
  });

  plainTest('keeps code, message, pointer and durability of what the catalogue knows', () => {
    const error = new SteleError('duplicate_key', 'a is there twice', {
      disposition: 'fix-input',
      durability: 'not-durable',
      pointer: '/a',
    });
    expect(problemOf(error, 'r-1', true)).toEqual({
      problem: {
        type: 'urn:stele:problem:duplicate_key',
        title: codes.duplicate_key.title,
        status: 400,
        detail: 'a is there twice',
        code: 'duplicate_key',
        action: codes.duplicate_key.action,
        durability: 'not-durable',
        pointer: '/a',
        request_id: 'r-1',
      },
      headers: [],
    });
  });
});

describe('the catalogue', () => {
  plainTest('has every way in which a policy can fail to decide', () => {
    // The compiler demands a line for each.
    const denials: Readonly<Record<DenialCode, true>> = {
      policy_error: true,
      policy_timeout: true,
      policy_undefined: true,
      policy_bad_output: true,
      engine_unavailable: true,
      engine_overloaded: true,
      mask_unstable: true,
      class_unknown: true,
      erasure_unavailable: true,
      hold_unavailable: true,
      approvals_missing: true,
      purpose_missing: true,
    };
    expect(Object.keys(denials).filter((code) => !isProblemCode(code))).toEqual([]);
  });

  plainTest('has codes in lower snake case, with an action, and statuses that mean errors', () => {
    for (const [code, facts] of Object.entries(codes)) {
      expect(code).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(facts.status).toBeGreaterThanOrEqual(400);
      expect(facts.title).toMatch(/^[A-Z].*[^.]$/);
      expect(facts.action).toMatch(/^[A-Z].*\.$/);
      // A retry that helps is never for a fault of the input.
      if (facts.retry) expect([409, 429, 503]).toContain(facts.status);
    }
  });
});

describe('settings', () => {
  plainTest('every default is inside its range', () => {
    for (const [name, [least, most]] of Object.entries(gatewayRanges)) {
      const value = gatewayDefaults[name as keyof typeof gatewayRanges];
      expect(value).toBeGreaterThanOrEqual(least);
      expect(value).toBeLessThanOrEqual(most);
    }
  });
});
