/** The policy's sources against the committed bundle, and the two evaluators against each other. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readPolicyFolder, sourcesOf } from '../../src/cli/policy/folder.ts';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { parseStrictJson } from '../../src/core/json/strict-json.ts';
import type { JsonValue } from '../../src/core/json/strict-json.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { SourceOptions } from '../../src/toolchain/answers.ts';
import { RegoToolchain } from '../../src/toolchain/toolchain.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { AT, DEFAULT_BUNDLE, known, policyOf } from '../unit/policy/support.ts';
// @ts-expect-error Programs of the build have no types.
import { hasOpa, opa } from '../../infra/opa/opa.mjs';
// @ts-expect-error Programs of the build have no types.
import { buildBundle, sourceDigests } from '../../infra/opa/build.mjs';

// A module of 37 MB is compiled here, on machines that are busy with other tests.
jest.setTimeout(120_000);

const runOpa = opa as (args: string[], cwd: string) => string;
const build = buildBundle as (folder?: string, revision?: string) => Promise<Uint8Array>;
const digests = sourceDigests;
const withOpa = hasOpa() ? test : test.skip;
const record = JSON.parse(readFileSync('bundles/default/BUILD.json', 'utf8')) as {
  bundle: string;
  revision: string;
  sources: Record<string, string>;
};

test('the committed bundle was made from the sources that stand here', () => {
  expect(digests()).toEqual(record.sources);
  const bundle = createHash('sha256').update(readFileSync(DEFAULT_BUNDLE)).digest('hex');
  expect(bundle).toBe(record.bundle);
});

describe('with the toolchain', () => {
  let toolchain: RegoToolchain;
  let sources: SourceOptions;
  beforeAll(async () => {
    toolchain = new RegoToolchain();
    sources = sourcesOf(await readPolicyFolder('rego'));
  });
  afterAll(async () => toolchain.close());

  test('the sources are formatted', async () => {
    expect([...(await toolchain.format(sources)).keys()]).toEqual([]);
  });

  test('the sources pass the strict check with the capabilities of the engine', async () => {
    const schemas = new Map([['input', readFileSync('rego/schemas/input.json', 'utf8')]]);
    expect(await toolchain.check(sources, { strict: true, schemas })).toEqual([]);
  });

  test('its tests pass and cover the policy', async () => {
    const report = await toolchain.test(sources, { coverage: true });
    expect(report.failures).toEqual([]);
    expect(report.coverage).toBeGreaterThanOrEqual(99);
  });

  test('a policy with a built-in that the engine has not does not build', async () => {
    const folder = await tempFolder();
    const rule = 'package stele\n\n# METADATA\n# entrypoint: true\nappend := opa.runtime()\n';
    writeFileSync(join(folder, 'policy.rego'), rule);
    await expect(build(folder, 'x')).rejects.toThrow(/opa\.runtime is not among the built-ins/);
  });

  test('building again, also elsewhere, gives the same bytes', async () => {
    const folder = await tempFolder();
    cpSync('rego', folder, { recursive: true });
    const committed = readFileSync(DEFAULT_BUNDLE);
    expect(Buffer.compare(await build(), committed)).toBe(0);
    expect(Buffer.compare(await build(folder, record.revision), committed)).toBe(0);
  });
});

describe('with the pinned OPA', () => {
  withOpa('the file of capabilities is what this OPA compiles natively', () => {
    execFileSync(process.execPath, ['infra/opa/capabilities.mjs', '--check']);
  });
});

describe('OPA and the module', () => {
  let engine: PolicyEngine;
  beforeAll(async () => {
    engine = new PolicyEngine((await policyOf(DEFAULT_BUNDLE)).compiled);
  });

  withOpa('decide 2,000 real events alike', () => {
    const inputs = realInputs();
    const folder = mkdtempSync(join(tmpdir(), 'stele-rego-'));
    let native: JsonValue[];
    try {
      const path = join(folder, 'inputs.json');
      writeFileSync(path, JSON.stringify({ inputs }));
      const query = '[answer | some i in data.inputs; answer := data.stele.append with input as i]';
      const args = ['eval', '--format=json', '-d', '.', '-d', path, query];
      native = evalResult(runOpa(args, 'rego'));
    } finally {
      rmSync(folder, { recursive: true });
    }
    const compiled = inputs.map((input) => engine.evaluate('stele/append', canonicalJson(input)));
    expect(native).toHaveLength(2000);
    expect(compiled.map(canonicalJson)).toEqual(native.map(canonicalJson));
  });
});

function realInputs(): JsonValue[] {
  const lines = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz')).toString('utf8');
  const ledger = { type: 'ledger', id: 'demo', properties: {} };
  return lines
    .trim()
    .split('\n')
    .map((line, index) => ({
      ...known('entry.append', ledger, index % 7 === 0 ? [] : ['service']),
      event: JSON.parse(line) as JsonValue,
      time: { ms: AT, rfc3339: new Date(AT).toISOString() },
    }));
}

function evalResult(text: string): JsonValue[] {
  const limits = { bytes: text.length, depth: 64, members: 10 ** 6, stringLength: 10 ** 6 };
  const answer = parseStrictJson(text, limits) as unknown as {
    result: { expressions: { value: JsonValue[] }[] }[];
  };
  return answer.result[0]!.expressions[0]!.value;
}
