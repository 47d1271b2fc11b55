/** The shortcut for our own batches is held against what every reader does: the same state, whatever is sealed. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeBatch } from '../../src/core/log/batch.ts';
import { leafFacts, planBatch } from '../../src/core/log/batch-plan.ts';
import type { BatchPlan } from '../../src/core/log/batch-plan.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { applyBatch, entryIdentity } from '../../src/core/log/state.ts';
import type { LogState } from '../../src/core/log/state.ts';
import { PersistentMap } from '../../src/core/ledger/persistent-map.ts';
import { judgeBatch, judgeOwnBatch } from '../../src/ledger/log/judged-batch.ts';
import { JUDGED_ENTRIES_MAX } from '../../src/ledger/context/limits.ts';
import type { PendingEntry } from '../../src/ledger/journal/pending.ts';
import { bootFacts, idOf, MiniLog } from '../golden/support.ts';
import type { TestWriter } from '../golden/support.ts';

let log: MiniLog;
let writer: TestWriter;
let other: TestWriter;
/** After a boot entry of each writer. */
let begun: LogState;
/** Enough events of one boot for any batch below, in order. */
const leaves: Uint8Array[] = [];
const EVENTS = 120;

beforeAll(async () => {
  log = await MiniLog.create();
  writer = await log.writer('one');
  other = await log.writer('two');
  await log.seal(writer, [await log.entry(writer, 'boot', bootFacts(log))]);
  await log.seal(other, [await log.entry(other, 'boot', bootFacts(log))]);
  begun = log.state;
  for (let i = 0; i < EVENTS; i += 1) leaves.push(await log.entry(writer, 'event', {}));
});

/** A pending entry as this process would have it that had issued the leaf. */
function pendingOf(bytes: Uint8Array): PendingEntry {
  const entry = parseEntry(bytes);
  const { jti, at, ret } = entry.payload;
  const rest = { record: null, idk: null, was: null, sinceMs: 0, base: 0, receipt: null };
  return {
    identity: entryIdentity(entry),
    facts: leafFacts(entry),
    bytes,
    jti,
    at,
    ret,
    cert: writer.cert,
    checked: true,
    ...rest,
  } as unknown as PendingEntry;
}

interface Shape {
  readonly entries: readonly PendingEntry[];
  readonly voids: number;
  readonly time: number;
}

async function built(state: LogState, { entries, voids, time }: Shape) {
  const first = state.number + 1;
  const plan = planBatch(state, {
    id: idOf('batch', 16),
    writer: { id: writer.id, boot: writer.boot },
    certs: [writer.cert],
    leaves: entries.map(({ bytes, facts }) => ({ ...facts, bytes })),
    voids: Array.from({ length: voids }, (_, i) => ({
      number: first + i,
      versionId: 'garbage',
      size: 7,
      sha256: idOf('garbage', 32),
    })),
    time,
    mode: 'compliance',
    retainUntil: Math.ceil(time / 1000) * 1000 + 500 * 86_400_000,
  });
  const bytes = await encodeBatch(
    plan.header,
    entries.map((entry) => entry.bytes),
    writer.signer,
  );
  return { plan, bytes };
}

/** A state as plain values, so that two of them can be compared in full. */
function plain(value: unknown): unknown {
  if (value instanceof PersistentMap) {
    const entries = [...value.entries()].map(([key, each]) => [key, plain(each)] as const);
    return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function judgedOwn(
  state: LogState,
  plan: BatchPlan,
  bytes: Uint8Array,
  entries: readonly PendingEntry[],
) {
  const own = judgeOwnBatch(state, plan, bytes, entries);
  if (!own.ok) throw new Error(own.detail);
  return own;
}

describe('a batch of our own that is put together', () => {
  test('leaves the log in the state in which every reader has it, batch after batch', async () => {
    const cuts = fc.array(
      fc.record({
        size: fc.integer({ min: JUDGED_ENTRIES_MAX + 1, max: 40 }),
        // Entries may have been sealed by somebody else, or be lost: numbers need not follow each other.
        skip: fc.nat(3),
        voids: fc.nat(2),
        wait: fc.nat(100_000),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(cuts, async (batches) => {
        let [ours, theirs, at] = [begun, begun, 0];
        for (const { size, skip, voids, wait } of batches) {
          const entries = leaves.slice(at + skip, at + skip + size).map(pendingOf);
          at += skip + size;
          if (entries.length <= JUDGED_ENTRIES_MAX) break;
          const { plan, bytes } = await built(ours, { entries, voids, time: ours.time + wait });
          const own = judgedOwn(ours, plan, bytes, entries);
          const full = judgeBatch(theirs, plan.header.number, bytes);
          if (!full.ok) throw new Error(full.detail);
          expect(plain(own)).toEqual(plain(full));
          const read = applyBatch(theirs, bytes, '', { number: plan.header.number });
          if (!read.ok) throw new Error(read.detail);
          expect(plain(own.state)).toEqual(plain(read.state));
          [ours, theirs] = [own.state, read.state];
        }
      }),
      { numRuns: 40 },
    );
  });

  test('is refused where every reader refuses it', async () => {
    const entries = leaves.slice(0, JUDGED_ENTRIES_MAX + 4).map(pendingOf);
    const { plan, bytes } = await built(begun, { entries, voids: 0, time: begun.time });
    const { kid } = writer.signer;
    const record = begun.keys.get(kid)!;
    const tight = { ...begun.config.limits, batchBytes: bytes.length - 1 };
    const states: LogState[] = [
      { ...begun, keys: begun.keys.with(kid, { ...record, status: 'revoked' }) },
      { ...begun, keys: begun.keys.with(kid, { ...record, status: 'retired', final: null }) },
      {
        ...begun,
        keys: begun.keys.with(kid, {
          ...record,
          certificate: begun.keys.get(other.signer.kid)!.certificate,
        }),
      },
      { ...begun, config: { ...begun.config, limits: tight } },
    ];
    for (const state of states) {
      expect(judgeBatch(state, plan.header.number, bytes)).toMatchObject({ ok: false });
      expect(judgeOwnBatch(state, plan, bytes, entries)).toMatchObject({ ok: false });
    }
  });
});
