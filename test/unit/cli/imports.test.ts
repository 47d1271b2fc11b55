/** What a program reads before its first line runs: time for whoever types a command, memory for every thread of a gateway. */
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const STATIC_IMPORT = /^(?:import|export) (?!type )[^;]*?from '([^']+)';|^import '([^']+)';/gm;

/** Every file that `entry` imports statically, and the packages that they name. */
function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const left = [entry];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, from, alone] of readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)) {
      const name = from ?? alone ?? '';
      if (name === '#platform') left.push('src/core/platform/platform.node.ts');
      else if (name.startsWith('.')) left.push(join(dirname(file), name));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  }
  return { files, packages };
}

test('a command line loads the names of its commands, and no command', () => {
  const { files, packages } = loadedBy('src/cli/main.ts');
  expect([...packages]).toEqual(['commander']);
  expect([...files].filter((file) => !file.startsWith('src/cli/'))).toEqual(['src/core/errors.ts']);
  expect(files.size).toBeLessThan(10);
});

test('reading an entry loads nothing of a ledger, a store or a policy', () => {
  const { files } = loadedBy('src/cli/entry/entry.ts');
  expect([...files].filter((file) => /^src\/(ledger|storage|policy|keys)\//.test(file))).toEqual(
    [],
  );
});

test('a gateway loads no S3 SDK and no toolchain before it is asked for one', () => {
  const { files, packages } = loadedBy('src/cli/serve.ts');
  expect(files).toContain('src/ledger/open-ledger.ts');
  expect([...packages].filter((name) => name.startsWith('@aws-sdk'))).toEqual([]);
  expect([...files].filter((file) => file.startsWith('src/toolchain/'))).toEqual([]);
});

test('a policy worker loads no package: neither the curves nor the schemas of a verifier', () => {
  const { files, packages } = loadedBy('src/policy/pool/worker.ts');
  expect(files).toContain('src/policy/engine/engine.ts');
  expect([...packages]).toEqual([]);
});
