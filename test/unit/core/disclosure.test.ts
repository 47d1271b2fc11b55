import { describe, expect, test } from '@jest/globals';
import {
  DEFAULT_DEPTHS,
  discloseRecord,
  formatDsc,
  parseDsc,
} from '../../../src/core/record/disclosure.ts';
import type { RecordNode, RecordParts } from '../../../src/core/record/disclosure.ts';
import { takeValues } from '../../../src/core/record/sealed-values.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { disclose, JTI, PARTS, RECORD_KEY } from '../../support/entries.ts';
import { referenceDisclosures } from '../../support/reference-disclosures.ts';

const SEALED_KEY = new Uint8Array(32).fill(0xee);
/** Made once by another program: salts with SHAKE256 over the text, the identifier, the stream and the key. */
const GOLDEN = [
  [
    '/input',
    [
      'XMWERCMkA1OtNDkqzO63UQ',
      'input',
      {
        _sd: [
          'Gdva7vFmJbruB_AMgnecmYkF36e_KwB5SF2Z9QUHVsI',
          'Y35jytvA9pXRCpvsozfYyu6BM01PdMyAAjsGRz7hu9w',
        ],
      },
    ],
  ],
  [
    '/input/a',
    ['CI8DpvjIc8uTDBhdLS5sXg', 'a', { _sd: ['oyqdqqud2VsUBGP3G17CwhcDOmkaVlZWpAAg3-ekJSA'] }],
  ],
  ['/input/a/x', ['LmMk__JerfsgtnhatKF2ww', 'x', 1]],
  ['/input/b', ['i8pHFzZ8suHpztMruJ3lnw', 'b', 'é']],
  ['/result', ['xFQqCIi1T_Iid_ijvuiL6A', 'result', null]],
  ['/source', ['dmOEVxTMwPhhPEDkBRWocA', 'source', {}]],
];
const GOLDEN_SD = [
  'CDkCmKHwsvISGoCe52DeEeUIX-jkczDCaQrWEr8sZns',
  'JzgubF4MVnZHap-4tkotRDZEZe8r4hfR29CgYjwws5E',
  'OEH6HyFSfrM4XIjpOSv_ZZUD7WjxL_HZ-AuGwvtey2s',
];
const draft = { jti: JTI, key: RECORD_KEY, depth: DEFAULT_DEPTHS, parts: PARTS };

/** Every node with its pointer. */
function flatten(nodes: readonly RecordNode[], at = ''): [string, RecordNode][] {
  return nodes.flatMap((node): [string, RecordNode][] => {
    const pointer = `${at}/${node.name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return [[pointer, node], ...flatten(node.children, pointer)];
  });
}
const disclosuresOf = (nodes: readonly RecordNode[]): Map<string, unknown> =>
  new Map(flatten(nodes).map(([at, { disclosure, digest }]) => [at, { disclosure, digest }]));
const decode = (disclosure: string): unknown =>
  JSON.parse(Buffer.from(disclosure, 'base64url').toString());

describe('disclosures of a record', () => {
  test('are these bytes for ever', () => {
    const { sd, parts } = disclose({ input: { b: 'é', a: { x: 1 } }, result: null, source: {} });
    expect(flatten(parts).map(([at, { disclosure }]) => [at, decode(disclosure)])).toEqual(GOLDEN);
    expect(sd).toEqual(GOLDEN_SD);
  });

  test.each([
    ['of the ordinary depth', DEFAULT_DEPTHS],
    ['of depth one', { input: 1, result: 1, source: 1 }],
    ['of uneven depth', { input: 5, result: 2, source: 1 }],
  ])('%s are those of the plain implementation', (_name, depth) => {
    const record = discloseRecord({ ...draft, depth });
    const reference = referenceDisclosures({ ...draft, depth });
    expect(record.sd).toEqual(reference.sd);
    expect(disclosuresOf(record.parts)).toEqual(reference.nodes);
  });

  test('differ in every salt under another key, another entry or another stream', () => {
    const saltsOf = (changes: object): string[] =>
      flatten(discloseRecord({ ...draft, ...changes }).parts).map(
        ([, { disclosure }]) => (decode(disclosure) as [string])[0],
      );
    const salts = [
      ...saltsOf({}),
      ...saltsOf({ key: SEALED_KEY }),
      ...saltsOf({ jti: JTI.replace('a', 'b') }),
    ];
    expect(new Set(salts).size).toBe(salts.length);
  });

  test.each([
    ['_sd', { input: { event: { _sd: 1 } }, result: 1, source: 1 }],
    ['...', { input: 1, result: { '...': 1 }, source: 1 }],
    ['__proto__', { input: JSON.parse('{"__proto__":1}') as JsonValue, result: 1, source: 1 }],
    ['_sd_alg at the top of a part', { input: 1, result: 1, source: { _sd_alg: 'md5' } }],
  ])('are not made for a member named %s', (_name, parts: RecordParts) => {
    expect(() => disclose(parts)).toThrow(expect.objectContaining({ code: 'reserved_member' }));
  });

  test('need a key of 32 bytes', () => {
    expect(() => discloseRecord({ ...draft, key: new Uint8Array(31) })).toThrow(/32 bytes/);
  });
});

describe('a sealed set', () => {
  const sets = [
    { pointers: ['/input/event/actor', '/input/context/request'], key: SEALED_KEY },
    { pointers: ['/source/auth'], key: new Uint8Array(32).fill(0xdd) },
  ];
  const whole = discloseRecord({ ...draft, sealed: sets });

  test('has salts of its own stream, and leaves the others as if it were not there', () => {
    const reference = referenceDisclosures({ ...draft, sealed: sets });
    expect(disclosuresOf(whole.parts)).toEqual(reference.nodes);
    expect(whole.sd).toEqual(reference.sd);
    expect(whole.sealed).toEqual(
      sets.map(({ pointers }) => pointers.map((at) => reference.nodes.get(at)!.digest)),
    );
  });

  test('that is gone leaves its digests, from which the same entry is made', () => {
    const { parts } = takeValues(
      PARTS,
      sets.flatMap(({ pointers }) => pointers),
    );
    const sealed = sets.map(({ pointers }, i) => ({ pointers, digests: whole.sealed[i]! }));
    const rest = discloseRecord({ ...draft, parts, sealed });
    expect(rest.sd).toEqual(whole.sd);
    expect(rest.sealed).toEqual(whole.sealed);
    const known = disclosuresOf(whole.parts);
    for (const [at, { disclosure, digest }] of flatten(rest.parts)) {
      if (disclosure === '') expect(sets.flatMap(({ pointers }) => pointers)).toContain(at);
      else expect({ disclosure, digest }).toEqual(known.get(at));
    }
  });

  test('may be all that an object holds', () => {
    const parts = { ...PARTS, input: { only: { a: 1, b: 2 } } };
    const pointers = ['/input/only/a', '/input/only/b'];
    const made = discloseRecord({ ...draft, parts, sealed: [{ pointers, key: SEALED_KEY }] });
    const rest = discloseRecord({
      ...draft,
      parts: takeValues(parts, pointers).parts,
      sealed: [{ pointers, digests: made.sealed[0]! }],
    });
    expect(rest.sd).toEqual(made.sd);
  });

  // prettier-ignore
  test.each([
    ['a part as a whole',           ['/input']],
    ['the whole record',            ['']],
    ['no member',                   ['/input/nothing']],
    ['a place inside an array',     ['/input/event/changes/0']],
    ['a place below its depth',     ['/input/event/actor/id/x']],
    ['a member of something whole', ['/input/event/details/region']],
    ['another part',                ['/extra/a']],
    ['a place twice',               ['/input/event', '/input/event']],
    ['a place below another',       ['/input/event', '/input/event/actor']],
    ['a place above another',       ['/input/event/actor', '/input/event']],
  ])('cannot hold %s', (_name, pointers) => {
    expect(() => discloseRecord({ ...draft, sealed: [{ pointers, key: SEALED_KEY }] })).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });

  test('cannot share a place with another set', () => {
    const set = { pointers: ['/input/event'], key: SEALED_KEY };
    expect(() => discloseRecord({ ...draft, sealed: [set, set] })).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });

  test('is not hidden while its value stands in clear', () => {
    const sealed = [{ pointers: ['/input/event'], digests: whole.sd.slice(0, 1) }];
    expect(() => discloseRecord({ ...draft, sealed })).toThrow(
      expect.objectContaining({ code: 'not_a_node' }),
    );
  });
});

describe('the scheme and its depths', () => {
  test('come back from their text', () => {
    expect(formatDsc(DEFAULT_DEPTHS)).toBe('1:3.3.3');
    expect(parseDsc('1:9.2.1')).toEqual({ input: 9, result: 2, source: 1 });
  });

  test.each(['', '2:3.3.3', '1:0.3.3', '1:3.3', '1:10.3.3', '1:3.3.3\n'])('%j is none', (text) => {
    expect(() => parseDsc(text)).toThrow(expect.objectContaining({ code: 'bad_dsc' }));
  });
});
