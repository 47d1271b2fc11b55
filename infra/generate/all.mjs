// Makes every generated file, or with --check fails when one is stale. Each generator returns texts by path.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const check = process.argv.includes('--check');
const own = ['all.mjs'];
const stale = [];
for (const file of readdirSync(import.meta.dirname).sort()) {
  if (!file.endsWith('.mjs') || own.includes(file)) continue;
  const { generate } = await import(`./${file}`);
  for (const [path, text] of await generate()) {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    stale.push(path);
    if (check) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
if (check && stale.length > 0) {
  console.error(`stale, run make generate: ${stale.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log(stale.length === 0 ? 'all up to date' : `made ${stale.join(', ')}`);
}
