/**
 * Nothing acknowledged is lost: a short run of each crash harness. The long ones are `infra/crash/kill.mjs` (200 kills)
 * and `infra/powercut/run.mjs` (20 cuts); each prints its figure.
 */
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { needs, projectRoot, run } from '../support/tools.ts';

const LONG_MS = 300_000;

/** Runs a harness and shows what it counted. @returns its exit code and its last line */
async function harness(
  script: string,
  ...words: string[]
): Promise<{ code: number | null; last: string }> {
  const { code, stdout, stderr } = await run(process.execPath, [
    join(projectRoot, script),
    ...words,
  ]);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (code !== 0) console.log(`${stdout}${stderr}`);
  else console.log(last);
  return { code, last };
}

describe('a gateway that is killed', () => {
  test(
    'loses nothing that it acknowledged, and doubles nothing',
    async () => {
      const { code, last } = await harness('infra/crash/kill.mjs', '--kills', '6', '--seed', '1');
      expect(last).toMatch(/^kills 6, acknowledged [1-9]\d*, lost 0, doubled 0, fsck clean$/);
      expect(code).toBe(0);
    },
    LONG_MS,
  );
});

needs('mount', 'power cuts of the file store, the journal and a gateway', () => {
  describe('a disk whose power is cut', () => {
    test(
      'loses what was not synced, so that the harness can tell',
      async () => {
        const words = ['--subject', 'unsynced', '--cuts', '1', '--seed', '1'];
        const { code, last } = await harness('infra/powercut/run.mjs', ...words);
        expect(last).toMatch(/^cuts 1, acknowledged \d+, lost [1-9]\d*,/);
        expect(code).toBe(0);
      },
      LONG_MS,
    );

    test.each(['file-store', 'journal'])(
      'keeps what the %s acknowledged',
      async (subject) => {
        const words = ['--subject', subject, '--cuts', '5', '--seed', '1'];
        const { code, last } = await harness('infra/powercut/run.mjs', ...words);
        expect(last).toMatch(/^cuts 5, acknowledged \d+, lost 0, torn 0$/);
        expect(code).toBe(0);
      },
      LONG_MS,
    );

    test(
      'keeps what a gateway acknowledged',
      async () => {
        const words = ['--power', '--kills', '4', '--seed', '1'];
        const { code, last } = await harness('infra/crash/kill.mjs', ...words);
        expect(last).toMatch(/^power cuts 4, acknowledged \d+, lost 0, doubled 0, fsck clean$/);
        expect(code).toBe(0);
      },
      LONG_MS,
    );
  });
});
