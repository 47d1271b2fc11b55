/** How work that grows with a text shares the thread that answers everybody. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { TURN_CHARACTERS, Turns } from '../../../src/policy/pool/turns.ts';

const WHOLE = TURN_CHARACTERS;

/** Resolves when every promise has gone on, before the event loop comes round. */
const settled = async (): Promise<void> =>
  new Promise((resolve) => {
    process.nextTick(resolve);
  });

/** Asks for turns and notes the order in which they begin. */
function watched(): {
  ask: (name: string, whose: string, weight: number) => void;
  begun: string[];
} {
  const turns = new Turns();
  const begun: string[] = [];
  return {
    ask: (name, whose, weight) => {
      void turns.take(whose, weight).then(() => begun.push(name));
    },
    begun,
  };
}

/** What is begun before the event loop comes round, and at each round after it. */
async function rounds(begun: string[], count: number): Promise<string[][]> {
  const seen: string[][] = [];
  for (let i = 0; i < count; i += 1) {
    await settled();
    seen.push(begun.splice(0));
    await setImmediate();
  }
  return seen;
}

describe('turns', () => {
  test('what fits into one begins at once, and the rest when the event loop has come round', async () => {
    const { ask, begun } = watched();
    for (const name of ['a', 'b', 'c', 'd', 'e']) ask(name, 'alice', WHOLE / 2);
    await settled();
    expect(begun.splice(0)).toEqual(['a', 'b']);
    expect((await rounds(begun, 4)).filter((round) => round.length > 0)).toEqual([
      ['c', 'd'],
      ['e'],
    ]);
  });

  test('a piece heavier than a turn is one by itself', async () => {
    const { ask, begun } = watched();
    for (const name of ['a', 'b', 'c']) ask(name, 'alice', WHOLE * 4);
    expect((await rounds(begun, 5)).filter((round) => round.length > 0)).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
  });

  test('who comes later with little does not wait for all that another one has asked for', async () => {
    const { ask, begun } = watched();
    for (let i = 0; i < 50; i += 1) ask(`a${i}`, 'alice', WHOLE);
    await setImmediate();
    for (const name of ['b1', 'b2']) ask(name, 'bob', WHOLE / 8);
    const all = (await rounds(begun, 8)).flat();
    expect(all.indexOf('b1')).toBeGreaterThanOrEqual(0);
    expect(all.indexOf('b2')).toBeLessThan(5);
    expect(all).not.toContain('a9');
  });

  test('two who ask for as much get as much, whatever the size of their pieces', async () => {
    const { ask, begun } = watched();
    for (let i = 0; i < 40; i += 1) ask('a', 'alice', WHOLE);
    for (let i = 0; i < 160; i += 1) ask('b', 'bob', WHOLE / 4);
    const all = (await rounds(begun, 30)).flat();
    const [heavy, light] = ['a', 'b'].map((name) => all.filter((one) => one === name).length);
    expect(light! / heavy!).toBeGreaterThan(3);
    expect(light! / heavy!).toBeLessThan(5);
  });

  test('after a pause everything is as at first', async () => {
    const { ask, begun } = watched();
    ask('a', 'alice', WHOLE);
    await rounds(begun, 3);
    ask('b', 'alice', WHOLE);
    await settled();
    expect(begun).toEqual(['b']);
  });
});
