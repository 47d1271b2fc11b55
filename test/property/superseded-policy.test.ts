/**
 * A writer that is cut off goes on deciding by the policy that it knows, and seals that when it is back: late, and by a
 * policy that has a successor. It is never accused. One that has heard and goes on all the same is.
 */
import { describe, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { findingsOf } from '../../src/core/verify/batch-findings.ts';
import { approvedActivation, bootFacts, idOf, MiniLog, START } from '../golden/support.ts';
import type { TestWriter } from '../golden/support.ts';

const RUNS = { numRuns: 40 };

const schedule = fc.record({
  grace: fc.integer({ min: 0, max: 120_000 }),
  /** Of the other gateway's clock. */
  ahead: fc.integer({ min: -60_000, max: 60_000 }),
  /** Entries of each time that the store is away, with the time before each. */
  away: fc.array(fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  }),
  /** When the other one seals the activation: before which of them. */
  turn: fc.nat(4),
});

interface Run {
  readonly grace: number;
  readonly ahead: number;
  readonly away: readonly (readonly number[])[];
  readonly turn: number;
}

/** @param isHonest - Else it heeds nothing that it hears. @returns what is found in its batches, and entries after it heard. */
async function play({ grace, ahead, away, turn }: Run, isHonest: boolean) {
  const log = await MiniLog.create();
  const [own, other] = [await log.writer('own'), await log.writer('other')];
  let now = START;
  const codes: string[] = [];
  const seal = async (writer: TestWriter, leaves: Uint8Array[], time: number): Promise<void> => {
    const before = log.state;
    const { batch } = log.apply(await log.batch(writer, leaves, { time }));
    codes.push(...findingsOf(before, batch, { signatures: false }).map(({ code }) => code));
  };
  const id = log.genesis.policy!.id;
  await seal(own, [await log.entry(own, 'boot', bootFacts(log))], now);
  await seal(other, [await log.entry(other, 'boot', bootFacts(log))], now);
  let taken = 0;
  for (const [round, waits] of away.entries()) {
    // What it has heard is what it had read when it sealed last.
    const known = log.state.policies.get(id)!.until;
    if (round === Math.min(turn, away.length - 1)) {
      const ctl = await approvedActivation(log, idOf('next', 32), { grace });
      const at = now + ahead;
      const facts = { ctl, at, iat: Math.floor(at / 1000), sby: at + 60_000 };
      await seal(other, [await log.entry(other, 'policy', facts)], at);
    }
    const leaves: Uint8Array[] = [];
    for (const wait of waits) {
      now += wait;
      if (isHonest && known !== null && now > known) continue;
      const pol = { id, entrypoint: 'stele/append', allow: true };
      const times = { at: now, iat: Math.floor(now / 1000), sby: now + 60_000 };
      leaves.push(await log.entry(own, 'event', { pol, ...times }));
      if (known !== null) taken = now;
    }
    await seal(own, leaves, now);
  }
  return { codes, taken, state: log.state, own, id };
}

describe('decisions by a policy that has a successor', () => {
  test.prop([schedule], RUNS)('of an honest writer are never a violation', async (run) => {
    expect((await play(run, true)).codes).not.toContain('superseded_policy');
  });

  test.prop([schedule], RUNS)('of one that heard of it and went on are', async (run) => {
    const { codes, taken, state, own, id } = await play(run, false);
    const heard = state.writers.get(own.id)!.heard[0]?.time ?? Infinity;
    const last = Math.max(state.policies.get(id)!.until!, heard) + state.config.maxSealMs;
    expect(codes.includes('superseded_policy')).toBe(taken > last);
  });
});
