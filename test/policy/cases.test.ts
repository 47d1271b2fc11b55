/** The golden cases of `rego/cases`, which `opa test` runs too, through the committed module. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { JsonValue } from '../../src/core/json/strict-json.ts';
import {
  parseAdminResult,
  parseAppendResult,
  parseReadResult,
} from '../../src/policy/contract/decision.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import { DEFAULT_BUNDLE, policyOf } from '../unit/policy/support.ts';

interface Case {
  readonly about: string;
  readonly input: JsonValue;
  readonly want: JsonValue;
}

function casesOf(name: string): [string, Case][] {
  const file = JSON.parse(readFileSync(`rego/cases/${name}.json`, 'utf8')) as Record<
    string,
    Case[]
  >;
  return file[name]!.map((one) => [one.about, one]);
}

const parsers = { admin: parseAdminResult, append: parseAppendResult, read: parseReadResult };

describe.each(['admin', 'append', 'read'] as const)('stele/%s in the committed module', (name) => {
  let engine: PolicyEngine;
  beforeAll(async () => {
    engine = new PolicyEngine((await policyOf(DEFAULT_BUNDLE)).compiled);
  });

  test.each(casesOf(name))('%s', (_, { input, want }) => {
    const result = engine.evaluate(`stele/${name}`, canonicalJson(input));
    expect(result).toEqual(want);
    expect(parsers[name](result)).toEqual(want);
  });
});
