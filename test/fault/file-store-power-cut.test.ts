import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openFileStore } from '../../src/storage/file-store.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import { bundleScript } from '../support/bundle-script.ts';
import { openCuttableDisk, whyNoPowerCut } from '../support/power-cut.ts';
import type { CuttableDisk } from '../support/power-cut.ts';

/** Cuts in one run; `POWER_CUTS` sets another number. */
const CUTS = Number(process.env['POWER_CUTS'] ?? 6);
const WRITERS = 8;

interface Acknowledged {
  readonly objects: { readonly key: string; readonly versionId: string; readonly hash: string }[];
  checkpoint: number;
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const reason = await whyNoPowerCut();

(reason === null ? describe : describe.skip)(reason ?? 'when the power is cut', () => {
  let disk: CuttableDisk;
  let scripts: string;
  let program: string;

  beforeAll(async () => {
    disk = await openCuttableDisk(2000);
    scripts = await fs.mkdtemp(path.join(os.tmpdir(), 'stele-writer-'));
    program = bundleScript('test/support/file-writer.ts', path.join(scripts, 'writer.mjs'));
  });
  afterAll(async () => {
    await disk.close();
    await fs.rm(scripts, { recursive: true });
  });

  /** Writes until the power goes. */
  async function writeAndCut(
    script: string,
    folder: string,
    runMs: number,
    acknowledged: Acknowledged,
  ): Promise<void> {
    const writer = spawn(process.execPath, [script, folder, String(WRITERS)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    writer.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    const ended = new Promise((resolve) =>
      writer.once('close', () => {
        resolve('ended');
      }),
    );
    const began = new Promise((resolve) =>
      writer.stdout.once('data', () => {
        resolve('began');
      }),
    );
    expect(await Promise.race([began, ended])).toBe('began');
    await new Promise((resolve) => setTimeout(resolve, runMs));
    disk.cut();
    // Nothing can be synced any more, so nothing more is acknowledged; the writer has failed by itself, or hangs.
    writer.kill('SIGKILL');
    await ended;
    for (const line of text.split('\n').slice(0, -1)) {
      const said = JSON.parse(line) as Partial<Acknowledged['objects'][number] & Acknowledged>;
      if (said.checkpoint !== undefined) acknowledged.checkpoint = said.checkpoint;
      else acknowledged.objects.push(said as Acknowledged['objects'][number]);
    }
  }

  async function findLosses(store: FileStore, acknowledged: Acknowledged): Promise<string[]> {
    const losses: string[] = [];
    for (const { key, versionId, hash } of acknowledged.objects) {
      const read = await store.get(key, { versionId });
      const head = await store.head(key, versionId);
      if (read === null) losses.push(`lost ${key}`);
      else if (hashOf(read.bytes) !== hash) losses.push(`changed ${key}`);
      if (head?.retention?.mode !== 'compliance') losses.push(`unlocked ${key}`);
    }
    // Also what was not acknowledged is whole and locked, or not there.
    for (const key of await store.list('w')) {
      const head = await store.head(key);
      const read = await store.get(key);
      const recorded = head?.sha256 == null ? '' : Buffer.from(head.sha256).toString('hex');
      if (read === null || hashOf(read.bytes) !== recorded) losses.push(`torn ${key}`);
    }
    return losses;
  }

  const openStore = async (folder: string): Promise<FileStore> =>
    openFileStore({ folder, clock: () => Date.now(), random: (count) => randomBytes(count) });

  const name = `${CUTS} times, nothing acknowledged is lost and nothing is torn`;
  test(
    name,
    async () => {
      const folder = path.join(disk.folder, 'store');
      const acknowledged: Acknowledged = { objects: [], checkpoint: -1 };
      for (let cut = 0; cut < CUTS; cut += 1) {
        await writeAndCut(program, folder, 150 + 70 * (cut % 5), acknowledged);
        disk.remount();
        const store = await openStore(folder);
        expect(await findLosses(store, acknowledged)).toEqual([]);
        const read = await store.get('checkpoint');
        const checkpoint = Number(Buffer.from(read!.bytes).toString());
        expect(checkpoint).toBeGreaterThanOrEqual(acknowledged.checkpoint);
      }
      expect(acknowledged.objects.length).toBeGreaterThan(CUTS * 20);
      console.log(
        `${CUTS} power cuts, ${acknowledged.objects.length} acknowledged, 0 lost, 0 torn`,
      );
    },
    CUTS * 10_000,
  );

  test('a store that leaves its syncs out is found out by the same cuts', async () => {
    const text = await fs.readFile(program, 'utf8');
    const unsynced = text.replace(/await handle\.(data)?sync\(\);/g, '');
    expect(unsynced).not.toBe(text);
    const careless = path.join(scripts, 'careless.mjs');
    await fs.writeFile(careless, unsynced);
    const folder = path.join(disk.folder, 'careless');
    const acknowledged: Acknowledged = { objects: [], checkpoint: -1 };
    await writeAndCut(careless, folder, 500, acknowledged);
    disk.remount();
    expect(await findLosses(await openStore(folder), acknowledged)).not.toEqual([]);
  }, 20_000);
});
