import type { Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { isFileError } from './file-errors.ts';

/**
 * Lists the keys below `root` that begin with `prefix` and come after `after`, ascending by code
 * unit, lazily. Names that begin with a dot are the store's own. Holds one directory's names at a
 * time for each level.
 */
export async function* walkKeys(
  root: string,
  prefix: string,
  after: string,
): AsyncGenerator<string> {
  const slash = prefix.lastIndexOf('/') + 1;
  yield* walk(root, prefix.slice(0, slash), prefix, after);
}

async function* walk(
  root: string,
  folder: string,
  prefix: string,
  after: string,
): AsyncGenerator<string> {
  for (const name of await sortedNames(path.join(root, folder))) {
    const key = folder + name;
    const isFolder = name.endsWith('/');
    if (isFolder) {
      // Everything in a folder shares its name: one look tells whether any of it can matter.
      const matters = key.startsWith(prefix) || prefix.startsWith(key);
      if (matters && (key > after || after.startsWith(key))) yield* walk(root, key, prefix, after);
    } else if (key.startsWith(prefix) && key > after) {
      yield key;
    }
  }
}

/** Names in key order: a folder sorts by its name with the slash, for `a.b` comes before `a/b`. */
async function sortedNames(folder: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await fs.readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isFileError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  return entries
    .filter((entry) => !entry.name.startsWith('.'))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
}
