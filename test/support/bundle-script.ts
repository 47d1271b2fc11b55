import { execFileSync } from 'node:child_process';
import path from 'node:path';

const project = path.resolve(import.meta.dirname, '../..');

/** Bundles a TypeScript program of the tests with what it imports, so that plain Node runs it. @returns `output`. */
export function bundleScript(entry: string, output: string): string {
  // The program, not the library: inside of Jest the library does not recognise its own byte arrays.
  execFileSync(path.join(project, 'node_modules/.bin/esbuild'), [
    path.resolve(project, entry),
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--target=node20',
    '--log-level=error',
    `--alias:#platform=${path.join(project, 'src/core/platform/platform.node.ts')}`,
    `--outfile=${output}`,
  ]);
  return output;
}
