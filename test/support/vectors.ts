/** Reads the data of other implementations, in `test/vectors/`; each folder says where it is from. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './tools.ts';

const root = join(projectRoot, 'test/vectors');

/** The text of a vector file. */
export function readVectorText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The value of a JSON vector file, taken to have the shape that the test names. */
export function readVector(path: string): unknown {
  return JSON.parse(readVectorText(path));
}

/** All JSON files below a folder, by path, in one order. */
export function listVectors(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.json'))
    .map((path) => `${folder}/${path}`)
    .sort();
}
