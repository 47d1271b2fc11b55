// Makes rego/capabilities.json: of what the pinned OPA knows, the built-ins that its compiler turns into code of the module
// and that answer there as OPA does, and those that the engine answers. `node infra/opa/capabilities.mjs [--check]`
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_BUILTINS } from '../../dist/policy/engine/builtins/index.js';
import { REFUSED_BUILTINS } from '../../dist/toolchain/refused-builtins.js';
import { opa, root } from './opa.mjs';

const path = join(root, 'rego/capabilities.json');
/** Compiled into a module, and the same there; the conformance cases and a comparison with OPA decided. */
const native = readFileSync(join(import.meta.dirname, 'native-builtins.txt'), 'utf8')
  .split(/\s+/)
  .filter(Boolean);
/** Compiled away: assignment, unification, the print calls that a build drops, and what only the test runner answers. */
const compiledAway = [
  'assign',
  'eq',
  'print',
  'internal.print',
  'internal.test_case',
  'rego.metadata.chain',
  'rego.metadata.rule',
];

/** Arguments that this engine takes fewer kinds of than OPA; the checker then refuses the others by line and column. */
const narrowed = {
  // A module joins a set in the order of its hash table.
  concat: { 1: ({ type }) => type === 'array' },
  // With a time zone, the answer would change with the machine.
  'time.clock': { 0: ({ type }) => type === 'number' },
  'time.date': { 0: ({ type }) => type === 'number' },
  'time.diff': { 0: ({ type }) => type === 'number', 1: ({ type }) => type === 'number' },
  'time.format': { 0: ({ type, static: members }) => type === 'number' || members?.length === 3 },
  'time.weekday': { 0: ({ type }) => type === 'number' },
};

/** @returns {{name: string, kind: 'native' | 'host' | 'refused', why?: string, instead?: string}[]} all that OPA knows */
export function classify() {
  return everything().map(({ name }) => {
    if ([...native, ...compiledAway].includes(name)) return { name, kind: 'native' };
    if (HOST_BUILTINS.has(name)) return { name, kind: 'host' };
    const unknown = { why: 'nobody compared it with OPA yet', instead: 'ask for it' };
    return { name, kind: 'refused', ...(REFUSED_BUILTINS.get(name) ?? unknown) };
  });
}

/** @returns {string} the text of the file */
export function makeCapabilities() {
  const all = everything();
  const allowed = new Set([...native, ...compiledAway, ...HOST_BUILTINS.keys()]);
  const known = new Set(all.map(({ name }) => name));
  const missing = [...allowed].filter((name) => !known.has(name));
  if (missing.length > 0) throw new Error(`this OPA does not know ${missing.join(', ')}`);
  const both = [...allowed].filter((name) => REFUSED_BUILTINS.has(name));
  if (both.length > 0) throw new Error(`allowed and refused: ${both.join(', ')}`);
  const builtins = all.filter(({ name }) => allowed.has(name)).map(narrow);
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

function everything() {
  return JSON.parse(opa(['capabilities', '--current'], root)).builtins;
}

function narrow(builtin) {
  const kept = narrowed[builtin.name];
  if (kept === undefined) return builtin;
  const args = builtin.decl.args.map((argument, i) => {
    if (kept[i] === undefined) return argument;
    const kinds = argument.of.filter(kept[i]);
    if (kinds.length === 0) throw new Error(`${builtin.name} takes nothing any more`);
    const { of, type, ...described } = argument;
    return kinds.length === 1 ? { ...described, ...kinds[0] } : { ...described, type, of: kinds };
  });
  return { ...builtin, decl: { ...builtin.decl, args } };
}

if (process.argv[1] === import.meta.filename) {
  const made = makeCapabilities();
  if (!process.argv.includes('--check')) writeFileSync(path, made);
  else if (readFileSync(path, 'utf8') !== made) {
    console.error('rego/capabilities.json is stale: node infra/opa/capabilities.mjs');
    process.exitCode = 1;
  }
}
