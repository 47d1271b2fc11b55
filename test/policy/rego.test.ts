/** The policy's sources against the committed bundle, and the two evaluators against each other. Needs the pinned OPA. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { parseStrictJson } from '../../src/core/strict-json.ts';
import type { JsonValue } from '../../src/core/strict-json.ts';
import { PolicyEngine } from '../../src/policy/engine.ts';
import { AT, DEFAULT_BUNDLE, known, policyOf } from '../unit/policy/support.ts';
// @ts-expect-error Programs of the build have no types.
import { hasOpa, opa } from '../../infra/opa/opa.mjs';
// @ts-expect-error Programs of the build have no types.
import { buildBundle, sourceDigests } from '../../infra/opa/build.mjs';

const runOpa = opa as (args: string[], cwd: string) => string;
const build = buildBundle;
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

describe('with the pinned OPA', () => {
  withOpa('the sources are formatted', () => {
    expect(runOpa(['fmt', '--list', '.'], 'rego')).toBe('');
  });

  withOpa('the sources pass the strict check with the capabilities of the engine', () => {
    runOpa(['check', '--strict', '--capabilities', 'capabilities.json', '.'], 'rego');
  });

  withOpa('its tests pass and cover the policy', () => {
    const args = [
      'test',
      '.',
      '--capabilities',
      'capabilities.json',
      '--coverage',
      '--format=json',
    ];
    const { coverage } = JSON.parse(runOpa(args, 'rego')) as { coverage: number };
    console.log(`coverage of rego/: ${coverage.toFixed(1)} %`);
    expect(coverage).toBeGreaterThanOrEqual(99);
  });

  withOpa('a policy with a built-in that the engine has not does not build', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stele-rego-'));
    try {
      const rule = 'package stele\n\n# METADATA\n# entrypoint: true\nappend := time.now_ns()\n';
      writeFileSync(join(folder, 'policy.rego'), rule);
      expect(() => build(folder, 'x')).toThrow(/undefined function time.now_ns/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  withOpa('building again, also elsewhere, gives the same bytes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stele-rego-'));
    try {
      cpSync('rego', folder, { recursive: true });
      const committed = gunzipSync(readFileSync(DEFAULT_BUNDLE));
      expect(gunzipSync(build()).equals(committed)).toBe(true);
      expect(gunzipSync(build(folder, record.revision)).equals(committed)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

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
