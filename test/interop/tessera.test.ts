import { describe, expect, test } from '@jest/globals';
import { alterations, FULL_SIZE, honest } from '../support/alterations.ts';
import { askFsck, inFolder } from '../support/judges.ts';
import type { Judgement } from '../support/judges.ts';
import { serveLog, testdataLog, writeLog } from '../support/static-log.ts';
import type { StaticLog } from '../support/static-log.ts';
import { needs } from '../support/tools.ts';

needs('fsck', 'what Tessera’s fsck says of a log made by the core', (fsck) => {
  const ask = async (log: StaticLog): Promise<Judgement> =>
    inFolder(async (folder) => {
      await writeLog(log, folder);
      return askFsck(fsck, folder, log.vkey);
    });

  test('it accepts Tessera’s own log, so that it can accept', async () => {
    expect(await ask(testdataLog(15))).toMatchObject({ accepted: true, size: 15 });
  });

  test.each([1, 2, 255, 256, 257, FULL_SIZE])('it rebuilds a log of %d entries', async (size) => {
    expect(await ask(honest.at(size))).toMatchObject({ accepted: true, size });
  });

  test('it rebuilds a log over HTTP', async () => {
    const log = honest.at(FULL_SIZE);
    const judgement = await serveLog(log, async (url) => askFsck(fsck, url, log.vkey));
    expect(judgement).toMatchObject({ accepted: true, size: FULL_SIZE });
  });

  describe('it refuses', () => {
    test.each(alterations)('$name', async ({ make }) => {
      expect(await ask(make())).toMatchObject({ accepted: false });
    });
  });
});
