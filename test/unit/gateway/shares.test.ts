import { describe, expect, test } from '@jest/globals';
import { Shares, STRANGERS } from '../../../src/gateway/quota/shares.ts';
import type { Owner } from '../../../src/gateway/quota/shares.ts';
import { Warnings } from '../../../src/gateway/context/warnings.ts';
import { WARNING_EVERY_MS } from '../../../src/gateway/context/limits.ts';

function caller(key: string): Owner {
  return { key, stranger: false };
}

/** Takes as many ones as there are for an owner. */
function fill(shares: Shares, owner: Owner): number {
  for (let taken = 0; ; taken += 1) {
    try {
      shares.take(owner, 1);
    } catch {
      return taken;
    }
  }
}

describe('shares', () => {
  test.each([
    // all, callers that take in turn, what each gets
    [1000, ['a'], [750]],
    [1000, ['a', 'b'], [750, 188]],
    [1000, ['', 'a'], [250, 563]],
    [2, ['a'], [2]],
    [1, ['a'], [1]],
    [1, [''], [1]],
    [3, ['', 'a'], [1, 2]],
  ])('of %i, %j get %j', (all, callers, want) => {
    const shares = new Shares(all, 'full');
    const got = callers.map((key) => fill(shares, key === '' ? STRANGERS : caller(key)));
    expect(got).toEqual(want);
  });

  test('become equal: who has more than others gets no more until it has given back', () => {
    const shares = new Shares(1000, 'full');
    const held = [caller('a'), caller('b')].map((owner) => ({
      owner,
      amount: fill(shares, owner),
    }));
    for (let round = 0; round < 20; round += 1) {
      for (const one of held) {
        // A third of its requests is answered, and as many as it can have come anew.
        const answered = Math.ceil(one.amount / 3);
        shares.giveBack(one.owner, answered);
        one.amount += fill(shares, one.owner) - answered;
      }
    }
    const [a = 0, b = 0] = held.map(({ amount }) => amount);
    expect(Math.abs(a - b)).toBeLessThan(10);
    expect(shares.free).toBeGreaterThan(100);
  });

  test('what is given back is free again, and nobody is remembered for it', () => {
    const shares = new Shares(8, 'full');
    const taken = fill(shares, caller('a'));
    expect(() => {
      shares.take(caller('a'), 1);
    }).toThrow(expect.objectContaining({ code: 'overloaded', message: 'full' }));
    shares.giveBack(caller('a'), taken);
    expect(shares.free).toBe(8);
    expect(fill(shares, caller('a'))).toBe(taken);
  });

  test('nobody gets more than there is, however little it has', () => {
    const shares = new Shares(8, 'full');
    expect(() => {
      shares.take(caller('a'), 9);
    }).toThrow('full');
    shares.take(caller('a'), 8);
    expect(() => {
      shares.take(caller('b'), 1);
    }).toThrow('full');
  });
});

describe('warnings', () => {
  test('one of a kind in a while, with how many there were; a clock that went back silences none', () => {
    const said: unknown[] = [];
    let now = 1_000_000;
    const log = {
      info: () => undefined,
      error: () => undefined,
      warn: (_event: string, fields: unknown) => said.push(fields),
    };
    const warnings = new Warnings(log, () => now);
    for (let n = 0; n < 5; n += 1) warnings.warn('overloaded', { request: n });
    warnings.warn('closing', { request: 'c' });
    now += WARNING_EVERY_MS;
    warnings.warn('overloaded', { request: 5 });
    now -= 2 * WARNING_EVERY_MS;
    warnings.warn('overloaded', { request: 6 });
    expect(said).toEqual([
      { code: 'overloaded', times: 1, request: 0 },
      { code: 'closing', times: 1, request: 'c' },
      { code: 'overloaded', times: 5, request: 5 },
      { code: 'overloaded', times: 1, request: 6 },
    ]);
  });
});
