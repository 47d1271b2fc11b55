/** A ledger on real files, where somebody puts things into the folder while it runs. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import type { FsckReport } from '../../src/ledger/fsck/fsck.ts';
import { openFileStore } from '../../src/storage/file-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { keys, LEDGER, TestWorld } from '../support/test-ledger.ts';
import type { Gateway } from '../support/test-ledger.ts';

const GIBIBYTE = 2 ** 30;

let folder: string;
let world: TestWorld;
const at = (key: string): string => path.join(folder, key);
const open = async (): Promise<ObjectStore> =>
  openFileStore({ folder, clock: world.clock, random: (count) => randomBytes(count) });

beforeEach(async () => {
  folder = await tempFolder();
  world = await TestWorld.create();
  const until = Math.ceil(world.clock() / 1000) * 1000 + 366 * 86_400_000;
  const options = { retention: { mode: 'compliance', until }, contentType: 'text/plain' } as const;
  await (await open()).putNew(keys.genesis, world.genesis.bytes, options);
});
afterEach(async () => {
  for (const { ledger } of world.gateways.splice(0)) await ledger.close();
});

/** Puts something on the key of the next batch after every look at it, right before the batch is put. */
class Intruder {
  #act: ((file: string) => Promise<unknown>) | null = null;
  #acted = (): void => undefined;

  /** Acts at the next put. @returns a promise that it has. */
  async next(act: (file: string) => Promise<unknown>): Promise<void> {
    this.#act = act;
    return new Promise((resolve) => (this.#acted = resolve));
  }

  wrap(store: ObjectStore): ObjectStore {
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name !== 'putNew') return member.bind(target) as unknown;
        return async (key: string, ...rest: unknown[]): Promise<unknown> => {
          const act = this.#act;
          if (act !== null && keys.parseBatch(key) !== null) {
            this.#act = null;
            await act(at(key));
            this.#acted();
          }
          return (await Reflect.apply(member, target, [key, ...rest])) as unknown;
        };
      },
    });
  }
}

async function seal(gateway: Gateway): Promise<void> {
  await Promise.all((await gateway.append(2)).map(async ({ sealed }) => sealed));
}

async function check(): Promise<FsckReport> {
  const report = await fsck(await open(), LEDGER, { now: world.clock(), vkeys: [world.vkey] });
  const findings = report.findings.filter(({ severity }) => severity !== 'notice');
  return { ...report, findings };
}

/** A file of that many bytes that takes no room. */
async function sparse(file: string, size: number): Promise<void> {
  const handle = await fs.open(file, 'w');
  await handle.truncate(size);
  await handle.close();
}

// prettier-ignore
const garbage: [string, (file: string) => Promise<unknown>][] = [
  ['garbage',                       async (file) => fs.writeFile(file, 'garbage')],
  ['an empty file',                 async (file) => fs.writeFile(file, '')],
  ['a copy of a genuine batch',     async (file) => fs.copyFile(at(keys.batch(0)), file)],
  ['a hole of three gibibytes',     async (file) => sparse(file, 3 * GIBIBYTE)],
  ['a folder',                      async (file) => fs.mkdir(file)],
  ['a pipe that nobody fills',      async (file) => promisify(execFile)('mkfifo', [file])],
  ['a link out of the store',       async (file) => fs.symlink('/etc/passwd', file)],
  ['a link to a genuine batch',     async (file) => fs.symlink(at(keys.batch(0)), file)],
  ['a link that leads nowhere',     async (file) => fs.symlink('nowhere', file)],
];

describe('on the key of the next batch, between the look and the put,', () => {
  test.each(garbage)(
    '%s is passed over, also after a restart',
    async (_, act) => {
      const intruder = new Intruder();
      const gateway = await world.open({ store: intruder.wrap(await open()) });
      await seal(gateway);
      const first = intruder.next(act);
      await seal(gateway);
      await first;
      expect(gateway.ledger.status().findings).toMatchObject({ void_batch: 1 });
      // Now with nothing behind it that commits to it, so that whoever comes has to judge it.
      const second = intruder.next(act);
      await gateway.append(1);
      await second;
      await gateway.kill();
      world.gateways.length = 0;
      const again = await world.open({ folder: gateway.folder, store: await open() });
      await seal(again);
      await again.ledger.close();
      const { verdict, findings } = await check();
      expect(verdict).toBe('valid');
      expect(findings.map(({ code }) => code)).toEqual(['void_batch', 'void_batch']);
    },
    30_000,
  );

  test('garbage that nobody has passed over yet is named', async () => {
    const gateway = await world.open({ store: await open() });
    await seal(gateway);
    const { batchNumber } = gateway.ledger.status();
    await gateway.ledger.close();
    for (const [name, act] of garbage) {
      const file = at(keys.batch(batchNumber + 2));
      await act(file);
      const { verdict, findings } = await check();
      expect([name, verdict, findings.map(({ code }) => code)]).toEqual([
        name,
        'invalid',
        ['void_batch'],
      ]);
      await fs.rm(file, { recursive: true });
    }
    expect(await check()).toMatchObject({ verdict: 'valid', findings: [] });
  });
});

// prettier-ignore
test.each([
  ['garbage',                   async (file: string) => fs.writeFile(file, 'garbage')],
  ['a hole of three gibibytes', async (file: string) => sparse(file, 3 * GIBIBYTE)],
  ['a pipe that nobody fills',  async (file: string) => promisify(execFile)('mkfifo', [file])],
  ['a link out of the store',   async (file: string) => fs.symlink('/etc/passwd', file)],
])('in the place of the published checkpoint %s is named, and replaced by the next', async (_, act) => {
  const first = await world.open({ store: await open() });
  await seal(first);
  await first.ledger.close();
  const file = at(keys.checkpoint);
  await fs.rm(file);
  await act(file);
  expect((await check()).findings.map(({ code }) => code)).toEqual(['bad_checkpoint']);
  const second = await world.open({ folder: first.folder, store: await open() });
  await seal(second);
  await second.ledger.close();
  expect(await fs.readFile(file, 'utf8')).toContain(world.genesis.origin);
  expect(await check()).toMatchObject({ verdict: 'valid', findings: [] });
}, 30_000);

// prettier-ignore
test.each([
  ['zzz',              null],
  ['9999999999999999', null],
  ['17',               null],
  ['0999999999999999', 'has no number left'],
])('a stray file %s among the generations of the checkpoint holds up no close', async (name, fault) => {
  const first = await world.open({ store: await open() });
  await seal(first);
  await first.ledger.close();
  await fs.mkdir(at(`.cas/${keys.checkpoint}`), { recursive: true });
  await fs.writeFile(at(`.cas/${keys.checkpoint}/${name}`), 'junk');
  const said: string[] = [];
  const warn = (_event: string, fields?: Readonly<Record<string, unknown>>): void => {
    said.push(String((fields?.['error'] as Error | undefined)?.message));
  };
  const log = { debug: () => undefined, info: () => undefined, error: () => undefined, warn };
  const second = await world.open({ folder: first.folder, store: await open(), log });
  await seal(second);
  await second.ledger.close();
  if (fault === null) expect(said).toEqual([]);
  else expect(said.join('\n')).toContain(fault);
  expect((await check()).verdict).toBe(fault === null ? 'valid' : 'invalid');
}, 30_000);
