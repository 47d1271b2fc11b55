/** The toolchain against native OPA of the same version: the same bundles, the same words. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readPolicyFolder } from '../../src/cli/policy/folder.ts';
import type { BuildOptions } from '../../src/toolchain/answers.ts';
import { readArtefactRecord } from '../../src/toolchain/artefact.ts';
import { RegoToolchain } from '../../src/toolchain/toolchain.ts';
import { tempFolder } from '../support/temp-folder.ts';
// @ts-expect-error Programs of the build have no types.
import { hasOpa, opa, opaPath } from '../../infra/opa/opa.mjs';

// A module of 37 MB is compiled here, on machines that are busy with other tests.
jest.setTimeout(120_000);

const runOpa = opa as (args: string[], cwd: string) => string;
const withOpa = hasOpa() ? test : test.skip;
const capabilities = readFileSync('rego/capabilities.json', 'utf8');
const ignore = ['*_test.rego', 'cases'];

let toolchain: RegoToolchain;
beforeAll(() => {
  toolchain = new RegoToolchain();
});
afterAll(async () => toolchain.close());

/** `opa build` in the folder, with the flags that the options stand for. */
async function nativeBuild(folder: string, options: BuildOptions, caps: boolean): Promise<Buffer> {
  const out = join(await tempFolder(), 'native.tar.gz');
  const flags = [
    ...(options.asBundle === true ? ['--bundle'] : []),
    ...(options.pruneUnused === true ? ['--prune-unused'] : []),
    ...(options.revision === undefined ? [] : [`--revision=${options.revision}`]),
    ...(options.entrypoints ?? []).map((name) => `--entrypoint=${name}`),
    ...(caps ? [`--capabilities=${join(process.cwd(), 'rego/capabilities.json')}`] : []),
    `--target=${options.target ?? 'rego'}`,
    `--optimize=${options.optimize ?? 0}`,
  ];
  const patterns = ignore.map((pattern) => `--ignore=${pattern}`);
  runOpa(['build', ...flags, ...patterns, `--output=${out}`, '.'], folder);
  return readFileSync(out);
}

/** The deflated bytes are those of a Go release; with another one, what is inside is compared. */
async function expectSame(ours: Uint8Array, native: Buffer): Promise<void> {
  const said = execFileSync(opaPath as string, ['version'], { encoding: 'utf8' });
  const { go } = await readArtefactRecord();
  const isSameRelease = said.includes(`Go Version: ${go}`);
  const [left, right] = isSameRelease ? [ours, native] : [gunzipSync(ours), gunzipSync(native)];
  expect(Buffer.compare(left, right)).toBe(0);
}

describe('a bundle is byte for byte that of `opa build`', () => {
  const wasm: BuildOptions = { target: 'wasm', asBundle: true, pruneUnused: true, optimize: 0 };
  const rows: readonly (readonly [string, string, BuildOptions, boolean])[] = [
    ['the default policy, as it is deployed', 'rego', { ...wasm, revision: 'r1' }, true],
    ['without a revision', 'rego', wasm, true],
    ['without pruning', 'rego', { ...wasm, pruneUnused: false }, true],
    ['optimised', 'rego', { ...wasm, optimize: 1 }, true],
    ['optimised further', 'rego', { ...wasm, optimize: 2 }, true],
    ['everything allowed', 'rego', wasm, false],
    ['one more entrypoint', 'rego', { ...wasm, entrypoints: ['lib/caller/roles'] }, true],
    ['Rego only', 'rego', { target: 'rego', asBundle: true }, true],
    ['a plan', 'rego', { target: 'plan', asBundle: true, revision: 'p' }, true],
    ['a hostile policy', 'test/policy/fixtures/hostile', wasm, false],
    ['a policy of host functions', 'test/policy/fixtures/foreign', wasm, false],
  ];
  for (const [about, path, options, caps] of rows) {
    withOpa(about, async () => {
      const { files } = await readPolicyFolder(path);
      const sources = { files, ignore, ...(caps ? { capabilities } : {}) };
      await expectSame(
        await toolchain.build(sources, options),
        await nativeBuild(path, options, caps),
      );
    });
  }
});

describe('words', () => {
  withOpa('of a failing test are those of `opa test`', async () => {
    const folder = await tempFolder();
    // Of the policy what has tests of its own and needs nothing else: all its tests take seconds each time.
    cpSync('rego/lib', join(folder, 'lib'), { recursive: true });
    const failing = 'package x_test\n\ntest_no if {\n\tx := 1\n\tx == 2\n}\n\ntest_yes if true\n';
    writeFileSync(join(folder, 'x_test.rego'), failing);
    const { files } = await readPolicyFolder(folder);
    const sources = { files, ignore: ['capabilities.json', 'schemas'] };
    for (const flags of [[], ['-v'], ['-v', '--run=x_test']]) {
      let native = '';
      try {
        runOpa(['test', ...flags, '--ignore=capabilities.json', '--ignore=schemas', '.'], folder);
      } catch (error) {
        native = (error as Error).message.replace(/^opa test failed\n/, '');
      }
      const { report } = await toolchain.test(sources, {
        verbose: flags.includes('-v'),
        run: flags.includes('--run=x_test') ? 'x_test' : undefined,
      });
      const plain = (text: string): string[] =>
        text
          .replace(/\([\d.]+[nµm]?s\)/g, '')
          .split('\n')
          .filter((line) => line !== '')
          .sort();
      expect(plain(report)).toEqual(plain(native));
    }
  });

  withOpa('of coverage are those of `opa test`', async () => {
    const { files } = await readPolicyFolder('rego');
    const { report } = await toolchain.test({ files, capabilities }, { coverage: true });
    const flags = ['--coverage', '--format=json', '--capabilities=capabilities.json'];
    expect(JSON.parse(report)).toEqual(JSON.parse(runOpa(['test', ...flags, '.'], 'rego')));
  });

  withOpa('of the capabilities are those of `opa capabilities`', async () => {
    const native = JSON.parse(runOpa(['capabilities', '--current'], '.')) as unknown;
    expect(await toolchain.capabilities()).toEqual(native);
  });

  withOpa('of mistakes are those of `opa check`', async () => {
    const folder = await tempFolder();
    writeFileSync(join(folder, 'a.rego'), 'package a\n\np := x\n\nq := startswith(1)\n');
    const { files } = await readPolicyFolder(folder);
    let native = '';
    try {
      runOpa(['check', '--strict', '.'], folder);
    } catch (error) {
      native = (error as Error).message;
    }
    for (const { file, row, code, message } of await toolchain.check({ files }, { strict: true })) {
      expect(native).toContain(`${file ?? ''}:${row ?? 0}: ${code}: ${message}`);
    }
    expect(native).toContain('error occurred');
  });
});
