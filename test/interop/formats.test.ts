/** `docs/formats.md` says enough: a reader in another language, written from it alone, comes to the same values. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { GOLDEN_FOLDER } from '../golden/make.ts';
import { inFolder } from '../support/judges.ts';
import { needs, projectRoot, run } from '../support/tools.ts';

interface Answer {
  readonly ok: boolean;
  readonly error?: string;
}

needs('python', 'a second reader verifies the golden files', (python) => {
  async function read(folder: string): Promise<Answer> {
    const { stdout, stderr } = await run(python, [
      join(projectRoot, 'test/interop/formats.py'),
      folder,
    ]);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as Answer;
  }

  describe('a reader written from the page', () => {
    test('verifies the golden ledger and comes to its values', async () => {
      const folder = join(projectRoot, GOLDEN_FOLDER);
      const values = JSON.parse(readFileSync(join(folder, 'values.json'), 'utf8')) as {
        readonly gen: string;
        readonly root: string;
        readonly size: number;
      };
      expect(await read(folder)).toEqual({
        ok: true,
        gen: values.gen,
        size: values.size,
        root: values.root,
        labels: ['env', 'event_name', 'team'],
        final: true,
        nodes: { event: 29, 'event-sealed': 29 },
        cosigned: 2,
      });
    });

    const altered = [
      'genesis.json',
      'batches/00000000000000000001',
      'payloads/second.ndjson.gz',
      'proof.tlog-proof',
      'raw/event.json',
    ];
    test.each(altered)('refuses %s with one bit of it flipped', async (name) => {
      await inFolder(async (folder) => {
        cpSync(join(projectRoot, GOLDEN_FOLDER), folder, { recursive: true });
        const bytes = readFileSync(join(folder, name));
        const at = Math.floor(bytes.length / 2);
        bytes[at] = bytes[at]! ^ 1;
        writeFileSync(join(folder, name), bytes);
        expect(await read(folder)).toMatchObject({ ok: false });
      });
    });
  });
});
