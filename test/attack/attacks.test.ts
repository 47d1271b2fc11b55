import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ObjectExistsError,
  RetentionRefusedError,
  StoreDeniedError,
} from '../../src/storage/errors.ts';
import { storeAttacks } from './store-attacks.ts';
import { forgeries } from './forgeries.ts';
import { keys, World } from './support.ts';
import type { Attack } from './support.ts';

let world: World;

beforeAll(async () => {
  world = await World.build();
});

beforeEach(() => {
  world.restore();
});

async function expectNamed({ act, found, says = '', verdict = 'invalid' }: Attack): Promise<void> {
  const known = await act(world);
  const report = await world.check(known);
  expect([...new Set(report.findings.map(({ code }) => code))].sort()).toEqual([...found].sort());
  expect(report.verdict).toBe(verdict);
  const open = report.steps.filter(
    (one) => one.verdict === 'fail' || one.verdict === 'unverifiable',
  );
  expect([...report.findings, ...open].map(({ detail }) => detail).join('\n')).toContain(says);
  // Something has to say so: a row that asks for nothing tests nothing.
  expect(report.findings.length + open.length).toBeGreaterThan(0);
}

test('the ledger that is attacked is valid, and nothing is found in it', async () => {
  const { gen } = world.log.genesis;
  const report = await world.check({
    gen,
    checkpoints: [await world.head(4), await world.head(100)],
  });
  expect(report.findings).toEqual([]);
  expect(report.steps.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
  expect(report).toMatchObject({ verdict: 'valid', entries: 273, batches: 6, records: 8 });
});

describe('fsck names what somebody with the store did', () => {
  test.each(storeAttacks.map((attack) => [attack.name, attack] as const))('%s', async (_, attack) =>
    expectNamed(attack),
  );
});

describe('what nothing in the log names', () => {
  const strays = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const options = { retention: null, contentType: 'text/plain' };
      await world.store.putNew(keys.payload('short', '2026-01-01', `x-${i}`), bytes, options);
    }
  };
  const bytes = new Uint8Array(5);

  test('is not called so while it may be on its way into the log', async () => {
    await strays(1);
    expect(await world.check()).toMatchObject({ findings: [] });
    const { maxSealMs } = world.log.state.config;
    world.time += maxSealMs;
    const { findings } = await world.check();
    expect(findings).toMatchObject([{ code: 'unnamed_object', severity: 'notice' }]);
  });

  test.each([
    ['hello world', 'hello\\u{20}world'],
    ['a&b', 'a&b'],
    ['\u0001', '\\u{1}'],
    ['.hidden', '.hidden'],
    ['n'.repeat(201), 'n'.repeat(201)],
    ['n'.repeat(1018), 'n'.repeat(1018)],
    [`${'n/'.repeat(300)}/`, `${'n/'.repeat(300)}/`],
    ['batch/\u{1f4a3} \u202e', 'batch/\\u{1f4a3}\\u{20}\\u{202e}'],
  ])(
    'under a key that no ledger uses is named, and keeps nobody from a verdict: %j',
    async (name, shown) => {
      world.store.overwrite(`${keys.prefix}${name}`, bytes);
      const { findings, verdict } = await world.check();
      expect(findings).toMatchObject([
        { code: 'unnamed_object', at: { key: `${keys.prefix}${shown}` } },
      ]);
      expect(verdict).toBe('valid');
    },
  );

  test('by the hundred is named up to some, and then that there are more', async () => {
    await strays(150);
    world.time += world.log.state.config.maxSealMs;
    const { findings, verdict } = await world.check();
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)!.detail).toContain('more');
    expect(verdict).toBe('valid');
  });
});

describe('fsck names what somebody with a key did', () => {
  test.each(forgeries.map((attack) => [attack.name, attack] as const))('%s', async (_, attack) =>
    expectNamed(attack),
  );
});

describe('the store itself refuses', () => {
  test('to delete a locked batch, genesis or payload object', async () => {
    for (const key of [keys.batch(2), keys.genesis, ...(await world.payloadKeys())]) {
      const version = await world.versionOf(key);
      expect(() => {
        world.store.deleteVersion(key, version);
      }).toThrow(StoreDeniedError);
    }
  });

  test('to make a lock a weaker one, or to end it sooner', async () => {
    const key = keys.batch(2);
    const version = await world.versionOf(key);
    const held = (await world.store.head(key, version))!.retention!;
    const weaker = { mode: 'governance' as const, until: held.until + 1000 };
    await expect(world.store.extendRetention(key, version, weaker)).rejects.toThrow(
      RetentionRefusedError,
    );
    await world.store.extendRetention(key, version, { ...held, until: held.until - 1000 });
    expect((await world.store.head(key, version))!.retention).toEqual(held);
  });

  test('a second batch on a number that is taken', async () => {
    await expect(
      world.store.putNew(keys.batch(2), new Uint8Array(1), { retention: null, contentType: 'x' }),
    ).rejects.toThrow(ObjectExistsError);
  });
});

test('every test that the threat model names is there', async () => {
  const page = await readFile('docs/threat-model.md', 'utf8');
  const rows = page.split('\n').filter((line) => /^\| [^-]/.test(line));
  const shown = rows.map((row) => row.split('|').at(-2)!.trim());
  const named = shown.filter((cell) => cell !== 'shown by');
  const names = named.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
  expect(named.filter((cell) => !cell.includes('`'))).toEqual([]);
  expect(names.length).toBeGreaterThan(120);
  const files = await readdir('test', { recursive: true });
  const tests = await Promise.all(
    files
      .filter((file) => file.endsWith('.ts'))
      .map(async (file) => readFile(`test/${file}`, 'utf8')),
  );
  const all = tests.join('\n');
  expect(names.filter((name) => !all.includes(name))).toEqual([]);
});
