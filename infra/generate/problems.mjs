// Writes docs/reference/problems.md from the built catalogue; `--check` only compares, and fails when it is stale.
import { readFile, writeFile } from 'node:fs/promises';
import { problemReference } from '../../dist/gateway/problem-reference.js';

const page = new URL('../../docs/reference/problems.md', import.meta.url);
const wanted = problemReference();
if (!process.argv.includes('--check')) {
  await writeFile(page, wanted);
} else if ((await readFile(page, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write('docs/reference/problems.md is stale: node infra/generate/problems.mjs\n');
  process.exitCode = 1;
}
