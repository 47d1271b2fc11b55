import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { alterations, FULL_SIZE, honest } from '../support/alterations.ts';
import { askSumdb, inFolder } from '../support/judges.ts';
import type { SumdbReport } from '../support/judges.ts';
import {
  altered,
  makeLog,
  serveLog,
  someEntries,
  testdataCheckpoint,
  testdataLog,
  writeLog,
} from '../support/static-log.ts';
import type { StaticLog } from '../support/static-log.ts';
import { needs } from '../support/tools.ts';

needs('sumdb', 'what golang.org/x/mod/sumdb says of a log made by the core', (sumdb) => {
  const { vkey } = honest.at(1);

  /** Shows it a log, and files by what they are to it. */
  const ask = async (
    log: StaticLog | null,
    files: { older?: string; proof?: string; leaf?: string | Uint8Array } = {},
    key = log?.vkey ?? vkey,
  ): Promise<SumdbReport> =>
    inFolder(async (folder) => {
      if (log !== null) await writeLog(log, folder);
      const paths = Object.entries(files).map(([name]) => [name, join(folder, `${name}.asked`)]);
      for (const [name, path] of paths) await writeFile(path!, files[name as 'older']!);
      return askSumdb(sumdb, {
        ...(log === null ? {} : { log: folder }),
        vkey: key,
        ...Object.fromEntries(paths),
      });
    });

  test.each([1, 3, 8, 15])('it accepts Tessera’s own log of %d entries', async (size) => {
    const report = await ask(testdataLog(size), { older: testdataCheckpoint(size - 1) });
    expect(report).toMatchObject({ ok: true, size, inclusion: size, consistency: { to: size } });
  });

  test.each([0, 1, 2, 7, 255, 256, 257, FULL_SIZE])(
    'it verifies every tile, leaf and inclusion proof of a log of %d entries',
    async (size) => {
      const report = await ask(honest.at(size));
      expect(report).toMatchObject({ ok: true, size, leaves: size, inclusion: size });
    },
  );

  test('it verifies a log over HTTP, with a sample of its proofs', async () => {
    const log = honest.at(FULL_SIZE);
    const report = await serveLog(log, async (url) =>
      askSumdb(sumdb, { log: url, vkey, sample: 40 }),
    );
    expect(report).toMatchObject({ ok: true, leaves: FULL_SIZE, inclusion: 40 });
  });

  test('it takes the full tile where a partial one is gone', async () => {
    const [then, later] = [honest.at(500), honest.at(512)];
    const kept = [...then.resources].filter(([path]) => !path.endsWith('001.p/244'));
    const wide = { ...then, resources: new Map([...later.resources, ...kept]) };
    expect(await ask(wide)).toMatchObject({ ok: true, size: 500, leaves: 500 });
  });

  test.each([0, 1, 256, 500, FULL_SIZE])(
    'it finds the log to extend its head of %d',
    async (from) => {
      const report = await ask(honest.at(FULL_SIZE), { older: honest.checkpoint(from) });
      expect(report).toMatchObject({ ok: true, consistency: { from, to: FULL_SIZE } });
    },
  );

  test.each([
    [0, 1],
    [2, 3],
    [255, 256],
    [256, 300],
    [FULL_SIZE - 1, FULL_SIZE],
  ])(
    'it verifies the tlog-proof of leaf %d of %d, with the log and without',
    async (index, size) => {
      const proof = honest.proof(index, size);
      expect(await ask(honest.at(FULL_SIZE), { proof })).toMatchObject({
        ok: true,
        proof: { index },
      });
      const alone = await ask(null, { proof, leaf: honest.entry(index) });
      expect(alone).toMatchObject({ ok: true, proof: { index, size, relation: 'none' } });
    },
  );

  describe('it refuses', () => {
    test.each(alterations)('$name', async ({ make }) => {
      expect(await ask(make())).toMatchObject({ ok: false });
    });

    test('Tessera’s own log with a key of another', async () => {
      const log = { ...testdataLog(15), vkey };
      expect(await ask(log)).toMatchObject({ ok: false, step: 'checkpoint' });
    });

    test('Tessera’s own log with a tile of another size', async () => {
      const fourteen = testdataLog(15).resources.get('tile/0/000.p/14')!;
      const log = altered(testdataLog(15), 'tile/0/000.p/15', () => fourteen);
      expect(await ask(log)).toMatchObject({ ok: false, step: 'tiles' });
    });

    test('Tessera’s own log as an extension of a head that another log signed', async () => {
      const report = await ask(testdataLog(15), { older: honest.checkpoint(3) });
      expect(report).toMatchObject({ ok: false, step: 'consistency' });
    });

    test('a tile with bytes after its hashes', async () => {
      const long = altered(honest.at(257), 'tile/0/001.p/1', (bytes) =>
        Buffer.concat([bytes, bytes]),
      );
      expect(await ask(long)).toMatchObject({ ok: false, step: 'tiles' });
    });

    test('an older head that the log does not extend', async () => {
      const fork = makeLog('judged.example/log', [Buffer.from('another'), ...someEntries(300)]);
      const report = await ask(honest.at(FULL_SIZE), { older: fork.checkpoint(300) });
      expect(report).toMatchObject({ ok: false, step: 'consistency' });
    });

    test('a log that is shorter than the head one has seen', async () => {
      const report = await ask(honest.at(256), { older: honest.checkpoint(257) });
      expect(report).toMatchObject({ ok: false, step: 'consistency' });
    });

    test.each([
      ['another entry', honest.proof(4, 300), honest.entry(5)],
      ['another index', honest.proof(4, 300).replace('index 4', 'index 5'), honest.entry(4)],
      ['a path cut short', honest.proof(4, 300).replace(/\n[^\n]*\n\n/, '\n\n'), honest.entry(4)],
      ['a root nobody signed', honest.proof(4, 300).replace('\n300\n', '\n301\n'), honest.entry(4)],
    ])('a tlog-proof with %s', async (_name, proof, leaf) => {
      expect(await ask(null, { proof, leaf })).toMatchObject({ ok: false, step: 'proof' });
    });

    test('a tlog-proof from a fork of the log', async () => {
      const fork = makeLog('judged.example/log', [Buffer.from('another'), ...someEntries(300)]);
      const files = { proof: fork.proof(9, 300), leaf: fork.entry(9) };
      expect(await ask(null, files)).toMatchObject({ ok: true });
      expect(await ask(honest.at(FULL_SIZE), files)).toMatchObject({ ok: false, step: 'proof' });
    });
  });
});
