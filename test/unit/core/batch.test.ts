import { beforeAll, describe, expect, test } from '@jest/globals';
import { encodeBatch, frameBatch, parseBatch, widestLimits } from '../../../src/core/log/batch.ts';
import { parseBatchHeader, voidsDigest } from '../../../src/core/log/batch-header.ts';
import type { VoidSlot } from '../../../src/core/log/batch-header.ts';
import { leafFacts, planBatch } from '../../../src/core/log/batch-plan.ts';
import { concatBytes, toBase64Url, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { entryBytes } from '../../../src/core/entry/entry.ts';
import { signJws } from '../../../src/core/json/jws.ts';
import {
  membersFault,
  MEMBER_BYTES_MAX,
  memberRange,
  planMembers,
} from '../../../src/core/log/payload-object.ts';
import { PersistentMap } from '../../../src/core/ledger/persistent-map.ts';
import { sha256 } from '../../../src/core/platform/platform.node.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { encodeEntryBundle, frameEntries } from '../../../src/core/tree/tile.ts';
import { bootFacts, idOf, MiniLog } from '../../golden/support.ts';
import type { TestWriter } from '../../golden/support.ts';

describe('frames', () => {
  const header = utf8Bytes('e30.e30.e30\n');
  const limits = { batchEntries: 2, batchBytes: 100, headerBytes: 20, entryBytes: 10 };
  const leaf = (text: string): Uint8Array => frameEntries([utf8Bytes(text)]);

  test('a header line, then leaves as in an entry bundle', () => {
    const frame = frameBatch(concatBytes(header, leaf('one'), leaf('two')), limits);
    expect(frame.headerLine).toBe('e30.e30.e30');
    expect(frame.leaves).toEqual([utf8Bytes('one'), utf8Bytes('two')]);
    expect(frameEntries(frame.leaves)).toEqual(encodeEntryBundle(frame.leaves));
  });

  test('a batch without leaves is a header line', () => {
    expect(frameBatch(header, limits).leaves).toEqual([]);
  });

  const refused: readonly [string, Uint8Array, string][] = [
    ['no line end', utf8Bytes('e30'), 'bad_framing'],
    ['nothing at all', new Uint8Array(0), 'bad_framing'],
    ['a leaf of no bytes', concatBytes(header, Uint8Array.of(0, 0)), 'bad_framing'],
    ['half a length', concatBytes(header, Uint8Array.of(0)), 'bad_framing'],
    ['a leaf that is cut off', concatBytes(header, Uint8Array.of(0, 3, 65)), 'bad_framing'],
    ['a leaf over the limit', concatBytes(header, leaf('12345678901')), 'over_limit'],
    [
      'more leaves than the limit',
      concatBytes(header, leaf('1'), leaf('2'), leaf('3')),
      'over_limit',
    ],
    ['more bytes than the limit', new Uint8Array(101), 'over_limit'],
    ['a longer header than the limit', utf8Bytes(`${'a'.repeat(21)}\n`), 'over_limit'],
    ['a header that is no text', concatBytes(Uint8Array.of(0xff, 10)), 'invalid_utf8'],
  ];
  test.each(refused)('%s is refused', (_name, bytes, code) => {
    expect(() => frameBatch(bytes, limits)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a batch object', () => {
  let log: MiniLog;
  let w: TestWriter;
  let leaves: Uint8Array[];

  beforeAll(async () => {
    log = await MiniLog.create();
    w = await log.writer('one');
    leaves = [await log.entry(w, 'boot', bootFacts(log)), await log.entry(w, 'event')];
  });

  test('comes apart as it was put together', async () => {
    const { header } = planBatch(log.state, log.draft(w, leaves));
    const bytes = await encodeBatch(header, leaves, w.signer);
    const batch = parseBatch(bytes);
    expect(batch.header).toEqual(header);
    expect(batch.leaves).toEqual(leaves);
    expect(batch.entries.map(({ payload }) => payload.kind)).toEqual(['boot', 'event']);
    expect(batch.sha256).toEqual(sha256(bytes));
    expect(await encodeBatch(batch.header, batch.leaves, w.signer)).toEqual(bytes);
  });

  test('describes its leaves', () => {
    const { header } = planBatch(log.state, log.draft(w, leaves));
    expect(header).toMatchObject({
      number: 0,
      previous: { number: -1, sha256: log.genesis.gen, versionId: '' },
      voids: null,
      first: 0,
      count: 2,
      size: 2,
      runs: [{ writer: w.id, boot: w.boot, first: 0, last: 1 }],
      control: [0],
      sections: [{ kind: 'inline', count: 2 }],
      late: [],
      final: false,
    });
    expect(header.edge).toHaveLength(1);
    expect(header.root).toBe(header.edge[0]);
  });

  test('may have no leaves', () => {
    const { header } = planBatch(log.state, log.draft(w, []));
    expect(header).toMatchObject({ count: 0, size: 0, edge: [], runs: [], sections: [] });
    expect(header.root).toBe(toBase64Url(sha256(new Uint8Array(0))));
  });

  test('accounts for the numbers that it passes over', () => {
    const voids: VoidSlot[] = [
      { number: 0, versionId: 'a', size: 3, sha256: idOf('garbage', 32) },
      { number: 1, versionId: 'b', size: 99_999_999, sha256: null },
    ];
    const { header } = planBatch(log.state, log.draft(w, leaves, { voids }));
    expect(header.number).toBe(2);
    expect(header.voids).toEqual({ first: 0, count: 2, digest: voidsDigest(voids) });
    expect(voidsDigest([...voids].reverse())).not.toBe(header.voids!.digest);
  });

  test('cannot be planned over numbers that are not accounted for', () => {
    const voids: VoidSlot[] = [{ number: 3, versionId: 'a', size: 3, sha256: null }];
    expect(() => planBatch(log.state, log.draft(w, leaves, { voids }))).toThrow('invariant');
  });

  test('is refused where a leaf is no entry', async () => {
    const { header } = planBatch(log.state, log.draft(w, leaves));
    const bytes = await encodeBatch(header, [utf8Bytes('nonsense')], w.signer);
    expect(() => parseBatch(bytes, widestLimits)).toThrow(
      expect.objectContaining({ code: 'bad_jws' }),
    );
  });

  test('is refused where a control entry lacks its facts', async () => {
    const { header } = planBatch(log.state, log.draft(w, leaves));
    const payload = log.payload(w, 'heartbeat') as unknown as JsonValue;
    const leaf = entryBytes(await signJws('stele-entry+sd-jwt', payload, w.signer));
    const bytes = await encodeBatch(header, [leaf], w.signer);
    expect(() => parseBatch(bytes)).toThrow(expect.objectContaining({ code: 'malformed_control' }));
  });

  test('has a closed header', async () => {
    const { header } = planBatch(log.state, log.draft(w, leaves));
    const rows: readonly [Record<string, unknown>, string][] = [
      [{ extra: 1 }, 'bad_batch_header'],
      [{ v: 2 }, 'unsupported_version'],
      [{ crit: ['staged'] }, 'unsupported_critical'],
      [{ retainUntil: 1500 }, 'bad_batch_header'],
      [{ sections: [{ kind: 'staged', count: 1, sha256: idOf('x', 32) }] }, 'bad_batch_header'],
      [{ certs: [] }, 'bad_batch_header'],
    ];
    for (const [changes, code] of rows) {
      const line = await signJws('stele-batch+jwt', { ...header, ...changes }, w.signer);
      expect(() => parseBatchHeader(line)).toThrow(expect.objectContaining({ code }));
    }
  });

  test('repeats of a leaf what leafFacts says', async () => {
    const batch = parseBatch(
      await encodeBatch(planBatch(log.state, log.draft(w, leaves)).header, leaves, w.signer),
    );
    expect(leafFacts(batch.entries[1]!)).toEqual({
      kid: w.signer.kid,
      writer: w.id,
      boot: w.boot,
      seq: 1,
      control: false,
    });
  });
});

describe('payload objects', () => {
  test('cut lines into members of bounded size, a longer line alone', () => {
    const half = MEMBER_BYTES_MAX / 2;
    const lines = [
      { leaf: 0, bytes: half },
      { leaf: 2, bytes: half },
      { leaf: 3, bytes: 1 },
      { leaf: 4, bytes: MEMBER_BYTES_MAX + 1 },
      { leaf: 9, bytes: 1 },
    ];
    expect(planMembers(lines)).toEqual([
      { start: 0, end: 2, leaf: 0 },
      { start: 2, end: 3, leaf: 3 },
      { start: 3, end: 4, leaf: 4 },
      { start: 4, end: 5, leaf: 9 },
    ]);
    expect(planMembers([])).toEqual([]);
  });

  test('find the one range that may hold a record', () => {
    const payload = {
      size: 100,
      members: [
        [0, 2],
        [40, 5],
        [70, 9],
      ] as [number, number][],
    };
    const rows: readonly [number, unknown][] = [
      [1, undefined],
      [2, { start: 0, end: 40 }],
      [4, { start: 0, end: 40 }],
      [5, { start: 40, end: 70 }],
      [50, { start: 70, end: 100 }],
    ];
    for (const [leaf, range] of rows) expect(memberRange(payload, leaf)).toEqual(range);
    expect(memberRange({ size: 0, members: [] }, 0)).toBeUndefined();
  });

  const rows: readonly [string, [number, number][], string | undefined][] = [
    [
      'ascending members',
      [
        [0, 0],
        [9, 3],
      ],
      undefined,
    ],
    ['no member', [], 'first member'],
    ['a first member that is not at 0', [[1, 0]], 'first member'],
    [
      'two at one byte',
      [
        [0, 0],
        [0, 1],
      ],
      'member 1 is not after',
    ],
    [
      'two at one leaf',
      [
        [0, 1],
        [5, 1],
      ],
      'member 1 is not after',
    ],
    [
      'a byte past the end',
      [
        [0, 0],
        [10, 1],
      ],
      'member 1 begins past',
    ],
    ['a leaf past the end', [[0, 4]], 'member 0 begins past'],
  ];
  test.each(rows)('%s: the index is judged', (_name, members, fault) => {
    const said = membersFault({ size: 10, members }, 4);
    if (fault === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(fault);
  });
});

describe('PersistentMap', () => {
  test('keeps what it had when something is added', () => {
    const keys = ['', 'a', 'ab', 'abc', 'abd', 'b'];
    let map = PersistentMap.empty<number>();
    const versions = keys.map((key, i) => (map = map.with(key, i)));
    versions.forEach((version, i) => {
      expect(version.size).toBe(i + 1);
      keys.forEach((key, k) => {
        expect(version.get(key)).toBe(k <= i ? k : undefined);
      });
    });
    expect(new Map(map.entries())).toEqual(new Map(keys.map((key, i) => [key, i])));
    const changed = map.with('ab', 9);
    expect([changed.size, changed.get('ab'), map.get('ab')]).toEqual([6, 9, 2]);
  });
});
