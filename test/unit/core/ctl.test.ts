import { describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import {
  checkControl,
  controlFacts,
  isControlKind,
  knownKinds,
} from '../../../src/core/ledger/ctl.ts';
import { ENTRY_KINDS } from '../../../src/core/entry/entry.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import { idOf } from '../../golden/support.ts';

const id = idOf('x');
const hash = idOf('x', 32);
const jws = 'a.b.c';
const policy = {
  act: 'activate',
  id: hash,
  digest: hash,
  revision: 'r1',
  previous: null,
  signer: hash,
  approvals: [jws],
  grace: 60000,
  activation: null,
};
const hold = { act: 'place', id, scope: { class: 'standard' }, place: null, approvals: [] };
const erasure = {
  act: 'intent',
  id,
  keys: [id],
  remaining: [],
  intent: null,
  hold: null,
  approvals: [],
};
const purge = {
  act: 'intent',
  id,
  class: 'short',
  objects: [{ batch: 1, payload: 0 }],
  remaining: [],
  intent: null,
  hold: null,
};
const gap = { writer: id, boot: id, first: 3, last: 5, reason: 'journal_lost' };

/** Good facts of each kind. */
const good: readonly [string, JsonObject][] = [
  ['boot', { prevBoot: null, lastSeq: null, policy: null }],
  ['boot', { prevBoot: id, lastSeq: 7, policy: hash }],
  ['close', { reason: 'shutdown' }],
  ['gap', gap],
  ['gap', { ...gap, last: null, statement: [jws] }],
  ['heartbeat', {}],
  ['key', { statement: [jws] }],
  ['config', { statement: [jws, jws] }],
  ['policy', policy],
  ['policy', { ...policy, act: 'adopt', activation: 4 }],
  [
    'policy',
    { ...policy, act: 'reject', id: null, code: 'bundle_unsigned', reason: 'no signature' },
  ],
  ['policy', { ...policy, change: 'rollback', approvals: ['header..signature'] }],
  ['hold', hold],
  ['hold', { ...hold, scope: { ranges: [[0, 9]], from: 1, to: 2, keys: [id] } }],
  ['hold', { ...hold, act: 'release', scope: null, place: 12, reason: 'case closed' }],
  ['erasure', erasure],
  [
    'erasure',
    { ...erasure, act: 'done', intent: 3, opening: { checked: 2, absent: 0, failed: [1] } },
  ],
  ['erasure', { ...erasure, act: 'refuse', hold: 2, code: 'held' }],
  ['purge', purge],
  [
    'purge',
    { ...purge, objects: [{ batch: 1, orphan: 2 }], remaining: [{ batch: 1, payload: 0 }] },
  ],
  ['purge', { ...purge, act: 'done', intent: 3, opening: { checked: 9, absent: 1, failed: [] } }],
  [
    'summary',
    {
      from: 1,
      to: 2,
      counts: [{ entrypoint: 'stele/read', action: 'read', allow: true, count: 9 }],
    },
  ],
  ['alert', { source: 4, policy: hash, severity: 'high', title: 'mass export' }],
  ['finding', { code: 'void_batch', at: { batch: 4 }, detail: 'garbage' }],
];

describe('facts of control kinds', () => {
  test.each(good)('%s: the closed shape is let through', (kind, ctl) => {
    expect(() => {
      checkControl(kind, ctl);
    }).not.toThrow();
    expect(isControlKind(kind)).toBe(true);
  });

  test.each(good)('%s: a member more, or one less, is refused', (kind, ctl) => {
    expect(codeOf(kind, { ...ctl, surprise: 1 })).toBe('malformed_control');
    const optional = ['statement', 'change', 'code', 'reason', 'opening'];
    for (const name of Object.keys(ctl)) {
      if (
        optional.includes(name) &&
        kind !== 'key' &&
        kind !== 'config' &&
        kind !== 'close' &&
        !(kind === 'gap' && name === 'reason') &&
        !(kind === 'finding' && name === 'code')
      )
        continue;
      const rest = Object.fromEntries(Object.entries(ctl).filter(([other]) => other !== name));
      expect([kind, name, codeOf(kind, rest)]).toEqual([kind, name, 'malformed_control']);
    }
    expect(codeOf(kind, undefined)).toBe('malformed_control');
  });

  const bad: readonly [string, string, JsonObject][] = [
    ['a boot with half of a predecessor', 'boot', { prevBoot: id, lastSeq: null, policy: null }],
    ['a gap that ends before it begins', 'gap', { ...gap, last: 2 }],
    ['a summary that ends before it begins', 'summary', { from: 2, to: 1, counts: [] }],
    ['a hold on an empty list', 'hold', { ...hold, scope: { ranges: [] } }],
    ['an undefined severity', 'alert', { source: 1, policy: hash, severity: 'odd', title: 'x' }],
  ];
  test.each(bad)('refuses %s', (_name, kind, ctl) => {
    expect(codeOf(kind, ctl)).toBe('malformed_control');
  });

  const full = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);
  const place = { batch: Number.MAX_SAFE_INTEGER, payload: 2047 };
  const opening = { checked: 1, absent: 0, failed: full(128, Number.MAX_SAFE_INTEGER) };
  const count = {
    ...{ entrypoint: 'stele/append', action: 'entry.append', allow: false, count: 1_000_000_000 },
    ...{ code: 'policy_bad_output', policy: hash },
  };
  test.each<[string, (more: number) => JsonObject]>([
    ['erasure', (more) => ({ ...erasure, keys: full(900 + more, id), remaining: full(900, id) })],
    [
      'purge',
      (more) => ({
        ...{ ...purge, opening },
        ...{ objects: full(512 + more, place), remaining: full(512, place) },
      }),
    ],
    ['summary', (more) => ({ from: 1, to: 2, counts: full(256 + more, count) })],
  ])('a full %s fits into a leaf, and more is refused', (kind, ctl) => {
    expect(codeOf(kind, ctl(0))).toBe('none');
    expect(codeOf(kind, ctl(1))).toBe('malformed_control');
    // Of 65,535 bytes: base64url of the payload, with a kilobyte for its other members, and of header and signature.
    expect(((canonicalJson(ctl(0)).length + 1024) * 4) / 3 + 250).toBeLessThan(65_535);
  });

  test('plain kinds have none, unknown kinds may have anything', () => {
    for (const kind of ['event', 'access', 'denial', 'decision']) {
      expect(codeOf(kind, undefined)).toBe('none');
      expect(codeOf(kind, {})).toBe('malformed_control');
    }
    expect(codeOf('marvel', undefined)).toBe('none');
    expect(codeOf('marvel', { any: [1] })).toBe('none');
    expect(codeOf('constructor', { any: [1] })).toBe('none');
  });

  test('the kinds with a schema and the plain ones are the known ones', () => {
    expect([...knownKinds].sort()).toEqual([...ENTRY_KINDS].sort());
  });

  test('controlFacts gives the facts, or says where they are wrong', () => {
    expect(controlFacts('close', { reason: 'shutdown' }).reason).toBe('shutdown');
    expect(() => controlFacts('close', { reason: 'Shut Down' })).toThrow(
      expect.objectContaining({ code: 'malformed_control', pointer: '/reason' }),
    );
  });
});

function codeOf(kind: string, ctl: JsonValue | undefined): string {
  try {
    checkControl(kind, ctl);
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
