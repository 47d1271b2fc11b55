import { describe, expect, test } from '@jest/globals';
import { assertObjectKey, objectKeys } from '../../../src/storage/object-keys.ts';

const keys = objectKeys('demo');

// prettier-ignore
test.each([
  ['the genesis',               keys.genesis,                                   'demo/meta/genesis.json'],
  ['the published checkpoint',  keys.checkpoint,                                'demo/checkpoint'],
  ['the first batch',           keys.batch(0),                                  'demo/batch/00000000000000000000'],
  ['batch 42',                  keys.batch(42),                                 'demo/batch/00000000000000000042'],
  ['the last batch there can be', keys.batch(Number.MAX_SAFE_INTEGER),          'demo/batch/00009007199254740991'],
  ['records',                   keys.payload('std', '2026-11-22', 'x-Y_1'),     'demo/payload/class=std/date=2026-11-22/x-Y_1.ndjson.gz'],
  ['a policy file',             keys.policy('_id-', 'policy.wasm'),             'demo/policy/_id-/policy.wasm'],
  ['a tile',                    keys.tile('tile/0/x001/067.p/8'),               'demo/tile/0/x001/067.p/8'],
  ['an entry bundle',           keys.tile('tile/entries/000'),                  'demo/tile/entries/000'],
  ['the prefix of all',         keys.prefix,                                    'demo/'],
  ['the prefix of batches',     keys.batchPrefix,                               'demo/batch/'],
  ['the prefix of records',     keys.payloadPrefix,                             'demo/payload/'],
  ['an object of the probe',    keys.probe('ab', 'race'),                       'demo/probe/ab/race'],
])('the key of %s', (_, key, want) => {
  expect(key).toBe(want);
  if (!key.endsWith('/')) expect(() => { assertObjectKey(key); }).not.toThrow();
});

test('batch keys sort as their numbers do', () => {
  const numbers = [0, 9, 10, 99, 1e9, 2 ** 40, 2 ** 53 - 1];
  expect(numbers.map(keys.batch).sort()).toEqual(numbers.map(keys.batch));
  expect(numbers.map((number) => keys.parseBatch(keys.batch(number)))).toEqual(numbers);
});

test.each([
  ['another ledger', 'other/batch/00000000000000000001'],
  ['another folder', 'demo/payload/00000000000000000001'],
  ['too few digits', 'demo/batch/1'],
  ['a sign', 'demo/batch/-0000000000000000001'],
  ['a number that is not safe', 'demo/batch/00009007199254740992'],
  ['something behind it', 'demo/batch/00000000000000000001/x'],
])('a key with %s is no batch key', (_, key) => {
  expect(keys.parseBatch(key)).toBeNull();
});

describe('what cannot be a part of a key is refused', () => {
  // prettier-ignore
  test.each<[string, () => unknown]>([
    ['a ledger name with a slash',        () => objectKeys('a/b')],
    ['an empty ledger name',              () => objectKeys('')],
    ['a ledger name in capitals',         () => objectKeys('Demo')],
    ['a ledger name of dots',             () => objectKeys('..')],
    ['a ledger name of 64 characters',    () => objectKeys('a'.repeat(64))],
    ['a negative batch number',           () => keys.batch(-1)],
    ['a fractional batch number',         () => keys.batch(0.5)],
    ['a batch number that is not safe',   () => keys.batch(2 ** 53)],
    ['a class with an equals sign',       () => keys.payload('a=b', '2026-11-22', 'x')],
    ['a date with a time',                () => keys.payload('std', '2026-11-22T00', 'x')],
    ['a plan id with a slash',            () => keys.payload('std', '2026-11-22', 'a/b')],
    ['a policy id that climbs',           () => keys.policy('..', 'x')],
    ['a policy file that hides',          () => keys.policy('x', '.manifest')],
    ['a tile path that climbs',           () => keys.tile('tile/../../x')],
  ])('%s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'object_key', disposition: 'fix-input' }));
  });
});
