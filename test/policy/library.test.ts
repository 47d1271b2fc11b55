/** The tests of the library, which OPA interprets, through the compiled module too: each is an entrypoint, and true. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { buildPolicy } from '../../src/cli/policy/bundle.ts';
import { readPolicyFolder } from '../../src/cli/policy/folder.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import { RegoToolchain } from '../../src/toolchain/toolchain.ts';

const modules = [
  'lib/caller_test.rego',
  'lib/duties_test.rego',
  'lib/event_test.rego',
  'lib/hours_test.rego',
  'lib/personal_test.rego',
  'lib/retention_test.rego',
  'lib/roles_test.rego',
  'stele/alert_test.rego',
];

/** The rules of a module that OPA runs as tests, as entrypoints. */
function testsOf(module: string): string[] {
  const text = readFileSync(`rego/${module}`, 'utf8');
  const name = /^package (\S+)$/m.exec(text)?.[1]?.replaceAll('.', '/') ?? '';
  return [...text.matchAll(/^(test_\w+) if/gm)].map((match) => `${name}/${match[1] ?? ''}`);
}

const entrypoint = modules.flatMap(testsOf);
const toolchain = new RegoToolchain();
let engine: Evaluator;
beforeAll(async () => {
  const folder = await readPolicyFolder('rego');
  const files = new Map(folder.files);
  // Under another name a module of tests is deployed; the manifest's roots would shut some out.
  files.delete('.manifest');
  for (const module of modules) {
    files.set(module.replace('_test.rego', '_tests.rego'), files.get(module) ?? '');
  }
  ({ engine } = await buildPolicy(toolchain, { ...folder, files }, { entrypoint }));
}, 120_000);
afterAll(async () => toolchain.close());

test.each(modules)('%s has tests', (module) => {
  expect(testsOf(module)).not.toEqual([]);
});

test.each(entrypoint)('%s', (name) => {
  expect(engine.evaluate(name, '{}')).toBe(true);
});
