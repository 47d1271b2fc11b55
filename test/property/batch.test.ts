import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeBatch, parseBatch } from '../../src/core/log/batch.ts';
import { BATCH_TYP } from '../../src/core/log/batch-header.ts';
import type { BatchHeader } from '../../src/core/log/batch-header.ts';
import { findingsOf } from '../../src/core/verify/batch-findings.ts';
import { planBatch } from '../../src/core/log/batch-plan.ts';
import { concatBytes, equalBytes, toBase64Url, utf8Bytes } from '../../src/core/platform/bytes.ts';
import { hashLeaf } from '../../src/core/tree/hash.ts';
import { signJws } from '../../src/core/json/jws.ts';
import { applyBatch } from '../../src/core/log/state.ts';
import type { LogState } from '../../src/core/log/state.ts';
import { PersistentMap } from '../../src/core/ledger/persistent-map.ts';
import { isJsonObject } from '../../src/core/json/json-pointer.ts';
import type { JsonValue } from '../../src/core/json/strict-json.ts';
import { edgeRoot, emptyEdge, extendEdge } from '../../src/core/tree/tree.ts';
import {
  allowed,
  bootFacts,
  checkpointKey,
  checkpointOf,
  idOf,
  MiniLog,
} from '../golden/support.ts';
import type { TestWriter } from '../golden/support.ts';

/** One batch of a history: whose leaves it holds, who seals it, how many numbers before it are void. */
interface Move {
  readonly sealer: number;
  readonly leaves: readonly {
    readonly writer: number;
    readonly act: 'event' | 'beat' | 'reboot';
  }[];
  readonly voids: number;
}

const WRITERS = 3;
const move: fc.Arbitrary<Move> = fc.record({
  sealer: fc.nat(WRITERS - 1),
  leaves: fc.array(
    fc.record({
      writer: fc.nat(WRITERS - 1),
      act: fc.constantFrom('event' as const, 'event' as const, 'beat' as const, 'reboot' as const),
    }),
    { maxLength: 9 },
  ),
  voids: fc.constantFrom(0, 0, 0, 1, 2),
});

/** Plays moves on a new ledger. @returns it, its leaves in order, and the bytes of its batches. */
async function play(
  moves: readonly Move[],
): Promise<{ log: MiniLog; leaves: Uint8Array[]; batches: Uint8Array[]; states: LogState[] }> {
  const log = await MiniLog.create();
  const writers = await Promise.all(['one', 'two', 'three'].map(async (name) => log.writer(name)));
  const boots = writers.map(() => 0);
  const leaves: Uint8Array[] = [];
  const batches: Uint8Array[] = [];
  const states = [log.state];
  for (const { sealer, leaves: acts, voids } of moves) {
    const inside: Uint8Array[] = [];
    for (const { writer, act } of acts) {
      inside.push(...(await perform(log, writers[writer]!, act, boots, writer)));
    }
    const first = log.state.number + 1;
    const certs = writers.map(({ cert }) => cert);
    const slots = Array.from({ length: voids }, (_, i) => ({
      number: first + i,
      versionId: 'garbage',
      size: 7,
      sha256: idOf('garbage', 32),
    }));
    batches.push(await log.seal(writers[sealer]!, inside, { certs, voids: slots }));
    states.push(log.state);
    leaves.push(...inside);
  }
  return { log, leaves, batches, states };
}

async function perform(
  log: MiniLog,
  writer: TestWriter,
  act: 'event' | 'beat' | 'reboot',
  boots: number[],
  index: number,
): Promise<Uint8Array[]> {
  const made: Uint8Array[] = [];
  const count = boots[index]!;
  if (act === 'reboot' || count === 0) {
    const facts = count === 0 ? {} : { prevBoot: writer.boot, lastSeq: writer.seq - 1 };
    writer.boot = idOf(`boot ${writer.name} ${count}`);
    writer.seq = 0;
    boots[index] = count + 1;
    made.push(await log.entry(writer, 'boot', bootFacts(log, facts)));
  }
  if (act === 'event') made.push(await log.entry(writer, 'event', allowed(log)));
  if (act === 'beat') made.push(await log.entry(writer, 'heartbeat', { ctl: {} }));
  return made;
}

test('what planBatch and encodeBatch make, applyBatch accepts, and nothing about it is found', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 5 }), async (moves) => {
      const { log, leaves, batches, states } = await play(moves);
      const root = edgeRoot(extendEdge(emptyEdge(), leaves.map(hashLeaf)));
      expect(log.state.size).toBe(leaves.length);
      expect(edgeRoot(log.state.edge)).toEqual(root);
      expect(parseBatch(batches.at(-1)!).header.root).toBe(toBase64Url(root));
      for (const [i, bytes] of batches.entries()) {
        const found = findingsOf(states[i]!, parseBatch(bytes), { signatures: i === 0 });
        expect(found.filter(({ code }) => code !== 'void_batch')).toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
});

test('a batch is valid in one place only: not before, not again, not after another', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { minLength: 2, maxLength: 4 }),
      fc.nat(),
      fc.nat(),
      async (moves, which, where) => {
        const { batches, states } = await play(moves);
        const batch = which % batches.length;
        const place = where % states.length;
        const verdict = applyBatch(states[place]!, batches[batch]!, 'v');
        expect(verdict.ok).toBe(batch === place);
      },
    ),
    { numRuns: 40 },
  );
});

describe('a batch that was altered', () => {
  let log: MiniLog;
  let w: TestWriter;
  let bytes: Uint8Array;
  let leaves: Uint8Array[];
  let header: BatchHeader;

  beforeAll(async () => {
    log = await MiniLog.create();
    w = await log.writer('one');
    const key = await checkpointKey(log);
    await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
    leaves = [];
    for (let i = 0; i < 4; i += 1) leaves.push(await log.entry(w, 'event', allowed(log)));
    leaves.push(await log.entry(w, 'heartbeat', { ctl: {} }));
    const voids = [{ number: 1, versionId: 'x', size: 9, sha256: null }];
    const draft = log.draft(w, leaves, {
      certs: [w.cert, key.cert],
      voids,
      checkpoints: [await checkpointOf(log, key)],
      orphans: [
        {
          ...{ key: 'golden/payload/x', versionId: 'v', size: 1, sha256: idOf('o', 32) },
          ...{ class: 'standard', mode: 'none', retainUntil: null },
        },
      ],
      payloads: [
        {
          key: 'golden/payload/y',
          versionId: 'v',
          size: 99,
          sha256: idOf('p', 32),
          class: 'standard',
          mode: 'compliance',
          retainUntil: 1798848000000,
          members: [[0, 0]],
        },
      ],
    });
    header = planBatch(log.state, draft).header;
    bytes = await encodeBatch(header, leaves, w.signer);
    expect(applyBatch(log.state, bytes, 'v', { number: 2 }).ok).toBe(true);
  });

  function accepted(altered: Uint8Array): boolean {
    return applyBatch(log.state, altered, 'v', { number: 2 }).ok;
  }

  test('in one bit of any byte is refused', () => {
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Uint8Array.from(bytes);
      altered[at] = altered[at]! ^ (1 << (at % 8));
      expect([at, accepted(altered)]).toEqual([at, false]);
    }
  });

  test('in any bit of the header’s signature, or of a leaf’s, is refused', () => {
    const end = bytes.indexOf(10);
    const places = [
      ...Array.from({ length: 86 }, (_, i) => end - 86 + i),
      ...Array.from({ length: 86 }, (_, i) => bytes.length - 86 + i),
    ];
    for (const at of places) {
      for (let bit = 0; bit < 8; bit += 1) {
        const altered = Uint8Array.from(bytes);
        altered[at] = altered[at]! ^ (1 << bit);
        expect([at, bit, accepted(altered)]).toEqual([at, bit, false]);
      }
    }
  });

  test('by bytes that are dropped, doubled or put in is refused', () => {
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 600 }),
        fc.constantFrom('drop', 'double', 'insert'),
        (at, length, how) => {
          const end = Math.min(bytes.length, at + length);
          const [before, cut, after] = [bytes.slice(0, at), bytes.slice(at, end), bytes.slice(end)];
          const put = { drop: [], double: [cut, cut], insert: [cut, Uint8Array.of(65)] }[how];
          const altered = concatBytes(before, ...put, after);
          fc.pre(!equalBytes(altered, bytes));
          expect(accepted(altered)).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  /**
   * What the writer declares and no check can know better: findings, the store or nobody judge it. Everything else in
   * a header follows from the leaves and from the log before.
   */
  const declared = [
    /^\/id$/,
    /^\/writer\/boot$/,
    /^\/previous\/versionId$/,
    /^\/voids\/digest$/,
    /^\/(payloads|orphans|checkpoints)(\/|$)/,
    /^\/certs\/\d+$/,
    /^\/certs$/,
    /^\/(time|mode|retainUntil|final)$/,
  ];

  test('in one member of its header, and signed again by its writer, is refused', async () => {
    const places = [...walk(header, '')];
    expect(places.length).toBeGreaterThan(60);
    let refused = 0;
    for (const { pointer, value } of places) {
      if (declared.some((pattern) => pattern.test(pointer))) continue;
      for (const other of others(value)) {
        const altered = put(header, pointer, other);
        const line = await signJws(BATCH_TYP, altered, w.signer);
        const again = concatBytes(utf8Bytes(`${line}\n`), bytes.subarray(bytes.indexOf(10) + 1));
        expect([pointer, other, accepted(again)]).toEqual([pointer, other, false]);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(80);
  });

  test('in any member of its header, not signed again, is refused', async () => {
    const signature = new TextDecoder().decode(bytes).split('\n')[0]!.split('.')[2]!;
    for (const { pointer, value } of walk(header, '')) {
      for (const other of others(value)) {
        const altered = put(header, pointer, other);
        const line = await signJws(BATCH_TYP, altered, w.signer);
        const kept = `${line.slice(0, line.lastIndexOf('.'))}.${signature}\n`;
        const again = concatBytes(utf8Bytes(kept), bytes.subarray(bytes.indexOf(10) + 1));
        expect([pointer, accepted(again)]).toEqual([pointer, false]);
      }
    }
  });

  test('by leaves in another order, doubled or left out is refused, also when it is signed again', async () => {
    const orders = [
      [...leaves].reverse(),
      leaves.slice(1),
      leaves.slice(0, -1),
      [...leaves, leaves[0]!],
      [leaves[1]!, leaves[0]!, ...leaves.slice(2)],
    ];
    for (const order of orders) {
      expect(accepted(await encodeBatch(header, order, w.signer))).toBe(false);
    }
    // Planned anew, only counters that go back give it away.
    for (const order of [[...leaves].reverse(), [...leaves, leaves[0]!]]) {
      expect(accepted(await log.batch(w, order))).toBe(false);
    }
  });
});

/** Every value in a document with its place, containers included. */
function* walk(
  value: JsonValue,
  pointer: string,
): Generator<{ readonly pointer: string; readonly value: JsonValue }> {
  if (pointer !== '') yield { pointer, value };
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) yield* walk(member, `${pointer}/${name}`);
}

/** Other values that might stand in the same place. */
function others(value: JsonValue): JsonValue[] {
  if (typeof value === 'number') return [value + 1, value - 1, null];
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'string') {
    const first = value.startsWith('B') ? 'C' : 'B';
    return [`${value}A`, value.slice(1), first + value.slice(1)];
  }
  if (value === null) return [0, {}];
  if (!isJsonObject(value)) {
    const array = value;
    return [[...array, 0], null, ...(array.length > 0 ? [array.slice(1)] : [])];
  }
  return [{ ...value, more: 1 }, null];
}

function put(document: JsonValue, pointer: string, value: JsonValue): JsonValue {
  const copy = structuredClone(document) as Record<string, JsonValue>;
  const steps = pointer.slice(1).split('/');
  let at: Record<string, JsonValue> = copy;
  for (const one of steps.slice(0, -1)) at = at[one] as Record<string, JsonValue>;
  at[steps.at(-1)!] = value;
  return copy;
}

test('a persistent map is a map, and never changes', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 60 }), (writes) => {
      const model = new Map<string, number>();
      let map = PersistentMap.empty<number>();
      const kept: [PersistentMap<number>, Map<string, number>][] = [];
      for (const [name, value] of writes) {
        kept.push([map, new Map(model)]);
        map = map.with(name, value);
        model.set(name, value);
      }
      for (const [version, want] of [...kept, [map, model] as const]) {
        expect(new Map(version.entries())).toEqual(want);
        expect(version.size).toBe(want.size);
      }
    }),
  );
});
