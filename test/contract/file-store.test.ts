import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openFileStore } from '../../src/storage/file-store.ts';
import { objectStoreContract } from './object-store.ts';

objectStoreContract('files', async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'stele-files-'));
  const components = {
    folder,
    clock: () => Date.now(),
    random: (count: number) => randomBytes(count),
  };
  return {
    store: await openFileStore(components),
    other: await openFileStore(components),
    racers: 16,
    overMarker: null,
    canOverwrite: false,
    close: async () => fs.rm(folder, { recursive: true }),
  };
});
