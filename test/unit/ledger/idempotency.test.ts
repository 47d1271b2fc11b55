/** Which repetitions are still known when the window is full. */
import { describe, expect, test } from '@jest/globals';
import { IdempotencyWindow } from '../../../src/ledger/write/idempotency.ts';

const DAY_MS = 86_400_000;
const BODY = 'body';

function windowOf(entriesMax: number) {
  const window = new IdempotencyWindow({ entriesMax, ageMsMax: DAY_MS });
  const write = (owner: string, idk: string, atMs = 0): void => {
    const held = window.reserve(idk, BODY, owner);
    if (held.outcome !== 'reserved') throw new Error(`${idk} is ${held.outcome}`);
    window.record(idk, { jti: `jti ${idk}`, idb: BODY, receipt: null, index: 7 }, atMs);
  };
  const isKnown = (idk: string): boolean => {
    const held = window.reserve(idk, BODY, 'anybody');
    if (held.outcome === 'reserved') held.release();
    return held.outcome === 'known';
  };
  return { window, write, isKnown };
}

describe('a window that is full', () => {
  test('forgets the oldest of whoever has most, and nothing of anybody else', () => {
    const { write, isKnown } = windowOf(1000);
    write('bob', 'invoice-77');
    for (let i = 0; i < 5000; i += 1) write('alice', `a${i}`);
    expect(isKnown('invoice-77')).toBe(true);
    expect(isKnown('a3999')).toBe(false);
    expect(isKnown('a4999')).toBe(true);
    const known = Array.from({ length: 5000 }, (_, i) => isKnown(`a${i}`)).filter(Boolean);
    expect(known.length).toBeGreaterThan(990);
    expect(known.length).toBeLessThanOrEqual(999);
  });

  test('is shared equally by those who all want more', () => {
    const { write, isKnown } = windowOf(900);
    const owners = ['a', 'b', 'c'];
    for (let i = 0; i < 1000; i += 1) for (const owner of owners) write(owner, `${owner}${i}`);
    for (const owner of owners) {
      const known = Array.from({ length: 1000 }, (_, i) => isKnown(`${owner}${i}`));
      const count = known.filter(Boolean).length;
      expect(count).toBeGreaterThan(290);
      expect(count).toBeLessThan(310);
      expect(known.at(-1)).toBe(true);
    }
  });

  test('keeps what earlier boots and other gateways wrote, whatever is written here', () => {
    const { window, write, isKnown } = windowOf(1000);
    for (let i = 0; i < 700; i += 1) {
      window.record(`l${i}`, { jti: `${i}`, idb: BODY, receipt: null, index: i }, 0);
    }
    for (let i = 0; i < 3000; i += 1) write('alice', `a${i}`);
    expect(Array.from({ length: 700 }, (_, i) => isKnown(`l${i}`))).not.toContain(false);
    expect(isKnown('a2999')).toBe(true);
  });

  test('takes what the log tells of other gateways as one owner', () => {
    const { window, write, isKnown } = windowOf(100);
    write('bob', 'mine');
    for (let i = 0; i < 500; i += 1) {
      window.record(`l${i}`, { jti: `${i}`, idb: BODY, receipt: null, index: i }, 0);
    }
    expect(isKnown('mine')).toBe(true);
    expect(isKnown('l499')).toBe(true);
  });
});

test('what is older than a day is forgotten, whoever wrote it', () => {
  const { write, isKnown } = windowOf(100);
  write('alice', 'old', 0);
  write('bob', 'new', DAY_MS + 1);
  expect(isKnown('old')).toBe(false);
  expect(isKnown('new')).toBe(true);
});
