import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

const made: string[] = [];

/** A fresh folder that is removed when the tests of the file have ended. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-'));
  made.push(folder);
  return folder;
}

afterAll(async () => {
  await Promise.all(
    made.map(async (folder) =>
      rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
    ),
  );
});
