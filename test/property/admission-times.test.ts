import { describe, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { AdmissionTimes } from '../../src/ledger/log/admission-times.ts';
import { BatchReader } from '../../src/ledger/tree/batch-reader.ts';
import type { LedgerContext } from '../../src/ledger/context/context.ts';
import type { LogView } from '../../src/ledger/log/view.ts';
import type { PastBatch } from '../../src/ledger/log/look-back.ts';

/** Steps of the clock of whoever seals next: mostly a little on, now and then far on, or back. */
const step = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: -700, max: -1 }) },
  { weight: 1, arbitrary: fc.integer({ min: -90_000_000, max: 90_000_000 }) },
);

/** By how much entries are older than their batch; a clock that was set may make them younger. */
const age = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 100_000_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -5000, max: -1 }) },
);

const history = fc.array(
  fc.record({
    step,
    ages: fc.array(age, { maxLength: 4 }),
    voids: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 3 })),
  }),
  { maxLength: 120 },
);

interface Batch {
  readonly number: number;
  readonly time: number;
  readonly ats: readonly number[];
}

/** The reader of a log of such batches, without a store: it remembers where everything is. */
function readerOf(batches: readonly Batch[], runsMax: number) {
  const times = new AdmissionTimes(runsMax);
  const number = batches.at(-1)?.number ?? -1;
  const view = { state: { number } } as unknown as LogView;
  const context = {
    keys: { batch: String },
    store: { listVersions: async () => Promise.resolve([]) },
  } as unknown as LedgerContext;
  const reader = new BatchReader(context, view, times);
  for (const { number: at, time, ats } of batches) {
    const header = { number: at, first: 0, count: ats.length, time };
    const facts = ats.map((each) => ({ at: each }));
    reader.remember({ header, facts } as unknown as PastBatch);
  }
  return { times, reader };
}

function batchesOf(steps: readonly { step: number; ages: readonly number[]; voids: number }[]) {
  let [number, time] = [-1, 1_000_000_000];
  return steps.map((each): Batch => {
    number += 1 + each.voids;
    time += each.step;
    return { number, time, ats: each.ages.map((old) => time - old) };
  });
}

describe('the admission times of batches', () => {
  test.prop([history, fc.integer({ min: 2, max: 60 })])(
    'lead to the batch of every entry, whatever clocks and outages did',
    async (steps, runsMax) => {
      const batches = batchesOf(steps);
      const { times, reader } = readerOf(batches, runsMax);
      expect(times.runs.length).toBeLessThanOrEqual(runsMax);
      for (const { number, ats } of batches) {
        for (const at of ats) {
          const found: number[] = [];
          for await (const range of reader.around(at)) found.push(range.number);
          expect(found).toContain(number);
        }
      }
    },
  );

  test('of a log that goes on as usual are one run, however long it is', () => {
    const times = new AdmissionTimes();
    for (let number = 0; number < 50_000; number += 1) {
      const time = number * 100;
      times.add({ number, time, admitted: [time - (number % 300), time] });
    }
    expect(times.runs).toHaveLength(1);
  });

  test('tell an entry that came late apart from those around it', () => {
    const times = new AdmissionTimes();
    for (let number = 0; number < 1000; number += 1) {
      const time = 100_000_000 + number * 100;
      const low = number === 600 ? time - 86_400_000 : time - 90;
      times.add({ number, time, admitted: [low, time] });
    }
    const late = times.runs.filter(({ low, high }) => high - low > 86_000_000);
    expect(times.runs).toHaveLength(3);
    expect(late).toMatchObject([{ first: 600, last: 600 }]);
  });
});
