// Makes rego/capabilities.json: of what the pinned OPA knows, the built-ins that its compiler turns into code of the module
// itself. They are deterministic, and the engine has no host functions, so a policy that needs another one does not build.
// `node infra/opa/capabilities.mjs [--check]`
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { opa, root } from './opa.mjs';

const path = join(root, 'rego/capabilities.json');
const native = new Set(
  readFileSync(join(import.meta.dirname, 'native-builtins.txt'), 'utf8')
    .split(/\s+/)
    .filter(Boolean),
);
/** Compiled away: assignment, unification, the print calls that a build drops, and what only the test runner answers. */
for (const name of ['assign', 'eq', 'print', 'internal.print', 'internal.test_case'])
  native.add(name);

/** @returns {string} the text of the file */
export function makeCapabilities() {
  const all = JSON.parse(opa(['capabilities', '--current'], root));
  const known = new Set(all.builtins.map(({ name }) => name));
  const missing = [...native].filter((name) => !known.has(name));
  if (missing.length > 0) throw new Error(`this OPA does not know ${missing.join(', ')}`);
  const builtins = all.builtins.filter(({ name }) => native.has(name));
  const refused = builtins.filter(
    ({ deprecated, nondeterministic }) => deprecated || nondeterministic,
  );
  if (refused.length > 0)
    throw new Error(`not for policies: ${refused.map(({ name }) => name).join(', ')}`);
  const file = {
    builtins,
    features: ['keywords_in_refs', 'rego_v1'],
    future_keywords: [],
    wasm_abi_versions: [
      { version: 1, minor_version: 2 },
      { version: 1, minor_version: 3 },
    ],
    allow_net: [],
  };
  return `${JSON.stringify(file, null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const made = makeCapabilities();
  if (!process.argv.includes('--check')) writeFileSync(path, made);
  else if (readFileSync(path, 'utf8') !== made) {
    console.error('rego/capabilities.json is stale: node infra/opa/capabilities.mjs');
    process.exitCode = 1;
  }
}
